//! Converts public keys in PEM (`PUBLIC KEY` or a certificate) to JWKs.

use artos_auth_engine::Algorithm;
use aws_lc_rs::digest::{SHA256, digest};
use base64_simd::URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde_json::{Map, Value};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Whether a file is PEM, with any content.
pub(super) fn is_pem(text: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN ";
    text.windows(BEGIN.len()).any(|part| part == BEGIN)
}

/// The JWK of a public key or certificate in PEM. `alg` is used where the key does not say (RSA), `kid` instead of the
/// RFC 7638 thumbprint.
///
/// # Errors
///
/// One sentence, without the file's name.
pub(super) fn from_pem(
    text: &[u8],
    alg: Option<Algorithm>,
    kid: Option<&str>,
) -> Result<Map<String, Value>, String> {
    const MARK: &[u8] = b"PRIVATE KEY-----";
    if text.windows(MARK.len()).any(|part| part == MARK) {
        let problem =
            "this is a private key; extract its public key with `openssl pkey -in FILE -pubout` and use that";
        return Err(problem.to_owned());
    }
    let certificate = CertificateDer::from_pem_slice(text).ok();
    let der = match &certificate {
        Some(certificate) => {
            let (_, certificate) =
                X509Certificate::from_der(certificate).map_err(|_| "not an X.509 certificate".to_owned())?;
            certificate.tbs_certificate.subject_pki.raw.to_vec()
        }
        None => SubjectPublicKeyInfoDer::from_pem_slice(text)
            .map(|key| key.to_vec())
            .map_err(|_| "expected a PEM block `PUBLIC KEY` or `CERTIFICATE`".to_owned())?,
    };
    let (_, key) = SubjectPublicKeyInfo::from_der(&der).map_err(|_| "not a public key".to_owned())?;
    let members = members(&key)?;
    let served = served(&members);
    let alg = match (alg, served.as_slice()) {
        (Some(alg), served) if !served.contains(&alg.name()) => {
            return Err(format!("`--alg {alg}`: the key serves {}", served.join(", ")));
        }
        (Some(alg), _) => alg.name(),
        (None, [only]) => only,
        (None, served) => {
            return Err(format!(
                "the key can have several algorithms; choose one with `--alg`: {}",
                served.join(", ")
            ));
        }
    };
    let kid = kid.map_or_else(|| thumbprint(&members), str::to_owned);
    let mut jwk: Map<String, Value> =
        members.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    jwk.extend(
        [("use", "sig".to_owned()), ("alg", alg.to_owned()), ("kid", kid)]
            .map(|(name, value)| (name.to_owned(), Value::from(value))),
    );
    Ok(jwk)
}

/// The members that define the key, in alphabetical order.
fn members(key: &SubjectPublicKeyInfo<'_>) -> Result<Vec<(&'static str, String)>, String> {
    const ED25519: &str = "1.3.101.112";
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode_to_string(bytes);
    if key.algorithm.algorithm.to_id_string() == ED25519 {
        let x = encode(&key.subject_public_key.data);
        return Ok(vec![("crv", "Ed25519".to_owned()), ("kty", "OKP".to_owned()), ("x", x)]);
    }
    match key.parsed() {
        Ok(PublicKey::RSA(key)) => {
            let trimmed = |bytes: &[u8]| {
                encode(
                    bytes
                        .iter()
                        .position(|byte| *byte != 0)
                        .and_then(|start| bytes.get(start..))
                        .unwrap_or_default(),
                )
            };
            Ok(vec![("e", trimmed(key.exponent)), ("kty", "RSA".to_owned()), ("n", trimmed(key.modulus))])
        }
        // An uncompressed point (SEC 1, section 2.3.3).
        Ok(PublicKey::EC(point)) => match (point.data().split_first(), point.data().len()) {
            (Some((4, point)), length @ (65 | 97)) => {
                let (x, y) = point.split_at_checked(length / 2).unwrap_or_default();
                let curve = if length == 65 { "P-256" } else { "P-384" };
                Ok(vec![
                    ("crv", curve.to_owned()),
                    ("kty", "EC".to_owned()),
                    ("x", encode(x)),
                    ("y", encode(y)),
                ])
            }
            _ => Err("expected an uncompressed point on P-256 or P-384".to_owned()),
        },
        _ => Err("expected a key for RSA, ECDSA (P-256, P-384) or Ed25519".to_owned()),
    }
}

/// The algorithms that a key with these members can have.
fn served(members: &[(&'static str, String)]) -> Vec<&'static str> {
    let member = |name: &str| members.iter().find(|(its, _)| *its == name).map(|(_, value)| value.as_str());
    match (member("kty"), member("crv")) {
        (Some("RSA"), _) => vec!["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        (_, Some("P-256")) => vec!["ES256"],
        (_, Some("P-384")) => vec!["ES384"],
        _ => vec!["EdDSA"],
    }
}

/// RFC 7638, section 3.
fn thumbprint(members: &[(&'static str, String)]) -> String {
    let members: Vec<String> =
        members.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    URL_SAFE_NO_PAD
        .encode_to_string(digest(&SHA256, format!("{{{}}}", members.join(",")).as_bytes()).as_ref())
}

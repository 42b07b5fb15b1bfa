//! Signatures: the deployment's own verification, and faulty ones.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::authority::{Algorithm, authority};
use crate::fault::Fault;

/// The order of P-256, big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// Whether a signature verifies under the deployment's key of that algorithm.
pub(crate) fn verifies(algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let public = authority().public_bytes(algorithm);
    match algorithm {
        Algorithm::Es256 => under(&ECDSA_P256_SHA256_FIXED, public, message, signature),
        Algorithm::Rs256 => under(&RSA_PKCS1_2048_8192_SHA256, public, message, signature),
        Algorithm::EdDsa => under(&ED25519, public, message, signature),
        Algorithm::Hs256 => mac(hmac::HMAC_SHA256, authority().secret(), message, signature),
    }
}

fn under(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> bool {
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

fn mac(algorithm: hmac::Algorithm, secret: &[u8], message: &[u8], signature: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(algorithm, secret), message, signature).is_ok()
}

/// The HMAC of a name.
fn mac_of_name(name: &str) -> Option<hmac::Algorithm> {
    match name {
        "HS256" => Some(hmac::HMAC_SHA256),
        "HS384" => Some(hmac::HMAC_SHA384),
        "HS512" => Some(hmac::HMAC_SHA512),
        _ => None,
    }
}

/// Whether a fault accepts a malformed signature or one by another key.
pub(crate) fn passes_by_fault(fault: Fault, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    let length = match algorithm {
        Algorithm::Es256 | Algorithm::EdDsa => 64,
        Algorithm::Rs256 => 256,
        Algorithm::Hs256 => 32,
    };
    match fault {
        Fault::SignatureIgnored => true,
        Fault::SignatureEmptyAccepted => signature.is_empty(),
        Fault::SignatureLengthOnly => signature.len() == length,
        Fault::SignatureLongerAccepted => {
            signature.len() > length && verifies(algorithm, message, &signature[..length])
        }
        Fault::SignaturePrefixAccepted => {
            // ECDSA signatures are not reproducible; the others are.
            let own = authority().sign(algorithm, message);
            algorithm != Algorithm::Es256 && !signature.is_empty() && own.starts_with(signature)
        }
        Fault::SignatureZeroAccepted => signature.len() == 64 && signature.iter().all(|byte| *byte == 0),
        Fault::SignatureOrderAccepted => {
            signature.len() == 64 && signature.chunks(32).any(|half| half == ORDER)
        }
        Fault::SignatureDerAccepted => {
            let public = authority().public_bytes(algorithm);
            algorithm == Algorithm::Es256 && under(&ECDSA_P256_SHA256_ASN1, public, message, signature)
        }
        _ => false,
    }
}

/// Whether a fault accepts the algorithm in a token with a key that is not meant for it.
pub(crate) fn passes_under_name(fault: Fault, name: &str, message: &[u8], signature: &[u8]) -> bool {
    if fault == Fault::AlgOfTokenUsed {
        return under_any_hash(name, message, signature);
    }
    let Some(hmac) = mac_of_name(name) else { return false };
    secrets_of_fault(fault).iter().any(|secret| mac(hmac, secret, message, signature))
}

fn under_any_hash(name: &str, message: &[u8], signature: &[u8]) -> bool {
    let rsa: &'static dyn VerificationAlgorithm = match name {
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "PS384" => &RSA_PSS_2048_8192_SHA384,
        "PS512" => &RSA_PSS_2048_8192_SHA512,
        _ => {
            return mac_of_name(name).is_some_and(|hmac| mac(hmac, authority().secret(), message, signature));
        }
    };
    under(rsa, authority().public_bytes(Algorithm::Rs256), message, signature)
}

/// The bytes that a fault uses as an HMAC secret.
fn secrets_of_fault(fault: Fault) -> Vec<Vec<u8>> {
    let keys = [Algorithm::Es256, Algorithm::Rs256, Algorithm::EdDsa];
    let pems = || keys.iter().filter_map(|key| authority().public_pem(*key));
    match fault {
        Fault::PublicKeyPemAsSecret => pems().map(String::into_bytes).collect(),
        Fault::PublicKeyPemTrimmedAsSecret => pems().map(|pem| pem.trim_end().as_bytes().to_vec()).collect(),
        Fault::PublicKeyPemSpaceAsSecret => pems()
            .flat_map(|pem| [format!(" {pem}"), format!(" {}", pem.trim_end()), format!("\n{pem}")])
            .map(String::into_bytes)
            .collect(),
        Fault::PublicKeyDerAsSecret => keys.iter().filter_map(|key| authority().public_der(*key)).collect(),
        Fault::PublicKeyJwkAsSecret => keys.iter().flat_map(|key| jwk_texts(*key)).collect(),
        Fault::PublicKeyRawAsSecret => {
            let mut raw: Vec<Vec<u8>> = vec![authority().modulus()];
            raw.extend(keys.iter().map(|key| authority().public_bytes(*key).to_vec()));
            raw
        }
        Fault::EmptySecretAccepted | Fault::KidPathFollowed => vec![Vec::new()],
        Fault::WeakSecretAccepted => vec![b"secret".to_vec()],
        _ => Vec::new(),
    }
}

/// The JWK as text: with the required members only (RFC 7638), and with the other members of a published one.
fn jwk_texts(algorithm: Algorithm) -> Vec<Vec<u8>> {
    let bare = authority().public_jwk(algorithm);
    let mut full = bare.clone();
    full["alg"] = json!(algorithm.name());
    full["kid"] = json!(algorithm.kid());
    let mut published = full.clone();
    published["use"] = json!("sig");
    [bare, full, published].iter().map(|jwk| jwk.to_string().into_bytes()).collect()
}

/// Whether a signature verifies under an HMAC secret.
pub(crate) fn passes_under_secret(name: &str, secret: &[u8], message: &[u8], signature: &[u8]) -> bool {
    mac_of_name(name).is_some_and(|hmac| mac(hmac, secret, message, signature))
}

/// Whether a signature verifies with a key in the token itself.
pub(crate) fn passes_under_jwk(name: &str, jwk: &Value, message: &[u8], signature: &[u8]) -> bool {
    let part = |member: &str| jwk[member].as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    match name {
        "ES256" => {
            let (Some(x), Some(y)) = (part("x"), part("y")) else { return false };
            let point = [&[4], x.as_slice(), y.as_slice()].concat();
            under(&ECDSA_P256_SHA256_FIXED, &point, message, signature)
        }
        "EdDSA" => part("x").is_some_and(|x| under(&ED25519, &x, message, signature)),
        "RS256" => {
            let (Some(n), Some(e)) = (part("n"), part("e")) else { return false };
            RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
        }
        _ => part("k").is_some_and(|secret| passes_under_secret(name, &secret, message, signature)),
    }
}

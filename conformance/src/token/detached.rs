//! A detached JWS (RFC 7515 appendix F): signs and verifies reports.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::{Map, Value, json};

use super::{KeyFamily, SigningKey, base64url, from_base64url};

/// `typ`: a signed report is not a token, and a token is not a signed report (RFC 8725 §3.11).
const TYPE: &str = "conformance-report";

/// Whether a key can sign reports: a shared secret cannot, because its verifiers could sign as well.
pub(crate) fn may_sign(key: &SigningKey) -> bool {
    key.family() != KeyFamily::Secret
}

/// `HEADER..SIGNATURE` over the bytes.
pub(crate) fn sign(key: &SigningKey, payload: &[u8]) -> String {
    let mut header = json!({"alg": key.algorithm().name(), "typ": TYPE});
    if let (Some(kid), Value::Object(members)) = (key.kid(), &mut header) {
        members.insert("kid".into(), json!(kid));
    }
    let header = base64url(header.to_string().as_bytes());
    let signature = key.sign(input(&header, payload).as_bytes());
    format!("{header}..{}", base64url(&signature))
}

/// The signing input (RFC 7515 §5.1).
fn input(header: &str, payload: &[u8]) -> String {
    format!("{header}.{}", base64url(payload))
}

/// The keys of a JWK Set, or a single JWK.
///
/// # Errors
///
/// The error in the text, to be read after the file's name.
pub(crate) fn keys(text: &[u8]) -> Result<Vec<Map<String, Value>>, String> {
    let error = || "expected a JWK Set, `{\"keys\": […]}`, or a single JWK".to_owned();
    let Ok(Value::Object(mut set)) = serde_json::from_slice(text) else { return Err(error()) };
    let keys = match set.remove("keys") {
        Some(Value::Array(keys)) => keys,
        Some(_) => return Err(error()),
        None if set.contains_key("kty") => vec![Value::Object(set)],
        None => return Err(error()),
    };
    let keys = keys.into_iter().map(|key| match key {
        Value::Object(key) => Ok(key),
        _ => Err(error()),
    });
    keys.collect()
}

/// The `kid` of the key that signed the bytes.
///
/// # Errors
///
/// Why the signature is not accepted.
pub(crate) fn verify(
    keys: &[Map<String, Value>],
    payload: &[u8],
    jws: &str,
) -> Result<Option<String>, String> {
    let parts: Vec<&str> = jws.trim_end().split('.').collect();
    let [header, "", signature] = parts[..] else {
        return Err("the signature is not a detached JWS, `HEADER..SIGNATURE`".into());
    };
    let members = from_base64url(header).and_then(|json| serde_json::from_slice(&json).ok());
    let (Some(Value::Object(members)), Some(signature)) = (members, from_base64url(signature)) else {
        return Err("the signature's header or signature cannot be decoded".into());
    };
    let text = |members: &Map<String, Value>, name: &str| {
        members.get(name).and_then(Value::as_str).map(ToOwned::to_owned)
    };
    if text(&members, "typ").as_deref() != Some(TYPE) || members.contains_key("crit") {
        return Err(format!("the signature is not a report's: expected `typ` `{TYPE}` and no `crit`"));
    }
    let (Some(algorithm), kid) = (text(&members, "alg"), text(&members, "kid")) else {
        return Err("the signature's header has no `alg`".into());
    };
    let signed = input(header, payload);
    // `kid` is a hint: if the key or the signature has none, the key is tried.
    let fits = |key: &&Map<String, Value>| {
        let own = text(key, "kid");
        (own.is_none() || kid.is_none() || own == kid) && text(key, "alg").is_none_or(|own| own == algorithm)
    };
    let mut tried = false;
    for key in keys.iter().filter(fits) {
        match verifies(key, &algorithm, signed.as_bytes(), &signature) {
            Some(true) => return Ok(text(key, "kid").or(kid)),
            Some(false) => tried = true,
            None => {}
        }
    }
    let named = kid.as_deref().map_or_else(|| "without a `kid`".to_owned(), |kid| format!("`{kid}`"));
    Err(match tried {
        true => format!(
            "the signature does not verify under key {named}: the report was changed after it was signed"
        ),
        false => format!("no key {named} for `{algorithm}` in the set"),
    })
}

/// `None` if the key does not match the algorithm.
fn verifies(key: &Map<String, Value>, algorithm: &str, message: &[u8], signature: &[u8]) -> Option<bool> {
    let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    let bytes = |name: &str| from_base64url(text(name)).unwrap_or_default();
    let under = |parameters: &'static dyn VerificationAlgorithm, public: Vec<u8>| {
        Some(UnparsedPublicKey::new(parameters, public).verify(message, signature).is_ok())
    };
    let rsa = |parameters: &'static RsaParameters| {
        let public = RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") };
        Some(public.verify(parameters, message, signature).is_ok())
    };
    let point = || [vec![4], bytes("x"), bytes("y")].concat();
    match (text("kty"), text("crv"), algorithm) {
        ("EC", "P-256", "ES256") => under(&ECDSA_P256_SHA256_FIXED, point()),
        ("EC", "P-384", "ES384") => under(&ECDSA_P384_SHA384_FIXED, point()),
        ("OKP", "Ed25519", "EdDSA") => under(&ED25519, bytes("x")),
        ("RSA", _, "RS256") => rsa(&RSA_PKCS1_2048_8192_SHA256),
        ("RSA", _, "RS384") => rsa(&RSA_PKCS1_2048_8192_SHA384),
        ("RSA", _, "RS512") => rsa(&RSA_PKCS1_2048_8192_SHA512),
        ("RSA", _, "PS256") => rsa(&RSA_PSS_2048_8192_SHA256),
        ("RSA", _, "PS384") => rsa(&RSA_PSS_2048_8192_SHA384),
        ("RSA", _, "PS512") => rsa(&RSA_PSS_2048_8192_SHA512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn signed(payload: &[u8]) -> (Vec<Map<String, Value>>, String) {
        let key = SigningKey::stranger(Some("test-only")).unwrap();
        let mut keys = keys(key.public_jwk().as_bytes()).unwrap();
        keys[0].insert("kid".into(), json!("test-only"));
        (keys, sign(&key, payload))
    }

    #[test]
    fn only_the_signed_bytes_verify() {
        let (keys, jws) = signed(b"{\"verdict\": \"conforms\"}");
        assert_eq!(verify(&keys, b"{\"verdict\": \"conforms\"}", &jws), Ok(Some("test-only".into())));
        let error = verify(&keys, b"{\"verdict\": \"conforms\"}\n", &jws).unwrap_err();
        assert!(error.contains("the report was changed"), "{error}");
        let other = SigningKey::stranger(Some("test-only")).unwrap();
        let other = super::keys(other.public_jwk().as_bytes()).unwrap();
        assert!(verify(&other, b"{\"verdict\": \"conforms\"}", &jws).is_err());
    }

    #[rstest]
    #[case::none(json!({"alg": "none", "typ": TYPE, "kid": "test-only"}), "no key")]
    #[case::other_algorithm(json!({"alg": "HS256", "typ": TYPE, "kid": "test-only"}), "no key")]
    #[case::a_token(json!({"alg": "ES256", "typ": "JWT", "kid": "test-only"}), "is not a report's")]
    #[case::critical(json!({"alg": "ES256", "typ": TYPE, "kid": "test-only", "crit": ["b64"]}), "no `crit`")]
    #[case::other_key(json!({"alg": "ES256", "typ": TYPE, "kid": "another"}), "no key `another`")]
    #[case::no_algorithm(json!({"typ": TYPE, "kid": "test-only"}), "no `alg`")]
    fn other_headers_are_refused(#[case] header: Value, #[case] says: &str) {
        let (keys, jws) = signed(b"report");
        let (_, signature) = jws.rsplit_once('.').unwrap();
        let jws = format!("{}..{signature}", base64url(header.to_string().as_bytes()));
        let error = verify(&keys, b"report", &jws).unwrap_err();
        assert!(error.contains(says), "{error}");
    }

    #[rstest]
    #[case("")]
    #[case("a.b.c")]
    #[case("e30..")]
    #[case("a..b.c")]
    fn a_malformed_detached_jws_is_refused(#[case] jws: &str) {
        let (keys, _) = signed(b"report");
        assert!(verify(&keys, b"report", jws).is_err());
    }

    #[test]
    fn a_shared_secret_does_not_sign() {
        assert!(!may_sign(&SigningKey::secret(
            super::super::Algorithm::Hs256,
            None,
            b"test only, not a secret"
        )));
    }
}

//! Mints tokens from arbitrary bytes, signed with a test key, so that inputs get past the signature.

use artos_auth_fixtures::TokenSpec;
use artos_auth_fixtures::keys::TestKey;
use base64_simd::URL_SAFE_NO_PAD;

/// The header of the valid token.
pub(crate) const HEADER: &[u8] = br#"{"alg":"HS256","kid":"test-only-not-a-real-key-hs256","typ":"JWT"}"#;

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// The HMAC key in every key set of the targets.
pub(crate) fn sign(signing_input: &[u8]) -> Vec<u8> {
    sign_under("HS256", signing_input)
}

pub(crate) fn sign_under(algorithm: &str, signing_input: &[u8]) -> Vec<u8> {
    let key = TestKey::named("hs256").unwrap_or_else(|error| panic!("{error}"));
    key.sign(algorithm, signing_input).unwrap_or_else(|error| panic!("{error}"))
}

/// A token of these bytes with a valid HS256 signature.
pub(crate) fn token(header: &[u8], claims: &[u8]) -> Vec<u8> {
    let mut token = format!("{}.{}", base64url(header), base64url(claims)).into_bytes();
    let signature = sign(&token);
    token.push(b'.');
    token.extend(base64url(&signature).into_bytes());
    token
}

/// The valid token of the fixtures, signed with this key.
pub(crate) fn good(key: &str) -> Vec<u8> {
    let spec = TokenSpec { key: Some(key.to_owned()), ..TokenSpec::default() };
    spec.mint().unwrap_or_else(|error| panic!("{error}"))
}

/// The value of an `Authorization` line with this token.
pub(crate) fn bearer(token: &[u8]) -> Vec<u8> {
    [b"Bearer ", token].concat()
}

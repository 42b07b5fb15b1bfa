//! The floor: only the verification of the signature, with the engine's crypto library.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use base64_simd::URL_SAFE_NO_PAD;

use crate::tokens::{Public, SigningKey};

enum Key {
    Secret(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

/// A prepared key, and a token that is already split.
pub struct Floor {
    key: Key,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Floor {
    /// The floor for a decision on this token.
    #[must_use]
    pub fn new(key: &SigningKey, token: &str) -> Self {
        let parsed = |parsed: Result<ParsedPublicKey, _>| Key::Public(parsed.expect("the key is good"));
        let key = match key.public() {
            Public::Secret(secret) => Key::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))),
            Public::Rsa(n, e) => {
                let components = RsaPublicKeyComponents { n, e };
                let parsed = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
                Key::Public(parsed.expect("the key is good"))
            }
            Public::P256(point) => parsed(ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)),
            Public::Ed25519(key) => parsed(ParsedPublicKey::new(&ED25519, key)),
        };
        let (signed, signature) = token.rsplit_once('.').expect("a token has three segments");
        let signature = URL_SAFE_NO_PAD.decode_to_vec(signature).expect("a segment is base64url");
        Self { key, signed: signed.into(), signature }
    }

    /// Whether the signature is valid.
    #[must_use]
    pub fn verifies(&self) -> bool {
        match &self.key {
            Key::Secret(key) => hmac::verify(key, &self.signed, &self.signature).is_ok(),
            Key::Public(key) => key.verify_sig(&self.signed, &self.signature).is_ok(),
        }
    }
}

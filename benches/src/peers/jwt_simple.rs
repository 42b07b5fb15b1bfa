//! jwt-simple 0.15, with its Rust backend: `verify_token` with the allowed issuers and audiences.

use std::collections::HashSet;

use jwt_simple::prelude::{
    ECDSAP256PublicKeyLike as _, ES256PublicKey, Ed25519PublicKey, EdDSAPublicKeyLike as _, HS256Key,
    JWTClaims, MACLike as _, RS256PublicKey, RSAPublicKeyLike as _, VerificationOptions,
};

use crate::tokens::{AUDIENCE, ISSUER, Public, SigningKey};

enum Key {
    Hs256(HS256Key),
    Rs256(Box<RS256PublicKey>),
    Es256(ES256PublicKey),
    EdDsa(Ed25519PublicKey),
}

/// Claims that the library does not read itself.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct CustomClaims {
    /// The organization.
    pub org_id: String,
    /// The user's permissions.
    pub permissions: Vec<String>,
}

/// A key, and the options of every verification.
pub struct JwtSimple {
    key: Key,
    options: VerificationOptions,
}

impl JwtSimple {
    /// With this key.
    #[must_use]
    pub fn new(key: &SigningKey) -> Self {
        let key = match key.public() {
            Public::Secret(secret) => Key::Hs256(HS256Key::from_bytes(secret)),
            Public::Rsa(n, e) => {
                Key::Rs256(Box::new(RS256PublicKey::from_components(n, e).expect("the key is good")))
            }
            Public::P256(point) => Key::Es256(ES256PublicKey::from_bytes(point).expect("the key is good")),
            Public::Ed25519(key) => Key::EdDsa(Ed25519PublicKey::from_bytes(key).expect("the key is good")),
        };
        let options = VerificationOptions {
            allowed_issuers: Some(HashSet::from([ISSUER.to_owned()])),
            allowed_audiences: Some(HashSet::from([AUDIENCE.to_owned()])),
            ..VerificationOptions::default()
        };
        Self { key, options }
    }

    /// The claims, if the token is valid.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<JWTClaims<CustomClaims>> {
        let options = Some(self.options.clone());
        match &self.key {
            Key::Hs256(key) => key.verify_token(token, options),
            Key::Rs256(key) => key.verify_token(token, options),
            Key::Es256(key) => key.verify_token(token, options),
            Key::EdDsa(key) => key.verify_token(token, options),
        }
        .ok()
    }
}

//! oxitoken 0.1: a pipeline with issuer, audience and expiration validators, and a key store by `kid`.
//!
//! Its own keys for aws-lc-rs do not compile with the engine's version of that library, so its trait
//! for other backends is implemented here with the same library's prepared keys, like its own.

use ::oxitoken::Algorithm;
use ::oxitoken::claims::{Aud, Exp, Iss};
use ::oxitoken::error::JwtError;
use ::oxitoken::header::{Alg, Kid};
use ::oxitoken::validation::keystore::LocalKeystore;
use ::oxitoken::validation::{ValidationPipeline, VerificationKey};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};

use super::Claims;
use crate::tokens::{AUDIENCE, ISSUER, Public, SigningKey};

/// The JOSE header.
#[derive(serde::Deserialize)]
struct Header {
    alg: Algorithm,
    kid: String,
}

impl Alg for Header {
    fn alg(&self) -> Algorithm {
        self.alg
    }
}

impl Kid for Header {
    fn kid(&self) -> &str {
        &self.kid
    }
}

impl Iss for Claims {
    fn iss(&self) -> &str {
        &self.iss
    }
}

impl Aud for Claims {
    fn aud(&self) -> impl Iterator<Item = impl AsRef<str>> {
        std::iter::once(&self.aud)
    }
}

impl Exp for Claims {
    fn exp(&self) -> i64 {
        i64::try_from(self.exp).unwrap_or(i64::MAX)
    }
}

enum Key {
    Secret(Box<hmac::Key>),
    Public(Algorithm, ParsedPublicKey),
}

impl VerificationKey for Key {
    fn alg(&self) -> Option<Algorithm> {
        Some(match self {
            Self::Secret(_) => Algorithm::HS256,
            Self::Public(algorithm, _) => *algorithm,
        })
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), JwtError> {
        match self {
            Self::Secret(key) => hmac::verify(key, message, signature),
            Self::Public(_, key) => key.verify_sig(message, signature),
        }
        .map_err(|_| JwtError::InvalidSignature)
    }
}

/// A pipeline, built once.
pub struct OxiToken(ValidationPipeline<Header, Claims, LocalKeystore<Key>>);

impl OxiToken {
    /// With this key.
    #[must_use]
    pub fn new(key: &SigningKey) -> Self {
        let verification = match key.public() {
            Public::Secret(secret) => Key::Secret(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret))),
            Public::Rsa(n, e) => {
                let components = RsaPublicKeyComponents { n, e };
                let key = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
                Key::Public(Algorithm::RS256, key.expect("the key is good"))
            }
            Public::P256(point) => {
                let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                Key::Public(Algorithm::ES256, key.expect("the key is good"))
            }
            Public::Ed25519(point) => {
                let key = ParsedPublicKey::new(&ED25519, point);
                Key::Public(Algorithm::EdDSA, key.expect("the key is good"))
            }
        };
        let mut keys = LocalKeystore::empty();
        keys.add_key(key.id(), verification);
        let pipeline = ValidationPipeline::builder(keys)
            .with_issuer_validator(ISSUER)
            .with_audience_validator(AUDIENCE)
            .with_expiration_validator()
            .build();
        Self(pipeline)
    }

    /// The claims, if the token is valid.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<Claims> {
        self.0.verify(token.as_bytes()).ok().map(|(_, claims)| claims)
    }
}

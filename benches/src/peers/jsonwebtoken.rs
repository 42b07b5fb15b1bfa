//! jsonwebtoken 11: `decode` into a struct, with issuer and audience set.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Validation};

use super::Claims;
use crate::tokens::{AUDIENCE, ISSUER, SigningKey};

/// A decoding key and a validation, both made once.
#[derive(Clone)]
pub struct JsonWebToken {
    key: DecodingKey,
    validation: Validation,
}

impl JsonWebToken {
    /// With this key.
    #[must_use]
    pub fn new(key: &SigningKey) -> Self {
        Self::from_jwk(&serde_json::from_value(key.jwk()).expect("the key is a JWK"))
    }

    /// With the key of this JWK, for the algorithm that it names.
    #[must_use]
    pub fn from_jwk(jwk: &Jwk) -> Self {
        let algorithm = jwk.common.key_algorithm.expect("the JWK has an `alg`").to_string();
        let mut validation = Validation::new(algorithm.parse().expect("the algorithm is a signature's"));
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        Self { key: DecodingKey::from_jwk(jwk).expect("the key is good"), validation }
    }

    /// The claims, if the token is valid.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<Claims> {
        jsonwebtoken::decode(token, &self.key, &self.validation).ok().map(|data| data.claims)
    }
}

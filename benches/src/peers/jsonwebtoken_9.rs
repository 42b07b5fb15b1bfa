//! The work of jwt-authorizer 0.15 for every request, with jsonwebtoken 9: decodes the header to find the key, then
//! calls `decode`. (It also builds a validation for each request; here it is built once.)

use jsonwebtoken_9::jwk::Jwk;
use jsonwebtoken_9::{Algorithm, DecodingKey, Validation, decode, decode_header};

use super::Claims;
use crate::tokens::{AUDIENCE, Alg, ISSUER, SigningKey};

/// A decoding key and a validation, both made once.
pub struct JsonWebToken9 {
    id: String,
    key: DecodingKey,
    validation: Validation,
}

impl JsonWebToken9 {
    /// With this key.
    #[must_use]
    pub fn new(key: &SigningKey) -> Self {
        let jwk: Jwk = serde_json::from_value(key.jwk()).expect("the key is a JWK");
        let mut validation = Validation::new(match key.alg() {
            Alg::Hs256 => Algorithm::HS256,
            Alg::Rs256 => Algorithm::RS256,
            Alg::Es256 => Algorithm::ES256,
            Alg::EdDsa => Algorithm::EdDSA,
        });
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        let decoding_key = DecodingKey::from_jwk(&jwk).expect("the key is good");
        Self { id: key.id().to_owned(), key: decoding_key, validation }
    }

    /// The claims, if the token is valid.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let header = decode_header(token).ok()?;
        if header.kid.as_deref() != Some(self.id.as_str()) {
            return None;
        }
        decode(token, &self.key, &self.validation).ok().map(|data| data.claims)
    }
}

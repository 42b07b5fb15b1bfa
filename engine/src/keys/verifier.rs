//! The verifier of a key, prepared once when the key is loaded.

use super::backend::{PublicKey, SecretKey};
use super::public_key::{CurvePoint, RsaNumbers};
use crate::algorithm::Algorithm;

/// A verifier of one algorithm. Secrets and public keys are different variants, so one cannot be used as the other.
pub(super) enum Verifier {
    Secret(SecretKey),
    Public(PublicKey),
}

impl Verifier {
    /// Whether `signature` is valid for `message`. A MAC is compared in constant time.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(key) => key.verifies(message, signature),
            Self::Public(key) => key.verifies(message, signature),
        }
    }

    /// A verifier with a shared secret; `None` if the algorithm is not an HMAC.
    pub(super) fn secret(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        SecretKey::new(algorithm, secret).map(Self::Secret)
    }

    /// A verifier with a point of a curve; `None` if the point is not on the algorithm's curve.
    pub(super) fn curve(algorithm: Algorithm, point: &CurvePoint) -> Option<Self> {
        PublicKey::curve(algorithm, point).map(Self::Public)
    }

    /// A verifier with an RSA key; `None` if the numbers are not a public key, or the algorithm is not RSA.
    pub(super) fn rsa(algorithm: Algorithm, numbers: &RsaNumbers) -> Option<Self> {
        if !numbers.are_valid() {
            return None;
        }
        PublicKey::rsa(algorithm, numbers).map(Self::Public)
    }
}

//! The `aws-lc` backend: signatures and hashes by AWS-LC.
//!
//! Keys are parsed once, when they are loaded. AWS-LC keeps the parsed form of an RSA or EC key, which saves a parse
//! for each token.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{MAX_OUTPUT_LEN, SHA256, digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    VerificationAlgorithm,
};

use super::public_key::{CurvePoint, RsaNumbers};
use crate::algorithm::Algorithm;

/// The SHA-256 of a message.
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    digest(&SHA256, message).as_ref().first_chunk().copied().unwrap_or_default()
}

/// An HMAC key. Boxed, because it holds two hash states and is far larger than a pointer to a parsed public key.
pub(super) struct SecretKey(Box<hmac::Key>);

impl SecretKey {
    /// `None` if the algorithm is not an HMAC.
    pub(super) fn new(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        let hash = match algorithm {
            Algorithm::HS256 => hmac::HMAC_SHA256,
            Algorithm::HS384 => hmac::HMAC_SHA384,
            Algorithm::HS512 => hmac::HMAC_SHA512,
            _ => return None,
        };
        Some(Self(Box::new(hmac::Key::new(hash, secret))))
    }

    /// Whether `mac` is the MAC of `message`, compared in constant time.
    ///
    /// Does what `hmac::verify` does, but writes the tag where it is compared, which saves one copy of the key.
    pub(super) fn verifies(&self, message: &[u8], mac: &[u8]) -> bool {
        let mut expected = [0; MAX_OUTPUT_LEN];
        hmac::sign_to_buffer(&self.0, message, &mut expected)
            .is_ok_and(|expected| verify_slices_are_equal(expected, mac).is_ok())
    }
}

/// An RSA, ECDSA or Ed25519 public key with the algorithm that it serves.
pub(super) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// `None` if the point is not on the curve, or the algorithm is not of a curve.
    pub(super) fn curve(algorithm: Algorithm, point: &CurvePoint) -> Option<Self> {
        let verification: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::ES384 => &ECDSA_P384_SHA384_FIXED,
            Algorithm::EdDSA => &ED25519,
            _ => return None,
        };
        ParsedPublicKey::new(verification, point.as_bytes()).ok().map(Self)
    }

    /// `None` if the algorithm is not RSA.
    pub(super) fn rsa(algorithm: Algorithm, numbers: &RsaNumbers) -> Option<Self> {
        let parameters: &'static RsaParameters = match algorithm {
            Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
            Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
            Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
            Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
            Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
            _ => return None,
        };
        let components = RsaPublicKeyComponents { n: numbers.modulus(), e: numbers.exponent() };
        components.to_parsed_public_key(parameters).ok().map(Self)
    }

    /// Whether `signature` is valid for `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

//! Each key's verifier, made once, when the key is loaded.
//!
//! jsonwebtoken brings the reading of JWKs and their conversion to verification keys. Its own verifiers parse
//! an RSA or EC key on every call and take the signature in a vector of its own, so that the verifier
//! here holds the same crypto library's parsed form instead.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::MAX_OUTPUT_LEN;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
    VerificationAlgorithm,
};

use crate::algorithm::Algorithm;

/// A verifier of one algorithm. Secrets and public keys are different variants: neither can stand in for the other.
pub(super) enum Verifier {
    /// Boxed, for an HMAC key holds two hash states and is far larger than a pointer to a parsed key.
    Secret(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl Verifier {
    /// Whether `signature` is right for `message`. A MAC is compared in constant time.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(key) => verifies_mac(key, message, signature),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }

    /// A verifier with a shared secret, for an HMAC algorithm.
    pub(super) fn secret(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        let hash = match algorithm {
            Algorithm::HS256 => hmac::HMAC_SHA256,
            Algorithm::HS384 => hmac::HMAC_SHA384,
            Algorithm::HS512 => hmac::HMAC_SHA512,
            _ => return None,
        };
        Some(Self::Secret(Box::new(hmac::Key::new(hash, secret))))
    }

    /// A verifier with a point of a curve (uncompressed) or an Edwards key, as bytes.
    pub(super) fn curve(algorithm: Algorithm, public: &[u8]) -> Option<Self> {
        let verification: &'static dyn VerificationAlgorithm = match algorithm {
            Algorithm::ES256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::ES384 => &ECDSA_P384_SHA384_FIXED,
            Algorithm::EdDSA => &ED25519,
            _ => return None,
        };
        ParsedPublicKey::new(verification, public).ok().map(Self::Public)
    }

    /// A verifier with an RSA modulus and exponent, both big-endian.
    pub(super) fn rsa(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let parameters: &'static RsaParameters = match algorithm {
            Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
            Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
            Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
            Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
            Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
            _ => return None,
        };
        let components = RsaPublicKeyComponents { n: modulus, e: exponent };
        components.to_parsed_public_key(parameters).ok().map(Self::Public)
    }
}

/// As `hmac::verify` does it, but for its tag, which is written where it is compared: that takes a key along once less.
fn verifies_mac(key: &hmac::Key, message: &[u8], mac: &[u8]) -> bool {
    let mut right = [0; MAX_OUTPUT_LEN];
    hmac::sign_to_buffer(key, message, &mut right)
        .is_ok_and(|right| verify_slices_are_equal(right, mac).is_ok())
}

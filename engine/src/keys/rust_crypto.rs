//! The `rust-crypto` backend: signatures and hashes by the RustCrypto and dalek crates, in pure Rust.
//!
//! For targets that AWS-LC does not support, such as `wasm32-unknown-unknown`. Accepts the same signatures as the `aws-lc`
//! backend: ECDSA as `r` and `s` of fixed length, PSS with a salt as long as the hash, RSA signatures exactly as long as the
//! modulus, and Ed25519 by the equation without cofactor, with a reduced `S`.

use ed25519_dalek::VerifyingKey as Ed25519Key;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::{Signature as P256Signature, VerifyingKey as P256Key};
use p384::ecdsa::{Signature as P384Signature, VerifyingKey as P384Key};
use rsa::{BoxedUint, PublicKey as RsaKey, pkcs1v15, pss};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::public_key::{CurvePoint, RsaNumbers};
use crate::algorithm::Algorithm;

/// The SHA-256 of a message.
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// An HMAC key, with the hash states of its two paddings precomputed.
pub(super) enum SecretKey {
    Sha256(Box<Hmac<Sha256>>),
    Sha384(Box<Hmac<Sha384>>),
    Sha512(Box<Hmac<Sha512>>),
}

impl SecretKey {
    /// `None` if the algorithm is not an HMAC.
    pub(super) fn new(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        match algorithm {
            Algorithm::HS256 => Hmac::new_from_slice(secret).ok().map(Box::new).map(Self::Sha256),
            Algorithm::HS384 => Hmac::new_from_slice(secret).ok().map(Box::new).map(Self::Sha384),
            Algorithm::HS512 => Hmac::new_from_slice(secret).ok().map(Box::new).map(Self::Sha512),
            _ => None,
        }
    }

    /// Whether `mac` is the MAC of `message`, compared in constant time.
    pub(super) fn verifies(&self, message: &[u8], mac: &[u8]) -> bool {
        fn check<M: Mac + Clone>(key: &M, message: &[u8], mac: &[u8]) -> bool {
            key.clone().chain_update(message).verify_slice(mac).is_ok()
        }
        match self {
            Self::Sha256(key) => check(&**key, message, mac),
            Self::Sha384(key) => check(&**key, message, mac),
            Self::Sha512(key) => check(&**key, message, mac),
        }
    }
}

/// An RSA, ECDSA or Ed25519 public key with the algorithm that it serves.
pub(super) enum PublicKey {
    P256(Box<P256Key>),
    P384(Box<P384Key>),
    Ed25519(Box<Ed25519Key>),
    Pkcs1Sha256(Box<pkcs1v15::VerifyingKey<Sha256>>),
    Pkcs1Sha384(Box<pkcs1v15::VerifyingKey<Sha384>>),
    Pkcs1Sha512(Box<pkcs1v15::VerifyingKey<Sha512>>),
    PssSha256(Box<pss::VerifyingKey<Sha256>>),
    PssSha384(Box<pss::VerifyingKey<Sha384>>),
    PssSha512(Box<pss::VerifyingKey<Sha512>>),
}

impl PublicKey {
    /// `None` if the point is not on the curve, or the algorithm is not of a curve.
    pub(super) fn curve(algorithm: Algorithm, point: &CurvePoint) -> Option<Self> {
        let bytes = point.as_bytes();
        match algorithm {
            Algorithm::ES256 => P256Key::from_sec1_bytes(bytes).ok().map(Box::new).map(Self::P256),
            Algorithm::ES384 => P384Key::from_sec1_bytes(bytes).ok().map(Box::new).map(Self::P384),
            Algorithm::EdDSA => Ed25519Key::try_from(bytes).ok().map(Box::new).map(Self::Ed25519),
            _ => None,
        }
    }

    /// `None` if the algorithm is not RSA.
    pub(super) fn rsa(algorithm: Algorithm, numbers: &RsaNumbers) -> Option<Self> {
        let number = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
        let key = RsaKey::new(number(numbers.modulus()), number(numbers.exponent())).ok()?;
        // `pss::VerifyingKey::new` accepts only a salt that is as long as the hash.
        Some(match algorithm {
            Algorithm::RS256 => Self::Pkcs1Sha256(Box::new(pkcs1v15::VerifyingKey::new(key))),
            Algorithm::RS384 => Self::Pkcs1Sha384(Box::new(pkcs1v15::VerifyingKey::new(key))),
            Algorithm::RS512 => Self::Pkcs1Sha512(Box::new(pkcs1v15::VerifyingKey::new(key))),
            Algorithm::PS256 => Self::PssSha256(Box::new(pss::VerifyingKey::new(key))),
            Algorithm::PS384 => Self::PssSha384(Box::new(pss::VerifyingKey::new(key))),
            Algorithm::PS512 => Self::PssSha512(Box::new(pss::VerifyingKey::new(key))),
            _ => return None,
        })
    }

    /// Whether `signature` is valid for `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        /// Parses the signature in its only accepted form, then verifies it.
        fn check<'s, S: TryFrom<&'s [u8]>>(
            key: &impl rsa::signature::Verifier<S>,
            message: &[u8],
            signature: &'s [u8],
        ) -> bool {
            S::try_from(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
        }
        match self {
            Self::P256(key) => check::<P256Signature>(&**key, message, signature),
            Self::P384(key) => check::<P384Signature>(&**key, message, signature),
            Self::Ed25519(key) => check::<ed25519_dalek::Signature>(&**key, message, signature),
            Self::Pkcs1Sha256(key) => check::<pkcs1v15::Signature>(&**key, message, signature),
            Self::Pkcs1Sha384(key) => check::<pkcs1v15::Signature>(&**key, message, signature),
            Self::Pkcs1Sha512(key) => check::<pkcs1v15::Signature>(&**key, message, signature),
            Self::PssSha256(key) => check::<pss::Signature>(&**key, message, signature),
            Self::PssSha384(key) => check::<pss::Signature>(&**key, message, signature),
            Self::PssSha512(key) => check::<pss::Signature>(&**key, message, signature),
        }
    }
}

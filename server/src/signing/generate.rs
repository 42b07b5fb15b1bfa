//! Generates keys.

use artos_auth_engine::Algorithm;
use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair,
};
use zeroize::Zeroizing;

use super::{KeyError, Members, der};

/// The members of a new key: a secret as long as the hash, or a key of the algorithm's type and curve.
pub(super) fn members(algorithm: Algorithm) -> Result<Members, KeyError> {
    let members = match algorithm {
        Algorithm::HS256 => secret(32),
        Algorithm::HS384 => secret(48),
        Algorithm::HS512 => secret(64),
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => rsa(),
        Algorithm::ES256 => ecdsa("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
        Algorithm::ES384 => ecdsa("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
        Algorithm::EdDSA => edwards(),
    };
    members.map_err(|_| KeyError::new("", "the crypto library could not generate a key"))
}

fn secret(length: usize) -> Result<Members, Unspecified> {
    let mut secret = Zeroizing::new(vec![0; length]);
    aws_lc_rs::rand::fill(&mut secret)?;
    Ok(Members::new("oct").with("k", &secret))
}

fn rsa() -> Result<Members, Unspecified> {
    let pair = rsa::KeyPair::generate(KeySize::Rsa2048)?;
    let document: Pkcs8V1Der<'_> = pair.as_der()?;
    let integers = der::rsa_private_key(document.as_ref()).ok_or(Unspecified)?;
    let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
    Ok(names
        .into_iter()
        .zip(integers)
        .fold(Members::new("RSA"), |members, (name, integer)| members.with(name, integer)))
}

fn ecdsa(curve: &str, algorithm: &'static EcdsaSigningAlgorithm) -> Result<Members, Unspecified> {
    let pair = EcdsaKeyPair::generate(algorithm)?;
    let private: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes()?;
    // An uncompressed point: 4, x, y (SEC 1 §2.3.3).
    let point = pair.public_key().as_ref();
    let (x, y) =
        point.get(1..).and_then(|point| point.split_at_checked(point.len() / 2)).ok_or(Unspecified)?;
    Ok(Members::new("EC").with_text("crv", curve).with("x", x).with("y", y).with("d", private.as_ref()))
}

fn edwards() -> Result<Members, Unspecified> {
    let pair = Ed25519KeyPair::generate()?;
    let seed = pair.seed()?.as_be_bytes()?;
    Ok(Members::new("OKP")
        .with_text("crv", "Ed25519")
        .with("x", pair.public_key().as_ref())
        .with("d", seed.as_ref()))
}

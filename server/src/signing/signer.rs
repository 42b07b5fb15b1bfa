//! Signs with the crypto library's form of a key, prepared once.

use artos_auth_engine::Algorithm;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use aws_lc_rs::{error::Unspecified, hmac};

use super::{KeyError, Members};

pub(super) enum Signer {
    Secret(Box<hmac::Key>),
    Rsa(Box<rsa::KeyPair>, &'static dyn RsaEncoding),
    Ecdsa(Box<EcdsaKeyPair>),
    Edwards(Box<Ed25519KeyPair>),
}

impl Signer {
    pub(super) fn new(algorithm: Algorithm, members: &Members) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::HS256 => secret(hmac::HMAC_SHA256, members),
            Algorithm::HS384 => secret(hmac::HMAC_SHA384, members),
            Algorithm::HS512 => secret(hmac::HMAC_SHA512, members),
            Algorithm::RS256 => rsa(&RSA_PKCS1_SHA256, members),
            Algorithm::RS384 => rsa(&RSA_PKCS1_SHA384, members),
            Algorithm::RS512 => rsa(&RSA_PKCS1_SHA512, members),
            Algorithm::PS256 => rsa(&RSA_PSS_SHA256, members),
            Algorithm::PS384 => rsa(&RSA_PSS_SHA384, members),
            Algorithm::PS512 => rsa(&RSA_PSS_SHA512, members),
            Algorithm::ES256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING, members),
            Algorithm::ES384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING, members),
            Algorithm::EdDSA => edwards(members),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |_: Unspecified| KeyError::new("", "the crypto library could not sign with this key");
        match self {
            Self::Secret(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Self::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Self::Edwards(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

fn secret(hash: hmac::Algorithm, members: &Members) -> Result<Signer, KeyError> {
    let secret = members.bytes("k")?;
    let least = hash.digest_algorithm().output_len();
    if secret.len() < least {
        let problem = format!("the secret must have at least {least} bytes, got {}", secret.len());
        return Err(KeyError::new("k", problem));
    }
    Ok(Signer::Secret(Box::new(hmac::Key::new(hash, &secret))))
}

fn rsa(encoding: &'static dyn RsaEncoding, members: &Members) -> Result<Signer, KeyError> {
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n: members.bytes("n")?, e: members.bytes("e")? },
        d: members.bytes("d")?,
        p: members.bytes("p")?,
        q: members.bytes("q")?,
        dP: members.bytes("dp")?,
        dQ: members.bytes("dq")?,
        qInv: members.bytes("qi")?,
    };
    let pair = rsa::KeyPair::from_components(&components)
        .map_err(|_| KeyError::new("", "not a valid RSA key of 2,048 to 8,192 bits"))?;
    Ok(Signer::Rsa(Box::new(pair), encoding))
}

fn ecdsa(algorithm: &'static EcdsaSigningAlgorithm, members: &Members) -> Result<Signer, KeyError> {
    // An uncompressed point: 4, x, y (SEC 1 §2.3.3).
    let point = [&[4], members.bytes("x")?.as_slice(), members.bytes("y")?.as_slice()].concat();
    let private = members.bytes("d")?;
    let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, &point)
        .map_err(|_| KeyError::new("", "`x`, `y` and `d` are not a valid key of its curve"))?;
    Ok(Signer::Ecdsa(Box::new(pair)))
}

fn edwards(members: &Members) -> Result<Signer, KeyError> {
    let pair = Ed25519KeyPair::from_seed_and_public_key(&members.bytes("d")?, &members.bytes("x")?)
        .map_err(|_| KeyError::new("", "`x` and `d` are not a valid Ed25519 key"))?;
    Ok(Signer::Edwards(Box::new(pair)))
}

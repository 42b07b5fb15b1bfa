//! A private JWK, and signing with it.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding,
};
use aws_lc_rs::{hmac, signature};
use serde_json::{Map, Value};

use super::{base64url, der, from_base64url};
use crate::secret::Secret;

/// A signature algorithm of RFC 7518 §3.1 or RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are RFC 7518's own")]
pub enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    const NAMES: [(Self, &'static str); 12] = [
        (Self::Hs256, "HS256"),
        (Self::Hs384, "HS384"),
        (Self::Hs512, "HS512"),
        (Self::Rs256, "RS256"),
        (Self::Rs384, "RS384"),
        (Self::Rs512, "RS512"),
        (Self::Ps256, "PS256"),
        (Self::Ps384, "PS384"),
        (Self::Ps512, "PS512"),
        (Self::Es256, "ES256"),
        (Self::Es384, "ES384"),
        (Self::EdDsa, "EdDSA"),
    ];

    /// The value of `alg`.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(algorithm, _)| *algorithm == self).map_or("", |(_, name)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(algorithm, _)| *algorithm)
    }

    /// Another algorithm that the same key could sign with, but that is not the key's own.
    pub fn sibling(self) -> Option<Self> {
        match self {
            Self::Hs256 => Some(Self::Hs512),
            Self::Hs384 | Self::Hs512 => Some(Self::Hs256),
            Self::Rs256 => Some(Self::Rs512),
            Self::Rs384 | Self::Rs512 => Some(Self::Rs256),
            Self::Ps256 | Self::Ps384 | Self::Ps512 => Some(Self::Rs256),
            Self::Es256 | Self::Es384 | Self::EdDsa => None,
        }
    }

    fn family(self) -> KeyFamily {
        match self {
            Self::Hs256 | Self::Hs384 | Self::Hs512 => KeyFamily::Secret,
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                KeyFamily::Rsa
            }
            Self::Es256 | Self::Es384 => KeyFamily::Elliptic,
            Self::EdDsa => KeyFamily::Edwards,
        }
    }
}

/// The type of key that an algorithm needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFamily {
    /// A shared secret.
    Secret,
    /// RSA.
    Rsa,
    /// NIST curves.
    Elliptic,
    /// Ed25519.
    Edwards,
}

enum Material {
    Secret(Secret),
    Rsa(Box<rsa::KeyPair>),
    Elliptic(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
}

/// A key that signs tokens. Printing it shows its algorithm and `kid`, never the key.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    kid: Option<String>,
    /// The public members of the JWK; empty for a secret.
    public: Map<String, Value>,
    material: Arc<Material>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads a private JWK (RFC 7517), or a set that contains exactly one.
    ///
    /// # Errors
    ///
    /// The error, to be read after the file's name; never contains a member's value.
    pub fn from_jwk(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| format!("not JSON: line {}, column {}", error.line(), error.column()))?;
        let Value::Object(mut jwk) = value else {
            return Err("expected a JSON object, a private JWK".into());
        };
        if let Some(Value::Array(mut keys)) = jwk.remove("keys") {
            match (keys.pop(), keys.pop()) {
                (Some(Value::Object(only)), None) => jwk = only,
                _ => return Err("a JWK Set; expected one private JWK".into()),
            }
        }
        Self::from_members(&jwk)
    }

    fn from_members(jwk: &Map<String, Value>) -> Result<Self, String> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| {
            text(name)
                .and_then(from_base64url)
                .ok_or_else(|| format!("missing `{name}` in unpadded base64url; expected a private JWK"))
        };
        let kty = text("kty").ok_or("missing `kty`; expected a private JWK")?;
        let curve = text("crv").unwrap_or_default();
        let algorithm = match (text("alg"), kty, curve) {
            (Some(name), ..) => {
                Algorithm::named(name).ok_or_else(|| format!("unsupported `alg` `{name}`"))?
            }
            (None, "oct", _) => Algorithm::Hs256,
            (None, "RSA", _) => Algorithm::Rs256,
            (None, "EC", "P-256") => Algorithm::Es256,
            (None, "EC", "P-384") => Algorithm::Es384,
            (None, "OKP", "Ed25519") => Algorithm::EdDsa,
            _ => return Err(format!("unsupported key type: kty `{kty}`, crv `{curve}`")),
        };
        let rejected = |_| "not a valid private key: its parameters do not match".to_owned();
        let material = match (kty, algorithm) {
            ("oct", Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512) => {
                Material::Secret(Secret::new(bytes("k")?))
            }
            ("RSA", algorithm) if algorithm.family() == KeyFamily::Rsa => {
                let components = KeyPairComponents {
                    public_key: PublicKeyComponents { n: bytes("n")?, e: bytes("e")? },
                    d: bytes("d")?,
                    p: bytes("p")?,
                    q: bytes("q")?,
                    dP: bytes("dp")?,
                    dQ: bytes("dq")?,
                    qInv: bytes("qi")?,
                };
                Material::Rsa(Box::new(rsa::KeyPair::from_components(&components).map_err(rejected)?))
            }
            ("EC", Algorithm::Es256 | Algorithm::Es384) => {
                let parameters = match (algorithm, curve) {
                    (Algorithm::Es256, "P-256") => &ECDSA_P256_SHA256_FIXED_SIGNING,
                    (Algorithm::Es384, "P-384") => &ECDSA_P384_SHA384_FIXED_SIGNING,
                    _ => return Err(format!("`alg` does not match its curve `{curve}`")),
                };
                let point = [vec![4], bytes("x")?, bytes("y")?].concat();
                let pair = EcdsaKeyPair::from_private_key_and_public_key(parameters, &bytes("d")?, &point);
                Material::Elliptic(pair.map_err(rejected)?)
            }
            ("OKP", Algorithm::EdDsa) => {
                let pair = Ed25519KeyPair::from_seed_and_public_key(&bytes("d")?, &bytes("x")?);
                Material::Edwards(pair.map_err(rejected)?)
            }
            _ => return Err(format!("`alg` does not match its type `{kty}`")),
        };
        let mut public = Map::new();
        if kty != "oct" {
            for name in ["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"] {
                if let Some(value) = jwk.get(name) {
                    public.insert(name.to_owned(), value.clone());
                }
            }
        }
        Ok(Self { algorithm, kid: text("kid").map(ToOwned::to_owned), public, material: Arc::new(material) })
    }

    /// An untrusted key, of the same algorithm if its keys are quick to generate, otherwise of ES256. It has the `kid`
    /// of this key.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub fn impostor(&self) -> Result<Self, String> {
        let failed = |_| "cannot generate a key: the system has no random numbers".to_owned();
        let (algorithm, material) = match self.algorithm {
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
                let mut secret = vec![0; 64];
                aws_lc_rs::rand::fill(&mut secret).map_err(failed)?;
                (self.algorithm, Material::Secret(Secret::new(secret)))
            }
            Algorithm::EdDsa => {
                (self.algorithm, Material::Edwards(Ed25519KeyPair::generate().map_err(failed)?))
            }
            Algorithm::Es384 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map_err(failed)?;
                (self.algorithm, Material::Elliptic(pair))
            }
            Algorithm::Es256 => (self.algorithm, Self::fresh_p256()?),
            _ => {
                let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map_err(failed)?;
                (self.algorithm, Material::Rsa(Box::new(pair)))
            }
        };
        Ok(Self::generated(algorithm, self.kid.clone(), material))
    }

    /// A new untrusted ES256 key.
    ///
    /// # Errors
    ///
    /// When the system has no randomness.
    pub fn stranger(kid: Option<&str>) -> Result<Self, String> {
        Ok(Self::generated(Algorithm::Es256, kid.map(ToOwned::to_owned), Self::fresh_p256()?))
    }

    /// A shared secret chosen by the attacker.
    pub fn secret(algorithm: Algorithm, kid: Option<&str>, bytes: &[u8]) -> Self {
        let material = Material::Secret(Secret::new(bytes));
        Self::generated(algorithm, kid.map(ToOwned::to_owned), material)
    }

    fn fresh_p256() -> Result<Material, String> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
            .map(Material::Elliptic)
            .map_err(|_| "cannot generate a key: the system has no random numbers".to_owned())
    }

    fn generated(algorithm: Algorithm, kid: Option<String>, material: Material) -> Self {
        let public = match &material {
            Material::Elliptic(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
                let curve = if algorithm == Algorithm::Es384 { "P-384" } else { "P-256" };
                jwk(&[("kty", "EC"), ("crv", curve), ("x", &base64url(x)), ("y", &base64url(y))])
            }
            Material::Edwards(pair) => {
                jwk(&[("kty", "OKP"), ("crv", "Ed25519"), ("x", &base64url(pair.public_key().as_ref()))])
            }
            Material::Rsa(pair) => {
                let numbers = der::integers(pair.public_key().as_ref());
                let number = |index: usize| base64url(numbers.get(index).copied().unwrap_or_default());
                jwk(&[("kty", "RSA"), ("n", &number(0)), ("e", &number(1))])
            }
            Material::Secret(_) => Map::new(),
        };
        Self { algorithm, kid, public, material: Arc::new(material) }
    }

    /// The algorithm that the key serves.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key's id.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The kind of key.
    pub fn family(&self) -> KeyFamily {
        self.algorithm.family()
    }

    /// Signs under the key's own algorithm.
    pub fn sign(&self, input: &[u8]) -> Vec<u8> {
        self.sign_as(self.algorithm, input)
    }

    /// Signs under an algorithm of the same family. An ECDSA or EdDSA key has only its own.
    pub fn sign_as(&self, algorithm: Algorithm, input: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &*self.material {
            Material::Secret(secret) => {
                let digest = match algorithm {
                    Algorithm::Hs384 => hmac::HMAC_SHA384,
                    Algorithm::Hs512 => hmac::HMAC_SHA512,
                    _ => hmac::HMAC_SHA256,
                };
                hmac::sign(&hmac::Key::new(digest, secret.expose()), input).as_ref().to_vec()
            }
            Material::Rsa(pair) => {
                let padding: &dyn RsaEncoding = match algorithm {
                    Algorithm::Rs384 => &RSA_PKCS1_SHA384,
                    Algorithm::Rs512 => &RSA_PKCS1_SHA512,
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    Algorithm::Ps384 => &RSA_PSS_SHA384,
                    Algorithm::Ps512 => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                let signed = pair.sign(padding, &random, input, &mut signature);
                signed.map(|()| signature).unwrap_or_default()
            }
            Material::Elliptic(pair) => {
                pair.sign(&random, input).map(|signature| signature.as_ref().to_vec()).unwrap_or_default()
            }
            Material::Edwards(pair) => pair.sign(input).as_ref().to_vec(),
        }
    }

    /// Signs under the key's own algorithm, with an ECDSA signature in DER instead of JWS's fixed length.
    pub fn sign_in_der(&self, input: &[u8]) -> Vec<u8> {
        der::ecdsa_signature(&self.sign(input))
    }

    /// The public key as a JWK, in JSON; for a secret an empty object.
    pub fn public_jwk(&self) -> String {
        Value::Object(self.public.clone()).to_string()
    }

    /// The public key as SubjectPublicKeyInfo (RFC 5280 §4.1.2.7); for a secret nothing.
    pub fn public_spki(&self) -> Vec<u8> {
        let der: Result<PublicKeyX509Der<'_>, _> = match &*self.material {
            Material::Secret(_) => return Vec::new(),
            Material::Rsa(pair) => pair.public_key().as_der(),
            Material::Elliptic(pair) => pair.public_key().as_der(),
            Material::Edwards(pair) => pair.public_key().as_der(),
        };
        der.map(|der| der.as_ref().to_vec()).unwrap_or_default()
    }

    /// A self-signed certificate (RFC 5280) for the key. Only an ES256 key's signature in it is valid.
    pub fn self_signed_certificate(&self) -> Vec<u8> {
        der::certificate(&self.public_spki(), |input| self.sign_in_der(input))
    }

    /// The public key as `BEGIN PUBLIC KEY`, with a trailing newline.
    pub fn public_pem(&self) -> String {
        der::pem("PUBLIC KEY", &self.public_spki())
    }

    /// The public key in the encoding of its family: PKCS #1 for RSA, the point for elliptic curves, raw bytes for
    /// Ed25519.
    pub fn public_raw(&self) -> Vec<u8> {
        match &*self.material {
            Material::Secret(_) => Vec::new(),
            Material::Rsa(pair) => signature::KeyPair::public_key(pair.as_ref()).as_ref().to_vec(),
            Material::Elliptic(pair) => pair.public_key().as_ref().to_vec(),
            Material::Edwards(pair) => pair.public_key().as_ref().to_vec(),
        }
    }
}

fn jwk(members: &[(&str, &str)]) -> Map<String, Value> {
    members.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

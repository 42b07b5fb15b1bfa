//! Keys for benchmarks only, and the tokens that they sign.

use std::fmt::Write as _;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The issuer of every token, and the only one that the policies accept.
pub const ISSUER: &str = "https://auth.example";
/// The audience of every token, and the only one that the policies name.
pub const AUDIENCE: &str = "https://api.example";
/// The user of the one token that most scenarios present.
pub const USER: &str = "user-3b1e8d52-6a0f-4c7d-9e21-0d4c8b6a7f15";
/// Its organization.
pub const ORGANIZATION: &str = "org-7c9e6679";
/// Its permissions.
pub const PERMISSIONS: [&str; 3] = ["documents:read", "documents:write", "templates:read"];
/// When every token was issued.
pub const ISSUED_AT: u64 = 1_700_000_000;
/// The instant at which the engine decides.
pub const NOW: u64 = 1_800_000_000;
/// When every token expires: far in the future, because the peers read the clock.
pub const EXPIRES_AT: u64 = 4_102_444_800;

/// Without a comma, which HAProxy's configuration does not allow.
const SECRET: [u8; 32] = *b"benchmark-secret-never-a-real-1!";
const SEED: [u8; 32] = *b"benchmark ed25519 seed, not real";

/// The algorithms that have a row of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alg {
    /// HMAC with SHA-256.
    Hs256,
    /// RSA PKCS #1 v1.5 with SHA-256, a modulus of 2,048 bits.
    Rs256,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Alg {
    /// All of them, in table order.
    pub const ALL: [Self; 4] = [Self::Hs256, Self::Rs256, Self::Es256, Self::EdDsa];

    /// The spelling in a JOSE header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The spelling in benchmark names.
    #[must_use]
    pub fn slug(self) -> &'static str {
        match self {
            Self::Hs256 => "hs256",
            Self::Rs256 => "rs256",
            Self::Es256 => "es256",
            Self::EdDsa => "eddsa",
        }
    }
}

/// The private half of a key.
enum Signer {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// The public half, in the raw form of each library.
#[derive(Clone)]
pub enum Public {
    /// A shared secret.
    Secret(Vec<u8>),
    /// Modulus and exponent, big-endian.
    Rsa(Vec<u8>, Vec<u8>),
    /// An uncompressed point of P-256.
    P256(Vec<u8>),
    /// An Ed25519 key.
    Ed25519(Vec<u8>),
}

/// A key pair or a secret, for benchmarks only.
pub struct SigningKey {
    alg: Alg,
    id: String,
    signer: Signer,
    public: Public,
}

impl SigningKey {
    /// The key of this algorithm that most scenarios sign with. The secret and the Ed25519 key are the same on every
    /// run; the others are generated.
    #[must_use]
    pub fn new(alg: Alg) -> Self {
        Self::with_id(alg, &format!("bench-key-{}", alg.slug()))
    }

    fn with_id(alg: Alg, id: &str) -> Self {
        let (signer, public) = match alg {
            Alg::Hs256 => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
                (Signer::Hmac(Box::new(key)), Public::Secret(SECRET.to_vec()))
            }
            Alg::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key can be drawn");
                let modulus = pair.public_key().modulus().big_endian_without_leading_zero().to_vec();
                let exponent = pair.public_key().exponent().big_endian_without_leading_zero().to_vec();
                (Signer::Rsa(pair), Public::Rsa(modulus, exponent))
            }
            Alg::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                    .expect("a P-256 key can be drawn");
                let point = pair.public_key().as_ref().to_vec();
                (Signer::Ecdsa(pair), Public::P256(point))
            }
            Alg::EdDsa => {
                let pair = Ed25519KeyPair::from_seed_unchecked(&SEED).expect("any 32 bytes are a seed");
                let point = pair.public_key().as_ref().to_vec();
                (Signer::Ed25519(pair), Public::Ed25519(point))
            }
        };
        Self { alg, id: id.to_owned(), signer, public }
    }

    /// Its algorithm.
    #[must_use]
    pub fn alg(&self) -> Alg {
        self.alg
    }

    /// Its `kid`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The verification key.
    #[must_use]
    pub fn public(&self) -> &Public {
        &self.public
    }

    /// The verification key as PEM (RFC 7468 §13); `None` for a secret.
    #[must_use]
    pub fn public_pem(&self) -> Option<String> {
        let der: PublicKeyX509Der<'_> = match &self.signer {
            Signer::Rsa(pair) => pair.public_key().as_der(),
            Signer::Ecdsa(pair) => pair.public_key().as_der(),
            Signer::Ed25519(pair) => pair.public_key().as_der(),
            Signer::Hmac(_) => return None,
        }
        .expect("a public key has this form");
        let text = STANDARD.encode_to_string(der.as_ref());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        Some(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
    }

    /// The verification key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        jwk(self.alg, &self.id, &self.public)
    }

    /// A token with this header (the part after `alg` and `typ`) and these claims.
    #[must_use]
    pub fn sign(&self, header_rest: &str, claims: &str) -> String {
        let header = format!(r#"{{"alg":"{}","typ":"JWT"{header_rest}}}"#, self.alg.name());
        let mut token = URL_SAFE_NO_PAD.encode_to_string(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_append(claims, &mut token);
        let signature = self.signature(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_append(signature, &mut token);
        token
    }

    /// A token with this key's `kid`.
    #[must_use]
    pub fn mint(&self, claims: &Claims<'_>) -> String {
        self.sign(&format!(r#","kid":"{}""#, self.id), &claims.text())
    }

    /// A token without `kid`.
    #[must_use]
    pub fn mint_without_id(&self, claims: &Claims<'_>) -> String {
        self.sign("", &claims.text())
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.signer {
            Signer::Hmac(key) => hmac::sign(key, message).as_ref().to_vec(),
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("an RSA key signs");
                signature
            }
            Signer::Ecdsa(pair) => pair.sign(&random, message).expect("a P-256 key signs").as_ref().to_vec(),
            Signer::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// A public key, or a secret, as a JWK.
#[must_use]
pub fn jwk(alg: Alg, id: &str, public: &Public) -> Value {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode_to_string(bytes);
    let mut jwk = match public {
        Public::Secret(secret) => json!({"kty": "oct", "k": encode(secret)}),
        Public::Rsa(modulus, exponent) => {
            json!({"kty": "RSA", "n": encode(modulus), "e": encode(exponent)})
        }
        Public::P256(point) => {
            let (x, y) = point[1..].split_at(32);
            json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
        }
        Public::Ed25519(key) => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key)}),
    };
    jwk["alg"] = alg.name().into();
    jwk["use"] = "sig".into();
    jwk["kid"] = id.into();
    jwk
}

/// The claims of a token.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'c> {
    /// `sub`.
    pub user: &'c str,
    /// `org_id`.
    pub organization: &'c str,
    /// Changes `jti`.
    pub serial: u64,
}

impl Default for Claims<'_> {
    fn default() -> Self {
        Self { user: USER, organization: ORGANIZATION, serial: 0 }
    }
}

impl Claims<'_> {
    /// The `jti` for this serial number, with the length of a UUID.
    #[must_use]
    pub fn token_id(serial: u64) -> String {
        // Spread over all digits, as in a random one.
        let high = serial.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{serial:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high >> 4 & 0xfff,
            high & 0xfff
        )
    }

    fn text(&self) -> String {
        let mut text = String::with_capacity(320);
        let permissions = PERMISSIONS.map(|permission| format!("\"{permission}\"")).join(",");
        let Self { user, organization, serial } = self;
        write!(
            text,
            r#"{{"sub":"{user}","org_id":"{organization}","permissions":[{permissions}],"iss":"{ISSUER}","aud":"{AUDIENCE}","jti":"{}","iat":{ISSUED_AT},"exp":{EXPIRES_AT}}}"#,
            Self::token_id(*serial)
        )
        .expect("a string takes what is written to it");
        text
    }
}

/// The same token with another signature of the right length: well-formed, and forged.
#[must_use]
pub fn forge(token: &str) -> String {
    let (signed, signature) = token.rsplit_once('.').expect("a token has three segments");
    let mut signature = URL_SAFE_NO_PAD.decode_to_vec(signature).expect("a segment is base64url");
    // A bit in the middle: an RSA signature stays below the modulus, and ECDSA's r and s stay in range.
    let middle = signature.len() / 2 - 8;
    signature[middle] ^= 1;
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_has_the_size_that_the_targets_assume() {
        let token = SigningKey::new(Alg::Hs256).mint(&Claims::default());
        assert!((480..=500).contains(&token.len()), "{} bytes", token.len());
    }
}

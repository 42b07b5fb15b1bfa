//! The issuer of the deployment: its keys, and the tokens that it issues.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsBigEndian, AsDer, Curve25519SeedBin, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::clock;

/// The algorithms for which the deployment has a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// HMAC with SHA-256.
    Hs256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 4] = [Algorithm::Es256, Algorithm::Rs256, Algorithm::Hs256, Algorithm::EdDsa];

    /// The name in a JOSE header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Es256 => "ES256",
            Algorithm::Rs256 => "RS256",
            Algorithm::Hs256 => "HS256",
            Algorithm::EdDsa => "EdDSA",
        }
    }

    /// The id of the deployment's key of this algorithm.
    #[must_use]
    pub fn kid(self) -> &'static str {
        match self {
            Algorithm::Es256 => "test-only-es256",
            Algorithm::Rs256 => "test-only-rs256",
            Algorithm::Hs256 => "test-only-hs256",
            Algorithm::EdDsa => "test-only-eddsa",
        }
    }
}

/// The organization of the checker's documents.
pub const ORG: &str = "org-a";
/// Another organization whose tokens authenticate at the deployment.
pub const OTHER_ORG: &str = "org-b";
/// An organization whose tokens do not.
pub const FOREIGN_ORG: &str = "org-c";
/// The issuer that the deployment accepts.
pub const ISSUER: &str = "https://auth.test.example";
/// The audience that the deployment accepts.
pub const AUDIENCE: &str = "https://api.test.example";
/// The permission required by the permission endpoint.
pub const PERMISSION: &str = "documents:write";
/// A user who is no longer a member of any organization.
pub const LEFT_USER: &str = "user-who-left";
/// A user whose account is not configured.
pub const HALF_USER: &str = "user-half-configured";
/// The id of the only revoked token.
pub(crate) const REVOKED_TOKEN: &str = "test-only-revoked-token";

/// The keys: generated in every process, shared by all deployments in it.
pub struct Authority {
    ecdsa: EcdsaKeyPair,
    rsa: RsaKeyPair,
    secret: [u8; 32],
    ed25519: Ed25519KeyPair,
    /// A key of the same type that no deployment trusts: the other environment's.
    stranger: EcdsaKeyPair,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority([redacted])")
    }
}

static AUTHORITY: LazyLock<Authority> = LazyLock::new(Authority::generate);

/// The authority of this process.
#[must_use]
pub fn authority() -> &'static Authority {
    &AUTHORITY
}

/// The kinds of tokens at hand: the names in the profile's `[tokens]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the profile's")]
pub enum AtHand {
    Valid,
    OtherOrganization,
    Expired,
    Revoked,
    NoOrganization,
    OtherEnvironment,
    NoPermission,
    NotAMember,
    NotConfigured,
    OtherRealm,
}

impl AtHand {
    /// All of them.
    pub const ALL: [AtHand; 10] = [
        AtHand::Valid,
        AtHand::OtherOrganization,
        AtHand::Expired,
        AtHand::Revoked,
        AtHand::NoOrganization,
        AtHand::OtherEnvironment,
        AtHand::NoPermission,
        AtHand::NotAMember,
        AtHand::NotConfigured,
        AtHand::OtherRealm,
    ];

    /// The name in the profile.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AtHand::Valid => "valid",
            AtHand::OtherOrganization => "other_organization",
            AtHand::Expired => "expired",
            AtHand::Revoked => "revoked",
            AtHand::NoOrganization => "no_organization",
            AtHand::OtherEnvironment => "other_environment",
            AtHand::NoPermission => "no_permission",
            AtHand::NotAMember => "not_a_member",
            AtHand::NotConfigured => "not_configured",
            AtHand::OtherRealm => "other_realm",
        }
    }
}

impl Authority {
    fn generate() -> Authority {
        let mut secret = [0; 32];
        rand::fill(&mut secret).expect("the system has random numbers");
        Authority {
            ecdsa: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key"),
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key"),
            secret,
            ed25519: Ed25519KeyPair::generate().expect("an Ed25519 key"),
            stranger: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key"),
        }
    }

    /// The claims of a valid token of this organization, issued ten seconds ago and valid for one hour.
    #[must_use]
    pub fn claims(&self, organization: &str) -> Value {
        let now = clock::seconds();
        json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "test-user",
            "org_id": organization,
            "permissions": ["documents:read", PERMISSION],
            "iat": now - 10,
            "exp": now + 3600,
            "jti": format!("test-only-{organization}"),
        })
    }

    /// A token with these claims, signed with the deployment's key for that algorithm, with the usual header.
    #[must_use]
    pub fn token(&self, algorithm: Algorithm, claims: &Value) -> String {
        let header = json!({"alg": algorithm.name(), "typ": "JWT", "kid": algorithm.kid()});
        self.token_with(algorithm, &header, claims)
    }

    /// The same with any header. An ECDSA signature is repeated until it contains a letter that differs in other base64
    /// alphabets, so that a checker that re-encodes it always changes it.
    #[must_use]
    pub fn token_with(&self, algorithm: Algorithm, header: &Value, claims: &Value) -> String {
        let signed = signing_input(header, claims);
        loop {
            let signature = URL_SAFE_NO_PAD.encode(self.sign(algorithm, signed.as_bytes()));
            if algorithm != Algorithm::Es256 || signature.contains(['-', '_']) {
                return format!("{signed}.{signature}");
            }
        }
    }

    /// A signature by the deployment's key of that algorithm.
    #[must_use]
    pub fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match algorithm {
            Algorithm::Es256 => self.ecdsa.sign(&random, message).expect("a signature").as_ref().to_vec(),
            Algorithm::Rs256 => {
                let mut signature = vec![0; self.rsa.public_modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("a signature");
                signature
            }
            Algorithm::Hs256 => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.secret), message).as_ref().to_vec()
            }
            Algorithm::EdDsa => self.ed25519.sign(message).as_ref().to_vec(),
        }
    }

    /// One of the tokens that a profile may contain; `environment` says whether it names issuer and audience.
    pub(crate) fn at_hand(&self, which: AtHand, algorithm: Algorithm, environment: bool) -> String {
        let mut claims = self.claims(match which {
            AtHand::OtherOrganization => OTHER_ORG,
            AtHand::OtherRealm => FOREIGN_ORG,
            _ => ORG,
        });
        claims["jti"] = json!(format!("test-only-{}", which.name()));
        if !environment && let Some(claims) = claims.as_object_mut() {
            claims.retain(|name, _| name != "iss" && name != "aud");
        }
        match which {
            AtHand::Valid | AtHand::OtherOrganization | AtHand::OtherRealm => {}
            AtHand::Expired => {
                claims["iat"] = json!(clock::seconds() - 7200);
                claims["exp"] = json!(clock::seconds() - 3600);
            }
            AtHand::Revoked => claims["jti"] = json!(REVOKED_TOKEN),
            AtHand::NoOrganization => claims["org_id"] = Value::Null,
            AtHand::NoPermission => claims["permissions"] = json!(["documents:read"]),
            AtHand::NotAMember => claims["sub"] = json!(LEFT_USER),
            AtHand::NotConfigured => claims["sub"] = json!(HALF_USER),
            AtHand::OtherEnvironment => {
                claims["iss"] = json!("https://auth.staging.test.example");
                claims["aud"] = json!("https://api.staging.test.example");
                let header = json!({"alg": "ES256", "typ": "JWT", "kid": "test-only-staging"});
                let signed = signing_input(&header, &claims);
                let signature =
                    self.stranger.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
                return format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
            }
        }
        self.token(algorithm, &claims)
    }

    /// The private JWK of that algorithm, as a profile's `signing.key` names it.
    #[must_use]
    pub fn private_jwk(&self, algorithm: Algorithm) -> Value {
        let mut jwk = self.public_jwk(algorithm);
        match algorithm {
            Algorithm::Es256 => {
                let private: EcPrivateKeyBin<'_> =
                    self.ecdsa.private_key().as_be_bytes().expect("a private key");
                jwk["d"] = json!(URL_SAFE_NO_PAD.encode(private.as_ref()));
            }
            Algorithm::Rs256 => {
                let der: Pkcs8V1Der<'_> = self.rsa.as_der().expect("a private key");
                let numbers = rsa_numbers(der.as_ref());
                for (name, number) in ["d", "p", "q", "dp", "dq", "qi"].iter().zip(numbers.iter().skip(2)) {
                    jwk[*name] = json!(URL_SAFE_NO_PAD.encode(number));
                }
            }
            Algorithm::Hs256 => {
                jwk = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(self.secret)});
            }
            Algorithm::EdDsa => {
                let seed = self.ed25519.seed().expect("a seed");
                let seed: Curve25519SeedBin<'_> = seed.as_be_bytes().expect("a seed");
                jwk["d"] = json!(URL_SAFE_NO_PAD.encode(seed.as_ref()));
            }
        }
        jwk["kid"] = json!(algorithm.kid());
        jwk["alg"] = json!(algorithm.name());
        jwk
    }

    /// The required public members of the key, in the order of RFC 7638; empty for a secret.
    #[must_use]
    pub fn public_jwk(&self, algorithm: Algorithm) -> Value {
        match algorithm {
            Algorithm::Es256 => {
                let (x, y) = self.public_bytes(algorithm)[1..].split_at(32).to_owned();
                json!({"crv": "P-256", "kty": "EC", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y)})
            }
            Algorithm::Rs256 => {
                let numbers = der_integers(der_element(self.public_bytes(algorithm)).1);
                json!({"e": URL_SAFE_NO_PAD.encode(&numbers[1]), "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(&numbers[0])})
            }
            Algorithm::Hs256 => json!({"kty": "oct"}),
            Algorithm::EdDsa => {
                json!({"crv": "Ed25519", "kty": "OKP", "x": URL_SAFE_NO_PAD.encode(self.public_bytes(algorithm))})
            }
        }
    }

    /// The public key in the form of its verifier: the point, or RSA's two numbers in DER.
    pub(crate) fn public_bytes(&self, algorithm: Algorithm) -> &[u8] {
        match algorithm {
            Algorithm::Es256 => self.ecdsa.public_key().as_ref(),
            Algorithm::Rs256 => self.rsa.public_key().as_ref(),
            Algorithm::Hs256 => &[],
            Algorithm::EdDsa => self.ed25519.public_key().as_ref(),
        }
    }

    /// The HMAC secret.
    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// The RSA modulus, big-endian.
    pub(crate) fn modulus(&self) -> Vec<u8> {
        der_integers(der_element(self.public_bytes(Algorithm::Rs256)).1).swap_remove(0)
    }

    /// The public key as a `SubjectPublicKeyInfo` in DER; a secret has none.
    pub(crate) fn public_der(&self, algorithm: Algorithm) -> Option<Vec<u8>> {
        let der = match algorithm {
            Algorithm::Es256 => self.ecdsa.public_key().as_der(),
            Algorithm::Rs256 => self.rsa.public_key().as_der(),
            Algorithm::EdDsa => self.ed25519.public_key().as_der(),
            Algorithm::Hs256 => return None,
        };
        Some(der.expect("a public key in DER").as_ref().to_vec())
    }

    /// The same in PEM, with a line end after the last line.
    pub(crate) fn public_pem(&self, algorithm: Algorithm) -> Option<String> {
        let text = STANDARD.encode(self.public_der(algorithm)?);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        Some(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")))
    }
}

fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// The integers of an RSA private key in PKCS #8, from the modulus on, without leading zeros.
fn rsa_numbers(pkcs8: &[u8]) -> Vec<Vec<u8>> {
    let (_, info, _) = der_element(pkcs8);
    let (_, _version, rest) = der_element(info);
    let (_, _algorithm, rest) = der_element(rest);
    let (_, key, _) = der_element(rest);
    let (_, numbers, _) = der_element(key);
    der_integers(numbers).split_off(1)
}

/// Integers in a row, big-endian without leading zeros.
fn der_integers(mut numbers: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while !numbers.is_empty() {
        let (_, number, rest) = der_element(numbers);
        found.push(number.iter().copied().skip_while(|byte| *byte == 0).collect());
        numbers = rest;
    }
    found
}

/// Tag, content and what follows of the first element; the input is this process's own key.
fn der_element(der: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, start) = match der[1] {
        short @ 0..0x80 => (usize::from(short), 2),
        long => {
            let count = usize::from(long & 0x7f);
            (der[2..2 + count].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), 2 + count)
        }
    };
    (der[0], &der[start..start + length], &der[start + length..])
}

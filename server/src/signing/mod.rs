//! Private keys as JWKs, and tokens signed with them, for `keys`, `token mint` and `serve --dev`.
//!
//! The engine has no such code: it only verifies.

mod der;
mod file;
mod generate;
mod jwk;
mod signer;

use std::fmt;

use artos_auth_engine::Algorithm;
use aws_lc_rs::digest::{SHA256, digest};
use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

pub use file::write_private;
use signer::Signer;

/// A private key, or a shared secret, bound to one algorithm. Its `Debug` output is redacted (SEC-1).
pub struct PrivateKey {
    algorithm: Algorithm,
    id: Option<String>,
    members: Members,
    signer: Signer,
}

/// Why a key cannot be read, generated or used. It contains no key material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    /// The wrong member of the JWK; empty for the whole JWK.
    pub member: &'static str,
    /// Its position in the text, counted from 1, if known.
    pub line: Option<usize>,
    /// The problem and the fix: lower-case, one sentence, no full stop.
    pub problem: String,
}

impl PrivateKey {
    /// Generates a key for an algorithm. The default `kid` is its RFC 7638 thumbprint.
    ///
    /// # Errors
    ///
    /// Only if the crypto library has no random source.
    pub fn generate(algorithm: Algorithm, kid: Option<String>) -> Result<Self, KeyError> {
        let members = generate::members(algorithm)?;
        let mut key = Self::new(algorithm, kid, members)?;
        if key.id.is_none() {
            key.id = Some(key.thumbprint());
        }
        Ok(key)
    }

    /// Reads a private JWK, or a JWK Set with exactly one.
    ///
    /// # Errors
    ///
    /// Names the missing or wrong member, and the fix.
    pub fn from_jwk(text: &[u8]) -> Result<Self, KeyError> {
        let (algorithm, kid, members) = jwk::read(text)?;
        Self::new(algorithm, kid, members)
    }

    fn new(algorithm: Algorithm, id: Option<String>, members: Members) -> Result<Self, KeyError> {
        let signer = Signer::new(algorithm, &members)?;
        Ok(Self { algorithm, id, members, signer })
    }

    /// Its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its `kid`, if it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The whole key as a JWK (RFC 7517), including private members. As secret as the key itself.
    #[must_use]
    pub fn to_jwk(&self) -> Zeroizing<String> {
        // Enough capacity that the text is never moved, which would leave a copy in memory.
        let mut text = Zeroizing::new(String::with_capacity(16_384));
        let named = [("use", Some("sig")), ("alg", Some(self.algorithm.name())), ("kid", self.id())];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let mut separator = "{";
        for (name, value) in self.members.iter().take(1).chain(named).chain(self.members.iter().skip(1)) {
            let value = Zeroizing::new(json!(value).to_string());
            for part in [separator, "\n  \"", name, "\": ", &value] {
                text.push_str(part);
            }
            separator = ",";
        }
        text.push_str("\n}\n");
        text
    }

    /// The public key as a JWK; `None` for a shared secret.
    #[must_use]
    pub fn to_public_jwk(&self) -> Option<Map<String, Value>> {
        if self.members.is_secret() {
            return None;
        }
        let mut jwk = Map::new();
        for (name, value) in self.members.iter().filter(|(name, _)| !is_private(name)) {
            jwk.insert(name.to_owned(), value.into());
        }
        jwk.insert("use".to_owned(), "sig".into());
        jwk.insert("alg".to_owned(), self.algorithm.name().into());
        if let Some(id) = &self.id {
            jwk.insert("kid".to_owned(), id.as_str().into());
        }
        Some(jwk)
    }

    /// The SHA-256 of the members that define the key, in alphabetical order (RFC 7638 §3).
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let mut required: Vec<(&str, &str)> = self
            .members
            .iter()
            .filter(|(name, _)| matches!(*name, "kty" | "crv" | "x" | "y" | "n" | "e" | "k"))
            .collect();
        required.sort_unstable();
        let mut text = Zeroizing::new(String::from("{"));
        for (index, (name, value)) in required.into_iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            text.push_str(comma);
            for part in ["\"", name, "\":\"", value, "\""] {
                text.push_str(part);
            }
        }
        text.push('}');
        URL_SAFE_NO_PAD.encode_to_string(digest(&SHA256, text.as_bytes()).as_ref())
    }

    /// A signed token with these claims, a JSON text. Header and claims are not checked.
    ///
    /// # Errors
    ///
    /// Only if the crypto library fails.
    pub fn token(&self, claims: &str) -> Result<String, KeyError> {
        let mut header = format!(r#"{{"alg":"{}","typ":"JWT""#, self.algorithm);
        if let Some(id) = &self.id {
            header.push_str(&format!(r#","kid":{}"#, json!(id)));
        }
        header.push('}');
        let encode = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text.as_bytes());
        let mut token = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.signer.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode_to_string(&signature));
        Ok(token)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("algorithm", &self.algorithm)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl KeyError {
    fn new(member: &'static str, problem: impl Into<String>) -> Self {
        Self { member, line: None, problem: problem.into() }
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.member.is_empty() {
            write!(f, "`{}`: ", self.member)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for KeyError {}

/// The members of a JWK that define the key: `kty` first, binary ones in base64url.
struct Members(Vec<(&'static str, Zeroizing<String>)>);

impl Members {
    fn new(key_type: &'static str) -> Self {
        Self(vec![("kty", Zeroizing::new(key_type.to_owned()))])
    }

    fn with_text(mut self, name: &'static str, text: &str) -> Self {
        self.0.push((name, Zeroizing::new(text.to_owned())));
        self
    }

    fn with(mut self, name: &'static str, bytes: &[u8]) -> Self {
        self.0.push((name, Zeroizing::new(URL_SAFE_NO_PAD.encode_to_string(bytes))));
        self
    }

    fn key_type(&self) -> &str {
        self.text("kty").unwrap_or_default()
    }

    fn is_secret(&self) -> bool {
        self.key_type() == "oct"
    }

    fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.iter().find(|(its, _)| *its == name).map(|(_, value)| value)
    }

    fn bytes(&self, name: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let text = self.text(name).ok_or_else(|| {
            let problem = match name {
                "d" => "missing: this is a public key; signing needs the private key",
                _ => "missing: a private key of this type needs it",
            };
            KeyError::new(name, problem)
        })?;
        URL_SAFE_NO_PAD
            .decode_to_vec(text)
            .map(Zeroizing::new)
            .map_err(|_| KeyError::new(name, "expected base64url without padding"))
    }
}

fn is_private(member: &str) -> bool {
    matches!(member, "d" | "p" | "q" | "dp" | "dq" | "qi" | "k")
}

#[cfg(test)]
mod tests;

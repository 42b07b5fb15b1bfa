//! An issuer for the tests of a service that embeds the layer.
//!
//! ```
//! use artos_auth_tower::testing::Issuer;
//!
//! let issuer = Issuer::new();
//! let engine = issuer.engine();              // trusts this issuer, under the default policy
//! let token = issuer.token("alice", "org-a").permission("documents:write").mint();
//! let field = format!("Bearer {token}");
//! # drop((engine, field));
//! ```

use std::time::{SystemTime, UNIX_EPOCH};

use artos_auth_engine::{Engine, KeySet, Policy, PolicySpec, Revocations};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

/// The `kid` of every issuer here, so that its tokens are never mistaken for real ones.
const KEY_ID: &str = "testing-only-never-a-real-key";

/// Signs tokens with a freshly generated Ed25519 key, which never leaves the process.
#[derive(Debug)]
pub struct Issuer {
    key: Ed25519KeyPair,
}

impl Default for Issuer {
    fn default() -> Self {
        Self::new()
    }
}

impl Issuer {
    /// An issuer with a fresh key.
    ///
    /// # Panics
    ///
    /// If the system gives no random bytes.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that has no key cannot go on")]
    pub fn new() -> Self {
        Self { key: Ed25519KeyPair::generate().expect("random bytes for a key") }
    }

    /// The public JWK Set.
    #[must_use]
    pub fn jwks(&self) -> String {
        let x = URL_SAFE_NO_PAD.encode_to_string(self.key.public_key().as_ref());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": KEY_ID, "x": x}]}).to_string()
    }

    /// An engine that trusts this issuer, under the default policy and without revocations.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine_of(&PolicySpec::default())
    }

    /// An engine that trusts this issuer, under another policy.
    ///
    /// # Panics
    ///
    /// If the policy is not valid.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test whose policy is not valid cannot go on")]
    pub fn engine_of(&self, policy: &PolicySpec) -> Engine {
        let keys = KeySet::from_jwks(self.jwks().as_bytes()).expect("the issuer's own keys load");
        Engine::new(Policy::new(policy).expect("a valid policy"), keys, Revocations::none())
    }

    /// A token of `user` in `organization`, valid for one hour unless changed.
    pub fn token(&self, user: &str, organization: &str) -> Token<'_> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let claims = [
            ("sub", json!(user)),
            ("org_id", json!(organization)),
            ("permissions", json!([])),
            ("iat", json!(now)),
            ("exp", json!(now.saturating_add(3600))),
        ];
        let claims = claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Token { issuer: self, claims }
    }
}

/// A token before minting.
#[derive(Clone, Debug)]
#[must_use = "`mint` signs it"]
pub struct Token<'i> {
    issuer: &'i Issuer,
    claims: Map<String, Value>,
}

impl Token<'_> {
    /// Adds a permission.
    pub fn permission(mut self, permission: &str) -> Self {
        if let Some(permissions) = self.claims.get_mut("permissions").and_then(Value::as_array_mut) {
            permissions.push(permission.into());
        }
        self
    }

    /// Sets a claim; null removes it.
    pub fn claim(mut self, name: &str, value: Value) -> Self {
        match value {
            Value::Null => drop(self.claims.remove(name)),
            value => drop(self.claims.insert(name.to_owned(), value)),
        }
        self
    }

    /// Signs it.
    #[must_use]
    pub fn mint(self) -> String {
        let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": KEY_ID}).to_string();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode_to_string(bytes);
        let signed = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(Value::Object(self.claims).to_string().as_bytes())
        );
        let signature = self.issuer.key.sign(signed.as_bytes());
        format!("{signed}.{}", encode(signature.as_ref()))
    }
}

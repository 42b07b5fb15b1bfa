//! Engines of every size: policies, key sets, revocations and organizations, with requests for them.

use std::fmt::Write as _;

use artos_auth_engine::{
    Account, CacheBytes, Context, Decision, Engine, HashKey, KeySet, Organizations, Policy, PolicySpec,
    Request, Revocations, RouteSpec, TenantScope, UnixTime,
};
use serde_json::{Value, json};

use crate::tokens::{
    AUDIENCE, Alg, Claims, ISSUED_AT, ISSUER, NOW, ORGANIZATION, Public, SigningKey, USER, jwk,
};

/// The path that most scenarios request: it matches [`MATCHING_RULE`].
pub const PATH: &str = "/api/v1/documents/doc-5f0c7a9b?revision=latest";
/// The pattern of the one rule that matches.
pub const MATCHING_RULE: &str = "/api/v1/documents/{document_id}";
/// The documented public path.
pub const PUBLIC_PATH: &str = "/api/v1/search/status";

/// The size of an engine's data.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Route rules, including the one that matches.
    pub routes: usize,
    /// Keys of the token's algorithm, including the one that signed it.
    pub keys: usize,
    /// Revoked tokens, by `jti`.
    pub revoked_tokens: usize,
    /// Revoked signing inputs, by SHA-256.
    pub revoked_digests: usize,
    /// Organizations of the realm, including the token's.
    pub organizations: usize,
}

impl Default for Size {
    /// The size in every row of the table that is not about growth.
    fn default() -> Self {
        Self { routes: 10, keys: 1, revoked_tokens: 1_000, revoked_digests: 0, organizations: 3 }
    }
}

/// A rule: this method on this path requires this permission.
#[derive(Clone, Debug)]
pub struct RouteRule {
    /// The method.
    pub method: &'static str,
    /// The pattern of the path.
    pub path: String,
    /// The permission.
    pub permission: String,
}

/// This many rules; the middle one is [`MATCHING_RULE`], and no other matches [`PATH`].
#[must_use]
pub fn route_rules(count: usize) -> Vec<RouteRule> {
    (0..count)
        .map(|index| match index {
            _ if index == count / 2 => RouteRule {
                method: "GET",
                path: MATCHING_RULE.to_owned(),
                permission: "documents:read".to_owned(),
            },
            _ => RouteRule {
                method: if index % 2 == 0 { "GET" } else { "POST" },
                path: format!("/api/v1/resources-{index}/{{id}}/parts"),
                permission: format!("resources-{index}:read"),
            },
        })
        .collect()
}

/// The policy of every scenario: with issuer, audience, and this many rules.
#[must_use]
pub fn policy(routes: usize) -> Policy {
    let rule = |rule: RouteRule| RouteSpec {
        methods: Some(vec![rule.method.to_owned()]),
        path: rule.path,
        permissions: vec![rule.permission],
    };
    let spec = PolicySpec {
        issuers: Some(vec![ISSUER.to_owned()]),
        audiences: Some(vec![AUDIENCE.to_owned()]),
        routes: route_rules(routes).into_iter().map(rule).collect(),
        ..PolicySpec::default()
    };
    Policy::new(&spec).expect("this is a policy")
}

/// A key set of this many keys, with `key` as the last.
#[must_use]
pub fn key_set(key: &SigningKey, count: usize, with_ids: bool) -> KeySet {
    let mut keys: Vec<Value> = (1..count).map(|index| bystander(key, index)).collect();
    keys.push(key.jwk());
    if !with_ids {
        for key in &mut keys {
            key.as_object_mut().expect("a JWK is an object").remove("kid");
        }
    }
    let text = json!({"keys": keys}).to_string();
    KeySet::from_jwks(text.as_bytes()).expect("these are keys")
}

/// A key set of these keys.
#[must_use]
pub fn keys_of(keys: &[&SigningKey]) -> KeySet {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    KeySet::from_jwks(json!({"keys": keys}).to_string().as_bytes()).expect("these are keys")
}

/// Another key of the same algorithm. It never signs, so an RSA modulus only has to be odd and of the same length.
fn bystander(key: &SigningKey, index: usize) -> Value {
    let id = format!("bystander-{index}");
    let public = match key.public() {
        Public::Secret(_) => {
            Public::Secret(format!("another secret, never a real one {index:06}").into_bytes())
        }
        Public::Rsa(modulus, exponent) => {
            let mut modulus = modulus.clone();
            for (byte, salt) in modulus[1..9].iter_mut().zip(index.to_be_bytes()) {
                *byte ^= salt;
            }
            Public::Rsa(modulus, exponent.clone())
        }
        Public::P256(_) | Public::Ed25519(_) => return another(key.alg(), &id),
    };
    jwk(key.alg(), &id, &public)
}

fn another(alg: Alg, id: &str) -> Value {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
    let public = match alg {
        Alg::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key can be drawn");
            Public::P256(pair.public_key().as_ref().to_vec())
        }
        _ => {
            let pair = Ed25519KeyPair::generate().expect("a key can be drawn");
            Public::Ed25519(pair.public_key().as_ref().to_vec())
        }
    };
    jwk(alg, id, &public)
}

/// The text of a revocations file: this many tokens and digests, and one hundred users and organizations, none of them
/// the token's.
#[must_use]
pub fn revocations_text(tokens: usize, digests: usize) -> String {
    let mut text = String::with_capacity(tokens * 39 + digests * 67 + 32_768);
    text.push_str(r#"{"tokens":["#);
    for index in 0..tokens {
        let comma = if index == 0 { "" } else { "," };
        // Serial numbers beyond those of valid tokens.
        let serial = 1 << 40 | index as u64;
        write!(text, "{comma}\"{}\"", Claims::token_id(serial))
            .expect("a string takes what is written to it");
    }
    text.push_str(r#"],"signed_sha256":["#);
    for index in 0..digests {
        let comma = if index == 0 { "" } else { "," };
        let spread = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        write!(text, "{comma}\"{spread:064x}\"").expect("a string takes what is written to it");
    }
    text.push_str(r#"],"users":["#);
    for index in 0..100 {
        let comma = if index == 0 { "" } else { "," };
        write!(text, r#"{comma}{{"org":"{ORGANIZATION}","user":"left-{index}","issued_before":{NOW}}}"#)
            .expect("a string takes what is written to it");
    }
    // The token's user and organization are found, and the token was issued later.
    write!(text, r#",{{"org":"{ORGANIZATION}","user":"{USER}","issued_before":{ISSUED_AT}}}"#)
        .expect("a string takes what is written to it");
    text.push_str(r#"],"organizations":["#);
    for index in 0..100 {
        write!(text, r#"{{"org":"closed-{index}","issued_before":{NOW}}},"#)
            .expect("a string takes what is written to it");
    }
    write!(text, r#"{{"org":"{ORGANIZATION}","issued_before":{ISSUED_AT}}}]}}"#)
        .expect("a string takes what is written to it");
    text
}

/// [`revocations_text`], loaded.
#[must_use]
pub fn revocations(tokens: usize, digests: usize) -> Revocations {
    Revocations::from_json(revocations_text(tokens, digests).as_bytes()).expect("these are revocations")
}

/// This many organizations, including the token's.
#[must_use]
pub fn organizations(count: usize) -> Organizations {
    (1..count).map(|index| format!("org-other-{index}")).chain([ORGANIZATION.to_owned()]).collect()
}

/// An engine without a cache of verified tokens.
#[must_use]
pub fn engine(key: &SigningKey, size: Size) -> Engine {
    let revocations = revocations(size.revoked_tokens, size.revoked_digests);
    Engine::new(policy(size.routes), key_set(key, size.keys, true), revocations)
}

/// The same engine with a cache of verified tokens whose capacity is several times `tokens`.
#[must_use]
pub fn with_cache(engine: Engine, tokens: usize) -> Engine {
    const BYTES_OF_ONE: usize = 4 * 1024;
    // Random in a server; fixed here, so that every run is the same.
    const HASH_KEY: HashKey = HashKey(0x5eed_0fbe_9c45);
    engine.with_cache(CacheBytes(tokens.max(16_384) * BYTES_OF_ONE), HASH_KEY)
}

/// One complete request to an engine, decided repeatedly.
pub struct Question {
    engine: Engine,
    organizations: Organizations,
    method: &'static str,
    path: &'static str,
    authorization: Option<Vec<u8>>,
}

impl Question {
    /// A request for [`PATH`] with this token, in a realm of this many organizations.
    #[must_use]
    pub fn new(engine: Engine, organizations: Organizations, token: &str) -> Self {
        let authorization = Some(format!("Bearer {token}").into_bytes());
        Self { engine, organizations, method: "GET", path: PATH, authorization }
    }

    /// The same, with other bytes as the value of `Authorization`.
    #[must_use]
    pub fn with_authorization(mut self, value: Option<&[u8]>) -> Self {
        self.authorization = value.map(<[u8]>::to_vec);
        self
    }

    /// The same, for another path.
    #[must_use]
    pub fn with_path(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The decision.
    #[inline]
    pub fn decide(&self) -> Decision<'_> {
        self.decide_with(self.authorization.as_deref())
    }

    /// The decision on another `Authorization` line.
    #[inline]
    pub fn decide_with(&self, authorization: Option<&[u8]>) -> Decision<'_> {
        let line;
        let lines: &[&[u8]] = match authorization {
            Some(value) => {
                line = [value];
                &line
            }
            None => &[],
        };
        let request = Request::new(self.method, self.path, lines);
        let context = Context::owned_by(ORGANIZATION)
            .realm(TenantScope::Among(&self.organizations))
            .account(Account::Active);
        self.engine.decide(
            std::hint::black_box(&request),
            std::hint::black_box(&context),
            UnixTime::from_seconds(NOW),
        )
    }

    /// Asserts that the request is allowed, and the identity.
    #[inline]
    pub fn assert_allowed(&self) {
        assert_is_allowed(&self.decide());
    }

    /// Asserts the reason of the decision.
    #[inline]
    pub fn assert_reason(&self, reason: &str) {
        assert_eq!(self.decide().reason_code(), reason);
    }
}

/// Asserts the identity as bytes: converting to `&str` would validate UTF-8 again, which is not part of a decision.
#[inline]
pub fn assert_is_allowed(decision: &Decision<'_>) {
    let principal = decision.principal().expect("the token is good");
    assert_eq!(principal.identity().org_id(), Some(ORGANIZATION.as_bytes()));
}

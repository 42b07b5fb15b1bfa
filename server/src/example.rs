//! An engine and tokens that it accepts, for tests that need decisions.

use artos_auth_engine::{
    Algorithm, Context, Decision, Engine, KeySet, Policy, PolicySpec, Request, Revocations, UnixTime,
};
use serde_json::json;

use crate::signing::PrivateKey;

pub(crate) struct Example {
    pub(crate) engine: Engine,
    key: PrivateKey,
}

impl Example {
    pub(crate) fn new() -> Self {
        let key = PrivateKey::generate(Algorithm::HS256, None).unwrap();
        let policy = Policy::new(&PolicySpec::default()).unwrap();
        let keys = KeySet::from_jwks(key.to_jwk().as_bytes()).unwrap();
        Self { engine: Engine::new(policy, keys, Revocations::none()), key }
    }

    /// The decision about this value of `Authorization`.
    pub(crate) fn decide(&self, path: &str, authorization: &str) -> Decision<'_> {
        let lines = [authorization.as_bytes()];
        self.engine.decide(&Request::new("GET", path, &lines), &Context::unowned(), UnixTime::from_seconds(0))
    }

    /// The decision about a good token of this user.
    pub(crate) fn decide_about(&self, user: &str) -> Decision<'_> {
        let claims = json!({"sub": user, "org_id": "org", "permissions": ["a", user], "exp": 1, "jti": user});
        self.decide("/", &format!("Bearer {}", self.key.token(&claims.to_string()).unwrap()))
    }
}

//! An engine reports its current snapshots, and replacing one leaves the others unchanged.

use artos_auth_engine::{
    Algorithm, CacheBytes, Context, Engine, HashKey, KeySet, Policy, PolicySpec, Request, Revocations,
    UnixTime,
};
use artos_auth_fixtures::TokenSpec;
use artos_auth_fixtures::keys::TestKey;
use serde_json::{Value, json};

fn keys(names: &[&str]) -> KeySet {
    let published = |name: &&str| Value::Object(TestKey::named(name).expect("a test key").published());
    let keys: Vec<Value> = names.iter().map(published).collect();
    KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes()).expect("keys")
}

fn policy(leeway_seconds: u64) -> Policy {
    let spec = PolicySpec { leeway_seconds: Some(leeway_seconds), ..PolicySpec::default() };
    Policy::new(&spec).expect("a policy")
}

fn revocations(text: &str) -> Revocations {
    Revocations::from_json(text.as_bytes()).expect("revocations")
}

/// Leeway, keys, revoked tokens, users, organizations.
fn in_force(engine: &Engine) -> (u64, Vec<Algorithm>, usize, usize, usize) {
    let revoked = engine.revocations();
    (
        engine.policy().leeway_seconds(),
        engine.keys().iter().map(|(_, algorithm)| algorithm).collect(),
        revoked.tokens(),
        revoked.users(),
        revoked.organizations(),
    )
}

#[test]
fn a_swap_changes_only_its_snapshot() {
    let first = Engine::new(policy(7), keys(&["hs256"]), revocations(r#"{"tokens": ["a", "b"]}"#));
    assert_eq!(in_force(&first), (7, vec![Algorithm::HS256], 2, 0, 0));
    let others = r#"{"users": [{"user": "u", "issued_before": 1}], "organizations": [{"org": "o", "issued_before": 1}]}"#;
    let second = first.with_revocations(revocations(others));
    assert_eq!(in_force(&second), (7, vec![Algorithm::HS256], 0, 1, 1));
    let third = second.with_policy_and_keys(policy(9), keys(&["es256", "ed25519"]));
    assert_eq!(in_force(&third), (9, vec![Algorithm::ES256, Algorithm::EdDSA], 0, 1, 1));
    assert_eq!(in_force(&first), (7, vec![Algorithm::HS256], 2, 0, 0), "the first is as it was");
}

#[test]
fn a_cache_reports_its_size_and_is_empty_after_a_key_change() {
    let plain = Engine::new(policy(0), keys(&["hs256"]), Revocations::none());
    let cached = plain.clone().with_cache(CacheBytes(1 << 20), HashKey(1));
    let line = [b"Bearer ".to_vec(), TokenSpec::default().mint().expect("a token")].concat();
    let decide = |engine: &Engine| {
        let lines = [&line[..]];
        let decision = engine.decide(
            &Request::new("GET", "/x", &lines),
            &Context::unowned(),
            UnixTime::from_seconds(1_700_000_000),
        );
        (decision.is_allow(), decision.from_cache())
    };
    assert_eq!((plain.cached_bytes(), cached.cached_bytes()), (0, 0));
    assert_eq!((decide(&plain), decide(&cached)), ((true, Some(false)), (true, Some(false))));
    assert_eq!((decide(&plain), decide(&cached)), ((true, Some(false)), (true, Some(true))));
    assert_eq!(plain.cached_bytes(), 0);
    assert!(cached.cached_bytes() > line.len(), "{} bytes", cached.cached_bytes());
    let other = cached.with_policy_and_keys(policy(1), keys(&["hs256"]));
    assert_eq!((other.cached_bytes(), decide(&other)), (0, (true, Some(false))));
    assert!(
        cached.with_revocations(Revocations::none()).cached_bytes() > line.len(),
        "revocations leave it full"
    );
}

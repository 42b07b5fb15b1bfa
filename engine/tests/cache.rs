//! The cache of verified tokens changes the cost of a decision and nothing else.

#![cfg(test)]

#[expect(dead_code, reason = "other tests ask more of it")]
mod generated;

use std::thread;

use artos_auth_engine::{
    CacheBytes, Context, Engine, HashKey, KeySet, Policy, PolicySpec, Request, Revocations, UnixTime,
};
use artos_auth_fixtures::engine::{EngineDecider, verdict, with_engine_types};
use artos_auth_fixtures::{Decider, Question, TokenSpec, case};
use generated::{NOW, SETUPS, generated_request, key_set};
use proptest::prelude::*;
use serde_json::json;

fn decide(engine: &Engine, question: &Question) -> artos_auth_fixtures::DecideOutput {
    with_engine_types(question, |request, context| {
        verdict(&engine.decide(request, context, UnixTime::from_seconds(question.now)))
    })
}

fn engine() -> Engine {
    let keys = KeySet::from_jwks(key_set(&["hs256"]).to_string().as_bytes()).unwrap();
    Engine::new(Policy::new(&PolicySpec::default()).unwrap(), keys, Revocations::none())
}

fn header(token_id: &str) -> Vec<u8> {
    let spec: TokenSpec = serde_json::from_value(json!({ "claims": { "jti": token_id } })).unwrap();
    [b"Bearer ".as_slice(), &spec.mint().unwrap()].concat()
}

/// Whether the token is allowed, and whether it came from the cache.
fn ask(engine: &Engine, header: &[u8]) -> (bool, Option<bool>) {
    let lines = [header];
    let decision =
        engine.decide(&Request::new("GET", "/", &lines), &Context::unowned(), UnixTime::from_seconds(NOW));
    (decision.is_allow(), decision.from_cache())
}

#[test]
fn every_case_has_the_same_decision_the_second_time() {
    for case in case::load().unwrap() {
        let engine = EngineDecider::new(&case.setup)
            .unwrap()
            .engine()
            .clone()
            .with_cache(CacheBytes(1 << 20), HashKey(7));
        assert_eq!(decide(&engine, &case.question), case.expected, "{}", case.id);
        assert_eq!(decide(&engine, &case.question), case.expected, "{}, again", case.id);
    }
}

proptest! {
    /// In any order, and with a cache so small that entries are evicted.
    #[test]
    fn decisions_are_the_same_with_and_without_a_cache(
        questions in prop::collection::vec(generated_request(), 1..12),
        order in prop::collection::vec(any::<prop::sample::Index>(), 1..40),
        max_bytes in prop::sample::select(vec![0_usize, 1_500, 4_000, 1 << 20]),
    ) {
        let plain: Vec<EngineDecider> = SETUPS.iter().map(|setup| EngineDecider::new(setup).unwrap()).collect();
        let cached: Vec<Engine> =
            plain.iter().map(|decider| decider.engine().clone().with_cache(CacheBytes(max_bytes), HashKey(7))).collect();
        let minted: Vec<(usize, Question)> = questions.iter().map(|request| (request.setup, request.question())).collect();
        for index in order {
            let (setup, question) = index.get(&minted);
            prop_assert_eq!(decide(&cached[*setup], question), plain[*setup].decide(question));
        }
    }
}

#[test]
fn a_token_is_verified_only_once() {
    let engine = engine().with_cache(CacheBytes(1 << 20), HashKey(7));
    let header = header("t-1");
    assert_eq!(ask(&engine, &header), (true, Some(false)));
    assert_eq!(ask(&engine, &header), (true, Some(true)));
    assert_eq!(ask(&engine.clone(), &header), (true, Some(true)), "a clone shares the memory");
}

#[test]
fn only_the_identical_token_is_a_cache_hit() {
    let engine = engine().with_cache(CacheBytes(1 << 20), HashKey(7));
    let good = header("t-1");
    ask(&engine, &good);
    for at in "Bearer ".len()..good.len() {
        let mut other = good.clone();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        assert!(!ask(&engine, &other).0, "changed at byte {at}");
    }
    assert_eq!(ask(&engine, &good), (true, Some(true)));
}

#[test]
fn adding_and_removing_a_revocation_take_effect_immediately() {
    let engine = engine().with_cache(CacheBytes(1 << 20), HashKey(7));
    let header = header("t-1");
    ask(&engine, &header);
    let revoked = engine.with_revocations(Revocations::from_json(br#"{"tokens": ["t-1"]}"#).unwrap());
    assert_eq!(ask(&revoked, &header), (false, Some(true)));
    assert_eq!(ask(&engine, &header), (true, Some(true)), "the other snapshot is as it was");
    assert_eq!(ask(&revoked, &header), (false, Some(true)));
    let spared = revoked.with_revocations(Revocations::from_json(br#"{"tokens": ["t-2"]}"#).unwrap());
    assert_eq!(ask(&spared, &header), (true, Some(true)));
    assert_eq!(ask(&revoked, &header), (false, Some(true)));
}

#[test]
fn a_new_policy_or_key_set_starts_with_an_empty_cache() {
    let engine = engine().with_cache(CacheBytes(1 << 20), HashKey(7));
    let header = header("t-1");
    ask(&engine, &header);
    let spec = PolicySpec { algorithms: Some(vec!["ES256".into()]), ..PolicySpec::default() };
    let keys = KeySet::from_jwks(key_set(&["hs256"]).to_string().as_bytes()).unwrap();
    let other = engine.with_policy_and_keys(Policy::new(&spec).unwrap(), keys);
    assert_eq!(ask(&other, &header), (false, None), "the algorithm is no longer allowed");
    let keys = KeySet::from_jwks(key_set(&["hs256-next"]).to_string().as_bytes()).unwrap();
    let other = engine.with_policy_and_keys(Policy::new(&PolicySpec::default()).unwrap(), keys);
    assert_eq!(ask(&other, &header), (false, None), "the key is gone");
    assert_eq!(ask(&engine, &header), (true, Some(true)));
}

#[test]
fn single_use_tokens_neither_grow_the_cache_nor_evict_tokens_in_use() {
    let max_bytes = 64 << 10;
    let engine = engine().with_cache(CacheBytes(max_bytes), HashKey(7));
    let in_use: Vec<Vec<u8>> = (0..8).map(|number| header(&format!("used-{number}"))).collect();
    for header in &in_use {
        ask(&engine, header);
    }
    let mut forgotten = 0;
    for number in 0..2_000 {
        ask(&engine, &header(&format!("once-{number}")));
        let used = &in_use[number % in_use.len()];
        let (allowed, remembered) = ask(&engine, used);
        assert!(allowed);
        forgotten += usize::from(remembered == Some(false));
    }
    assert!(engine.cached_bytes() <= max_bytes, "{} bytes", engine.cached_bytes());
    assert!(forgotten < 200, "those in use had to be verified again {forgotten} times of 2000");
}

#[test]
fn forged_tokens_are_not_cached() {
    let engine = engine().with_cache(CacheBytes(1 << 20), HashKey(7));
    for number in 0..100 {
        let mut forged = header(&format!("t-{number}"));
        let end = forged.len() - 10;
        forged[end] = if forged[end] == b'A' { b'B' } else { b'A' };
        assert_eq!(ask(&engine, &forged), (false, None));
    }
    assert_eq!(engine.cached_bytes(), 0);
}

#[test]
fn threads_share_the_cache_and_agree() {
    let engine = engine().with_cache(CacheBytes(8 << 10), HashKey(7));
    let headers: Vec<Vec<u8>> = (0..40).map(|number| header(&format!("t-{number}"))).collect();
    thread::scope(|scope| {
        for start in 0..4 {
            let (engine, headers) = (&engine, &headers);
            scope.spawn(move || {
                for round in 0..2_000 {
                    assert!(ask(engine, &headers[(start * 7 + round) % headers.len()]).0);
                }
            });
        }
    });
    assert!(engine.cached_bytes() <= 8 << 10);
}

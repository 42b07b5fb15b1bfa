//! The cache of verified tokens must never change a decision.

use std::sync::{Arc, LazyLock};

use artos_auth_engine::{CacheBytes, Engine, HashKey, KeySet, Policy, PolicySpec, Revocations, UnixTime};
use artos_auth_fixtures::decider::{Account, Context};
use artos_auth_fixtures::engine::{verdict, with_engine_types};
use artos_auth_fixtures::token::TokenSpec;
use artos_auth_fixtures::{DecideOutput, Question};
use serde_json::{Value, json};

use crate::choices::Choices;
use crate::differential::{keys, question, test_key};
use crate::mint;

/// A series of decisions and swaps. Engines with caches of several sizes and one without decide the same, and so do
/// replaced engines that are still held.
pub(crate) fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let seed = u64::from(choices.byte());
    let plain = Engine::new(of(&POLICIES, 0), of(&KEY_SETS, 0), of(&REVOCATIONS, 0));
    let with = |bytes: usize| plain.clone().with_cache(CacheBytes(bytes), HashKey(seed));
    let mut engines = [with(0), with(2 << 10), with(1 << 20), plain];
    let mut before = engines.clone();
    for _ in 0..200 {
        if choices.is_empty() {
            return;
        }
        match choices.index(8) {
            0 => {
                let revocations = of(&REVOCATIONS, choices.byte());
                before.clone_from(&engines);
                engines = engines.map(|engine| engine.with_revocations(Arc::clone(&revocations)));
            }
            1 => {
                let (policy, keys) = (of(&POLICIES, choices.byte()), of(&KEY_SETS, choices.byte()));
                before.clone_from(&engines);
                engines =
                    engines.map(|engine| engine.with_policy_and_keys(Arc::clone(&policy), Arc::clone(&keys)));
            }
            at => {
                let held = if at == 2 { &before } else { &engines };
                decide_alike(held, &any_question(&mut choices));
            }
        }
    }
}

fn decide_alike(engines: &[Engine; 4], question: &Question) {
    let decisions: Vec<DecideOutput> = engines
        .iter()
        .map(|engine| {
            with_engine_types(question, |request, context| {
                verdict(&engine.decide(request, context, UnixTime::from_seconds(question.now)))
            })
        })
        .collect();
    let [first, .., last] = &decisions[..] else { return };
    for decision in [first, &decisions[1], &decisions[2]] {
        assert_eq!(decision, last, "a cache was noticed, of {question:?}");
    }
}

/// Tokens that differ in one property, so that a cache entry of one must not serve another.
static TOKENS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let specs = [
        json!({}),
        json!({"claims": {"org_id": "org-b"}}),
        json!({"claims": {"sub": "u2"}}),
        json!({"claims": {"jti": "t2"}}),
        json!({"claims": {"exp": 1_700_000_001}}),
        json!({"claims": {"iss": "https://auth.example", "aud": "a"}}),
        json!({"claims": {"permissions": []}}),
        json!({"drop_claims": ["org_id"]}),
        json!({"drop_claims": ["iat", "jti"]}),
        json!({"key": "ed25519"}),
        json!({"key": "hs256-next"}),
        json!({"key": "hs256-stranger"}),
        json!({"claims_text": "{}"}),
        json!({"claims": {"pad": "x".repeat(1500)}}),
        json!({"key": "es256"}),
    ];
    let spec = |spec| serde_json::from_value::<TokenSpec>(spec).unwrap_or_else(|error| panic!("{error}"));
    let mint = |spec: TokenSpec| spec.mint().unwrap_or_else(|error| panic!("{error}"));
    let mut tokens: Vec<Vec<u8>> = specs.map(spec).into_iter().map(mint).collect();
    // The alternative ECDSA signature, which verifies too.
    tokens.push(mint(spec(json!({"key": "es256", "edits": [{"do": "second-form"}]}))));
    tokens
});

fn any_question(choices: &mut Choices<'_>) -> Question {
    let mut token = TOKENS[choices.index(TOKENS.len())].clone();
    if choices.index(8) == 7 {
        // The same end, and so the same cache slot, with another beginning.
        let at = usize::from(choices.two_bytes()) % token.len();
        token[at] = choices.byte();
    }
    let organization = |at: usize| ["org-a", "org-b"][at % 2].to_owned();
    let context = Context {
        realm: (choices.index(4) == 3).then(|| vec![organization(choices.index(2))]),
        resource_org: (choices.index(3) == 2).then(|| organization(choices.index(2))),
        resource_unresolved: choices.index(8) == 7,
        account: choices.pick(&[
            Account::Unknown,
            Account::Active,
            Account::NotAMember,
            Account::NotConfigured,
        ]),
    };
    let now = choices.pick(&[1_700_000_000, 1_700_000_001, 1_700_003_600, 1_699_999_939]);
    let path = choices.pick(&["/api/v1/templates/", "/api/v1/documents/1", "/a//b"]).to_owned();
    Question { context, now, path, ..question(vec![mint::bearer(&token)]) }
}

fn of<T>(values: &[Arc<T>], at: u8) -> Arc<T> {
    Arc::clone(&values[usize::from(at) % values.len()])
}

static POLICIES: LazyLock<Vec<Arc<Policy>>> = LazyLock::new(|| {
    let policies = [
        json!({}),
        json!({"issuers": ["https://auth.example"], "audiences": ["a"]}),
        json!({"leeway_seconds": 120}),
        json!({"claims": {"user": "org_id", "organization": "sub", "permissions": "permissions"}}),
        json!({"routes": [{"path": "/api/v1/documents/{id}", "permissions": ["documents:read"]}]}),
        json!({"algorithms": ["EdDSA"]}),
        json!({"max_token_bytes": 256}),
    ];
    let spec = |spec| serde_json::from_value::<PolicySpec>(spec).unwrap_or_else(|error| panic!("{error}"));
    let policy = |spec| Arc::new(Policy::new(&spec).unwrap_or_else(|error| panic!("{error}")));
    policies.map(spec).map(policy).into()
});

static KEY_SETS: LazyLock<Vec<Arc<KeySet>>> = LazyLock::new(|| {
    let set = |names: &[&str]| {
        let published = |name: &&str| Value::Object(test_key(name).published());
        json!({ "keys": names.iter().map(published).collect::<Vec<_>>() })
    };
    let documents = [keys(), set(&["hs256-next", "ed25519"]), set(&["es256", "hs256-stranger"])];
    let load = |document: Value| KeySet::from_jwks(document.to_string().as_bytes());
    documents.map(|document| Arc::new(load(document).unwrap_or_else(|error| panic!("{error}")))).into()
});

static REVOCATIONS: LazyLock<Vec<Arc<Revocations>>> = LazyLock::new(|| {
    let lists = [
        json!({}),
        json!({"tokens": ["t1"]}),
        json!({"tokens": ["t2"]}),
        json!({"users": [{"user": "u1", "org": "org-a", "issued_before": 1_700_000_000}]}),
        json!({"users": [{"user": "u2", "issued_before": 1_700_000_000}]}),
        json!({"organizations": [{"org": "org-a", "issued_before": 1_699_999_941}]}),
        json!({"organizations": [{"org": "org-b", "issued_before": 1_699_999_940}]}),
    ];
    let load = |list: Value| Revocations::from_json(list.to_string().as_bytes());
    lists.map(|list| Arc::new(load(list).unwrap_or_else(|error| panic!("{error}")))).into()
});

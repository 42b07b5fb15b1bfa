//! Compares the engine with the reference decider, and checks invariants of every decision.

use std::sync::LazyLock;

use artos_auth_engine::StepResult;
use artos_auth_engine::{Check, Decision, Explanation, Request, UnixTime};
use artos_auth_fixtures::case::{KEYS, NOW, PATH};
use artos_auth_fixtures::decider::{BoundKeys, Context, PolicyDocument};
use artos_auth_fixtures::engine::{EngineDecider, verdict, with_engine_types};
use artos_auth_fixtures::keys::TestKey;
use artos_auth_fixtures::reference::Reference;
use artos_auth_fixtures::reference::differences::agree;
use artos_auth_fixtures::{DecideOutput, Decider, Question, Setup};
use serde_json::{Value, json};

/// Engine and reference with one setup.
pub(crate) struct Pair {
    pub(crate) setup: Setup,
    pub(crate) engine: EngineDecider,
    reference: Reference,
}

impl Pair {
    pub(crate) fn new(setup: Setup) -> Result<Self, String> {
        let engine = EngineDecider::new(&setup)?;
        let reference = Reference::new(&setup);
        Ok(Self { setup, engine, reference })
    }

    /// Asks both, checks the engine's decision against all invariants, and returns it.
    pub(crate) fn check(&self, question: &Question) -> DecideOutput {
        let (decided, explained) = with_engine_types(question, |request, context| {
            let engine = self.engine.engine();
            let now = UnixTime::from_seconds(question.now);
            let decision = engine.decide(request, context, now);
            let decided = verdict(&decision);
            let explanation = engine.explain(request, context, now);
            is_silent(&format!("{decision:?}"), &explanation, question);
            shows_no_line(&format!("{request:?}"), question);
            is_told_in_order(&explanation, &decision);
            (decided, verdict(&explanation.decision))
        });
        assert_eq!(decided, explained, "explain decides otherwise than decide, of {question:?}");
        let reference = self.reference.decide(question);
        if let Err(difference) = agree(question, &decided, &reference) {
            panic!("{difference}\nof {question:?}\nunder {:?}", self.setup);
        }
        decided
    }
}

/// All checks before the deciding one have passed, and none after it was reached.
fn is_told_in_order(explanation: &Explanation<'_>, decision: &Decision<'_>) {
    assert_eq!(explanation.steps.len(), Check::ALL.len());
    let decided = explanation.steps.iter().position(|step| step.result == StepResult::Decided);
    let decided = decided.expect("a check that decided");
    assert!(explanation.steps[..decided].iter().all(|step| step.result == StepResult::Passed));
    assert!(explanation.steps[decided + 1..].iter().all(|step| step.result == StepResult::NotReached));
    if decision.principal().is_some() {
        assert_eq!(decided + 1, Check::ALL.len(), "somebody was allowed before the last check");
    }
}

/// SEC-1. Until the signature has verified, notes contain only the engine's own text; afterwards they never contain the
/// signature.
fn is_silent(printed: &str, explanation: &Explanation<'_>, question: &Question) {
    let notes: Vec<&str> = explanation.steps.iter().filter_map(|step| step.note.as_deref()).collect();
    if explanation.decision.from_cache().is_none() {
        let own = |note: &&str| {
            note.ends_with("candidate key")
                || note.ends_with("candidate keys")
                || artos_auth_engine::Algorithm::from_name(note).is_some()
        };
        assert!(notes.iter().all(own), "a note of a token that did not verify: {notes:?}");
    }
    // The owner of a resource is shown, and may have any spelling.
    let owner = question.context.resource_org.as_deref().unwrap_or_default();
    let shown = [printed, &notes.concat().replace(owner, "")].concat();
    for line in &question.authorization {
        let signature = line.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        let middle = signature.get(signature.len() / 2..).and_then(|rest| rest.get(..16));
        if let Some(middle) = middle {
            let found = shown.as_bytes().windows(16).any(|part| part == middle);
            assert!(!found, "a part of a signature is shown: {shown}");
        }
    }
}

/// The debug output of a request does not depend on its lines.
fn shows_no_line(printed: &str, question: &Question) {
    let lines = vec![&b"x"[..]; question.authorization.len()];
    let other = Request::new(&question.method, &question.path, &lines);
    assert_eq!(printed, format!("{other:?}"));
}

/// Setups with different requirements for a token; each has the key that `mint` signs with.
pub(crate) static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    setups().into_iter().map(|setup| Pair::new(setup).unwrap_or_else(|error| panic!("{error}"))).collect()
});

/// The pair selected by a byte.
pub(crate) fn pair(byte: u8) -> &'static Pair {
    &PAIRS[usize::from(byte) % PAIRS.len()]
}

/// The default request with these lines.
pub(crate) fn question(authorization: Vec<Vec<u8>>) -> Question {
    Question {
        method: "GET".to_owned(),
        path: PATH.to_owned(),
        authorization,
        context: Context::default(),
        now: NOW,
    }
}

pub(crate) fn keys() -> Value {
    let published = |name: &&str| Value::Object(test_key(name).published());
    json!({ "keys": KEYS.iter().map(published).collect::<Vec<_>>() })
}

pub(crate) fn test_key(name: &str) -> &'static TestKey {
    TestKey::named(name).unwrap_or_else(|error| panic!("{error}"))
}

fn setups() -> Vec<Setup> {
    let policies = [
        json!({}),
        json!({
            "issuers": ["https://auth.example", "é"], "audiences": ["https://api.example", "a"], "leeway_seconds": 60,
            "realm": "api", "types": ["JWT", "application/at+jwt", "x"],
        }),
        json!({
            "claims": {"user": "uid", "organization": "tenant", "permissions": "scope"},
            "routes": [
                {"path": "/api/v1/documents/{id}", "permissions": ["documents:read"]},
                {"methods": ["POST", "GET"], "path": "/api/v1/{*rest}", "permissions": ["a", "b"]},
                {"methods": ["DELETE"], "path": "/api/v1/templates", "permissions": ["é"]},
            ],
            "unlisted": "deny",
        }),
        json!({
            "algorithms": ["HS256", "HS384", "HS512"], "max_token_bytes": 256,
            "public": [{"path": "/a", "methods": ["GET", "x"]}, {"path": "/a/", "methods": ["HEAD"]}],
        }),
        json!({
            "claims": {"user": "\u{0}", "organization": "alg", "permissions": "a\"b"}, "leeway_seconds": 120,
            "routes": [{"methods": ["GET"], "path": "/{a}/{b}/", "permissions": ["a"]}], "public": [],
        }),
        json!({
            "claims": {
                "user": ["realm_access", "user"], "organization": ["tenant", "id"],
                "permissions": [["realm_access", "roles"], ["scp"]],
            },
            "required": {"token_use": "access", "azp": ["web", 7, true], "acr": 1},
            "algorithms": ["HS256", "Ed25519"],
        }),
        json!({"bound_tokens": "accept", "required": {"a": [false, "\u{e9}"]}}),
    ];
    let revocations = json!({
        "tokens": ["t9", ""], "signed_sha256": ["00".repeat(32)],
        "users": [{"org": "org-b", "user": "u1", "issued_before": 1_700_000_000}, {"user": "u2", "issued_before": 1_699_999_950.5}],
        "organizations": [{"org": "org-c", "issued_before": 1_699_999_940}],
    });
    let policy = |policy| -> PolicyDocument {
        serde_json::from_value(policy).unwrap_or_else(|error| panic!("{error}"))
    };
    let setups = policies.map(policy).into_iter();
    let with =
        |policy| Setup { more_keys: Vec::new(), policy, keys: keys(), revocations: revocations.clone() };
    setups.map(with).chain([bound(revocations.clone())]).collect()
}

/// Key sets bound to issuers and organizations; one key is in two of them.
fn bound(revocations: Value) -> Setup {
    let set = |names: &[&str]| {
        let keys: Vec<_> = names.iter().map(|name| Value::Object(test_key(name).published())).collect();
        json!({ "keys": keys })
    };
    let organizations = |name: &str| Some(vec![name.to_owned()]);
    Setup {
        policy: PolicyDocument::default(),
        keys: set(&["rsa"]),
        more_keys: vec![
            BoundKeys { issuer: None, organizations: organizations("org-b"), keys: set(&["hs256", "es384"]) },
            BoundKeys { issuer: None, organizations: organizations("org-a"), keys: set(&["hs256", "es256"]) },
            BoundKeys {
                issuer: Some("https://auth.example".to_owned()),
                organizations: None,
                keys: set(&["ed25519"]),
            },
        ],
        revocations,
    }
}

//! The public data of a decision: the identity on an allow, the cause on a denial, and the JSON form.

#![cfg(test)]

use std::collections::BTreeSet;

use artos_auth_engine::{
    Access, Algorithm, Answer, Context, Decision, Engine, KeySet, Organizations, Policy, PolicySpec, Reason,
    Request, ResourceOrg, Resources, Revocations, UnixTime,
};
use artos_auth_fixtures::TokenSpec;
use artos_auth_fixtures::case::NOW;
use artos_auth_fixtures::engine::verdict;
use artos_auth_fixtures::keys::TestKey;
use serde_json::{Value, json};

fn engine() -> Engine {
    let keys = json!({ "keys": [TestKey::named("hs256").unwrap().published()] });
    let policy = Policy::new(&PolicySpec { realm: Some("here".to_owned()), ..PolicySpec::default() });
    Engine::new(policy.unwrap(), KeySet::from_jwks(keys.to_string().as_bytes()).unwrap(), Revocations::none())
}

fn line(claims: Value) -> Vec<u8> {
    let spec: TokenSpec = serde_json::from_value(json!({ "claims": claims })).unwrap();
    [b"Bearer ".to_vec(), spec.mint().unwrap()].concat()
}

fn ask<T>(path: &str, lines: &[&[u8]], context: &Context<'_>, look: impl FnOnce(&Decision<'_>) -> T) -> T {
    look(&engine().decide(&Request::new("GET", path, lines), context, UnixTime::from_seconds(NOW)))
}

#[test]
fn an_allow_has_the_identity() {
    let line = line(json!({
        "sub": "u7", "org_id": "org-7", "jti": "t7", "iat": 1_699_999_000.5, "exp": 1_700_009_000_u64,
        "permissions": ["b", "a"],
    }));
    ask("/x", &[&line], &Context::unowned(), |decision| {
        assert!(decision.is_allow() && decision.denial().is_none());
        assert_eq!((decision.outcome(), decision.status()), ("allow", 200));
        assert_eq!((decision.reason_code(), decision.clause()), ("authorized", "ORG-4"));
        assert_eq!(decision.from_cache(), Some(false));
        let principal = decision.principal().unwrap();
        assert_eq!((principal.user_id(), principal.org_id()), ("u7", "org-7"));
        assert_eq!(principal.permissions().collect::<Vec<_>>(), ["b", "a"]);
        assert!(principal.has_permission("a") && principal.has_permission("b"));
        assert!(!principal.has_permission("A") && !principal.has_permission(""));
        assert_eq!(principal.token_id(), Some("t7"));
        assert_eq!(principal.issued_at().map(|date| date.seconds()), Some(1_699_999_000.5));
        assert_eq!(principal.expires_at().seconds(), 1_700_009_000.0);
        let audit = decision.audit();
        assert_eq!((audit.user_id, audit.org_id, audit.token_id), (Some("u7"), Some("org-7"), Some("t7")));
    });
}

#[test]
fn an_identity_equals_its_parts() {
    for claims in [
        json!({"sub": "u7", "org_id": "org-7", "jti": "t7", "exp": 1_700_009_000_u64, "permissions": ["b", "a"]}),
        json!({"sub": "ü\"7", "org_id": "org\\7", "exp": 1_700_009_000_u64, "permissions": "é b"}),
        json!({"sub": "u7", "org_id": "org-7", "jti": "", "exp": 1_700_009_000_u64}),
    ] {
        ask("/x", &[&line(claims)], &Context::unowned(), |decision| {
            let principal = decision.principal().unwrap();
            for identity in [principal.identity(), decision.identity().unwrap()] {
                assert_eq!(identity.user_id(), Some(principal.user_id().as_bytes()));
                assert_eq!(identity.org_id(), Some(principal.org_id().as_bytes()));
                assert_eq!(identity.token_id(), principal.token_id().map(str::as_bytes));
                assert!(identity.permissions().eq(principal.permissions().map(str::as_bytes)));
            }
        });
    }
}

#[test]
fn a_denial_has_the_identity_once_the_token_is_verified() {
    let expired = line(json!({"sub": "u7", "org_id": "org-7", "jti": "t7", "exp": 1, "permissions": ["a"]}));
    ask("/x", &[&expired], &Context::unowned(), |decision| {
        assert!(!decision.is_allow());
        let identity = decision.identity().unwrap();
        assert_eq!((identity.user_id(), identity.org_id()), (Some(&b"u7"[..]), Some(&b"org-7"[..])));
        assert_eq!(identity.token_id(), Some(&b"t7"[..]));
        assert!(identity.permissions().eq([b"a"]));
    });
    ask("/x", &[b"Bearer x.y.z"], &Context::unowned(), |decision| assert!(decision.identity().is_none()));
}

#[test]
fn a_public_path_has_no_identity() {
    ask("/api/v1/search/status", &[b"Bearer x"], &Context::unowned(), |decision| {
        assert!(matches!(decision, Decision::Allow(Access::Public(_))));
        assert!(decision.is_allow() && decision.principal().is_none() && decision.denial().is_none());
        assert_eq!((decision.outcome(), decision.status()), ("allow", 200));
        assert_eq!((decision.reason_code(), decision.clause()), ("public_path", "PUB-1"));
        assert_eq!(decision.from_cache(), None);
        assert_eq!(decision.audit().user_id, None);
    });
}

#[test]
fn a_denial_has_its_reason_and_response() {
    let line = line(json!({"sub": "u7", "jti": ""}));
    let context = Context::unresolved();
    ask("/x", &[&line], &context, |decision| {
        assert!(!decision.is_allow() && decision.principal().is_none());
        assert_eq!((decision.outcome(), decision.status()), ("deny", 403));
        assert_eq!((decision.reason_code(), decision.clause()), ("resource_unresolved", "ORG-1"));
        assert_eq!(decision.from_cache(), Some(false));
        let denial = decision.denial().unwrap();
        assert_eq!(denial.reason(), Reason::ResourceUnresolved);
        assert_eq!(denial.reason().to_string(), "resource_unresolved");
        assert_eq!((denial.status(), denial.answer()), (403, Answer::NotAuthorized));
        assert_eq!(denial.detail(), "User has no organization or not authorized");
        assert_eq!(denial.www_authenticate(), r#"Bearer realm="here", error="insufficient_scope""#);
        let audit = decision.audit();
        assert_eq!((audit.user_id, audit.org_id, audit.token_id), (Some("u7"), Some("org-a"), None));
    });
    ask("/x", &[], &Context::unowned(), |decision| {
        let denial = decision.denial().unwrap();
        assert_eq!((denial.status(), denial.answer()), (401, Answer::NotAuthenticated));
        assert_eq!(denial.detail(), "Not authenticated");
        assert_eq!(denial.www_authenticate(), r#"Bearer realm="here""#);
        assert_eq!(decision.from_cache(), None);
    });
}

#[test]
fn a_decision_prints_all_fields_of_the_log() {
    let line = line(json!({"permissions": "a b"}));
    let printed =
        ask("/x", &[&line], &Context::unowned(), |decision| serde_json::to_value(verdict(decision)).unwrap());
    let expected = json!({
        "outcome": "allow", "status": 200, "detail": null, "www_authenticate": null,
        "reason": "authorized", "clause": "ORG-4",
        "principal": {
            "user_id": "u1", "org_id": "org-a", "permissions": ["a", "b"], "token_id": "t1",
            "issued_at": 1_699_999_940, "expires_at": 1_700_003_600,
        },
        "audit": {"user_id": "u1", "org_id": "org-a", "token_id": "t1"},
    });
    assert_eq!(printed, expected);
    let printed = ask("/x", &[b"Basic x"], &Context::unowned(), |decision| {
        serde_json::to_value(verdict(decision)).unwrap()
    });
    let expected = json!({
        "outcome": "deny", "status": 401, "detail": "Not authenticated", "www_authenticate": "Bearer realm=\"here\"",
        "reason": "scheme_not_bearer", "clause": "HDR-3", "principal": null,
        "audit": {"user_id": null, "org_id": null, "token_id": null},
    });
    assert_eq!(printed, expected);
}

#[test]
fn a_policy_has_the_challenge_of_every_response() {
    let engine = engine();
    let challenges: Vec<&str> = Answer::ALL.iter().map(|answer| engine.policy().challenge(*answer)).collect();
    let expected = [
        r#"Bearer realm="here""#,
        r#"Bearer realm="here", error="invalid_token""#,
        r#"Bearer realm="here", error="insufficient_scope""#,
    ];
    assert_eq!(challenges, expected);
    let errors: Vec<_> = Answer::ALL.iter().map(|answer| answer.challenge_error()).collect();
    assert_eq!(errors, [None, Some("invalid_token"), Some("insufficient_scope")]);
}

#[test]
fn an_algorithm_is_named_as_in_alg() {
    let names: BTreeSet<String> = Algorithm::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), Algorithm::ALL.len());
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(&algorithm.to_string()), Some(*algorithm));
    }
}

#[test]
fn organizations_are_counted() {
    let none = Organizations::default();
    assert_eq!((none.len(), none.is_empty(), none.contains("a")), (0, true, false));
    let some: Organizations = ["a", "b", "a"].into_iter().collect();
    assert_eq!((some.len(), some.is_empty()), (2, false));
    assert!(some.contains("a") && some.contains("b") && !some.contains("A") && !some.contains(""));
}

#[test]
fn without_resources_nothing_has_an_owner() {
    let none = Resources::default();
    assert_eq!((none.len(), none.is_empty()), (0, true));
    assert_eq!(none.owner_of(b"/a//b"), ResourceOrg::Unowned);
}

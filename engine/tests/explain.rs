//! The notes of `explain` for each check, and none for checks that were not reached.

use artos_auth_engine::{
    Account, CacheBytes, Check, Context, Engine, HashKey, KeySet, Organizations, Policy, PolicySpec, Request,
    Revocations, RouteSpec, StepResult, TenantScope, UnixTime,
};
use artos_auth_fixtures::TokenSpec;
use artos_auth_fixtures::keys::TestKey;
use rstest::rstest;
use serde_json::{Value, json};

fn engine() -> Engine {
    let key = Value::Object(TestKey::named("hs256").expect("a test key").published());
    let keys = KeySet::from_jwks(json!({ "keys": [key] }).to_string().as_bytes()).expect("keys");
    let spec = PolicySpec {
        leeway_seconds: Some(5),
        routes: vec![RouteSpec {
            methods: None,
            path: "/api/{*rest}".into(),
            permissions: vec!["documents:read".into(), "documents:write".into()],
        }],
        unlisted: artos_auth_engine::Unlisted::Deny,
        ..PolicySpec::default()
    };
    Engine::new(Policy::new(&spec).expect("a policy"), keys, Revocations::none())
}

fn token(spec: Value) -> Vec<u8> {
    let spec: TokenSpec = serde_json::from_value(spec).expect("a token");
    [b"Bearer ".to_vec(), spec.mint().expect("a token")].concat()
}

/// The checks that were reached, each with its note, if any.
fn told(
    engine: &Engine,
    path: &str,
    line: &[u8],
    context: &Context<'_>,
    now: UnixTime,
) -> Vec<(Check, String)> {
    let explanation = engine.explain(&Request::new("GET", path, &[line]), context, now);
    let reached = explanation.steps.iter().filter(|step| step.result != StepResult::NotReached);
    reached.filter_map(|step| Some((step.check, step.note.clone()?))).collect()
}

fn note(told: &[(Check, String)], check: Check) -> Option<&str> {
    told.iter().find(|(its, _)| *its == check).map(|(_, note)| note.as_str())
}

#[rstest]
#[case::before(1_700_000_000, "it expires at 1700003600 (in 3600 s at 1700000000, leeway 5 s)")]
#[case::a_second_before(1_700_003_599, "it expires at 1700003600 (in 1 s at 1700003599, leeway 5 s)")]
#[case::at_once(1_700_003_600, "it expires at 1700003600 (0 s ago at 1700003600, leeway 5 s)")]
#[case::after(1_700_003_700, "it expires at 1700003600 (100 s ago at 1700003700, leeway 5 s)")]
fn the_note_on_expiry_has_the_time_difference(#[case] now: u64, #[case] expected: &str) {
    let told = told(&engine(), "/api/x", &token(json!({})), &Context::unowned(), UnixTime::from_seconds(now));
    assert_eq!(note(&told, Check::Expiry), Some(expected));
}

#[test]
fn the_notes_on_a_valid_token_have_the_values_found() {
    let permissions = json!({"claims": {"permissions": ["documents:read", "documents:write"]}});
    let context = Context::owned_by("org-a");
    let told =
        told(&engine(), "/api/x", &token(permissions), &context, UnixTime::from_seconds(1_700_000_000));
    let expected = [
        (Check::Algorithm, "HS256"),
        (Check::Key, "1 candidate key"),
        (Check::Expiry, "it expires at 1700003600 (in 3600 s at 1700000000, leeway 5 s)"),
        (Check::Realm, "the token's organization is `org-a`"),
        (Check::Account, "the user is `u1`"),
        (Check::ResourceOrganization, "the resource belongs to `org-a`"),
    ];
    assert_eq!(told, expected.map(|(check, note)| (check, note.to_owned())));
}

#[test]
fn candidate_keys_are_counted() {
    let published = |name: &str| {
        let mut key = TestKey::named(name).expect("a test key").published();
        key.remove("kid");
        Value::Object(key)
    };
    let keys = json!({"keys": [published("hs256-stranger"), published("hs256")]});
    let keys = KeySet::from_jwks(keys.to_string().as_bytes()).expect("keys");
    let policy = Policy::new(&PolicySpec::default()).expect("a policy");
    let engine = Engine::new(policy, keys, Revocations::none());
    let line = token(json!({"drop_header": ["kid"]}));
    let told = told(&engine, "/api/x", &line, &Context::unowned(), UnixTime::from_seconds(1_700_000_000));
    assert_eq!(note(&told, Check::Key), Some("2 candidate keys"));
}

#[test]
fn a_cached_token_is_noted() {
    let engine = engine().with_cache(CacheBytes(1 << 20), HashKey(1));
    let line = token(json!({}));
    let first = told(&engine, "/api/x", &line, &Context::unowned(), UnixTime::from_seconds(1_700_000_000));
    assert_eq!(note(&first, Check::Signature), None);
    let second = told(&engine, "/api/x", &line, &Context::unowned(), UnixTime::from_seconds(1_700_000_000));
    for check in [Check::HeaderParameters, Check::Algorithm, Check::Key, Check::Signature, Check::ClaimsForm]
    {
        assert_eq!(note(&second, check), Some("cached"));
    }
}

#[rstest]
#[case::no_slash("api", "it does not begin with `/`")]
#[case::empty_segment("/api//x", "it has an empty segment (`//`)")]
#[case::dots("/api/../x", "it has a `.` or `..` segment")]
#[case::backslash("/api\\x", "it contains `\\`")]
#[case::semicolon("/api;x", "it contains `;`")]
#[case::number_sign("/api#x", "it contains `#`")]
#[case::control("/api\tx", "it contains a control byte")]
#[case::not_ascii("/\u{e9}", "it contains an unescaped byte outside ASCII")]
#[case::broken("/%zz", "it contains a `%` without two hex digits")]
#[case::unreserved("/%41", "it escapes a letter, a digit, `-`, `.`, `_` or `~`")]
#[case::delimiter("/%2f", "it escapes one of `/ \\ ; ? # %`")]
#[case::escaped_control("/%00", "it escapes a control byte")]
#[case::not_utf8("/%ff", "its escapes are not UTF-8")]
fn an_ambiguous_path_is_explained(#[case] path: &str, #[case] expected: &str) {
    let told =
        told(&engine(), path, &token(json!({})), &Context::unowned(), UnixTime::from_seconds(1_700_000_000));
    assert_eq!(note(&told, Check::PathForRules), Some(expected));
}

#[test]
fn missing_claims_and_permissions_are_named() {
    let (engine, line) = (engine(), token(json!({})));
    let told =
        |path: &str| told(&engine, path, &line, &Context::unowned(), UnixTime::from_seconds(1_700_000_000));
    assert_eq!(note(&told("/api/x"), Check::Permissions), Some("missing permission `documents:write`"));
    assert_eq!(note(&told("/other"), Check::Permissions), Some("no route rule matches this method and path"));
    let nobody = self::told(
        &engine,
        "/api/x",
        &token(json!({"drop_claims": ["sub", "org_id"]})),
        &Context::unowned(),
        UnixTime::from_seconds(1_700_000_000),
    );
    assert_eq!(note(&nobody, Check::Realm), Some("the token's organization is absent"));
    assert_eq!(note(&nobody, Check::Account), Some("the user is absent"));
}

#[test]
fn checks_that_were_not_reached_have_no_note() {
    let none = Organizations::default();
    let context = Context::unowned().realm(TenantScope::Among(&none)).account(Account::NotAMember);
    let engine = engine();
    let line = token(json!({}));
    let explanation = engine.explain(
        &Request::new("GET", "/api/x", &[&line]),
        &context,
        UnixTime::from_seconds(1_700_000_000),
    );
    let result_of = |check: Check| {
        explanation
            .steps
            .iter()
            .find(|step| step.check == check)
            .map(|step| (step.result, step.note.is_some()))
    };
    assert_eq!(result_of(Check::Revocation), Some((StepResult::Passed, false)));
    assert_eq!(result_of(Check::Realm), Some((StepResult::Decided, true)));
    assert_eq!(result_of(Check::Account), Some((StepResult::NotReached, false)));
    assert_eq!(explanation.steps.len(), Check::ALL.len());
}

//! The cause of a denial: the claim, what was expected, what was found, and nothing of the token.

#![cfg(test)]

use artos_auth_engine::{CacheBytes, HashKey, UnixTime};
use artos_auth_fixtures::case::{self, NOW};
use artos_auth_fixtures::decider::{BoundKeys, PolicyDocument};
use artos_auth_fixtures::engine::{EngineDecider, with_engine_types};
use artos_auth_fixtures::keys::TestKey;
use artos_auth_fixtures::{Question, Setup, TokenSpec};
use rstest::rstest;
use serde_json::{Value, json};

/// The cause of a token's denial under a policy.
fn cause(policy: Value, token: Value) -> Option<String> {
    let policy: PolicyDocument = serde_json::from_value(policy).unwrap();
    let spec: TokenSpec = serde_json::from_value(token).unwrap();
    let line = [b"Bearer ", &*spec.mint().unwrap()].concat();
    of(&setup(policy), vec![line])
}

fn setup(policy: PolicyDocument) -> Setup {
    let keys = json!({"keys": [TestKey::named("hs256").unwrap().published()]});
    Setup { policy, keys, more_keys: Vec::new(), revocations: json!({}) }
}

fn of(setup: &Setup, authorization: Vec<Vec<u8>>) -> Option<String> {
    let question = Question {
        method: "GET".to_owned(),
        path: "/api/v1/templates/".to_owned(),
        authorization,
        context: Default::default(),
        now: NOW,
    };
    let engine = EngineDecider::new(setup).unwrap();
    with_engine_types(&question, |request, context| {
        let decision = engine.engine().decide(request, context, UnixTime::from_seconds(question.now));
        decision.denial().expect("a denial").cause().map(|cause| cause.to_string())
    })
}

#[rstest]
#[case::many_permissions(json!({"permissions": {"$numbered": "p", "count": 257}}), "`permissions` contains more than 256 permissions")]
#[case::no_strings(json!({"permissions": {}}), "`permissions` must be a string or an array of strings, found an object")]
#[case::no_string_in_it(json!({"permissions": ["a", 1]}), "`permissions` must be an array of strings, found a number in it")]
#[case::empty_permission(json!({"permissions": ["a", ""]}), "`permissions` contains an empty permission")]
#[case::two_spaces(json!({"permissions": "a  b"}), "`permissions` contains an empty permission")]
#[case::object_in_it(json!({"permissions": [{}]}), "`permissions` must be an array of strings, found an object in it")]
#[case::expiry_as_string(json!({"exp": "1900000000"}), "`exp` must be a number, found a string")]
#[case::negative_date(json!({"nbf": -1}), "`nbf` must be from 0 to 253402300799 seconds")]
#[case::user_as_number(json!({"sub": 7}), "`sub` must be a string, found a number")]
#[case::long_user(json!({"sub": {"$text": [{"repeat": "é", "times": 129}]}}), "`sub` must have at most 256 bytes, got 258")]
#[case::control_character(json!({"org_id": "a\n"}), "`org_id` contains a control character")]
#[case::issuer_as_array(json!({"iss": ["a"]}), "`iss` must be a string, found an array")]
#[case::audience_as_boolean(json!({"aud": true}), "`aud` must be a string or an array of strings, found a boolean")]
#[case::audience_with_null(json!({"aud": ["a", null]}), "`aud` must be an array of strings, found null in it")]
#[case::bound(json!({"cnf": {}}), "the claim `cnf` is present, and `bound_tokens` is `refuse`")]
#[case::expired(json!({"exp": NOW - 3600}), "`exp` passed 3600 s ago (leeway 0 s)")]
#[case::not_yet_valid(json!({"nbf": NOW + 60}), "`nbf` is 60 s ahead (leeway 0 s)")]
#[case::unexpected_audience(json!({"aud": "a"}), "`aud` is present, and the policy names no `audiences`")]
#[case::no_user(json!({"sub": null}), "`sub` is missing or empty")]
#[case::no_organization(json!({"org_id": ""}), "`org_id` is missing or empty")]
fn a_claim_is_named_with_its_problem(#[case] claims: Value, #[case] expected: &str) {
    assert_eq!(cause(json!({}), json!({ "claims": claims })).as_deref(), Some(expected));
}

#[rstest]
#[case::no_expiry(json!({"drop_claims": ["exp"]}), "`exp` is missing")]
#[case::duplicate(json!({"more_claims": "\"sub\":\"u1\""}), "duplicate `sub`")]
#[case::half_a_pair(json!({"drop_claims": ["sub"], "more_claims": "\"sub\":\"\\ud83d\""}), "`sub` contains an unpaired surrogate")]
#[case::no_object(json!({"claims_text": "[]"}), "the claims are not a JSON object, or are nested too deeply")]
#[case::header_that_is_no_object(json!({"header_text": "1"}), "the header is not a JSON object, or is nested too deeply")]
#[case::no_algorithm(json!({"drop_header": ["alg"]}), "`alg` is missing in the header")]
#[case::key_id_as_number(json!({"header": {"kid": 7}}), "`kid` in the header must be a string, found a number")]
#[case::type_twice(json!({"more_header": "\"typ\":\"JWT\""}), "duplicate `typ` in the header")]
#[case::half_a_pair_in_the_header(json!({"drop_header": ["kid"], "more_header": "\"kid\":\"\\ud83d\""}), "`kid` in the header contains an unpaired surrogate")]
#[case::critical(json!({"header": {"crit": ["exp"]}}), "the header has `crit`; no extension is supported")]
#[case::another_type(json!({"header": {"typ": "dpop+jwt"}}), "`typ` is not one of `JWT`, `at+jwt`")]
#[case::another_algorithm(json!({"header": {"alg": "none"}}), "`alg` is not one of HS256, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA")]
#[case::another_key(json!({"header": {"kid": "other"}}), "no key for HS256 has the token's `kid`")]
#[case::no_key_of_the_algorithm(json!({"key": "es256"}), "the key set has no key for ES256")]
#[case::signature(json!({"edits": [{"do": "flip-byte", "segment": "signature", "at": 3}]}), "the key does not verify the signature")]
#[case::four_segments(json!({"edits": [{"do": "append", "segment": "signature", "text": ".x"}]}), "the token must have 3 segments, got 4")]
#[case::empty_segment(json!({"edits": [{"do": "replace", "segment": "claims", "text": ""}]}), "segment 2 of the token is empty")]
#[case::stray_bits(json!({"edits": [{"do": "respell", "segment": "signature", "spelling": "stray-bits"}]}), "segment 3 of the token is not canonical base64url (no padding, unused bits zero)")]
#[case::extra_character(json!({"edits": [{"do": "prepend", "segment": "header", "text": " "}]}), "byte 1 of the token is neither base64url nor `.`")]
fn a_malformed_token_is_described(#[case] token: Value, #[case] expected: &str) {
    assert_eq!(cause(json!({}), token).as_deref(), Some(expected));
}

#[rstest]
#[case::names_of_the_policy(json!({"claims": {"user": ["person", "id"]}}), json!({"claims": {"person": 1}}), "`person` must be an object, found a number")]
#[case::end_of_a_path(json!({"claims": {"user": ["person", "id"]}}), json!({"claims": {"person": {"id": 1}}}), "`person.id` must be a string, found a number")]
#[case::absent_at_the_end_of_a_path(json!({"claims": {"user": ["person", "id"]}}), json!({}), "`person.id` is missing or empty")]
#[case::line_end_in_a_name(json!({"claims": {"user": "a\nb"}}), json!({}), "`a\\nb` is missing or empty")]
#[case::required_missing(json!({"required": {"token_use": "access"}}), json!({}), "`token_use` is missing; it is under `required`")]
#[case::required_of_another_type(json!({"required": {"token_use": "access"}}), json!({"claims": {"token_use": 1}}), "`token_use` is a number that `required` does not accept")]
#[case::required_twice(json!({"required": {"a": 1}}), json!({"more_claims": "\"a\":1,\"a\":1"}), "duplicate `a`")]
#[case::issuer_missing(json!({"issuers": ["i"]}), json!({}), "`iss` is missing; the policy names `issuers`")]
#[case::issuer_other(json!({"issuers": ["i"]}), json!({"claims": {"iss": "j"}}), "`iss` is not one of the policy's `issuers`")]
#[case::audience_missing(json!({"audiences": ["a"]}), json!({}), "`aud` is missing; the policy names `audiences`")]
#[case::audience_other(json!({"audiences": ["a"]}), json!({"claims": {"aud": ["b"]}}), "`aud` contains none of the policy's `audiences`")]
#[case::too_long(json!({"max_token_bytes": 256}), json!({"claims_text": [{"repeat": " ", "times": 300}]}), "the token has 533 bytes; `max_token_bytes` is 256")]
#[case::permission(json!({"routes": [{"path": "/{*x}", "permissions": ["documents:write"]}]}), json!({}), "missing permission `documents:write`")]
#[case::unlisted(json!({"unlisted": "deny"}), json!({}), "no route rule matches this method and path")]
#[case::leeway(json!({"leeway_seconds": 60}), json!({"claims": {"exp": NOW - 61}}), "`exp` passed 61 s ago (leeway 60 s)")]
fn the_policy_requirement_is_named(#[case] policy: Value, #[case] token: Value, #[case] expected: &str) {
    assert_eq!(cause(policy, token).as_deref(), Some(expected));
}

#[test]
fn the_binding_of_a_key_is_named() {
    let bound = |issuer: Option<&str>, organizations: Option<Vec<String>>, token: Value| {
        let mut setup = setup(PolicyDocument::default());
        let keys = std::mem::replace(
            &mut setup.keys,
            json!({"keys": [TestKey::named("es256").unwrap().published()]}),
        );
        setup.more_keys = vec![BoundKeys { issuer: issuer.map(str::to_owned), organizations, keys }];
        let spec: TokenSpec = serde_json::from_value(token).unwrap();
        of(&setup, vec![[b"Bearer ", &*spec.mint().unwrap()].concat()])
    };
    let missing = "`iss` is missing; the key is bound to an issuer";
    assert_eq!(bound(Some("i"), None, json!({})).as_deref(), Some(missing));
    let other = "`iss` is not the issuer of the key";
    assert_eq!(bound(Some("i"), None, json!({"claims": {"iss": "j"}})).as_deref(), Some(other));
    let organization = "the token's organization is not one of the key's `organizations`";
    assert_eq!(bound(None, Some(vec!["org-b".to_owned()]), json!({})).as_deref(), Some(organization));
}

#[test]
fn authorization_lines_are_counted() {
    let setup = setup(PolicyDocument::default());
    let lines = of(&setup, vec![b"Bearer a".to_vec(), b"Bearer a".to_vec()]);
    assert_eq!(lines.as_deref(), Some("the request has 2 `Authorization` lines; send one"));
    assert_eq!(of(&setup, vec![]), None);
    assert_eq!(of(&setup, vec![b"Basic a".to_vec()]), None);
}

/// The same with and without the cache, one line, and no value from the token that is not in the policy.
#[test]
fn the_cause_of_every_case_is_one_sentence() {
    let mut said = 0;
    for case in case::load().unwrap() {
        let engine = EngineDecider::new(&case.setup).unwrap().engine().clone();
        let cached = engine.clone().with_cache(CacheBytes(1 << 20), HashKey(7));
        let causes: Vec<Option<String>> = [&engine, &cached, &cached]
            .into_iter()
            .map(|engine| {
                with_engine_types(&case.question, |request, context| {
                    let decision = engine.decide(request, context, UnixTime::from_seconds(case.question.now));
                    let cause = decision.denial().and_then(|denial| denial.cause());
                    cause.map(|cause| cause.to_string())
                })
            })
            .collect();
        assert_eq!(causes[0], causes[1], "{}", case.id);
        assert_eq!(causes[0], causes[2], "{}", case.id);
        let Some(cause) = &causes[0] else { continue };
        said += 1;
        assert!(!cause.contains(char::is_control) && !cause.ends_with('.'), "{}: {cause}", case.id);
        for line in &case.question.authorization {
            let shown =
                line.windows(8).any(|part| str::from_utf8(part).is_ok_and(|part| cause.contains(part)));
            assert!(!shown, "{}: {cause}", case.id);
        }
    }
    assert!(said > 400, "{said}");
}

#[test]
fn many_permissions_of_several_claims_are_a_matter_of_all() {
    let roles: Vec<String> = (0..57).map(|number| format!("role-{number}")).collect();
    let token = json!({"claims": {"scope": {"$numbered": "p", "count": 200}, "realm": {"roles": roles}}});
    let policy = json!({"claims": {"permissions": [["scope"], ["realm", "roles"]]}});
    assert_eq!(
        cause(policy, token).as_deref(),
        Some("more than 256 permissions in all, in `scope`, `realm.roles`")
    );
}

//! Revocations: an entry that would have no effect is an error.

use artos_auth_engine::Revocations;
use rstest::rstest;
use serde_json::json;

fn digest(digits: usize) -> String {
    format!(r#"{{"signed_sha256": ["{}"]}}"#, "0".repeat(digits))
}

#[rstest]
#[case::no_json("{", "line 1, column 1: unexpected end of JSON")]
#[case::list("[]", "line 1, column 2: expected an object, found an array")]
#[case::unknown_member(
    r#"{"token": []}"#,
    "line 1, column 8: unknown member; expected one of `tokens`, `signed_sha256`, `users`, `organizations`"
)]
#[case::member_twice(r#"{"tokens": [], "tokens": []}"#, "line 1, column 23: `tokens`: duplicate member")]
#[case::no_list("{\"tokens\":\n1}", "line 2, column 1: `tokens`: expected an array, found a number")]
#[case::no_text(
    r#"{"tokens": [1]}"#,
    "line 1, column 13: `tokens[0]`: expected a string or an object, found a number"
)]
#[case::entry_without_an_id(
    r#"{"tokens": [{"expires": 1}]}"#,
    "line 1, column 26: `tokens[0]`: missing member `id`"
)]
#[case::id_of_an_entry(
    r#"{"tokens": [{"id": 1}]}"#,
    "line 1, column 20: `tokens[0].id`: expected a string, found a number"
)]
#[case::expires_of_a_digest(
    r#"{"signed_sha256": [{"expires": "1"}]}"#,
    "line 1, column 34: `signed_sha256[0].expires`: expected a number, found a string"
)]
#[case::expires_of_a_user(
    r#"{"users": [{"user": "u", "issued_before": 1, "expires": -1}]}"#,
    "line 1, column 58: `users[0].expires`: expected seconds since 1970, from 0 to 253402300799"
)]
#[case::unknown_member_of_an_entry(
    r#"{"tokens": [{"jti": "a"}]}"#,
    "line 1, column 18: `tokens[0]`: unknown member; expected one of `id`, `expires`"
)]
#[case::control_in_an_id(
    r#"{"tokens": ["a\u0001"]}"#,
    "line 1, column 21: `tokens[0]`: a `jti` must have at most 256 bytes and no control character; no token can match this one"
)]
#[case::short_digest(&digest(63), "line 1, column 84: `signed_sha256[0]`: expected a SHA-256 as 64 hex digits")]
#[case::long_digest(&digest(65), "line 1, column 86: `signed_sha256[0]`: expected a SHA-256 as 64 hex digits")]
#[case::no_hex_in_the_second_half(&digest(64).replace("0\"]", "g\"]"), "line 1, column 85: `signed_sha256[0]`: expected a SHA-256 as 64 hex digits")]
#[case::list_for_a_user(
    r#"{"users": [["u", 1]]}"#,
    "line 1, column 12: `users[0]`: expected an object, found an array"
)]
#[case::no_user(
    r#"{"users": [{"issued_before": 1}]}"#,
    "line 1, column 31: `users[0]`: missing member `user`"
)]
#[case::empty_user(
    r#"{"users": [{"user": "", "issued_before": 1}]}"#,
    "line 1, column 22: `users[0].user`: an id must have 1 to 256 bytes and no control character; no token can match this one"
)]
#[case::control_in_an_organization(
    r#"{"organizations": [{"org": "\n", "issued_before": 1}]}"#,
    "line 1, column 31: `organizations[0].org`: an id must have 1 to 256 bytes and no control character; no token can match this one"
)]
#[case::no_instant(
    r#"{"organizations": [{"org": "o"}]}"#,
    "line 1, column 31: `organizations[0]`: missing member `issued_before`"
)]
#[case::instant_before_1970(
    r#"{"organizations": [{"org": "o", "issued_before": -1}]}"#,
    "line 1, column 51: `organizations[0].issued_before`: expected seconds since 1970, from 0 to 253402300799"
)]
#[case::text_for_an_instant(
    r#"{"users": [{"user": "u", "issued_before": 1}, {"user": "v", "issued_before": "1"}]}"#,
    "line 1, column 80: `users[1].issued_before`: expected a number, found a string"
)]
#[case::null_for_a_user(
    r#"{"users": [{"user": null, "issued_before": 1}]}"#,
    "line 1, column 24: `users[0].user`: expected a string, found null"
)]
#[case::member_of_an_entry_twice(
    r#"{"users": [{"user": "u", "user": "v", "issued_before": 1}]}"#,
    "line 1, column 31: `users[0].user`: duplicate member"
)]
#[case::user_of_an_organization(
    r#"{"organizations": [{"org": "o", "user": "u", "issued_before": 1}]}"#,
    "line 1, column 38: `organizations[0]`: unknown member; expected one of `org`, `issued_before`, `expires`"
)]
#[case::object_for_a_list(
    r#"{"users": {}}"#,
    "line 1, column 12: `users`: expected an array, found an object"
)]
#[case::line_end_in_what_is_quoted(
    r#"{"\n": 1}"#,
    "line 1, column 5: unknown member; expected one of `tokens`, `signed_sha256`, `users`, `organizations`"
)]
fn invalid_revocations_are_refused(#[case] text: &str, #[case] message: &str) {
    let error = Revocations::from_json(text.as_bytes()).map_err(|error| error.to_string());
    assert_eq!(error.err().as_deref(), Some(message));
}

#[test]
fn revocations_are_counted() {
    let none = Revocations::none();
    assert_eq!((none.tokens(), none.users(), none.organizations()), (0, 0, 0));
    let text = json!({
        "tokens": ["a", "b", "b"],
        "signed_sha256": ["0".repeat(64)],
        "users": [
            {"user": "u", "issued_before": 1},
            {"user": "u", "org": "o", "issued_before": 1},
            {"user": "u", "org": "p", "issued_before": 1},
            {"user": "u", "org": "p", "issued_before": 2},
            {"user": "v", "org": "o", "issued_before": 1},
        ],
        "organizations": [{"org": "o", "issued_before": 1}, {"org": "p", "issued_before": 1}],
    });
    let some = Revocations::from_json(text.to_string().as_bytes()).unwrap();
    assert_eq!((some.tokens(), some.users(), some.organizations()), (3, 4, 2));
}

#[rstest]
#[case::token(json!({"tokens": ["a", "*"]}), "`tokens`: `*` does not revoke every token; list each `jti`, or revoke users or organizations")]
#[case::user(json!({"users": [{"user": "*", "issued_before": 1}]}), "`users`: `*` does not revoke every user; list each one, or revoke organizations")]
#[case::organization_of_a_user(json!({"users": [{"user": "u", "org": "*", "issued_before": 1}]}), "`users`: `*` as `org` does not mean every organization; leave `org` out for every one")]
#[case::organization(json!({"organizations": [{"org": "*", "issued_before": 1}]}), "`organizations`: `*` does not revoke every organization; list each one")]
#[case::ordinary(json!({"tokens": ["a*"], "users": [{"user": "u*", "org": "o*", "issued_before": 1}]}), "")]
fn a_wildcard_is_a_warning(#[case] list: serde_json::Value, #[case] warning: &str) {
    let revocations = Revocations::from_json(list.to_string().as_bytes()).unwrap();
    let warnings: Vec<String> = revocations.warnings().iter().map(ToString::to_string).collect();
    assert_eq!(warnings.join("\n"), warning);
    assert_eq!(revocations.folded().warnings(), revocations.warnings());
}

//! Lines of input and the resulting output.

use artos_auth_engine::{KeySet, Policy, PolicySpec, Revocations};
use rstest::rstest;

use super::*;

fn engine() -> Engine {
    let keys = br#"{"kty": "oct", "k": "dGhpcyBpcyBhIHRlc3Qga2V5LCBub3QgYSByZWFsIG9uZS4"}"#;
    Engine::new(
        Policy::new(&PolicySpec::default()).unwrap(),
        KeySet::from_jwks(keys).unwrap(),
        Revocations::none(),
    )
}

fn answers(input: &[u8]) -> Vec<String> {
    let mut output = Vec::new();
    decide_lines(&engine(), input, &mut output).unwrap();
    String::from_utf8(output).unwrap().lines().map(str::to_owned).collect()
}

fn answer_to(line: &str) -> String {
    let mut answers = answers(line.as_bytes());
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0)
}

#[rstest]
#[case::everything_by_default(r#"{"path": "/", "now": 0}"#, "null", "header_missing")]
#[case::public(r#"{"id": 1, "path": "/api/v1/search/status", "now": 0}"#, "1", "public_path")]
#[case::two_lines(
    r#"{"id": "a", "path": "/", "now": 0, "authorization": ["Bearer a", ""]}"#,
    "\"a\"",
    "header_repeated"
)]
#[case::raw_bytes(
    r#"{"id": [], "path": "/", "now": 0, "authorization_b64": ["QmVhcmVyIP8="]}"#,
    "[]",
    "token_extra_characters"
)]
#[case::no_lines(r#"{"id": {}, "path": "/", "now": 0, "authorization": []}"#, "{}", "header_missing")]
#[case::escaped(
    r#"{"id": 0, "path": "\/", "now": 0, "\u0061uthorization": ["\u0042earer"]}"#,
    "0",
    "token_missing"
)]
#[case::odd_method(r#"{"id": 0, "method": "", "path": "", "now": 253402300799}"#, "0", "header_missing")]
#[case::whole_context(r#"{"id": 0, "path": "/", "now": 0, "context": {"realm": [], "resource_org": "a", "resource_unresolved": true, "account": "active"}}"#, "0", "header_missing")]
#[case::context_of_nulls(
    r#"{"id": null, "path": "/", "now": 0, "context": {"realm": null, "resource_org": null}}"#,
    "null",
    "header_missing"
)]
#[case::id_as_it_is_spelt(
    r#"{"id": 123456789012345678901234567890.10e+1, "path": "/", "now": 0}"#,
    "123456789012345678901234567890.10e+1",
    "header_missing"
)]
fn a_request_has_a_decision(#[case] line: &str, #[case] id: &str, #[case] reason: &str) {
    let answer = answer_to(line);
    assert!(answer.starts_with(&format!("{{\"id\":{id},\"outcome\":")), "{answer}");
    assert!(answer.contains(&format!("\"reason\":\"{reason}\"")), "{answer}");
    serde_json::from_str::<serde_json::Value>(&answer).unwrap();
}

#[test]
fn a_decision_has_every_member() {
    insta::assert_snapshot!(answer_to(r#"{"id": 1, "path": "/", "now": 0}"#), @r#"{"id":1,"outcome":"deny","status":401,"detail":"Not authenticated","www_authenticate":"Bearer realm=\"artos\"","reason":"header_missing","clause":"HDR-2","principal":null,"audit":{"user_id":null,"org_id":null,"token_id":null}}"#);
}

#[rstest]
#[case::no_json("{", "null", "the line is not valid JSON, from byte 1 on")]
#[case::token_alone("eyJhbGciOiJIUzI1NiJ9", "null", "the line is not valid JSON, from byte 1 on")]
#[case::no_object("[1]", "null", "the line is JSON, but not an object")]
#[case::more_than_one(r#"{"path": "/", "now": 0} {}"#, "null", "the line is not valid JSON, from byte 25 on")]
#[case::no_path(r#"{"id": 7, "now": 0}"#, "7", "`path` is missing")]
#[case::no_now(r#"{"id": 7, "path": "/"}"#, "7", "`now` is missing")]
#[case::unknown(r#"{"path": "/", "now": 0, "header": [], "id": 7}"#, "7", "`header` is unknown")]
#[case::unknown_and_odd(
    r#"{"path": "/", "now": 0, "eyJhbGciOiJIUzI1NiJ9": [], "id": 7}"#,
    "7",
    "one of its members is unknown"
)]
#[case::repeated(r#"{"id": 7, "path": "/", "now": 0, "path": "/"}"#, "7", "`path` is duplicate")]
#[case::repeated_by_escape(
    r#"{"id": 7, "path": "/", "now": 0, "pat\u0068": "/"}"#,
    "7",
    "`path` is duplicate"
)]
#[case::repeated_id(r#"{"id": 7, "path": "/", "now": 0, "id": 7}"#, "null", "`id` is duplicate")]
#[case::both(
    r#"{"id": 7, "path": "/", "now": 0, "authorization": [], "authorization_b64": []}"#,
    "7",
    "both `authorization` and `authorization_b64` are present; remove one"
)]
#[case::method(r#"{"id": 7, "path": "/", "now": 0, "method": null}"#, "7", "`method` must be a string")]
#[case::path(r#"{"id": 7, "path": 1, "now": 0}"#, "7", "`path` must be a string")]
#[case::path_no_text(r#"{"id": 7, "path": "\ud800", "now": 0}"#, "7", "`path` must be a string")]
#[case::authorization(
    r#"{"id": 7, "path": "/", "now": 0, "authorization": "Bearer x"}"#,
    "7",
    "`authorization` must be an array of strings"
)]
#[case::authorization_of(
    r#"{"id": 7, "path": "/", "now": 0, "authorization": [null]}"#,
    "7",
    "`authorization` must be an array of strings"
)]
#[case::unpadded(
    r#"{"id": 7, "path": "/", "now": 0, "authorization_b64": ["QQ"]}"#,
    "7",
    "`authorization_b64` must be an array of strings in base64 with padding"
)]
#[case::url_alphabet(
    r#"{"id": 7, "path": "/", "now": 0, "authorization_b64": ["__8="]}"#,
    "7",
    "`authorization_b64` must be an array of strings in base64 with padding"
)]
#[case::context(r#"{"id": 7, "path": "/", "now": 0, "context": null}"#, "7", "`context` must be an object")]
#[case::context_unknown(
    r#"{"id": 7, "path": "/", "now": 0, "context": {"org": ""}}"#,
    "7",
    "`context.org` is unknown"
)]
#[case::context_odd(
    r#"{"id": 7, "path": "/", "now": 0, "context": {"Org": ""}}"#,
    "7",
    "a member of `context` is unknown"
)]
#[case::context_twice(
    r#"{"id": 7, "path": "/", "now": 0, "context": {"realm": null, "realm": []}}"#,
    "7",
    "`context.realm` is duplicate"
)]
#[case::realm(
    r#"{"id": 7, "path": "/", "now": 0, "context": {"realm": "a"}}"#,
    "7",
    "`context.realm` must be null or an array of strings"
)]
#[case::resource_org(
    r#"{"id": 7, "path": "/", "now": 0, "context": {"resource_org": []}}"#,
    "7",
    "`context.resource_org` must be null or a string"
)]
#[case::unresolved(
    r#"{"id": 7, "path": "/", "now": 0, "context": {"resource_unresolved": null}}"#,
    "7",
    "`context.resource_unresolved` must be true or false"
)]
#[case::account(
    r#"{"id": 7, "path": "/", "now": 0, "context": {"account": "Active"}}"#,
    "7",
    "`context.account` must be `unknown`, `active`, `not_a_member` or `not_configured`"
)]
fn an_invalid_line_has_an_error(#[case] line: &str, #[case] id: &str, #[case] problem: &str) {
    assert_eq!(answer_to(line), format!(r#"{{"id":{id},"error":"{problem}"}}"#));
}

#[rstest]
fn now_is_an_integer_in_range(
    #[values("null", "\"0\"", "1.0", "1e3", "-1", "253402300800", "18446744073709551616", "[]", "true")] now: &str,
) {
    assert_eq!(
        answer_to(&format!(r#"{{"id": 7, "path": "/", "now": {now}}}"#)),
        r#"{"id":7,"error":"`now` must be an integer from 0 to 253402300799"}"#
    );
}

#[test]
fn an_invalid_line_does_not_stop_the_stream() {
    let good = r#"{"path": "/api/v1/search/status", "now": 0}"#;
    let long = " ".repeat(lines::MAX_LINE_BYTES + 1);
    let input = [good.as_bytes(), b"\n\n \t\r\n\xff\n{\n", long.as_bytes(), b"\n", good.as_bytes()].concat();
    let answers = answers(&input);
    let allows: Vec<bool> = answers.iter().map(|answer| answer.contains("\"allow\"")).collect();
    assert_eq!(allows, [true, false, false, false, true]);
    assert_eq!(answers[1], r#"{"id":null,"error":"the line is not UTF-8"}"#);
    assert_eq!(answers[3], r#"{"id":null,"error":"the line is longer than 1 MiB"}"#);
}

#[test]
fn a_closed_output_is_not_an_error() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let ended = decide_lines(&engine(), &b"{}\n"[..], Closed);
    assert_eq!(ended.map_err(|error| error.kind()), Err(io::ErrorKind::BrokenPipe));
}

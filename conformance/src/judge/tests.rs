use rstest::rstest;

use super::*;

fn response(status: u16, body: &str) -> Response {
    Response { status, fields: Vec::new(), body: body.into() }
}

fn with_field(name: &str, value: &str) -> Response {
    Response { fields: vec![(name.into(), value.into())], ..response(200, "") }
}

fn get() -> Request {
    Request::new("GET", "/api/v1/templates/")
}

fn accepted(accept: Accept, request: &Request, response: Response) -> bool {
    accepts(&[accept], request, &RequestOutcome::Response(response), &Known::default())
}

#[test]
fn a_finding_has_only_what_was_set() {
    let kept = Finding::kept("200");
    assert!(kept.kept && !kept.wrongly_allowed && kept.deciding.is_none() && kept.remarks.is_empty());
    assert_eq!(kept.observed, "200");
    let broken = Finding::broken("204").at(3).allowed().remark("one").remark("another");
    let remarks = vec!["one".to_owned(), "another".to_owned()];
    let expected = Finding {
        kept: false,
        observed: "204".to_owned(),
        deciding: Some(3),
        wrongly_allowed: true,
        refused_otherwise: false,
        remarks,
    };
    assert_eq!(broken, expected);
}

#[rstest]
#[case::success(Accept::Success, &[200, 204, 299], &[199, 300, 401, 404, 500])]
#[case::let_through(Accept::LetThrough, &[200, 302, 400, 402, 404, 499], &[401, 403, 500, 503])]
#[case::hidden(Accept::Hidden, &[404], &[200, 403, 410, 500])]
#[case::closed(Accept::Closed, &[302, 400, 401, 404, 499, 501], &[200, 299, 500, 101])]
#[case::contentless(Accept::Contentless, &[200, 204], &[304, 401, 404])]
#[case::other(Accept::Other("whatever"), &[], &[200, 401, 404])]
fn a_status_alone(#[case] accept: Accept, #[case] right: &[u16], #[case] wrong: &[u16]) {
    for status in right {
        assert!(accepted(accept, &get(), response(*status, "")), "{status}");
    }
    for status in wrong {
        assert!(!accepted(accept, &get(), response(*status, "")), "{status}");
    }
}

#[rstest]
#[case::not_authenticated(Accept::NotAuthenticated, 401, NOT_AUTHENTICATED)]
#[case::invalid_credentials(Accept::InvalidCredentials, 401, INVALID_CREDENTIALS)]
#[case::forbidden(Accept::Forbidden, 403, NOT_AUTHORIZED)]
fn a_documented_refusal(#[case] accept: Accept, #[case] status: u16, #[case] detail: &str) {
    let body = format!(r#"{{"detail": "{detail}"}}"#);
    assert!(accepted(accept, &get(), response(status, &body)));
    assert!(!accepted(accept, &get(), response(404, &body)), "another status");
    assert!(!accepted(accept, &get(), response(status, "")), "no detail");
    assert!(!accepted(accept, &get(), response(status, r#"{"detail": "Forbidden"}"#)), "another detail");
    let head = Request::new("HEAD", "/api/v1/templates/");
    assert!(accepted(accept, &head, response(status, "")), "an answer to HEAD has no body");
    assert!(!accepted(accept, &head, response(404, "")), "but a status");
}

#[test]
fn a_refusal_is_recognized_by_status_and_detail() {
    let body = r#"{ "detail" : "Not\u0020authenticated", "trace": "x" }"#;
    assert!(accepted(Accept::NotAuthenticated, &get(), response(401, body)));
    assert!(!accepted(Accept::InvalidCredentials, &get(), response(401, body)));
    assert!(!accepted(Accept::NotAuthenticated, &get(), response(401, r#"["Not authenticated"]"#)));
}

#[test]
fn one_acceptable_response_is_enough() {
    let closed_or_hidden = [Accept::Success, Accept::Hidden];
    let accepts = |answer| accepts(&closed_or_hidden, &get(), &answer, &Known::default());
    assert!(accepts(RequestOutcome::Response(response(404, ""))));
    assert!(accepts(RequestOutcome::Response(response(200, ""))));
    assert!(!accepts(RequestOutcome::Response(response(403, ""))));
    assert!(
        !accepts(RequestOutcome::TimedOut) && !accepts(RequestOutcome::Closed),
        "a missing answer is not accepted"
    );
}

#[rstest]
#[case::itself(r#"{"id":7,"title":"Minutes"}"#, true)]
#[case::written_otherwise(r#"{ "title": "Minutes", "id": 7 }"#, true)]
#[case::as_a_member(r#"{"detail":"x","resource":{"id":7,"title":"Minutes"}}"#, true)]
#[case::as_an_element(r#"[1,{"id":7,"title":"Minutes"}]"#, true)]
#[case::deeper(r#"{"errors":[{"about":[{"id":7,"title":"Minutes"}]}]}"#, true)]
#[case::with_members_more(r#"{"detail":"x","id":7,"title":"Minutes"}"#, true)]
#[case::a_member_of_it(r#"{"detail":"x","id":7}"#, false)]
#[case::members_of_other_values(r#"{"id":8,"title":"Agenda"}"#, false)]
#[case::nothing_of_it(r#"{"detail":"Not Found"}"#, false)]
#[case::no_json("Minutes", false)]
#[case::no_body("", false)]
fn a_refusal_that_shows_the_resource_is_not_silent(#[case] body: &str, #[case] shows: bool) {
    let owned = response(200, r#"{"id":7,"title":"Minutes"}"#);
    let known = Known { owned: Some(owned), ..Known::default() };
    let hidden = accepts(&[Accept::Hidden], &get(), &RequestOutcome::Response(response(404, body)), &known);
    assert_eq!(hidden, !shows);
}

#[rstest]
#[case::list("[1,2]", r#"{"detail":"x","parts":[1,2]}"#, true)]
#[case::list_in_a_list("[1,2]", "[[1,2]]", true)]
#[case::another_list("[1,2]", r#"{"parts":[1]}"#, false)]
#[case::text("minutes", "minutes", true)]
#[case::another_text("minutes", "not found", false)]
#[case::empty_object("{}", r#"{"detail":"x"}"#, false)]
#[case::nothing_at_all("", "", false)]
fn a_resource_of_any_kind_is_recognized(#[case] owned: &str, #[case] body: &str, #[case] shows: bool) {
    let known = Known { owned: Some(response(200, owned)), ..Known::default() };
    let hidden = accepts(&[Accept::Hidden], &get(), &RequestOutcome::Response(response(404, body)), &known);
    assert_eq!(hidden, !shows);
}

#[test]
fn a_403_that_shows_the_resource_is_not_a_refusal() {
    let resource = r#"{"id":7}"#;
    let known = Known { owned: Some(response(200, resource)), ..Known::default() };
    let forbidden = |body: &str| {
        accepts(&[Accept::Forbidden], &get(), &RequestOutcome::Response(response(403, body)), &known)
    };
    assert!(forbidden(&format!(r#"{{"detail":"{NOT_AUTHORIZED}"}}"#)));
    assert!(!forbidden(&format!(r#"{{"detail":"{NOT_AUTHORIZED}","id":7}}"#)));
    assert!(!forbidden(r#"{"detail":"Forbidden"}"#));
}

#[test]
fn public_content_is_success_with_the_content_of_the_public_endpoint() {
    let known = Known { public: Some(response(200, r#"{"status":"ok"}"#)), ..Known::default() };
    let public = |status, body: &str, known: &Known| {
        accepts(&[Accept::PublicContent], &get(), &RequestOutcome::Response(response(status, body)), known)
    };
    assert!(public(200, r#"{"status":"ok"}"#, &known));
    assert!(!public(200, r#"{"status":"secret"}"#, &known), "the same members with another value");
    let counter = Known { public: Some(response(200, r#"{"at":"2026-01-01"}"#)), ..Known::default() };
    assert!(
        public(200, r#"{"at":"2026-01-02"}"#, &counter),
        "text with digits changes from request to request"
    );
    let changing = Known { public_again: Some(response(200, r#"{"status":"idle"}"#)), ..known.clone() };
    assert!(public(200, r#"{"status":"busy"}"#, &changing), "two answers of the endpoint differ in it");
    assert!(!public(404, r#"{"status":"ok"}"#, &known), "no success");
    assert!(!public(200, r#"{"templates":[]}"#, &known), "other content");
    assert!(!public(200, r#"{"status":"ok"}"#, &Known::default()), "nothing to compare with");
}

/// The longest line that is not too long: name, colon, space and value of 8,000 bytes.
fn line_of_8000_bytes() -> String {
    "x".repeat(8_000 - "Authorization: ".len())
}

#[rstest]
#[case::control(get().authorization("Bearer x\u{1}"))]
#[case::last_control(get().authorization("Bearer x\u{1f}"))]
#[case::delete(get().authorization("Bearer x\u{7f}"))]
#[case::not_ascii(get().authorization("Bearer é"))]
#[case::in_another_field(get().field("X-Note", "\0"))]
#[case::repeated(get().authorization("Bearer a").authorization("Bearer b"))]
#[case::three_times(get().authorization("a").authorization("b").authorization("c"))]
#[case::long_line(get().authorization(line_of_8000_bytes() + "x"))]
#[case::fragment(Request::new("GET", "/a#b"))]
#[case::not_ascii_in_the_target(Request::new("GET", "/é"))]
#[case::no_hex_digits(Request::new("GET", "/a%zz"))]
#[case::one_hex_digit(Request::new("GET", "/a%1"))]
#[case::percent_alone(Request::new("GET", "/a%"))]
#[case::no_leading_slash(Request::new("GET", "a"))]
#[case::star_and_more(Request::new("GET", "*a"))]
#[case::no_token_as_method(Request::new("G(T", "/a"))]
fn an_early_refusal_is_accepted_for_requests_that_cause_one(#[case] request: Request) {
    for status in [400, 413, 414, 431] {
        let refusal = response(status, "<h1>Bad Request</h1>");
        assert!(accepted(Accept::NotAuthenticated, &request, refusal.clone()), "{status}");
        assert!(!accepted(Accept::Success, &request, refusal), "{status}");
    }
    for status in [200, 404, 411, 500] {
        assert!(!accepted(Accept::NotAuthenticated, &request, response(status, "")), "{status}");
    }
}

#[rstest]
#[case::nothing(get())]
#[case::token(get().authorization("Bearer x"))]
#[case::tab(get().authorization("Bearer\tx"))]
#[case::tilde(get().authorization("Bearer ~"))]
#[case::line_not_yet_long(get().authorization(line_of_8000_bytes()))]
#[case::two_other_fields(get().field("X-Note", "a").field("X-Note", "b"))]
#[case::odd_but_legal(Request::new("GET", "/a%2e;b?c=[d]"))]
#[case::escape_at_the_end(Request::new("GET", "/a%2E"))]
#[case::absolute_form(Request::new("GET", "http://h/a"))]
#[case::star(Request::new("OPTIONS", "*"))]
#[case::method_of_another_protocol(Request::new("M-SEARCH", "/a"))]
fn an_early_refusal_is_not_accepted_for_other_requests(#[case] request: Request) {
    assert!(!accepted(Accept::NotAuthenticated, &request, response(400, "<h1>Bad Request</h1>")));
}

#[rstest]
#[case::nothing(response(204, ""), true)]
#[case::length_of_nothing(with_field("Content-Length", "0"), true)]
#[case::another_field(with_field("Vary", "Authorization"), true)]
#[case::body(response(200, "x"), false)]
#[case::length(with_field("Content-Length", "12"), false)]
#[case::media_type(with_field("Content-Type", "application/json"), false)]
#[case::etag(with_field("ETag", "\"1\""), false)]
fn content_is_a_body_or_fields_that_describe_one(#[case] answer: Response, #[case] contentless: bool) {
    assert_eq!(accepted(Accept::Contentless, &get(), answer), contentless);
}

#[rstest]
#[case::equal_text("one", "one", true)]
#[case::other_text("one", "two", false)]
#[case::other_values(r#"{"a":"x","b":1}"#, r#"{"b":2,"a":"y"}"#, true)]
#[case::member_less(r#"{"a":"x","b":1}"#, r#"{"a":"x"}"#, false)]
#[case::member_of_another_name(r#"{"a":1}"#, r#"{"b":1}"#, false)]
#[case::member_of_another_type(r#"{"a":1}"#, r#"{"a":"1"}"#, false)]
#[case::truth_and_nothing(r#"{"a":true}"#, r#"{"a":null}"#, false)]
#[case::truth_and_untruth(r#"{"a":true}"#, r#"{"a":false}"#, true)]
#[case::lists_of_other_lengths("[1]", "[2,3,4]", true)]
#[case::lists_of_other_types("[1]", r#"["1"]"#, false)]
#[case::json_and_text("{}", "one", false)]
fn the_same_content(#[case] one: &str, #[case] other: &str, #[case] same: bool) {
    assert_eq!(same_content(&response(200, one), &response(200, other)), same);
    assert_eq!(same_answer(&response(200, one), &response(200, other)), same);
    assert!(!same_answer(&response(200, one), &response(201, other)), "another status is another answer");
}

#[rstest]
#[case::closed(RequestOutcome::Closed, "connection closed without an answer")]
#[case::timed_out(RequestOutcome::TimedOut, "no answer in time")]
#[case::garbled(RequestOutcome::Garbled("an answer that is not HTTP".into()), "an answer that is not HTTP")]
#[case::not_carried(RequestOutcome::NotCarried("HTTP/2 has no such thing".into()), "HTTP/2 has no such thing")]
#[case::detail(RequestOutcome::Response(response(401, r#"{"detail":"Nope"}"#)), "401 `Nope`")]
#[case::detail_without_controls(
    RequestOutcome::Response(response(403, r#"{"detail":"\u001b[1mNo\n"}"#)),
    "403 `[1mNo`"
)]
#[case::detail_of_success(RequestOutcome::Response(response(200, r#"{"detail":"Yes"}"#)), "200 `Yes`")]
#[case::unauthorized(RequestOutcome::Response(response(401, "")), "401 without the documented detail")]
#[case::forbidden(RequestOutcome::Response(response(403, "{}")), "403 without the documented detail")]
#[case::html(
    RequestOutcome::Response(with_field("Content-Type", "text/html; charset=utf-8")),
    "200 with an HTML page"
)]
#[case::json(RequestOutcome::Response(with_field("Content-Type", "application/json")), "200")]
#[case::public(
    RequestOutcome::Response(response(200, r#"{"status":"ok"}"#)),
    "200 with the public endpoint's content"
)]
#[case::protected(
    RequestOutcome::Response(response(200, r#"{"templates":[]}"#)),
    "200 with the protected endpoint's content"
)]
#[case::owned(
    RequestOutcome::Response(response(206, r#"{"id":9}"#)),
    "206 with the owned resource's content"
)]
#[case::content_of_no_success(RequestOutcome::Response(response(404, r#"{"id":9}"#)), "404")]
#[case::no_content(RequestOutcome::Response(response(204, "")), "204")]
#[case::other_content(RequestOutcome::Response(response(200, r#"{"x":1}"#)), "200")]
fn a_response_in_words(#[case] answer: RequestOutcome, #[case] words: &str) {
    let known = Known {
        public: Some(response(200, r#"{"status":"ok"}"#)),
        protected: Some(response(200, r#"{"templates":[]}"#)),
        owned: Some(response(200, r#"{"id":7}"#)),
        ..Known::default()
    };
    assert_eq!(describe(&answer, &known), words);
}

#[test]
fn a_response_without_content_is_not_recognized_by_content() {
    let known = Known { public: Some(response(204, "")), ..Known::default() };
    assert_eq!(describe(&RequestOutcome::Response(response(204, "")), &known), "204");
}

#[test]
fn a_long_detail_is_truncated() {
    let body = format!(r#"{{"detail":"{}"}}"#, "é".repeat(200));
    let words = describe(&RequestOutcome::Response(response(400, &body)), &Known::default());
    assert_eq!(words, format!("400 `{}`", "é".repeat(80)));
}

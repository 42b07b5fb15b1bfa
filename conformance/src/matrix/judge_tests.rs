//! Every rule for an answer, as a table.

use rstest::rstest;

use super::*;

const DENIED: &str = r#"{"detail": "User has no organization or not authorized"}"#;
const MISSING: &str = r#"{"detail": "Not authenticated"}"#;
const INVALID: &str = r#"{"detail": "Invalid authentication credentials"}"#;
const RESOURCE: &str = r#"{"id": "doc-a", "title": "Quarterly numbers"}"#;

fn response(status: u16, body: &str) -> Response {
    let fields = vec![("Content-Type".to_owned(), b"application/json".to_vec())];
    Response { status, fields, body: body.into() }
}

/// Judges an answer to a safe request for `doc-a`, whose control got the resource.
fn judged(expect: Expect, answer: &Response) -> Judgement {
    judge(&Facts {
        expect,
        answer: Ok(answer),
        safe: true,
        head: false,
        control: Some(&response(200, RESOURCE)),
        asked: &["doc-a".to_owned(), "Long title asked for".to_owned()],
        foreign: &["doc-b".to_owned(), "doc-a".to_owned()],
        media_types: &["application/problem+json".to_owned()],
    })
}

#[rstest]
#[case::missing(Expect::Unauthenticated, 401, MISSING, Outcome::Passed, false)]
#[case::invalid(Expect::Unauthenticated, 401, INVALID, Outcome::Passed, false)]
#[case::other_body(Expect::Unauthenticated, 401, "{}", Outcome::Warned, false)]
#[case::forbidden_for_401(Expect::Unauthenticated, 403, DENIED, Outcome::Failed, false)]
#[case::open(Expect::Unauthenticated, 200, "{}", Outcome::Failed, true)]
#[case::open_without_content(Expect::Unauthenticated, 204, "", Outcome::Failed, true)]
#[case::error(Expect::Unauthenticated, 500, "{}", Outcome::Failed, false)]
#[case::conflict(Expect::Unauthenticated, 409, "{}", Outcome::Failed, false)]
#[case::login(Expect::Unauthenticated, 302, "", Outcome::Failed, false)]
#[case::elsewhere(Expect::Unauthenticated, 307, "", Outcome::Failed, false)]
#[case::not_found(Expect::Unauthenticated, 404, "{}", Outcome::Failed, false)]
#[case::invalid_request(Expect::Unauthenticated, 422, "{}", Outcome::Failed, false)]
#[case::foreign(Expect::Foreign, 403, DENIED, Outcome::Passed, false)]
#[case::hidden(Expect::Foreign, 404, "{}", Outcome::Passed, false)]
#[case::foreign_other_body(Expect::Foreign, 403, "[]", Outcome::Warned, false)]
#[case::foreign_401(Expect::Foreign, 401, INVALID, Outcome::Failed, false)]
#[case::foreign_400(Expect::Foreign, 400, "{}", Outcome::Failed, false)]
#[case::foreign_open(Expect::Foreign, 200, RESOURCE, Outcome::Failed, true)]
#[case::foreign_content(Expect::Foreign, 403, RESOURCE, Outcome::Failed, true)]
#[case::hidden_content(Expect::Foreign, 404, RESOURCE, Outcome::Failed, true)]
#[case::foreign_row(Expect::Foreign, 403, r#"{"detail": "see", "id": "doc-b"}"#, Outcome::Failed, false)]
#[case::no_permission(Expect::Forbidden, 403, DENIED, Outcome::Passed, false)]
#[case::no_permission_404(Expect::Forbidden, 404, "{}", Outcome::Failed, false)]
#[case::no_permission_open(Expect::Forbidden, 201, "{}", Outcome::Failed, true)]
#[case::control(Expect::Through, 200, RESOURCE, Outcome::Passed, false)]
#[case::control_401(Expect::Through, 401, INVALID, Outcome::Failed, false)]
#[case::control_403(Expect::Through, 403, DENIED, Outcome::Failed, false)]
#[case::control_error(Expect::Through, 503, "{}", Outcome::Failed, false)]
#[case::control_redirect(Expect::Through, 302, "", Outcome::Passed, false)]
#[case::list(Expect::Through, 200, r#"[{"id": "doc-a"}, {"id": "doc-b"}]"#, Outcome::Failed, false)]
#[case::public(Expect::Public, 200, "{}", Outcome::Passed, false)]
#[case::public_404(Expect::Public, 404, "{}", Outcome::Passed, false)]
#[case::public_closed(Expect::Public, 401, MISSING, Outcome::Failed, false)]
#[case::public_forbidden(Expect::Public, 403, DENIED, Outcome::Failed, false)]
#[case::public_error(Expect::Public, 500, "{}", Outcome::Failed, false)]
fn an_answer_is_judged(
    #[case] expect: Expect,
    #[case] status: u16,
    #[case] body: &str,
    #[case] outcome: Outcome,
    #[case] wrongly_allowed: bool,
) {
    let judgement = judged(expect, &response(status, body));
    assert_eq!((judgement.outcome, judgement.wrongly_allowed), (outcome, wrongly_allowed), "{judgement:?}");
}

#[rstest]
#[case(400)]
#[case(404)]
#[case(405)]
#[case(409)]
#[case(415)]
#[case(422)]
fn a_control_that_gets_no_further_is_not_exercised(#[case] status: u16) {
    assert!(judged(Expect::Through, &response(status, "{}")).not_exercised);
    assert!(!judged(Expect::Through, &response(200, "{}")).not_exercised);
}

#[rstest]
#[case(400)]
#[case(404)]
#[case(405)]
#[case(415)]
#[case(422)]
fn an_early_refusal_opens_nothing_unless_the_same_request_is_allowed(#[case] status: u16) {
    let (answer, good, none) = (response(status, "{}"), response(200, RESOURCE), response(422, "{}"));
    for (safe, control, outcome) in [
        (true, Some(&good), Outcome::Failed),
        (true, Some(&none), Outcome::Passed),
        (true, None, Outcome::Passed),
        (false, Some(&good), Outcome::Passed),
    ] {
        let facts = Facts {
            expect: Expect::Unauthenticated,
            answer: Ok(&answer),
            safe,
            head: false,
            control,
            asked: &[],
            foreign: &[],
            media_types: &[],
        };
        let judgement = judge(&facts);
        assert_eq!((judgement.outcome, judgement.wrongly_allowed), (outcome, false), "{judgement:?}");
        let words =
            if outcome == Outcome::Failed { "refused, but not as documented" } else { "opens nothing" };
        assert!(judgement.observed.contains(words), "{judgement:?}");
    }
}

#[test]
fn a_missing_answer_is_a_failure() {
    let answer = Err("no answer in time");
    let facts = Facts {
        expect: Expect::Foreign,
        answer,
        safe: true,
        head: false,
        control: None,
        asked: &[],
        foreign: &[],
        media_types: &[],
    };
    assert_eq!(judge(&facts), verdict(Outcome::Failed, "no answer in time".into(), false));
}

#[test]
fn a_form_that_the_document_describes_and_an_answer_to_head_are_as_documented() {
    let mut problem = response(401, r#"{"title": "Refused"}"#);
    problem.fields = vec![("content-type".into(), b"application/problem+json; charset=utf-8".to_vec())];
    assert_eq!(judged(Expect::Unauthenticated, &problem).outcome, Outcome::Passed);
    let answer = response(401, "");
    let facts = Facts {
        expect: Expect::Unauthenticated,
        answer: Ok(&answer),
        safe: true,
        head: true,
        control: None,
        asked: &[],
        foreign: &[],
        media_types: &[],
    };
    assert_eq!(judge(&facts).outcome, Outcome::Passed);
}

#[test]
fn strings_of_the_request_are_no_content() {
    let control = response(200, r#"{"title": "Long title asked for"}"#);
    let answer = response(
        403,
        r#"{"detail": "User has no organization or not authorized", "of": "Long title asked for"}"#,
    );
    let facts = Facts {
        expect: Expect::Foreign,
        answer: Ok(&answer),
        safe: true,
        head: false,
        control: Some(&control),
        asked: &["Long title asked for".to_owned()],
        foreign: &[],
        media_types: &[],
    };
    assert_eq!(judge(&facts).outcome, Outcome::Passed);
}

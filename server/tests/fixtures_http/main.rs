//! Runs the cases of `fixtures/` that HTTP can carry against the server over a socket, each at its own time.

#![cfg(test)]

mod carried;
mod running;
mod silence;

use artos_auth_fixtures::case;
use artos_auth_fixtures::{DecideOutput, Question};
use serde_json::{Value, json};

use crate::carried::{request, why_not};
use crate::running::Running;

#[tokio::test]
async fn the_server_decides_every_case_that_http_can_carry_as_written() {
    let cases = case::load().unwrap();
    let server = Running::start(&cases).await;
    let mut wrong = Vec::new();
    let mut carried = Vec::new();
    for (index, case) in cases.iter().enumerate().filter(|(_, case)| why_not(&case.question).is_none()) {
        server.ask_under(case);
        let answer = server.exchange(&request(&case.question, index)).await;
        if let Err(problem) = is_answer(&answer, &case.expected, &case.question.method) {
            wrong.push(format!("{}/{}: {problem}\n{answer}", case.file, case.id));
        }
        carried.push(case);
    }
    let audit = server.stop().await;
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));

    assert_eq!(audit.len(), carried.len(), "one audit line for each decision");
    for (line, case) in audit.iter().zip(&carried) {
        let DecideOutput { outcome, status, reason, clause, audit, .. } = &case.expected;
        let expected = json!({
            "method": case.question.method, "outcome": outcome, "status": status, "reason": reason, "clause": clause,
            "user_id": audit.user_id, "org_id": audit.org_id, "token_id": audit.token_id,
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&line[name], value, "{} of {}: {line}", name, case.id);
        }
    }
}

/// The rule decides which cases are left out, and the test fixes their number, so that neither grows unnoticed.
#[test]
fn cases_that_http_cannot_carry_are_counted() {
    let mut counts = std::collections::BTreeMap::new();
    for case in case::load().unwrap() {
        *counts.entry(why_not(&case.question).unwrap_or("carried")).or_insert(0) += 1;
    }
    let expected = [
        ("carried", 846),
        ("a field value has a control character", 4),
        ("a field value has white space around it, which is no part of it", 11),
        ("the method is no token", 1),
        ("the target has a fragment, which hyper cuts", 3),
        ("the target has a space, a control character or a letter outside ASCII", 9),
        ("the target has none of the forms of a request line", 6),
    ];
    assert_eq!(counts, expected.into());
}

/// The reason that the engine itself never gives.
#[tokio::test]
async fn an_unclear_forwarded_request_is_refused_with_its_reason() {
    let cases = case::load().unwrap();
    let server = Running::start(&cases).await;
    let question = Question { path: "/_auth/verify".to_owned(), ..cases[0].question.clone() };
    let answer = server.exchange(&request(&question, 0)).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let audit = server.stop().await;
    assert_eq!(audit[0]["reason"], "forwarded_request_unclear");
    assert_eq!(audit[0]["clause"], "PUB-2");
}

/// Compares the response with the decision: status, body, challenge, and the fields of every response.
fn is_answer(answer: &str, expected: &DecideOutput, method: &str) -> Result<(), String> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let same = |what: &str, is: Option<&str>, should: Option<&str>| {
        if is == should { Ok(()) } else { Err(format!("{what} is {is:?}, not {should:?}")) }
    };
    same("the status", status, Some(&*expected.status.to_string()))?;

    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let field = |name: &str| {
        let values: Vec<&str> = fields
            .iter()
            .filter(|(its, _)| its.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
            .collect();
        if values.len() > 1 { Some("more than one line") } else { values.first().copied() }
    };
    same("the challenge", field("www-authenticate"), expected.www_authenticate.as_deref())?;
    same("the content type", field("content-type"), Some("application/json"))?;
    same("cache-control", field("cache-control"), Some("no-store"))?;
    same("vary", field("vary"), Some("Authorization"))?;

    let principal = expected.principal.as_ref();
    let text = |text: Option<&str>| expected.is_allow().then(|| percent_encoded(text.unwrap_or_default()));
    let permissions = principal.map_or(&[][..], |principal| &principal.permissions);
    let permissions: Vec<String> = permissions.iter().map(|permission| percent_encoded(permission)).collect();
    let permissions = expected.is_allow().then(|| permissions.join(" "));
    same("the user", field("x-auth-user-id"), text(principal.map(|its| &*its.user_id)).as_deref())?;
    same("the organization", field("x-auth-org-id"), text(principal.map(|its| &*its.org_id)).as_deref())?;
    same("the permissions", field("x-auth-permissions"), permissions.as_deref())?;
    same(
        "the token's id",
        field("x-auth-token-id"),
        text(principal.and_then(|its| its.token_id.as_deref())).as_deref(),
    )?;

    let document = match (&expected.detail, principal) {
        (Some(detail), _) => json!({ "detail": detail }),
        (None, None) => json!({"user_id": null, "org_id": null, "permissions": [], "token_id": null}),
        (None, Some(its)) => json!({
            "user_id": its.user_id, "org_id": its.org_id, "permissions": its.permissions, "token_id": its.token_id,
        }),
    };
    if method == "HEAD" {
        return same("the body", Some(body), Some(""));
    }
    match serde_json::from_str::<Value>(body) {
        Ok(is) if is == document => Ok(()),
        _ => Err(format!("the body is not {document}")),
    }
}

fn percent_encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'%' | b',' => format!("%{byte:02X}"),
        byte if byte.is_ascii_graphic() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

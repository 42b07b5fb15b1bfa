//! `decide`: reads a stream of requests, writes a stream of decisions.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};

use serde_json::{Value, json};

use crate::Workshop;

const DECIDE: [&str; 3] = ["decide", "--config", "auth.toml"];

#[test]
fn the_documented_request_has_the_documented_decision() {
    let workshop = Workshop::new();
    let token = workshop.token(&["--claim", "exp=1700000000", "--claim", "jti=null"]);
    let request = format!(
        r#"{{"id": 1, "method": "GET", "path": "/api/v1/templates/", "authorization": ["Bearer {token}"], "now": 1700000000, "context": {{"realm": null, "resource_org": "org-a", "account": "unknown"}}}}"#
    );
    let output = workshop.run_with(&DECIDE, request.as_bytes()).done();
    let decision: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(
        decision,
        json!({
            "id": 1, "outcome": "deny", "status": 401, "detail": "Invalid authentication credentials",
            "www_authenticate": "Bearer realm=\"artos\", error=\"invalid_token\"", "reason": "token_expired",
            "clause": "TOK-3", "principal": null, "audit": {"user_id": "u1", "org_id": "org-a", "token_id": null}
        })
    );
}

#[test]
fn an_allowed_request_has_its_principal() {
    let workshop = Workshop::new();
    let token = workshop.token(&["--permission", "a:read", "--permission", "b:read"]);
    let request = format!(r#"{{"path": "/", "authorization": ["bearer {token}"], "now": 1700000000}}"#);
    insta::assert_snapshot!(workshop.run_with(&DECIDE, request.as_bytes()).done(), @r#"{"id":null,"outcome":"allow","status":200,"detail":null,"www_authenticate":null,"reason":"authorized","clause":"ORG-4","principal":{"user_id":"u1","org_id":"org-a","permissions":["a:read","b:read"],"token_id":"token-1","issued_at":1700000000,"expires_at":1700003600},"audit":{"user_id":"u1","org_id":"org-a","token_id":"token-1"}}"#);
}

#[test]
fn offline_warns_that_revocations_are_not_fetched() {
    let workshop = Workshop::new();
    workshop.write(
        "auth.toml",
        "[keys]\nfile = \"key.jwk.json\"\n[revocations]\nurl = \"http://127.0.0.1:9/revocations.json\"\n",
    );
    let header = format!("Bearer {}", workshop.token(&[]));
    workshop.write("header.txt", header);
    let explain =
        ["explain", "--config", "auth.toml", "--offline", "--header-file", "header.txt", "--path", "/"];
    for arguments in [&[&DECIDE[..], &["--offline"]].concat()[..], &explain] {
        let run = workshop.run_with(arguments, b"");
        let warning = "warning: revocations 127.0.0.1: not fetched, so revoked tokens are not recognized\n";
        assert_eq!(run.errors, warning, "{arguments:?}");
    }
    let run = workshop.run_with(&DECIDE, b"");
    assert_eq!(run.status, 2, "{}", run.errors);
}

#[test]
fn realms_and_resources_of_the_file_are_not_applied() {
    let workshop = Workshop::new();
    workshop.write(
        "auth.toml",
        "[keys]\nfile = \"key.jwk.json\"\n[[realms]]\nhost = \"*\"\norganizations = []\n\
         [[resources]]\npath = \"/a\"\norganization = \"org-b\"\n",
    );
    let token = workshop.token(&[]);
    let request = format!(r#"{{"path": "/a", "authorization": ["Bearer {token}"], "now": 1700000000}}"#);
    assert!(workshop.run_with(&DECIDE, request.as_bytes()).done().contains("\"authorized\""));
}

/// For each line: the request, and the expected reason, or `None` if the line is not a valid request.
fn mixed_lines(workshop: &Workshop, count: usize) -> (String, Vec<Option<&'static str>>) {
    let good = workshop.token(&[]);
    let expired = workshop.token(&["--claim", "exp=1"]);
    let kinds: [(String, Option<&str>); 8] = [
        (
            format!(r#""path": "/", "now": 1700000000, "authorization": ["Bearer {good}"]"#),
            Some("authorized"),
        ),
        (
            format!(r#""path": "/", "now": 1700000000, "authorization": ["Bearer {expired}"]"#),
            Some("token_expired"),
        ),
        (
            format!(r#""path": "/", "now": 1700000000, "authorization": ["Bearer {good}A"]"#),
            Some("signature_invalid"),
        ),
        (r#""path": "/", "now": 1700000000"#.to_owned(), Some("header_missing")),
        (r#""path": "/api/v1/search/status", "now": 0"#.to_owned(), Some("public_path")),
        (
            format!(
                r#""path": "/", "now": 1700000000, "context": {{"resource_org": "org-b"}}, "authorization": ["Bearer {good}"]"#
            ),
            Some("resource_of_other_organization"),
        ),
        (r#""path": "/""#.to_owned(), None),
        (r#""path": "/", "now": "soon""#.to_owned(), None),
    ];
    let mut input = String::new();
    let mut reasons = Vec::new();
    for (id, (members, reason)) in kinds.iter().cycle().take(count).enumerate() {
        writeln!(input, "{{\"id\": {id}, {members}}}").unwrap();
        reasons.push(*reason);
    }
    (input, reasons)
}

#[test]
fn ten_thousand_lines_have_ten_thousand_results_in_order() {
    let workshop = Workshop::new();
    let (input, reasons) = mixed_lines(&workshop, 10_000);
    let output = workshop.run_with(&DECIDE, input.as_bytes()).done();
    let answers: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 10_000);
    for (id, (answer, reason)) in answers.iter().zip(reasons).enumerate() {
        assert_eq!(answer["id"], id);
        match reason {
            Some("signature_invalid") => {
                // One more character makes the base64url or the signature invalid.
                assert!(
                    ["token_malformed", "signature_invalid"].contains(&answer["reason"].as_str().unwrap())
                );
            }
            Some(reason) => assert_eq!(answer["reason"], reason, "{answer}"),
            None => assert!(answer["error"].is_string() && answer.get("outcome").is_none(), "{answer}"),
        }
    }
}

#[test]
fn each_result_is_written_before_the_next_request_is_read() {
    let workshop = Workshop::new();
    let mut child = workshop.command(&DECIDE).spawn().unwrap();
    let mut asks = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    for id in 0..3 {
        writeln!(asks, r#"{{"id": {id}, "path": "/", "now": 0}}"#).unwrap();
        let mut answer = String::new();
        answers.read_line(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("{{\"id\":{id},")), "{answer}");
    }
    drop(asks);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_closed_output_ends_it_without_an_error() {
    let workshop = Workshop::new();
    let (input, _) = mixed_lines(&workshop, 10_000);
    let mut child = workshop.command(&DECIDE).spawn().unwrap();
    let mut asks = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap());
    let writer = std::thread::spawn(move || asks.write_all(input.as_bytes()));
    let mut first = String::new();
    answers.read_line(&mut first).unwrap();
    drop(answers);
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!((child.wait().unwrap().code(), errors.as_str()), (Some(0), ""));
    // It stopped early and did not read the remaining input.
    assert!(writer.join().unwrap().is_err());
}

#[test]
fn invalid_files_are_refused_before_a_line_is_read() {
    let workshop = Workshop::new();
    workshop.write("auth.toml", "[keys]\nfile = \"none.json\"\n");
    let run = workshop.run_with(&DECIDE, b"{}\n");
    insta::assert_snapshot!(run.refused(), @"error: none.json: cannot be read: No such file or directory (os error 2); the file is named by `keys.file`");
}

/// Some line readers treat U+2028 and U+2029 as line ends.
#[test]
fn a_byte_order_mark_before_the_first_line_is_ignored() {
    let workshop = Workshop::new();
    let lines = "\u{feff}{\"id\": 1, \"path\": \"/\", \"now\": 1}\n\u{feff}{\"id\": 2, \"path\": \"/\", \"now\": 1}\n";
    let run = workshop.run_with(&["decide", "--config", "auth.toml"], lines.as_bytes());
    let (first, second) = run.output.split_once('\n').unwrap();
    assert!(first.contains("header_missing") && second.contains("is not valid JSON"), "{run:?}");
}

#[test]
fn line_separators_are_escaped() {
    let workshop = Workshop::new();
    let line = "{\"id\": \"a\u{2028}b\u{2029}\", \"path\": \"/\", \"now\": 1}";
    let run = workshop.run_with(&["decide", "--config", "auth.toml"], line.as_bytes());
    assert!(run.output.starts_with(r#"{"id":"a\u2028b\u2029","#), "{run:?}");
}

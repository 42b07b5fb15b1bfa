//! Known attacks on other implementations: one test for each class, named after it.
//!
//! The doc comment of each test states the class, what the attacker gains, and what stops it here.
//! `docs/known-vulnerabilities.md` has the table of these comments, and `the_table_matches_the_tests` compares both.
//! Classes that affect only a server are in `server/tests/known_vulnerabilities.rs`.

#![cfg(test)]

mod claims;
mod keys;
mod requests;

use artos_auth_fixtures::case::NOW;
use artos_auth_fixtures::decider::{Context, PolicyDocument, RouteDocument};
use artos_auth_fixtures::engine::EngineDecider;
use artos_auth_fixtures::keys::TestKey;
use artos_auth_fixtures::{DecideOutput, Decider, Question, Setup, TokenSpec};
use serde_json::{Value, json};

fn setup() -> Setup {
    let names = ["hs256", "es256", "rsa"];
    let keys: Vec<Value> =
        names.iter().map(|name| TestKey::named(name).unwrap().published().into()).collect();
    Setup {
        more_keys: Vec::new(),
        policy: PolicyDocument::default(),
        keys: json!({ "keys": keys }),
        revocations: json!({}),
    }
}

fn policy_with_rule(path: &str, permission: &str) -> PolicyDocument {
    let rule =
        RouteDocument { methods: None, path: path.to_owned(), permissions: vec![permission.to_owned()] };
    PolicyDocument { routes: vec![rule], ..PolicyDocument::default() }
}

fn with_header(name: &str, value: Value) -> TokenSpec {
    let mut token = TokenSpec::default();
    token.header.insert(name.to_owned(), value);
    token
}

fn with_claim(name: &str, value: Value) -> TokenSpec {
    let mut token = TokenSpec::default();
    token.claims.insert(name.to_owned(), value);
    token
}

fn signed_by(key: &str) -> TokenSpec {
    TokenSpec { key: Some(key.to_owned()), ..TokenSpec::default() }
}

fn question(token: &TokenSpec) -> Question {
    Question {
        method: "GET".to_owned(),
        path: "/api/v1/templates/".to_owned(),
        authorization: vec![[b"Bearer ", token.mint().unwrap().as_slice()].concat()],
        context: Context::default(),
        now: NOW,
    }
}

fn decide(setup: &Setup, question: &Question) -> DecideOutput {
    EngineDecider::new(setup).unwrap().decide(question)
}

/// The reason of the decision on this token, under the default policy.
fn refusal(token: &TokenSpec) -> String {
    decide(&setup(), &question(token)).reason
}

fn with_line(line: String) -> String {
    let authorization = vec![line.into_bytes()];
    decide(&setup(), &Question { authorization, ..question(&TokenSpec::default()) }).reason
}

/// The table in `docs/known-vulnerabilities.md`, built from the doc comments of the tests.
#[test]
fn the_table_matches_the_tests() {
    let sources = [
        ("engine/tests/known_vulnerabilities/keys.rs", include_str!("keys.rs")),
        ("engine/tests/known_vulnerabilities/claims.rs", include_str!("claims.rs")),
        ("engine/tests/known_vulnerabilities/requests.rs", include_str!("requests.rs")),
        (
            "server/tests/known_vulnerabilities.rs",
            include_str!("../../../server/tests/known_vulnerabilities.rs"),
        ),
    ];
    let mut rows = Vec::new();
    for (file, source) in sources {
        let mut said = [const { String::new() }; 4];
        for line in source.lines() {
            for (part, name) in said.iter_mut().zip(["Class", "Gain", "Stop", "Differs"]) {
                if let Some(text) = line.strip_prefix(&format!("/// **{name}:** ")) {
                    *part = text.to_owned();
                }
            }
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let Some(name) = function.and_then(|function| function.split('(').next())
                && !said[0].is_empty()
            {
                let [class, gain, stop, differs] = std::mem::take(&mut said);
                assert!(!gain.is_empty() && !stop.is_empty(), "{name} says what is gained and what stops it");
                let differs = if differs.is_empty() { String::new() } else { format!(" ({differs})") };
                rows.push(format!("| {class} | {gain} | {stop}{differs} | [`{name}`](../{file}) |"));
            }
        }
    }
    assert_eq!(rows.len(), 27, "one for each class");
    let table = rows.join("\n");
    let document = include_str!("../../../docs/known-vulnerabilities.md");
    let end = document.split_once("|---|---|---|---|\n").map(|(_, table)| table.trim_end());
    assert_eq!(end, Some(&*table), "docs/known-vulnerabilities.md has to end with this table:\n{table}");
}

//! Every case of `fixtures/`, decided in this process.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};

use artos_auth_engine::Reason;
use artos_auth_fixtures::case::{self, Case};
use artos_auth_fixtures::engine::EngineDecider;
use artos_auth_fixtures::{Decider, answers};

fn cases() -> Vec<Case> {
    case::load().unwrap()
}

#[test]
fn the_engine_decides_every_case_as_written() {
    let mut wrong = Vec::new();
    for case in cases() {
        let engine = EngineDecider::new(&case.setup).unwrap_or_else(|error| panic!("{}: {error}", case.id));
        let verdict = engine.decide(&case.question);
        if verdict != case.expected {
            let Case { file, id, title, expected, .. } = case;
            wrong.push(format!("{file}/{id}: {title}\n  expected {expected:?}\n  decided  {verdict:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// Otherwise the tests would pass even if a file lost its cases or was not read.
#[test]
fn no_case_is_missing() {
    let mut files: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases() {
        *files.entry(case.file).or_default() += 1;
    }
    let expected = [
        ("aud-1", 9),
        ("hdr-1", 10),
        ("hdr-2", 9),
        ("hdr-3", 29),
        ("order", 29),
        ("org-1", 13),
        ("org-2", 14),
        ("org-3", 7),
        ("org-4", 9),
        ("paths", 78),
        ("perm-1", 37),
        ("pub-1", 19),
        ("pub-2", 50),
        ("rev-1", 8),
        ("rot-1", 11),
        ("sec-1", 8),
        ("tok-1", 80),
        ("tok-2", 26),
        ("tok-3", 45),
        ("tok-4", 26),
        ("tok-5", 34),
        ("tok-6", 84),
        ("tok-7", 97),
        ("tok-8", 148),
    ];
    assert_eq!(files, expected.map(|(file, cases)| (file.to_owned(), cases)).into());
}

#[test]
fn every_reason_is_reached() {
    let reached: BTreeSet<String> = cases().into_iter().map(|case| case.expected.reason).collect();
    let codes = Reason::ALL.iter().map(|reason| reason.code()).chain(["public_path", "authorized"]);
    assert_eq!(reached, codes.map(str::to_owned).collect());
}

#[test]
fn every_clause_has_a_case() {
    let covered: BTreeSet<String> = cases().into_iter().flat_map(|case| case.clauses).collect();
    // SEC-2 concerns the connection, which a decision does not see.
    let clauses = [
        "PUB-1", "PUB-2", "HDR-1", "HDR-2", "HDR-3", "TOK-1", "TOK-2", "TOK-3", "TOK-4", "TOK-5", "TOK-6",
        "TOK-7", "TOK-8", "ORG-1", "ORG-2", "ORG-3", "ORG-4", "PERM-1", "AUD-1", "SEC-1", "ROT-1", "REV-1",
    ];
    assert_eq!(covered, clauses.map(str::to_owned).into());
}

/// The table of default expectations equals the engine's responses, and was written independently.
#[test]
fn the_answers_match_the_reasons() {
    for reason in Reason::ALL {
        let table = answers::verdict(reason.code(), "r", None, Default::default()).unwrap();
        assert_eq!(table.clause, reason.clause());
        assert_eq!(table.status, reason.answer().status());
        assert_eq!(table.detail.as_deref(), Some(reason.answer().detail()));
    }
    assert_eq!(answers::reason_codes().count(), Reason::ALL.len() + 2);
}

//! The invariants of the contract (section 7), for generated requests.

#![cfg(test)]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test")]

mod generated;

use std::collections::{BTreeSet, HashSet};

use artos_auth_engine::{CacheBytes, HashKey, Reason, UnixTime};
use artos_auth_fixtures::decider::{Account, RouteDocument};
use artos_auth_fixtures::engine::EngineDecider;
use artos_auth_fixtures::reference::differences::{DIFFERENCES, agree, declared};
use artos_auth_fixtures::token::text::{Part, Repeat, Text};
use artos_auth_fixtures::{DecideOutput, Decider, Question, Reference, Setup, TokenSpec};
use generated::{GeneratedRequest, NOW, SETUPS, allowed, generated_request, key_set, path};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use serde_json::{Value, json};

/// This many cases, scaled by `PROPTEST_CASES` relative to its default of 256.
fn config(cases: u32) -> ProptestConfig {
    let regressions = FileFailurePersistence::Direct("tests/properties.proptest-regressions");
    let default = ProptestConfig::default();
    let cases = cases.saturating_mul(default.cases) / 256;
    // About one request in fourteen is allowed; the others are rejected where allowed ones are required.
    let max_local_rejects = cases.saturating_mul(100);
    ProptestConfig { cases, max_local_rejects, failure_persistence: Some(Box::new(regressions)), ..default }
}

fn decide(setup: &Setup, question: &Question) -> DecideOutput {
    EngineDecider::new(setup).unwrap().decide(question)
}

/// Coverage of the generators: a property without any matching case must not pass.
#[test]
fn generated_requests_reach_every_reason() {
    let mut runner = TestRunner::deterministic();
    let strategy = generated_request();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    for _ in 0..6000 {
        let generated = strategy.new_tree(&mut runner).unwrap().current();
        reached.insert(generated.engine().decide(&generated.question()).reason);
    }
    let codes = Reason::ALL.iter().map(|reason| reason.code()).chain(["public_path", "authorized"]);
    assert_eq!(reached, codes.map(str::to_owned).collect());
}

proptest! {
    #![proptest_config(config(1000))]

    #[test]
    fn engine_and_reference_agree(generated in generated_request()) {
        let question = generated.question();
        let engine = generated.engine().decide(&question);
        let reference = Reference::new(generated.setup()).decide(&question);
        agree(&question, &engine, &reference).map_err(TestCaseError::fail)?;
    }

    /// Claims and headers as text with a fragment inserted or removed somewhere, validly signed, so that the JSON
    /// decides.
    #[test]
    fn engine_and_reference_read_the_same_json(
        in_header in any::<bool>(),
        at in any::<Index>(),
        cut in 0_usize..4,
        piece in select(JSON_PIECES.to_vec()),
        times in prop_oneof![9 => Just(1_usize), 1 => 0_usize..140],
    ) {
        let text = if in_header {
            r#"{"alg":"HS256", "typ":"JWT","x":[{"y":"\u00e9"},-0.5e1,null]}"#.to_owned()
        } else {
            format!(r#"{{"sub":"u\u0031","org_id":"org-a","exp":{},"aud":null,"x":[true,{{"exp":[1.5]}}],"permissions":["a"]}}"#, NOW + 9)
        };
        let at = at.index(text.len());
        let (before, after) = text.split_at(at);
        let text = format!("{before}{}{}", piece.repeat(times), after.get(cut..).unwrap_or_default());
        let text = Some(Text::Plain(text));
        let token = if in_header {
            TokenSpec { header_text: text, ..TokenSpec::default() }
        } else {
            TokenSpec { claims_text: text, ..TokenSpec::default() }
        };
        let question = with_token(&token);
        let engine = generated::ENGINES[0].decide(&question);
        let reference = Reference::new(&SETUPS[0]).decide(&question);
        agree(&question, &engine, &reference).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn engine_and_reference_read_the_same_lines(
        lines in proptest::collection::vec(
            prop_oneof![
                "(?i:bearer)?[ \\t]{0,3}[A-Za-z0-9_.=-]{0,20}[ \\t]{0,2}".prop_map(String::into_bytes),
                proptest::collection::vec(any::<u8>(), 0..12),
            ],
            0..3,
        ),
    ) {
        let question = Question { authorization: lines, ..with_token(&TokenSpec::default()) };
        let engine = generated::ENGINES[0].decide(&question);
        prop_assert_eq!(engine, Reference::new(&SETUPS[0]).decide(&question));
    }
}

/// Fragments that are inserted into JSON: delimiters, incomplete values, numbers at the limits, names that are read.
const JSON_PIECES: &[&str] = &[
    "",
    " ",
    "\t",
    "\u{c}",
    "\u{a0}",
    "\u{feff}",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u",
    "\\ud800",
    "\\udc00",
    "\\u0000",
    "\\ud83d\\ude00",
    "\\n",
    "\\x",
    "0",
    "-",
    "+",
    ".",
    "e",
    "1e400",
    "-0",
    "00",
    "1.",
    "null",
    "true",
    "nul",
    "NaN",
    "\u{1}",
    "\u{7f}",
    "é",
    "/*x*/",
    "\"exp\":1,",
    "\"sub\":\"u2\",",
    "\"alg\":\"none\",",
    "\"crit\":[],",
    "\"\\u0065xp\":null,",
    "9",
    "\"x\":{\"y\":[",
    "'",
];

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn engine_and_reference_match_the_same_paths(
        path in path(),
        patterns in proptest::collection::vec(
            proptest::collection::vec(select(vec!["documents", "parts", "7", "{a}", "{b}", "{c}", "é", "a b"]), 0..4),
            1..4,
        ),
        rests in proptest::collection::vec(any::<bool>(), 3),
    ) {
        let mut setup = Setup { keys: key_set(&["hs256"]), ..SETUPS[0].clone() };
        setup.policy.public = Some(vec![]);
        for (mut pattern, rest) in patterns.into_iter().zip(rests) {
            let mut names = BTreeSet::new();
            pattern.retain(|segment| !segment.starts_with('{') || names.insert(*segment));
            if rest {
                pattern.push("{*rest}");
            }
            let path = format!("/{}", pattern.join("/"));
            setup.policy.routes.push(RouteDocument { methods: None, path, permissions: vec!["x".to_owned()] });
        }
        let question = Question { path, ..with_token(&TokenSpec::default()) };
        prop_assert_eq!(decide(&setup, &question), Reference::new(&setup).decide(&question));
    }

    /// Again, after other requests, with `explain`, on another thread, by another engine of the same setup, and with a
    /// cache.
    #[test]
    fn the_same_request_has_the_same_decision(generated in generated_request(), others in proptest::collection::vec(generated_request(), 3)) {
        let question = generated.question();
        let first = generated.engine().decide(&question);
        for other in &others {
            let _ = generated.engine().decide(&other.question());
        }
        prop_assert_eq!(&first, &generated.engine().decide(&question));
        prop_assert_eq!(&first, &decide(generated.setup(), &question));
        let explained = artos_auth_fixtures::engine::with_engine_types(&question, |request, context| {
            artos_auth_fixtures::engine::verdict(&generated.engine().engine().explain(request, context, UnixTime::from_seconds(question.now)).decision)
        });
        prop_assert_eq!(&first, &explained);
        let remembering = generated.engine().engine().clone().with_cache(CacheBytes(1 << 20), HashKey(7));
        for _ in 0..2 {
            let remembered = artos_auth_fixtures::engine::with_engine_types(&question, |request, context| {
                artos_auth_fixtures::engine::verdict(&remembering.decide(request, context, UnixTime::from_seconds(question.now)))
            });
            prop_assert_eq!(&first, &remembered);
        }
        let on_thread = std::thread::scope(|scope| scope.spawn(|| generated.engine().decide(&question)).join());
        prop_assert_eq!(&first, &on_thread.unwrap());
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn removing_a_key_allows_nothing_more(generated in generated_request(), which in any::<Index>()) {
        // If more than eight keys share an algorithm, a token without `kid` has no candidate, and removing a key can
        // give it one (section 3, point 5); the setups have fewer.
        let mut setup = generated.setup().clone();
        let keys = setup.keys["keys"].as_array_mut().unwrap();
        keys.remove(which.index(keys.len()));
        stays_denied(&generated, &setup, &generated.question())?;
    }

    #[test]
    fn removing_an_algorithm_allows_nothing_more(generated in generated_request(), which in any::<Index>()) {
        let mut setup = generated.setup().clone();
        let mut algorithms = setup.policy.algorithms.clone().unwrap_or_else(|| vec!["HS256".into(), "ES256".into(), "EdDSA".into()]);
        algorithms.remove(which.index(algorithms.len()));
        setup.policy.algorithms = Some(algorithms);
        stays_denied(&generated, &setup, &generated.question())?;
    }

    #[test]
    fn removing_a_permission_allows_nothing_more(generated in generated_request(), which in any::<Index>()) {
        // An invalid permission makes the claims malformed, and removing it makes them well-formed.
        prop_assume!(generated.engine().decide(&generated.question()).reason != "token_claims_malformed");
        let mut less = generated.clone();
        if let Some(Value::Array(list)) = less.token.claims.get_mut("permissions") && !list.is_empty() {
            list.remove(which.index(list.len()));
        }
        stays_denied(&generated, generated.setup(), &less.question())?;
    }

    #[test]
    fn removing_membership_allows_nothing_more(generated in generated_request(), account in select(vec![Account::NotAMember, Account::NotConfigured])) {
        let mut question = generated.question();
        question.context.account = account;
        stays_denied(&generated, generated.setup(), &question)?;
        prop_assert_ne!(generated.engine().decide(&question).reason, "authorized");
    }

    #[test]
    fn adding_a_revocation_allows_nothing_more(generated in generated_request(), list in select(vec!["tokens", "users", "organizations", "signed_sha256"])) {
        let entry = match list {
            "tokens" => json!("t1"),
            "users" => json!({"user": "u1", "issued_before": NOW}),
            "organizations" => json!({"org": "org-a", "issued_before": NOW}),
            _ => json!("00".repeat(32)),
        };
        let mut setup = generated.setup().clone();
        let entries = setup.revocations.as_object_mut().unwrap().entry(list).or_insert_with(|| json!([]));
        entries.as_array_mut().unwrap().push(entry);
        stays_denied(&generated, &setup, &generated.question())?;
    }

    #[test]
    fn adding_a_header_line_allows_nothing_more(generated in generated_request(), more in select(vec!["", "Bearer x", "Basic x"]), first in any::<bool>()) {
        let mut question = generated.question();
        let at = if first { 0 } else { question.authorization.len() };
        // A second line: without any line, it would be the first.
        if !question.authorization.is_empty() {
            question.authorization.insert(at, more.into());
            prop_assert_ne!(generated.engine().decide(&question).reason, "authorized");
        }
        stays_denied(&generated, generated.setup(), &question)?;
    }

    #[test]
    fn adding_a_required_permission_allows_nothing_more(generated in generated_request(), which in any::<Index>()) {
        let mut setup = generated.setup().clone();
        if !setup.policy.routes.is_empty() {
            let rule = which.index(setup.policy.routes.len());
            setup.policy.routes[rule].permissions.push("more".to_owned());
        }
        stays_denied(&generated, &setup, &generated.question())?;
    }

    #[test]
    fn adding_a_route_rule_allows_nothing_more(generated in generated_request(), path in select(vec!["/{*rest}", "/documents/{id}", "/other"]), permission in select(vec!["read", "more"])) {
        let mut setup = generated.setup().clone();
        // With `unlisted = "deny"`, listing a route in a rule allows it.
        prop_assume!(setup.policy.unlisted.is_none());
        setup.policy.routes.push(RouteDocument { methods: None, path: path.to_owned(), permissions: vec![permission.to_owned()] });
        stays_denied(&generated, &setup, &generated.question())?;
    }

    #[test]
    fn time_past_expiry_allows_nothing_more(generated in generated_request(), later in 0..=10_000_u64) {
        let mut question = generated.question();
        question.now = question.now.max(NOW + 3600 + 60) + later;
        // Every generated token expires within an hour of the default time, except those with a defect in a date.
        prop_assume!(generated.token.claims.get("exp").and_then(Value::as_u64).is_some_and(|exp| exp <= NOW + 3600));
        prop_assert_ne!(&generated.engine().decide(&question).reason, "authorized");
        stays_denied(&generated, generated.setup(), &question)?;
    }

    /// The alternative ECDSA signature differs in more than one character.
    #[test]
    fn an_allowed_token_with_one_character_changed_is_denied(
        generated in allowed(),
        at in any::<Index>(),
        change in select(vec![Change::Take, Change::Add, Change::Replace]),
        byte in prop_oneof![4 => select(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.".to_vec()), 1 => any::<u8>()],
    ) {
        let mut question = generated.question();
        if let Some(changed) = change.of(&question.authorization[0], at, byte) {
            question.authorization[0] = changed;
            prop_assert!(!generated.engine().decide(&question).is_allow());
        }
    }

    #[test]
    fn a_token_of_one_organization_is_never_allowed_on_anothers_resource(generated in generated_request(), owner in select(vec!["org-a", "org-b", "org-c", "x", ""])) {
        let mut question = generated.question();
        question.context.resource_org = Some(owner.to_owned());
        let verdict = generated.engine().decide(&question);
        if let Some(principal) = verdict.principal {
            prop_assert_eq!(&principal.org_id, owner);
        }
    }

    #[test]
    fn a_principal_carries_the_tokens_organization(generated in allowed()) {
        let claim = generated.setup().policy.claims.as_ref().and_then(|claims| claims.organization.as_ref()?.as_str()).unwrap_or("org_id");
        let principal = generated.engine().decide(&generated.question()).principal.unwrap();
        prop_assert_eq!(Some(&*principal.org_id), generated.token.claims[claim].as_str());
        prop_assert_eq!(Some(&*principal.user_id), generated.token.claims["sub"].as_str());
    }

    /// Eight consecutive characters of the token alphabet.
    #[test]
    fn printed_output_contains_no_part_of_the_token(generated in generated_request()) {
        let question = generated.question();
        let engine = generated.engine().engine();
        let printed = artos_auth_fixtures::engine::with_engine_types(&question, |request, context| {
            let decision = engine.decide(request, context, UnixTime::from_seconds(question.now));
            let explained = engine.explain(request, context, UnixTime::from_seconds(question.now));
            format!("{request:?} {context:?} {decision:?} {:?} {explained:?}", artos_auth_fixtures::engine::verdict(&decision))
        });
        let printed: HashSet<&[u8]> = printed.as_bytes().windows(8).collect();
        let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        for part in question.authorization.iter().flat_map(|line| line.windows(8)) {
            prop_assert!(!part.iter().all(is_base64url) || !printed.contains(part), "{}", String::from_utf8_lossy(part));
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Change {
    Take,
    Add,
    Replace,
}

impl Change {
    /// The line with its token changed; `None` if that changes nothing.
    fn of(self, line: &[u8], at: Index, byte: u8) -> Option<Vec<u8>> {
        let mut changed = line.to_vec();
        let token = "Bearer ".len();
        match self {
            Self::Take => drop(changed.remove(token + at.index(line.len() - token))),
            Self::Add => changed.insert(token + at.index(line.len() - token + 1), byte),
            Self::Replace => changed[token + at.index(line.len() - token)] = byte,
        }
        (changed != line).then_some(changed)
    }
}

/// Every position of one token, each with every character of the alphabet.
#[test]
fn every_change_of_one_character_of_one_token_is_denied() {
    let engine = &generated::ENGINES[0];
    let good = with_token(&TokenSpec::default());
    assert_eq!(engine.decide(&good).reason, "authorized");
    let line = &good.authorization[0];
    let denied = |line: Vec<u8>| {
        let question = Question { authorization: vec![line], ..good.clone() };
        assert!(
            !engine.decide(&question).is_allow(),
            "{:?}",
            String::from_utf8_lossy(&question.authorization[0])
        );
    };
    for at in "Bearer ".len()..line.len() {
        let mut taken = line.clone();
        taken.remove(at);
        denied(taken);
        for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.= " {
            let mut added = line.clone();
            added.insert(at, *byte);
            denied(added);
            let mut replaced = line.clone();
            replaced[at] = *byte;
            if replaced != *line {
                denied(replaced);
            }
        }
    }
}

/// Each declared difference exists where it applies, and only there.
#[test]
fn every_declared_difference_is_real() {
    for difference in DIFFERENCES {
        assert_eq!(difference.id, "deep-nesting", "a new difference needs a test of its own");
    }
    let nested = |levels: usize| {
        let repeat = |repeat: &str| Part::Repeat(Repeat { repeat: repeat.to_owned(), times: levels });
        let parts = vec![Part::Plain("\"x\":".to_owned()), repeat("["), repeat("]")];
        TokenSpec { more_claims: Some(Text::Parts(parts)), ..TokenSpec::default() }
    };
    let answers = |levels: usize| {
        let question = with_token(&nested(levels));
        let (engine, reference) =
            (generated::ENGINES[0].decide(&question), Reference::new(&SETUPS[0]).decide(&question));
        agree(&question, &engine, &reference).unwrap();
        (engine.reason.clone(), reference.reason, declared(&question, &engine).is_some())
    };
    assert_eq!(answers(64), ("authorized".to_owned(), "authorized".to_owned(), false));
    assert_eq!(answers(1000), ("token_claims_malformed".to_owned(), "authorized".to_owned(), true));
    // Another reason, or a difference for a shallow token, is not declared.
    let mut expired = nested(1000);
    expired.claims.insert("exp".to_owned(), json!(1));
    let question = with_token(&expired);
    assert!(
        agree(
            &question,
            &Reference::new(&SETUPS[0]).decide(&with_token(&TokenSpec::default())),
            &Reference::new(&SETUPS[0]).decide(&question)
        )
        .is_err()
    );
}

fn with_token(token: &TokenSpec) -> Question {
    Question {
        method: "GET".to_owned(),
        path: "/api/v1/templates/".to_owned(),
        authorization: vec![[b"Bearer ", token.mint().unwrap().as_slice()].concat()],
        context: Default::default(),
        now: NOW,
    }
}

/// A denial stays a denial.
fn stays_denied(before: &GeneratedRequest, setup: &Setup, question: &Question) -> Result<(), TestCaseError> {
    let was = before.engine().decide(&before.question());
    let is = decide(setup, question);
    prop_assert!(was.is_allow() || !is.is_allow(), "{} became {}", was.reason, is.reason);
    Ok(())
}

//! Revocations added one at a time decide as a list that was loaded at once.

#![cfg(test)]

use std::time::Instant;

use artos_auth_engine::{
    CacheBytes, Context, Engine, HashKey, KeySet, NumericDate, Policy, Request, Revocations, UnixTime,
};
use artos_auth_fixtures::TokenSpec;
use artos_auth_fixtures::keys::TestKey;
use proptest::prelude::*;
use proptest::sample::select;
use rstest::rstest;
use serde_json::{Value, json};

/// One entry of a list.
#[derive(Clone, Debug)]
enum Entry {
    Token(String),
    Signed([u8; 32]),
    User(String, Option<String>, u32),
    Organization(String, u32),
}

impl Entry {
    fn add_to_document(&self, document: &mut Value) {
        let mut push = |list: &str, entry: Value| match document[list].as_array_mut() {
            Some(entries) => entries.push(entry),
            None => document[list] = json!([entry]),
        };
        match self {
            // With and without the time after which the entry can be dropped.
            Self::Token(id) if id == "a" => push("tokens", json!({"id": id, "expires": 1})),
            Self::Token(id) => push("tokens", json!(id)),
            Self::Signed(digest) if digest[0] & 1 == 0 => {
                push("signed_sha256", json!({"id": hex(digest), "expires": 2_000}));
            }
            Self::Signed(digest) => push("signed_sha256", json!(hex(digest))),
            Self::User(user, None, at) => {
                push("users", json!({"user": user, "issued_before": at, "expires": 1}));
            }
            Self::User(user, Some(org), at) => {
                push("users", json!({"user": user, "org": org, "issued_before": at}));
            }
            Self::Organization(org, at) => push("organizations", json!({"org": org, "issued_before": at})),
        }
    }

    fn add_to(&self, revocations: &Revocations) -> Revocations {
        let date = |seconds: u32| NumericDate::from_seconds(seconds.into()).expect("a date");
        match self {
            Self::Token(id) => revocations.with_token(id).expect("an id"),
            Self::Signed(digest) => revocations.with_signed_sha256(digest),
            Self::User(user, org, at) => {
                revocations.with_user(user, org.as_deref(), date(*at)).expect("an id")
            }
            Self::Organization(org, at) => revocations.with_organization(org, date(*at)).expect("an id"),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn loaded(entries: &[Entry]) -> Revocations {
    let mut document = json!({});
    entries.iter().for_each(|entry| entry.add_to_document(&mut document));
    Revocations::from_json(document.to_string().as_bytes()).expect("revocations")
}

fn token(id: &str, user: &str, organization: &str, issued_at: Option<u32>) -> Vec<u8> {
    let claims = json!({"jti": id, "sub": user, "org_id": organization, "iat": issued_at, "exp": 2_000});
    let spec: TokenSpec = serde_json::from_value(json!({ "claims": claims })).expect("a token");
    spec.mint().expect("a token")
}

fn signed_sha256(token: &[u8]) -> [u8; 32] {
    let end = token.iter().rposition(|byte| *byte == b'.').expect("a dot");
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &token[..end]);
    digest.as_ref().try_into().expect("32 bytes")
}

fn engine(revocations: Revocations) -> Engine {
    let key = Value::Object(TestKey::named("hs256").expect("a test key").published());
    let keys = KeySet::from_jwks(json!({ "keys": [key] }).to_string().as_bytes()).expect("keys");
    Engine::new(Policy::builder().build().expect("a policy"), keys, revocations)
}

fn reason(engine: &Engine, token: &[u8]) -> &'static str {
    let line = [b"Bearer ", token].concat();
    let lines = [line.as_slice()];
    let request = Request::new("GET", "/", &lines);
    engine.decide(&request, &Context::unowned(), UnixTime::from_seconds(1_500)).reason_code()
}

fn counts(revocations: &Revocations) -> (usize, usize, usize) {
    (revocations.tokens(), revocations.users(), revocations.organizations())
}

fn entry() -> impl Strategy<Value = Entry> {
    let names = || select(vec!["a", "b", "c"]).prop_map(str::to_owned);
    let instants = || select(vec![0_u32, 999, 1_000, 1_001]);
    prop_oneof![
        names().prop_map(Entry::Token),
        (names(), names(), names())
            .prop_map(|(id, user, org)| Entry::Signed(signed_sha256(&token(&id, &user, &org, None)))),
        (names(), proptest::option::of(names()), instants())
            .prop_map(|(user, org, at)| Entry::User(user, org, at)),
        (names(), instants()).prop_map(|(org, at)| Entry::Organization(org, at)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_list_built_by_additions_decides_as_a_loaded_one(
        entries in proptest::collection::vec(entry(), 0..12),
        at in 0_usize..12,
        fold_at in 0_usize..12,
    ) {
        let (first, rest) = entries.split_at(at.min(entries.len()));
        let before = loaded(first);
        let counts_before = counts(&before);
        let grown = rest.iter().fold(before.clone(), |grown, entry| entry.add_to(&grown));
        let whole = loaded(&entries);
        prop_assert_eq!(counts(&grown), counts(&whole));
        prop_assert_eq!(counts(&before), counts_before, "the old snapshot stays as it is");
        let folded = rest.iter().enumerate().fold(before.clone(), |grown, (index, entry)| {
            let grown = entry.add_to(&grown);
            if index == fold_at { grown.folded() } else { grown }
        });
        let at_the_end = grown.folded();
        for folded in [&folded, &at_the_end] {
            prop_assert_eq!(counts(folded), counts(&whole));
        }
        prop_assert_eq!((before.added(), at_the_end.added()), (0, 0));
        prop_assert!(grown.added() <= rest.len());
        let (whole, grown, folded, at_the_end) = (engine(whole), engine(grown), engine(folded), engine(at_the_end));
        let cached = engine(loaded(first)).with_cache(CacheBytes(1 << 20), HashKey(7));
        let tokens: Vec<Vec<u8>> = ["a", "b"].iter().flat_map(|id| ["a", "b"].map(|user| (*id, user)))
            .flat_map(|(id, user)| ["a", "c"].map(|org| (id, user, org)))
            .flat_map(|(id, user, org)| [None, Some(999), Some(1_000)].map(|iat| token(id, user, org, iat)))
            .collect();
        for token in &tokens {
            reason(&cached, token);
        }
        let cached = cached.with_revocations(grown.revocations().clone());
        for token in &tokens {
            let expected = reason(&whole, token);
            for other in [&grown, &folded, &at_the_end] {
                prop_assert_eq!(reason(other, token), expected);
            }
            prop_assert_eq!(reason(&cached, token), expected, "counts from the next decision on");
        }
    }
}

#[rstest]
#[case::token(Revocations::none().with_token("a\n"), "`id`: a `jti` must have at most 256 bytes and no control character; no token can match this one")]
#[case::long_token(Revocations::none().with_token(&"a".repeat(257)), "`id`: a `jti` must have at most 256 bytes and no control character; no token can match this one")]
#[case::user(Revocations::none().with_user("", None, NumericDate::from_seconds(1.0).unwrap()), "`user`: an id must have 1 to 256 bytes and no control character; no token can match this one")]
#[case::organization_of_a_user(Revocations::none().with_user("u", Some(""), NumericDate::from_seconds(1.0).unwrap()), "`org`: an id must have 1 to 256 bytes and no control character; no token can match this one")]
#[case::organization(Revocations::none().with_organization("\u{7f}", NumericDate::from_seconds(1.0).unwrap()), "`org`: an id must have 1 to 256 bytes and no control character; no token can match this one")]
fn a_revocation_without_effect_is_refused(
    #[case] revocations: Result<Revocations, artos_auth_engine::LoadError>,
    #[case] problem: &str,
) {
    assert_eq!(revocations.expect_err("no revocations").to_string(), problem);
}

/// A change copies a few nodes, not the list: its time hardly grows with a hundred times the entries. The bound is
/// loose, for machines under load; the bench `revocations` measures it.
#[test]
fn the_time_of_a_change_does_not_grow_with_the_list() {
    let with = |count: u32| {
        let list = (0..count).map(|number| format!("\"token-{number}\"")).collect::<Vec<_>>().join(",");
        let mut revocations =
            Revocations::from_json(format!(r#"{{"tokens": [{list}]}}"#).as_bytes()).expect("revocations");
        let mut fastest = u128::MAX;
        for number in 0..2_000 {
            let started = Instant::now();
            revocations = revocations.with_token(&format!("added-{number}")).expect("an id");
            fastest = fastest.min(started.elapsed().as_nanos());
        }
        assert_eq!(revocations.tokens(), usize::try_from(count).unwrap() + 2_000);
        fastest
    };
    let (few, many) = (with(1_000), with(100_000));
    assert!(many < few.max(1_000) * 20, "{many} ns with 100,000 entries, {few} ns with 1,000");
}

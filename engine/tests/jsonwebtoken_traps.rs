//! Behavior of jsonwebtoken that the engine must not have: one test for each trap, which shows the library's behavior
//! where possible, and the engine's.
//!
//! The engine does not depend on jsonwebtoken. The traps show why.

#![cfg(test)]

use artos_auth_fixtures::decider::PolicyDocument;
use artos_auth_fixtures::engine::EngineDecider;
use artos_auth_fixtures::keys::TestKey;
use artos_auth_fixtures::token::edit::{Edit, Segment};
use artos_auth_fixtures::{DecideOutput, Decider, Question, Setup, TokenSpec};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, get_current_timestamp};
use rstest::rstest;
use serde_json::{Value, json};

/// (a) It reads the system clock to check `exp`.
#[test]
fn a_the_caller_supplies_the_time() {
    // Long past by the system clock, but one minute in the future by the caller's.
    let token = with_claim("exp", json!(1_000_000_060));
    assert!(!library_accepts(&token, &Validation::new(Algorithm::HS256)));
    assert_eq!(decide(&token, 1_000_000_000).reason, "authorized");
    assert_eq!(decide(&token, 1_000_000_060).reason, "token_expired");
    assert_eq!(decide(&token, get_current_timestamp()).reason, "token_expired");
}

/// (b) By default it does not check `nbf`, and it accepts tokens for one minute after `exp`.
#[test]
fn b_not_before_is_checked_and_there_is_no_leeway() {
    let now = get_current_timestamp();
    let mut future = with_claim("nbf", json!(now + 3000));
    future.claims.insert("exp".to_owned(), json!(now + 3600));
    assert!(library_accepts(&future, &Validation::new(Algorithm::HS256)));
    assert_eq!(decide(&future, now).reason, "token_not_yet_valid");

    let past = with_claim("exp", json!(now - 30));
    assert!(library_accepts(&past, &Validation::new(Algorithm::HS256)));
    assert_eq!(decide(&past, now).reason, "token_expired");
}

/// (c) It ignores missing `iss`, `aud` and `sub`, and an `iss` of the wrong type.
#[rstest]
#[case::missing(None, "issuer_not_accepted")]
#[case::null(Some(json!(null)), "issuer_not_accepted")]
#[case::number(Some(json!(5)), "token_claims_malformed")]
#[case::object(Some(json!({"iss": "i"})), "token_claims_malformed")]
fn c_required_claims_must_be_present(#[case] issuer: Option<Value>, #[case] reason: &str) {
    let mut token = with_claim("exp", json!(get_current_timestamp() + 3600));
    token.claims.extend(issuer.map(|issuer| ("iss".to_owned(), issuer)));
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&["i"]);
    validation.set_audience(&["a"]);
    assert!(library_accepts(&token, &validation));

    let policy = PolicyDocument { issuers: Some(vec!["i".to_owned()]), ..PolicyDocument::default() };
    assert_eq!(decide_under(policy, &token, 1_700_000_000).reason, reason);
    let policy = PolicyDocument { audiences: Some(vec!["a".to_owned()]), ..PolicyDocument::default() };
    let without = TokenSpec { claims: Default::default(), ..token };
    assert_eq!(decide_under(policy, &without, 1_700_000_000).reason, "audience_not_accepted");
}

/// (d) It parses `crit` and ignores it.
#[test]
fn d_a_critical_extension_is_refused() {
    let mut token = with_claim("exp", json!(get_current_timestamp() + 3600));
    token.header.insert("crit".to_owned(), json!(["something-nobody-understands"]));
    assert!(library_accepts(&token, &Validation::new(Algorithm::HS256)));
    assert_eq!(decide(&token, 1_700_000_000).reason, "critical_extension");
}

/// (e) It subtracts the leeway from the time without an underflow check.
#[rstest]
#[case::expired_at_zero(json!({"exp": 0}), 0, 0, "token_expired")]
#[case::leeway_past_zero(json!({"exp": 0}), 120, 0, "authorized")]
#[case::end_of_leeway(json!({"exp": 0}), 120, 120, "token_expired")]
#[case::not_before_past_zero(json!({"exp": 9, "nbf": 120}), 120, 0, "authorized")]
#[case::not_before_leeway(json!({"exp": 9, "nbf": 121}), 120, 0, "token_not_yet_valid")]
#[case::end_of_time(json!({"exp": 253_402_300_799_u64}), 120, u64::MAX, "token_expired")]
fn e_time_arithmetic_does_not_overflow(
    #[case] claims: Value,
    #[case] leeway: u64,
    #[case] now: u64,
    #[case] reason: &str,
) {
    let token = TokenSpec { claims: claims.as_object().unwrap().clone(), ..TokenSpec::default() };
    let policy = PolicyDocument { leeway_seconds: Some(leeway), ..PolicyDocument::default() };
    assert_eq!(decide_under(policy, &token, now).reason, reason);
}

/// (f) It rounds a fractional date to the nearest second.
#[test]
fn f_fractions_of_a_second_are_compared() {
    let token = with_claim("exp", json!(1_700_000_000.75));
    let before = decide(&token, 1_700_000_000);
    assert_eq!(before.reason, "authorized");
    assert_eq!(before.principal.unwrap().expires_at, json!(1_700_000_000.75));
    assert_eq!(decide(&token, 1_700_000_001).reason, "token_expired");
}

/// (h) Malformed signatures: every byte changed, and every wrong length.
#[rstest]
fn h_malformed_signatures_are_refused(#[values("hs256", "es256", "es384", "ed25519", "rsa")] key: &str) {
    let token = TokenSpec { key: Some(key.to_owned()), ..TokenSpec::default() };
    let minted = String::from_utf8(token.mint().unwrap()).unwrap();
    let (signed, signature) = minted.rsplit_once('.').unwrap();
    let signature = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
    let engine = EngineDecider::new(&setup(PolicyDocument::default())).unwrap();
    let reason = |signature: &[u8]| {
        let line = format!("Bearer {signed}.{}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(signature));
        engine
            .decide(&Question { authorization: vec![line.into_bytes()], ..question(&token, 1_700_000_000) })
            .reason
    };
    assert_eq!(reason(&signature), "authorized");
    for at in 0..signature.len() {
        let mut flipped = signature.clone();
        flipped[at] ^= 1;
        assert_eq!(reason(&flipped), "signature_invalid", "byte {at}");
        if at > 0 {
            assert_eq!(reason(&signature[..at]), "signature_invalid", "the first {at} bytes");
        }
    }
    for more in [&[0_u8][..], &[0; 32], &signature] {
        assert_eq!(reason(&[&signature, more].concat()), "signature_invalid");
        assert_eq!(reason(&[more, &signature].concat()), "signature_invalid");
    }
    assert_eq!(reason(&vec![0; signature.len()]), "signature_invalid");
    assert_eq!(reason(&vec![0xff; signature.len()]), "signature_invalid");
    let swapped = Edit::FlipByte { segment: Segment::Claims, at: 3 };
    let tampered = TokenSpec { edits: vec![swapped], ..token.clone() };
    assert_eq!(engine.decide(&question(&tampered, 1_700_000_000)).reason, "signature_invalid");
}

fn library_accepts(token: &TokenSpec, validation: &Validation) -> bool {
    let jwk = Value::Object(TestKey::named("hs256").unwrap().published());
    let secret = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(jwk["k"].as_str().unwrap()).unwrap();
    decode::<Value>(token.mint().unwrap(), &DecodingKey::from_secret(&secret), validation).is_ok()
}

fn with_claim(name: &str, value: Value) -> TokenSpec {
    let mut token = TokenSpec::default();
    token.claims.insert(name.to_owned(), value);
    token
}

fn decide(token: &TokenSpec, now: u64) -> DecideOutput {
    decide_under(PolicyDocument::default(), token, now)
}

fn decide_under(policy: PolicyDocument, token: &TokenSpec, now: u64) -> DecideOutput {
    EngineDecider::new(&setup(policy)).unwrap().decide(&question(token, now))
}

fn setup(policy: PolicyDocument) -> Setup {
    let names = ["hs256", "es256", "es384", "ed25519", "rsa"];
    let keys: Vec<Value> =
        names.iter().map(|name| TestKey::named(name).unwrap().published().into()).collect();
    Setup { more_keys: Vec::new(), policy, keys: json!({ "keys": keys }), revocations: json!({}) }
}

fn question(token: &TokenSpec, now: u64) -> Question {
    Question {
        method: "GET".to_owned(),
        path: "/api/v1/templates/".to_owned(),
        authorization: vec![[b"Bearer ", token.mint().unwrap().as_slice()].concat()],
        context: Default::default(),
        now,
    }
}

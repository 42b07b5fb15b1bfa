//! SEC-1: the engine prints no part of a token or key.

#![cfg(test)]

use std::fmt::Debug;

use artos_auth_engine::{KeySet, Policy, PolicySpec, Revocations, UnixTime};
use artos_auth_fixtures::case;
use artos_auth_fixtures::engine::{EngineDecider, verdict, with_engine_types};
use artos_auth_fixtures::keys::TestKey;
use rstest::rstest;
use serde_json::{Value, json};

/// The number of consecutive characters that counts as a leak.
const PART: usize = 8;

/// All public inputs and outputs of a decision, for every case.
#[test]
fn no_rendering_holds_a_part_of_the_token_or_of_a_key() {
    let mut renderings = 0;
    for case in case::load().unwrap() {
        let decider = EngineDecider::new(&case.setup).unwrap();
        let engine = decider.engine();
        let mut shown = vec![
            format!("{engine:?}"),
            format!("{:?} {:?}", engine.keys().iter().collect::<Vec<_>>(), engine.keys().warnings()),
        ];
        with_engine_types(&case.question, |request, context| {
            let decision = engine.decide(request, context, UnixTime::from_seconds(case.question.now));
            let explained = engine.explain(request, context, UnixTime::from_seconds(case.question.now));
            // The path is not a secret: a token that a client puts there is shown as part of the requested path.
            if case.question.authorization.iter().any(|line| !line.is_empty()) {
                shown.push(format!("{request:?}"));
            }
            shown.push(format!("{context:?} {decision:?}"));
            shown.push(serde_json::to_string(&verdict(&decision)).unwrap());
            shown.push(format!("{:?} {:?} {:?}", decision.principal(), decision.denial(), decision.audit()));
            shown.push(format!("{explained:?}"));
            shown
                .extend(decision.denial().map(|denial| format!("{} {:?}", denial.reason(), denial.answer())));
        });
        let mut secrets: Vec<Vec<u8>> =
            case.question.authorization.iter().map(|line| without_scheme(line)).collect();
        secrets.extend(materials(&case.setup.keys));
        renderings += shown.len();
        let shown = shown.join("\n");
        for secret in &secrets {
            assert_eq!(part_of(secret, &shown), None, "{}: {shown}", case.id);
        }
    }
    assert!(renderings > 6 * 700, "{renderings}");
}

/// The error messages of tokens, keys and files that are refused.
#[rstest]
#[case::short_secret(json!({"kty": "oct", "k": "c2hvcnQtc2VjcmV0LXNob3J0"}))]
#[case::secret_with_padding(json!({"kty": "oct", "k": "c2hvcnQtc2VjcmV0LXNob3J0LXNlY3JldC1zaG9ydC1zZWNyZXQ="}))]
#[case::secret_that_is_no_string(json!({"kty": "oct", "k": ["c2hvcnQtc2VjcmV0LXNob3J0"]}))]
#[case::private_member_of_wrong_type(json!({"kty": "EC", "crv": "P-256", "x": "c2hvcnQtc2VjcmV0", "y": 5, "d": "c2hvcnQtc2VjcmV0LXNob3J0"}))]
#[case::point_off_the_curve(json!({"kty": "EC", "crv": "P-256", "x": "c2hvcnQtc2VjcmV0", "y": "c2hvcnQtc2VjcmV0", "d": "c2hvcnQtc2VjcmV0LXNob3J0"}))]
#[case::short_modulus(json!({"kty": "RSA", "n": "c2hvcnQtc2VjcmV0LXNob3J0", "e": "AQAB", "d": "c2hvcnQtc2VjcmV0LXNob3J0"}))]
#[case::secret_for_a_key_type(json!({"kty": "OKP", "crv": "Ed25519", "x": "c2hvcnQtc2VjcmV0LXNob3J0"}))]
#[case::secret_in_the_type(json!({"kty": 5, "k": "c2hvcnQtc2VjcmV0LXNob3J0"}))]
fn a_key_that_does_not_load_is_not_shown(#[case] jwk: Value) {
    for text in [jwk.to_string(), json!({ "keys": [jwk] }).to_string()] {
        let error = KeySet::from_jwks(text.as_bytes()).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert_eq!(part_of(b"c2hvcnQtc2VjcmV0LXNob3J0LXNlY3JldC1zaG9ydC1zZWNyZXQ", &shown), None, "{shown}");
    }
}

/// Broken at any position: no message quotes the input.
#[test]
fn a_truncated_or_broken_key_file_is_not_shown() {
    for name in ["hs256", "es256", "ed25519", "rsa"] {
        let key = Value::Object(TestKey::named(name).unwrap().published());
        let text = json!({ "keys": [key] }).to_string();
        for at in 0..text.len() {
            for broken in [
                text[..at].to_owned(),
                format!("{}\u{1}{}", &text[..at], &text[at..]),
                format!("{}\"{}", &text[..at], &text[at..]),
            ] {
                let shown = match KeySet::from_jwks(broken.as_bytes()) {
                    Ok(keys) => format!("{keys:?} {:?}", keys.warnings()),
                    Err(error) => format!("{error} {error:?}"),
                };
                for material in materials(&json!({ "keys": [key] })) {
                    assert_eq!(part_of(&material, &shown), None, "{shown}");
                }
            }
        }
    }
}

/// A token pasted into the wrong place is not repeated either.
#[test]
fn a_token_in_the_wrong_file_is_not_shown() {
    let token = String::from_utf8(artos_auth_fixtures::TokenSpec::default().mint().unwrap()).unwrap();
    let silent = |what: &str, error: &dyn Debug| {
        let shown = format!("{error:?}");
        assert_eq!(part_of(token.as_bytes(), &shown), None, "{what}: {shown}");
    };
    silent("keys", &KeySet::from_jwks(token.as_bytes()).unwrap_err());
    silent("keys", &KeySet::from_jwks(json!({ "keys": [token] }).to_string().as_bytes()).unwrap_err());
    silent("revocations", &Revocations::from_json(token.as_bytes()).unwrap_err());
    silent(
        "revocations",
        &Revocations::from_json(json!({ "signed_sha256": [token] }).to_string().as_bytes()).unwrap_err(),
    );
    // As a `jti` it is too long and therefore an error.
    silent(
        "revocations",
        &Revocations::from_json(json!({ "tokens": [token] }).to_string().as_bytes()).unwrap_err(),
    );
    let policy = PolicySpec { max_token_bytes: Some(1), ..PolicySpec::default() };
    silent("policy", &Policy::new(&policy).unwrap_err());
}

/// The harness detects a leak.
#[test]
fn the_harness_detects_a_part() {
    assert_eq!(part_of(b"abcdefghij", "x bcdefghi y"), Some("bcdefghi".to_owned()));
    assert_eq!(part_of(b"abcdefghij", "x bcdefgh y"), None);
    assert_eq!(part_of(b"abcdefg", "abcdefg"), None);
}

/// The text after the scheme of a line.
fn without_scheme(line: &[u8]) -> Vec<u8> {
    line.splitn(2, |byte| *byte == b' ').last().unwrap_or_default().to_vec()
}

/// The key material of a set, as written.
fn materials(set: &Value) -> Vec<Vec<u8>> {
    let keys = set["keys"].as_array().unwrap();
    let members = keys.iter().flat_map(|key| ["k", "n", "x", "y", "d"].map(|member| key[member].as_str()));
    members.flatten().map(|text| text.as_bytes().to_vec()).collect()
}

/// Finds eight consecutive characters of the secret in the text; blanks are ignored.
fn part_of(secret: &[u8], text: &str) -> Option<String> {
    let parts = |text: &[u8]| -> Vec<u64> {
        text.windows(PART).map(|part| part.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))).collect()
    };
    let mut shown = parts(text.as_bytes());
    shown.sort_unstable();
    let found = parts(secret).into_iter().filter(|part| shown.binary_search(part).is_ok());
    let mut found = found.map(u64::to_be_bytes).filter(|part| part.iter().any(u8::is_ascii_graphic));
    found.next().map(|part| String::from_utf8_lossy(&part).into_owned())
}

//! Revocation files (TOK-5).

use artos_auth_engine::Revocations;
use artos_auth_fixtures::Setup;
use artos_auth_fixtures::decider::PolicyDocument;
use artos_auth_fixtures::engine::EngineDecider;
use serde_json::{Value, json};

use crate::differential::{Pair, keys, question};
use crate::mint;

/// If the file loads, tokens of all ids in it are decided as by the reference.
pub(crate) fn run(input: &[u8]) {
    let revocations = match Revocations::from_json(input) {
        Ok(revocations) => revocations,
        Err(error) => {
            assert!(!error.to_string().contains('\n'), "a message of more than one line: {error}");
            return;
        }
    };
    let file: Value = serde_json::from_slice(input).expect("JSON, since it loaded");
    let list = |name: &str| file[name].as_array().cloned().unwrap_or_default();
    let known = ["tokens", "signed_sha256", "users", "organizations"];
    assert!(file.as_object().is_some_and(|file| file.keys().all(|name| known.contains(&name.as_str()))));
    assert!(revocations.tokens() <= list("tokens").len() + list("signed_sha256").len());
    assert!(revocations.organizations() <= list("organizations").len());

    let setup = Setup {
        more_keys: Vec::new(),
        policy: PolicyDocument::default(),
        keys: keys(),
        revocations: file.clone(),
    };
    let pair = Pair::new(setup).unwrap_or_else(|error| panic!("read otherwise once printed anew: {error}"));
    for claims in tokens_that_it_could_mean(&file) {
        let token = mint::token(mint::HEADER, claims.to_string().as_bytes());
        pair.check(&question(vec![mint::bearer(&token)]));
    }
    let by_hash = mint::token(mint::HEADER, good("t1", "u1", "org-a", &json!(1)).to_string().as_bytes());
    revoke_what_was_signed(&by_hash, &file);
}

/// For the first few entries of each list: a token with that id, user and organization, before, at and after the
/// instant.
fn tokens_that_it_could_mean(file: &Value) -> Vec<Value> {
    let list = |name: &str| file[name].as_array().cloned().unwrap_or_default().into_iter().take(3);
    let mut tokens = vec![good("", "u1", "org-a", &Value::Null)];
    for id in list("tokens") {
        let id = id.as_str().or(id["id"].as_str()).unwrap_or_default();
        tokens.push(good(id, "u1", "org-a", &json!(1)));
    }
    for entry in list("users").chain(list("organizations")) {
        let text = |name: &str| entry[name].as_str().unwrap_or("someone");
        let instant = entry["issued_before"].as_f64().unwrap_or_default();
        for issued in [json!(instant), json!((instant - 0.5).max(0.0)), Value::Null] {
            tokens.push(good("t1", text("user"), text("org"), &issued));
            tokens.push(good("t1", text("user"), "another", &issued));
            tokens.push(good("t1", "another", text("org"), &issued));
        }
    }
    tokens
}

fn good(id: &str, user: &str, organization: &str, issued: &Value) -> Value {
    json!({"jti": id, "sub": user, "org_id": organization, "iat": issued, "exp": 1_700_003_600})
}

/// Adding the hash of this token's signing input to the file revokes it, whatever the earlier decision.
fn revoke_what_was_signed(token: &[u8], file: &Value) {
    use artos_auth_fixtures::Decider as _;
    let signed = &token[..token.iter().rposition(|byte| *byte == b'.').unwrap_or(0)];
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, signed);
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = file.clone();
    let mut hashes = file["signed_sha256"].as_array().cloned().unwrap_or_default();
    hashes.push(Value::from(hex));
    file["signed_sha256"] = Value::from(hashes);
    let setup =
        Setup { more_keys: Vec::new(), policy: PolicyDocument::default(), keys: keys(), revocations: file };
    let engine = EngineDecider::new(&setup).unwrap_or_else(|error| panic!("{error}"));
    let verdict = engine.decide(&question(vec![mint::bearer(token)]));
    assert_eq!(verdict.reason, "token_revoked");
}

//! Checks both crypto backends with Wycheproof's vectors for JSON Web Signatures:
//! `cargo run -p artos-auth-oracles --example wycheproof -- json_web_signature_test.json`.
//!
//! A signature that is valid according to the vectors must verify; the token is then refused for its claims, which are not JSON
//! in any vector. The engine may also refuse it earlier if the contract is stricter than RFC 7515; such cases are counted
//! by reason. Everything that is invalid according to the vectors must be refused before the claims are read.

use std::collections::BTreeMap;
use std::error::Error;

use artos_auth_oracles::backends::{aws_lc, rust_crypto};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args_os().nth(1).ok_or("name the file of vectors")?;
    let vectors: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let mut wrong = Vec::new();
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    let mut total = 0_usize;
    for group in vectors["testGroups"].as_array().ok_or("the file has no `testGroups`")? {
        let key = group.get("public").or(group.get("private")).ok_or("a group without a key")?;
        let jwks = key.to_string();
        for test in group["tests"].as_array().ok_or("a group without `tests`")? {
            let token = test["jws"].as_str().ok_or("a test without `jws`")?;
            let is_valid = test["result"] == "valid" || is_mislabelled(test["comment"].as_str(), token);
            let line = format!("Bearer {token}");
            for (backend, answer) in [
                ("aws-lc", aws_lc(&jwks, line.as_bytes())),
                ("rust-crypto", rust_crypto(&jwks, line.as_bytes())),
            ] {
                total += 1;
                let reason = answer.as_deref().unwrap_or("key_set_refused");
                let verified = matches!(reason, "token_claims_malformed" | "authorized");
                let agrees =
                    match test["result"] == "valid" || is_mislabelled(test["comment"].as_str(), token) {
                        true => verified || is_stricter(key, token, reason),
                        false => !verified,
                    };
                let valid = if is_valid { "valid" } else { "invalid" };
                *counted.entry(format!("{backend:12} {valid:8} {reason}")).or_default() += 1;
                if !agrees {
                    wrong.push(format!("{backend}: test {} ({}): {reason}", test["tcId"], test["comment"]));
                }
            }
        }
    }
    for (what, count) in &counted {
        println!("{count:5}  {what}");
    }
    if total == 0 || !wrong.is_empty() {
        return Err(format!("{} of {total} answers are wrong:\n{}", wrong.len(), wrong.join("\n")).into());
    }
    println!("{total} answers agree");
    Ok(())
}

/// Whether the vectors mark a token as invalid because of padding that it does not have. Tests 367 and 370 are the same unpadded
/// token with a correct signature: HMAC-SHA256 with the group's key gives exactly its third segment.
fn is_mislabelled(comment: Option<&str>, token: &str) -> bool {
    comment.is_some_and(|comment| comment.starts_with("invalidBase64Padding")) && !token.contains('=')
}

/// Whether the contract refuses a token that RFC 7515 allows: an empty payload, a character outside base64url, a curve that
/// is not supported, or an algorithm other than the key's own.
fn is_stricter(key: &Value, token: &str, reason: &str) -> bool {
    let algorithms =
        ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384"];
    let is_supported = key["alg"].as_str().is_none_or(|algorithm| algorithms.contains(&algorithm));
    match reason {
        "token_malformed" => token.contains(".."),
        "token_extra_characters" => {
            !token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        }
        "key_set_refused" => !is_supported,
        "key_unknown" | "algorithm_not_allowed" => {
            let named =
                |token: &str| base64_simd::URL_SAFE_NO_PAD.decode_to_vec(token.split('.').next()?).ok();
            let header: Value =
                named(token).and_then(|header| serde_json::from_slice(&header).ok()).unwrap_or_default();
            header["alg"] != key["alg"]
        }
        _ => false,
    }
}

//! Lines of `artos-auth decide`.

use artos_auth_fixtures::decider::{Account, Context};
use artos_auth_fixtures::{DecideOutput, Question};
use artos_auth_server::decide_lines;
use base64_simd::STANDARD;
use serde_json::Value;

use crate::differential::{PAIRS, Pair};
use crate::mint;

/// Each line that is not blank has one result, independent of earlier lines. `%T` stands for the valid token.
pub(crate) fn run(input: &[u8]) {
    let input = with_tokens(input);
    let pair = &PAIRS[0];
    let together = answers(pair, &input);
    let mut apart = Vec::new();
    for line in input.split(|byte| *byte == b'\n') {
        let answer = answers(pair, line);
        let blank = line.trim_ascii().is_empty();
        assert_eq!(answer.iter().filter(|byte| **byte == b'\n').count(), usize::from(!blank));
        if !blank {
            judge(pair, line, &answer);
        }
        apart.extend(answer);
    }
    assert!(together == apart, "a line is answered otherwise where others stand before it");
}

fn answers(pair: &Pair, input: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    decide_lines(pair.engine.engine(), input, &mut output).expect("input and output that cannot fail");
    output
}

fn judge(pair: &Pair, line: &[u8], answer: &[u8]) {
    // An `id` is returned as it was spelled, including a lone surrogate, which no JSON value can hold.
    let Ok(mut answer) = serde_json::from_slice::<Value>(answer) else {
        assert!(value_of(line).is_none(), "no JSON: {}", String::from_utf8_lossy(answer));
        return;
    };
    let members = answer.as_object_mut().expect("an answer that is an object");
    let id = members.remove("id").expect("an answer with an `id`");
    let error = members.get("error").cloned();
    assert!(error.is_none() || members.len() == 1);
    // Input that a JSON value cannot represent (a number beyond a double, a duplicate member) is not compared.
    let Some(value) = value_of(line) else { return };
    if let Value::Object(members) = &value {
        assert_eq!(id, members.get("id").cloned().unwrap_or_default());
    }
    match (read(&value), error) {
        (None, None) => panic!("a line that is no request was decided"),
        (None, Some(_)) => {}
        (Some(_), Some(error)) => panic!("a request was refused: {error}"),
        (Some(question), None) => {
            let decided: DecideOutput = serde_json::from_value(answer).expect("an answer that is a decision");
            assert_eq!(decided, pair.check(&question));
        }
    }
}

/// The line according to the contract; `None` if it is not a request.
fn read(value: &Value) -> Option<Question> {
    let members = value.as_object()?;
    let names = ["id", "method", "path", "authorization", "authorization_b64", "now", "context"];
    let context = members.get("context").map_or(Some(Context::default()), read_context)?;
    if !members.keys().all(|name| names.contains(&name.as_str())) {
        return None;
    }
    let strings = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|one| Some(one.as_str()?.to_owned())).collect()
    };
    let authorization = match (members.get("authorization"), members.get("authorization_b64")) {
        (None, None) => Vec::new(),
        (Some(lines), None) => strings(lines)?.into_iter().map(String::into_bytes).collect(),
        (None, Some(lines)) => {
            let decode = |text: String| STANDARD.decode_to_vec(text).ok();
            strings(lines)?.into_iter().map(decode).collect::<Option<_>>()?
        }
        (Some(_), Some(_)) => return None,
    };
    Some(Question {
        method: members.get("method").map_or(Some("GET"), Value::as_str)?.to_owned(),
        path: members.get("path")?.as_str()?.to_owned(),
        authorization,
        context,
        now: members.get("now")?.as_u64().filter(|now| *now <= 253_402_300_799)?,
    })
}

fn read_context(value: &Value) -> Option<Context> {
    let members = value.as_object()?;
    let names = ["realm", "resource_org", "resource_unresolved", "account"];
    if !members.keys().all(|name| names.contains(&name.as_str())) {
        return None;
    }
    Some(Context {
        realm: match members.get("realm") {
            None | Some(Value::Null) => None,
            Some(realm) => Some(
                realm.as_array()?.iter().map(|one| Some(one.as_str()?.to_owned())).collect::<Option<_>>()?,
            ),
        },
        resource_org: match members.get("resource_org") {
            None | Some(Value::Null) => None,
            Some(owner) => Some(owner.as_str()?.to_owned()),
        },
        resource_unresolved: members.get("resource_unresolved").map_or(Some(false), Value::as_bool)?,
        account: match members.get("account").map_or(Some("unknown"), Value::as_str)? {
            "unknown" => Account::Unknown,
            "active" => Account::Active,
            "not_a_member" => Account::NotAMember,
            "not_configured" => Account::NotConfigured,
            _ => return None,
        },
    })
}

/// The line as a JSON value, unless information is lost. A value drops the first of two duplicate members: without
/// escapes, its text then has fewer quotes than the line.
fn value_of(line: &[u8]) -> Option<Value> {
    let quotes = |text: &[u8]| text.iter().filter(|byte| **byte == b'"').count();
    let value: Value = serde_json::from_slice(line).ok()?;
    let blurred = line.contains(&b'\\') || quotes(value.to_string().as_bytes()) != quotes(line);
    (!blurred).then_some(value)
}

fn with_tokens(input: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    let mut left = input;
    while let Some(at) = left.windows(2).position(|part| part == b"%T") {
        output.extend_from_slice(&left[..at]);
        output.extend(mint::good("hs256"));
        left = &left[at + 2..];
    }
    output.extend_from_slice(left);
    output
}

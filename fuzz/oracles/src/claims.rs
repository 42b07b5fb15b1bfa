//! The claims of a validly signed token (section 3, point 7).

use artos_auth_fixtures::Setup;
use artos_auth_fixtures::decider::{ClaimNames, PolicyDocument};
use serde_json::{Map, Value, json};

use crate::choices::Choices;
use crate::differential::{Pair, pair, question, test_key};
use crate::mint;

/// Any bytes as claims. An allow must agree with the claims as serde_json reads them.
pub(crate) fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let pair = pair(choices.byte());
    let claims = choices.rest();
    let verdict = pair.check(&question(vec![mint::bearer(&mint::token(mint::HEADER, claims))]));
    let Some(principal) = verdict.principal else { return };
    let names = pair.setup.policy.claims.clone().unwrap_or_default();
    // serde_json refuses names that are not valid Unicode and nesting beyond 128 levels, even in ignored members.
    let Ok(read) = serde_json::from_slice::<serde_json::Value>(claims) else { return };
    let text = |name: Option<Value>, default: &str| at(&read, name.as_ref(), default);
    assert_eq!(text(names.user, "sub"), principal.user_id);
    assert_eq!(text(names.organization, "org_id"), principal.org_id);
    assert_eq!(read["exp"].as_f64(), principal.expires_at.as_f64());
}

/// A claim that a policy names by a string or a path.
fn at(claims: &Value, named: Option<&Value>, default: &str) -> Value {
    let named = named.cloned().unwrap_or_else(|| Value::from(default));
    let steps = named.as_array().cloned().unwrap_or_else(|| vec![named]);
    steps.iter().fold(claims.clone(), |value, step| value[step.as_str().unwrap_or_default()].clone())
}

/// A policy with configured claim names, and a token with these or similar names.
pub(crate) fn run_names(input: &[u8]) {
    let mut choices = Choices::new(input);
    let names = [(); 3].map(|()| String::from_utf8_lossy(choices.text()).into_owned());
    let [user, organization, permissions] = names.clone().map(|name| Some(Value::from(name)));
    let claims = Some(ClaimNames { user, organization, permissions });
    let policy = PolicyDocument { claims, ..PolicyDocument::default() };
    let keys = json!({"keys": [test_key("hs256").published()]});
    let setup = Setup { more_keys: Vec::new(), policy, keys, revocations: json!({}) };
    // An empty name, or a duplicate one.
    let Ok(pair) = Pair::new(setup) else { return };
    let claims = match choices.index(4) {
        0 => choices.rest().to_vec(),
        _ => claims_of(&names, &mut choices).to_string().into_bytes(),
    };
    let _ = pair.check(&question(vec![mint::bearer(&mint::token(mint::HEADER, &claims))]));
}

fn claims_of(names: &[String; 3], choices: &mut Choices<'_>) -> Value {
    let mut claims = Map::new();
    claims.insert("exp".to_owned(), json!(1_700_003_600));
    for (name, value) in names.iter().zip([json!("u1"), json!("org-a"), json!(["p"])]) {
        let mut name = name.clone();
        match choices.index(4) {
            0 | 1 => {}
            2 => drop(name.pop()),
            _ => name.push(char::from(choices.byte())),
        }
        claims.insert(name, value);
    }
    Value::Object(claims)
}

//! Complete decisions: a valid token with one change, and requests built from bytes.

use artos_auth_fixtures::decider::{Account, Context};
use artos_auth_fixtures::keys::TestKey;
use artos_auth_fixtures::{DecideOutput, Question};
use serde_json::{Map, Value, json};

use crate::choices::Choices;
use crate::differential::{Pair, pair, question, test_key};
use crate::mint;

/// The valid token and request, then changes selected by the choices: most inputs get past the signature.
pub(crate) fn run_structured(input: &[u8]) {
    let mut choices = Choices::new(input);
    let pair = pair(choices.byte());
    let mut token =
        Parts::good(pair, choices.pick(&["hs256", "hs256", "hs256", "ed25519", "rsa", "es256", "es384"]));
    let mut asked = question(Vec::new());
    for _ in 0..choices.index(4) + 1 {
        match choices.index(8) {
            0..=2 => token.change_claim(&mut choices),
            3 => token.change_header(&mut choices),
            4 => token.edit = Some((choices.byte(), choices.two_bytes(), choices.byte())),
            5 => change_context(&mut asked.context, &mut choices),
            6 => change_request(&mut asked, &mut choices),
            _ => asked.now = now(&mut choices),
        }
        if choices.is_empty() {
            break;
        }
    }
    let bytes = token.mint();
    asked.authorization = vec![mint::bearer(&bytes)];
    if choices.index(16) == 15 {
        asked.authorization.push(mint::bearer(&mint::good("hs256")));
    }
    let verdict = pair.check(&asked);
    if verdict.principal.is_some() {
        never_opens(pair, &asked, &bytes);
    }
    isolated(&asked, &verdict);
}

/// The valid claims under the names of the policy, and the changes to the token.
struct Parts {
    key: &'static TestKey,
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// Raw text of additional members.
    more: Vec<u8>,
    edit: Option<(u8, u16, u8)>,
}

/// Sets a value where a policy finds the claim: at a name, at a path, or at the first of several.
fn put(claims: &mut Map<String, Value>, named: Option<&Value>, default: &str, value: Value) {
    let default = Value::from(default);
    let named = match named.unwrap_or(&default) {
        Value::Array(several) if several.first().is_some_and(Value::is_array) => &several[0],
        one => one,
    };
    match named {
        Value::Array(steps) if steps.len() > 1 => {
            let name = steps[0].as_str().unwrap_or_default();
            let inner = claims.entry(name).or_insert_with(|| json!({}));
            if let Some(inner) = inner.as_object_mut() {
                put(inner, Some(&Value::from(steps[1..].to_vec())), "", value);
            }
        }
        Value::Array(steps) => {
            let name = steps.first().and_then(Value::as_str).unwrap_or_default();
            claims.insert(name.to_owned(), value);
        }
        name => {
            claims.insert(name.as_str().unwrap_or_default().to_owned(), value);
        }
    }
}

const NAMES: [&str; 18] = [
    "cnf",
    "realm_access",
    "azp",
    "roles",
    "exp",
    "nbf",
    "iat",
    "iss",
    "aud",
    "jti",
    "sub",
    "org_id",
    "permissions",
    "uid",
    "tenant",
    "scope",
    "alg",
    "kid",
];

impl Parts {
    fn good(pair: &Pair, key: &str) -> Self {
        let key = test_key(key);
        let policy = &pair.setup.policy;
        let names = policy.claims.clone().unwrap_or_default();
        let mut claims = Map::new();
        put(&mut claims, names.user.as_ref(), "sub", json!("u1"));
        put(&mut claims, names.organization.as_ref(), "org_id", json!("org-a"));
        put(&mut claims, names.permissions.as_ref(), "permissions", json!(["documents:read", "a", "b"]));
        for (name, accepted) in &policy.required {
            let first = accepted.as_array().and_then(|several| several.first()).unwrap_or(accepted);
            claims.insert(name.clone(), first.clone());
        }
        for (name, value) in
            [("jti", json!("t1")), ("iat", json!(1_699_999_940)), ("exp", json!(1_700_003_600))]
        {
            claims.insert(name.to_owned(), value);
        }
        let first = |list: &Option<Vec<String>>| list.as_ref().and_then(|list| list.first().cloned());
        for (name, value) in [("iss", first(&policy.issuers)), ("aud", first(&policy.audiences))] {
            if let Some(value) = value {
                claims.insert(name.to_owned(), Value::from(value));
            }
        }
        let header = json!({"alg": key.algorithm(), "typ": "JWT", "kid": key.id()});
        let header = header.as_object().cloned().unwrap_or_default();
        Self { key, header, claims, more: Vec::new(), edit: None }
    }

    fn change_claim(&mut self, choices: &mut Choices<'_>) {
        let name = match choices.index(NAMES.len() + 2) {
            at if at < NAMES.len() => NAMES[at].to_owned(),
            _ => String::from_utf8_lossy(choices.text()).into_owned(),
        };
        match choices.index(8) {
            0 => {
                self.claims.remove(&name);
            }
            1 => {
                // Again, as a duplicate.
                self.more.extend(format!(",{}:", Value::from(name)).into_bytes());
                self.more.extend_from_slice(choices.text());
            }
            _ => {
                let value = value(choices);
                self.claims.insert(name, value);
            }
        }
    }

    fn change_header(&mut self, choices: &mut Choices<'_>) {
        let name =
            choices.pick(&["alg", "kid", "typ", "crit", "jwk", "jku", "x5c", "x5u", "b64", "zip", "enc"]);
        match choices.index(4) {
            0 => {
                self.header.remove(name);
            }
            1 => {
                let names = [
                    "none",
                    "None",
                    "HS256",
                    "HS384",
                    "RS256",
                    "ES256",
                    "EdDSA",
                    "at+jwt",
                    "application/JWT",
                    "",
                ];
                self.header.insert(name.to_owned(), Value::from(choices.pick(&names)));
            }
            2 => {
                let jwk = Value::Object(test_key("hs256-stranger").published());
                self.header.insert(name.to_owned(), jwk);
            }
            _ => {
                let value = value(choices);
                self.header.insert(name.to_owned(), value);
            }
        }
    }

    fn mint(&self) -> Vec<u8> {
        let mut claims = Value::Object(self.claims.clone()).to_string().into_bytes();
        if claims.len() > 2 && !self.more.is_empty() {
            claims.pop();
            claims.extend_from_slice(&self.more);
            claims.push(b'}');
        }
        let header = Value::Object(self.header.clone()).to_string();
        let mut token =
            format!("{}.{}", mint::base64url(header.as_bytes()), mint::base64url(&claims)).into_bytes();
        let signature = self.key.sign(self.key.algorithm(), &token).unwrap_or_else(|error| panic!("{error}"));
        token.push(b'.');
        token.extend(mint::base64url(&signature).into_bytes());
        if let Some((kind, at, byte)) = self.edit {
            edit(&mut token, kind, at, byte);
        }
        token
    }
}

/// One byte of the finished token changed, inserted or removed.
fn edit(token: &mut Vec<u8>, kind: u8, at: u16, byte: u8) {
    let at = usize::from(at) % token.len();
    match kind % 4 {
        0 => token[at] = byte,
        1 => token.insert(at, byte),
        2 => drop(token.remove(at)),
        _ => token.truncate(at),
    }
}

fn value(choices: &mut Choices<'_>) -> Value {
    const NUMBERS: [f64; 9] = [
        0.0,
        -1.0,
        0.5,
        1_699_999_999.5,
        1_700_000_000.0,
        1_700_000_060.0,
        1_699_999_940.0,
        253_402_300_799.0,
        1e300,
    ];
    match choices.index(10) {
        0 => Value::Null,
        1 => Value::from(NUMBERS[choices.index(NUMBERS.len())]),
        2 => Value::from(i64::from(choices.two_bytes()) - 32_768 + 1_700_000_000),
        3 => Value::from(choices.flag()),
        4 => Value::from(
            choices.pick(&["org-a", "org-b", "org-c", "u1", "u2", "t1", "t9", "", "ORG-A", "org-a "]),
        ),
        5 => Value::from("x".repeat(usize::from(choices.two_bytes()) % 600)),
        6 => Value::from(vec![Value::from("p"); usize::from(choices.two_bytes()) % 300]),
        7 => json!({"nested": [choices.byte()]}),
        8 => Value::from(vec![Value::from(String::from_utf8_lossy(choices.text()).into_owned())]),
        _ => Value::from(String::from_utf8_lossy(choices.text()).into_owned()),
    }
}

fn change_context(context: &mut Context, choices: &mut Choices<'_>) {
    match choices.index(4) {
        0 => {
            context.realm = Some(match choices.index(3) {
                0 => Vec::new(),
                1 => vec!["org-a".to_owned()],
                _ => vec!["org-b".to_owned(), String::from_utf8_lossy(choices.text()).into_owned()],
            });
        }
        1 => context.resource_org = Some(choices.pick(&["org-a", "org-b", "", "ORG-A"]).to_owned()),
        2 => context.resource_unresolved = choices.flag(),
        _ => {
            let accounts = [Account::Active, Account::NotAMember, Account::NotConfigured, Account::Unknown];
            context.account = choices.pick(&accounts);
        }
    }
}

fn change_request(asked: &mut Question, choices: &mut Choices<'_>) {
    const PATHS: [&str; 10] = [
        "/api/v1/documents/1",
        "/api/v1/templates",
        "/a",
        "/a?x",
        "/a/",
        "/x/y",
        "/api/v1/search/status",
        "/api/v1/x%2fy",
        "",
        "*",
    ];
    match choices.index(3) {
        0 => asked.method = choices.pick(&["GET", "HEAD", "POST", "DELETE", "get", "x", ""]).to_owned(),
        1 => asked.path = choices.pick(&PATHS).to_owned(),
        _ => asked.path = String::from_utf8_lossy(choices.text()).into_owned(),
    }
}

fn now(choices: &mut Choices<'_>) -> u64 {
    const NOWS: [u64; 8] = [
        0,
        1_699_999_939,
        1_700_003_599,
        1_700_003_600,
        1_700_003_660,
        1_700_003_720,
        253_402_300_799,
        u64::MAX,
    ];
    match choices.index(NOWS.len() + 1) {
        at if at < NOWS.len() => NOWS[at],
        _ => u64::from(choices.two_bytes()) + 1_700_000_000,
    }
}

/// An allowed request is denied with a second line, after the expiry, for another organization's resource, for a user
/// who is not a member, and with one character of the token removed.
fn never_opens(pair: &Pair, asked: &Question, token: &[u8]) {
    let denied = |change: &dyn Fn(&mut Question)| {
        let mut asked = asked.clone();
        change(&mut asked);
        let verdict = pair.check(&asked);
        assert!(!verdict.is_allow() || verdict.principal.is_none(), "still allowed: {asked:?}");
    };
    denied(&|asked| asked.authorization.push(asked.authorization[0].clone()));
    denied(&|asked| asked.now = 253_402_300_799 + 200);
    denied(&|asked| asked.context.resource_org = Some("organization of nobody".to_owned()));
    denied(&|asked| asked.context.resource_unresolved = true);
    denied(&|asked| asked.context.account = Account::NotAMember);
    denied(&|asked| asked.context.realm = Some(Vec::new()));
    let at = token.len() * usize::from(token[token.len() - 1] & 63) / 64;
    let without = [&token[..at], &token[at + 1..]].concat();
    denied(&|asked| asked.authorization = vec![mint::bearer(&without)]);
}

/// No principal of an organization other than the resource's.
fn isolated(asked: &Question, verdict: &DecideOutput) {
    let Some(principal) = &verdict.principal else { return };
    assert!(!principal.org_id.is_empty() && !principal.user_id.is_empty());
    assert!(!asked.context.resource_unresolved);
    if let Some(owner) = &asked.context.resource_org {
        assert_eq!(owner, &principal.org_id);
    }
}

/// Method, path, context and time, each up to a line end, then the lines. `%T` in a line stands for the valid token.
pub(crate) fn run_bytes(input: &[u8]) {
    let mut choices = Choices::new(input);
    let pair = pair(choices.byte());
    let mut parts = choices.rest().split(|byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (method, path, context, now) = (text(), text(), text(), text());
    let authorization = parts.map(with_token).collect();
    let asked = Question {
        method,
        path,
        context: serde_json::from_str(&context).unwrap_or_default(),
        now: now.parse().unwrap_or(artos_auth_fixtures::case::NOW),
        authorization,
    };
    let verdict = pair.check(&asked);
    isolated(&asked, &verdict);
}

fn with_token(line: &[u8]) -> Vec<u8> {
    match line.windows(2).position(|part| part == b"%T") {
        Some(at) => [&line[..at], &mint::good("hs256"), &line[at + 2..]].concat(),
        None => line.to_vec(),
    }
}

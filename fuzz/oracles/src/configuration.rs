//! The configuration file (`[policy]` and all other tables).

use std::path::Path;

use artos_auth_engine::Algorithm;
use artos_auth_server::config::{self, Config};
use toml::{Table, Value};

/// A file with one of the listed errors never loads; a file that loads has the values that it contains.
pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let path = Path::new("folder/artos-auth.toml");
    let loaded = config::parse(path, text);
    let table: Option<Table> = text.parse().ok();
    match (&loaded, &table) {
        (Ok(_), None) => panic!("what is no TOML loads"),
        (Ok(config), Some(table)) => {
            let mistakes = mistakes(table);
            assert!(mistakes.is_empty(), "loads in spite of {mistakes:?}");
            holds_what_it_says(config, table);
        }
        (Err(error), _) => {
            assert_eq!(error.file, path);
            let lines = text.lines().count().max(1);
            assert!(error.line.is_none_or(|line| (1..=lines + 1).contains(&line)), "no such line: {error}");
            assert!(!error.problem.is_empty() && !error.problem.contains('\n'), "{error:?}");
        }
    }
}

/// The documented errors of a file, as far as single values cause them.
fn mistakes(file: &Table) -> Vec<&'static str> {
    let mut mistakes = Vec::new();
    let mut mistake = |holds: bool, which: &'static str| {
        if holds {
            mistakes.push(which);
        }
    };
    let known = [
        "listen",
        "admin_listen",
        "socket_mode",
        "policy",
        "keys",
        "revocations",
        "realms",
        "resources",
        "forward",
        "ext_authz",
        "audit",
        "tls",
        "limits",
    ];
    mistake(!file.keys().all(|key| known.contains(&key.as_str())), "an unknown key");
    let key_sets = tables(file.get("keys"));
    mistake(key_sets.is_empty(), "no keys");
    for set in &key_sets {
        let places = ["file", "url", "discover"].iter().filter(|place| set.contains_key(**place)).count();
        mistake(places != 1, "a key set that is nowhere, or in several places");
        let organizations = set.get("organizations").and_then(Value::as_array);
        mistake(organizations.is_some_and(Vec::is_empty), "keys that are trusted with no organization");
        let unnamed = |name: &Value| name.as_str().is_none_or(str::is_empty);
        mistake(organizations.into_iter().flatten().any(unnamed), "an organization without a name");
        let discovered = set.get("discover").filter(|_| set.contains_key("issuer"));
        mistake(discovered.is_some_and(|issuer| set.get("issuer") != Some(issuer)), "two issuers of one set");
    }
    let origins: Vec<_> = key_sets.iter().map(|set| set.get("file")).collect();
    let is_duplicate = |at: usize| origins[at].is_some() && origins[..at].contains(&origins[at]);
    mistake((1..origins.len()).any(is_duplicate), "one file as two key sets");
    for list in ["realms", "resources"] {
        mistake(file.get(list).and_then(Value::as_array).is_some_and(Vec::is_empty), "an empty list");
    }
    let policy = file.get("policy").and_then(Value::as_table).cloned().unwrap_or_default();
    let empty = |name: &str| policy.get(name).and_then(Value::as_array).is_some_and(Vec::is_empty);
    for name in ["algorithms", "issuers", "audiences", "types"] {
        mistake(empty(name), "an empty list of what is accepted");
    }
    let text =
        |value: Option<&Value>, default: &str| value.and_then(Value::as_str).unwrap_or(default).to_owned();
    let reserved = ["exp", "nbf", "iat", "iss", "aud", "jti", "cnf"];
    let claims = policy.get("claims");
    let claim = |name: &str, default: &str| match claims.and_then(|claims| claims.get(name)) {
        None => vec![vec![default.to_owned()]],
        Some(named) => claim_paths(named),
    };
    let (user, organization) = (claim("user", "sub"), claim("organization", "org_id"));
    mistake(user.len() > 1 || organization.len() > 1, "several claims for a user or an organization");
    let paths: Vec<Vec<String>> = [user, organization, claim("permissions", "permissions")].concat();
    mistake(
        paths.iter().any(|path| path.is_empty() || path.iter().any(String::is_empty)),
        "an empty step of a claim",
    );
    let first_is = |path: &Vec<String>, name: &str| path.first().is_some_and(|first| first == name);
    let is_reserved = |path: &Vec<String>| reserved.iter().any(|name| first_is(path, name));
    mistake(paths.iter().any(is_reserved), "a claim that has a meaning of its own");
    let overlap = |one: &Vec<String>, other: &Vec<String>| one.starts_with(other) || other.starts_with(one);
    let overlaps = |at: usize| paths[..at].iter().any(|earlier| overlap(earlier, &paths[at]));
    mistake((1..paths.len()).any(overlaps), "a claim that is another, or leads through it");
    for (name, accepted) in policy.get("required").and_then(Value::as_table).into_iter().flatten() {
        mistake(
            name.is_empty() || reserved.contains(&name.as_str()),
            "a required claim that has a meaning of its own",
        );
        mistake(paths.iter().any(|path| first_is(path, name)), "a required claim that is named already");
        mistake(accepted.as_array().is_some_and(Vec::is_empty), "a required claim without values");
        let one = |value: &Value| value.is_str() || value.is_bool() || value.is_integer();
        let several = accepted.as_array().is_some_and(|values| values.iter().all(one));
        mistake(!one(accepted) && !several, "a required claim with a value of another type");
    }
    let bound = policy.get("bound_tokens").map_or("refuse", |bound| bound.as_str().unwrap_or_default());
    mistake(!["refuse", "accept"].contains(&bound), "what becomes of bound tokens");
    let integer = |name: &str| policy.get(name).and_then(Value::as_integer);
    mistake(
        integer("leeway_seconds").is_some_and(|leeway| !(0..=120).contains(&leeway)),
        "a leeway out of range",
    );
    let token_bytes = integer("max_token_bytes").unwrap_or(8192);
    mistake(!(256..=65_536).contains(&token_bytes), "a token size out of range");
    let header_bytes =
        file.get("limits").and_then(|limits| limits.get("header_bytes")).and_then(Value::as_integer);
    mistake(
        header_bytes.is_some_and(|bytes| bytes < token_bytes.saturating_add(4096)),
        "no room for a token",
    );
    let realm = text(policy.get("realm"), "");
    mistake(
        realm.chars().any(|c| !(' '..='~').contains(&c) || "\"\\".contains(c)),
        "a realm that cannot be quoted",
    );
    for list in ["public", "routes"] {
        for entry in policy.get(list).and_then(Value::as_array).into_iter().flatten() {
            let path = text(entry.get("path"), "");
            mistake(!path.starts_with('/'), "a path without a leading slash");
            mistake(path.contains(['?', '#']), "a query or a fragment in a path");
            let own = path == "/_auth" || path.starts_with("/_auth/");
            mistake(list == "public" && own, "a public path that is the server's own");
            let methods = entry.get("methods").and_then(Value::as_array).cloned();
            mistake(methods.as_ref().is_some_and(Vec::is_empty), "an empty list of methods");
            let spelt = |method: &Value| method.as_str().is_some_and(|method| !is_method(method));
            mistake(methods.iter().flatten().any(spelt), "an invalid method, or one not in upper case");
            let permissions = entry.get("permissions").and_then(Value::as_array);
            mistake(permissions.is_some_and(Vec::is_empty), "a rule that needs nothing");
        }
    }
    let entries = |name: &str| file.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for entry in entries("resources") {
        let owned = entry.get("organization").is_some();
        let unowned = entry.get("unowned") == Some(&Value::Boolean(true));
        mistake(owned == unowned, "a resource that is both or neither owned and unowned");
    }
    let host = |entry: &Value| text(entry.get("host"), "").to_ascii_lowercase();
    let hosts: Vec<String> = entries("realms").iter().map(host).collect();
    mistake((1..hosts.len()).any(|at| hosts[..at].contains(&hosts[at])), "the same host twice");
    mistakes
}

/// One table, or several.
fn tables(value: Option<&Value>) -> Vec<Table> {
    match value {
        Some(Value::Table(table)) => vec![table.clone()],
        Some(Value::Array(tables)) => tables.iter().filter_map(Value::as_table).cloned().collect(),
        _ => Vec::new(),
    }
}

/// The paths of a claim: a name, a path, or several paths.
fn claim_paths(named: &Value) -> Vec<Vec<String>> {
    let step = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match named {
        Value::Array(paths) if paths.iter().any(Value::is_array) => {
            paths.iter().map(|path| path.as_array().into_iter().flatten().map(step).collect()).collect()
        }
        Value::Array(steps) => vec![steps.iter().map(step).collect()],
        name => vec![vec![step(name)]],
    }
}

fn is_method(method: &str) -> bool {
    let known = ["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"];
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let capitals = method.to_ascii_uppercase();
    !method.is_empty() && method.bytes().all(token) && (capitals == method || !known.contains(&&*capitals))
}

fn holds_what_it_says(config: &Config, file: &Table) {
    let policy = file.get("policy").and_then(Value::as_table).cloned().unwrap_or_default();
    let integer = |name: &str| policy.get(name).and_then(Value::as_integer);
    let leeway = i64::try_from(config.policy.leeway_seconds()).expect("a small number");
    assert_eq!(leeway, integer("leeway_seconds").unwrap_or(0));
    let token_bytes = i64::try_from(config.policy.max_token_bytes()).expect("a small number");
    assert_eq!(token_bytes, integer("max_token_bytes").unwrap_or(8192));
    let allowed = |algorithm: &Algorithm| match policy.get("algorithms").and_then(Value::as_array) {
        Some(names) => {
            let names = || names.iter().filter_map(Value::as_str);
            names().any(|name| name == algorithm.name())
                || (*algorithm == Algorithm::EdDSA && names().any(|name| name == "Ed25519"))
        }
        None => !matches!(algorithm, Algorithm::HS384 | Algorithm::HS512),
    };
    let expected: Vec<Algorithm> = Algorithm::ALL.iter().copied().filter(allowed).collect();
    assert_eq!(config.policy.algorithms().collect::<Vec<_>>(), expected);
    let rules = policy.get("routes").and_then(Value::as_array).map_or(0, Vec::len);
    assert_eq!(config.policy.route_rules(), rules);
    let sets = tables(file.get("keys"));
    let text = |set: &Table, name: &str| set.get(name).and_then(Value::as_str).map(str::to_owned);
    let issuers: Vec<_> = sets.iter().map(|set| text(set, "issuer").or(text(set, "discover"))).collect();
    assert_eq!(config.keys.iter().map(|keys| keys.issuer.clone()).collect::<Vec<_>>(), issuers);
    let organizations = |set: &Table| {
        let named = set.get("organizations").and_then(Value::as_array);
        named
            .map(|names| names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect::<Vec<_>>())
    };
    let bound_to: Vec<_> = sets.iter().map(organizations).collect();
    assert_eq!(config.keys.iter().map(|keys| keys.organizations.clone()).collect::<Vec<_>>(), bound_to);
    let resources = file.get("resources").and_then(Value::as_array).map_or(0, Vec::len);
    assert_eq!(config.resources.len(), resources);
    assert_eq!(config.realms.is_open(), !file.contains_key("realms"));
    assert!(config.limits.header_bytes >= config.policy.max_token_bytes() + 4096);
}

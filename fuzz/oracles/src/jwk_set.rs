//! JWK Sets (section 3, point 5).

use artos_auth_engine::KeySet;
use serde_json::Value;

/// What loads is what an obvious reading finds; what does not, and what is printed, shows no key material.
pub(crate) fn run(input: &[u8]) {
    let loaded = KeySet::from_jwks(input);
    let document: Option<Value> = serde_json::from_slice(input).ok();
    let secrets = document.as_ref().map(material).unwrap_or_default();
    let printed = match &loaded {
        Ok(set) => {
            let notices: Vec<String> = set.notices().iter().map(ToString::to_string).collect();
            format!("{set:?}{}", notices.concat())
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains('\n'), "a message of more than one line: {message}");
            message
        }
    };
    for secret in &secrets {
        assert!(!printed.contains(secret), "key material in {printed}");
    }
    let Ok(set) = loaded else { return };
    // A byte order mark, and escapes of lone surrogates in what nobody reads, load and are no JSON to serde_json.
    let Some(document) = document else { return };
    let keys = match document.get("keys") {
        Some(keys) => keys.as_array().expect("an array, since it loaded").clone(),
        None => vec![document],
    };
    let expected: Vec<(Option<String>, String)> = keys.iter().filter_map(usable).collect();
    let loaded: Vec<(Option<String>, String)> =
        set.iter().map(|(id, algorithm)| (id.map(str::to_owned), algorithm.name().to_owned())).collect();
    // A key that cannot be read is ignored, so that what loads is a part of what an obvious reading finds, in its order.
    let mut rest = expected.iter();
    assert!(loaded.iter().all(|key| rest.any(|other| other == key)), "{loaded:?} of {expected:?}");
    assert!(!set.is_empty());
    if loaded == expected {
        keys.iter().filter(|key| usable(key).is_some()).for_each(is_strong);
    }
    for (at, key) in loaded.iter().enumerate() {
        assert!(key.0.is_none() || !loaded[..at].contains(key), "two keys that could not be told apart");
    }
}

/// `kid` and the one algorithm of a key that is ours.
fn usable(key: &Value) -> Option<(Option<String>, String)> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let of_type: &[&str] = match (text("kty")?, text("crv")) {
        ("oct", _) => &["HS256", "HS384", "HS512"],
        ("RSA", _) => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        ("EC", Some("P-256")) => &["ES256"],
        ("EC", Some("P-384")) => &["ES384"],
        ("OKP", Some("Ed25519")) => &["EdDSA", "Ed25519"],
        _ => return None,
    };
    let for_other_use = text("use").is_some_and(|usage| usage != "sig")
        || key.get("key_ops").is_some_and(|operations| {
            !operations.as_array().is_some_and(|operations| operations.iter().any(|one| one == "verify"))
        });
    let algorithm = text("alg").unwrap_or(of_type[0]);
    let ours = of_type.contains(&algorithm) && !for_other_use;
    let algorithm = if algorithm == "Ed25519" { "EdDSA" } else { algorithm };
    ours.then(|| (text("kid").map(str::to_owned), algorithm.to_owned()))
}

/// A secret that loads is as long as the hash of its algorithm.
fn is_strong(key: &Value) {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    if text("kty") == Some("oct") {
        let algorithm = text("alg").unwrap_or("HS256");
        let least = if algorithm == "HS256" { 32 } else { algorithm[2..].parse::<usize>().unwrap_or(0) / 8 };
        let characters = text("k").map_or(0, str::len);
        assert!(characters * 3 / 4 >= least, "a secret of {characters} characters for {algorithm}");
    }
}

/// Long values of the members that hold key material.
fn material(document: &Value) -> Vec<String> {
    let keys = match document.get("keys").and_then(Value::as_array) {
        Some(keys) => keys.clone(),
        None => vec![document.clone()],
    };
    let members = ["k", "d", "p", "q", "dp", "dq", "qi"];
    let values = keys.iter().flat_map(|key| members.iter().filter_map(|name| key.get(name)?.as_str()));
    // A value that also stands under a name that may be shown (`kid`, say) is no secret of anybody's.
    let shown: Vec<&str> = keys
        .iter()
        .flat_map(|key| ["kid", "kty", "alg", "use", "crv"].iter().filter_map(|name| key.get(name)?.as_str()))
        .collect();
    let secret = |value: &&str| value.len() >= 12 && !shown.iter().any(|shown| shown.contains(value));
    let named =
        |value: &&str| !keys.iter().any(|key| key.as_object().is_some_and(|key| key.contains_key(*value)));
    values.filter(secret).filter(named).map(str::to_owned).collect()
}

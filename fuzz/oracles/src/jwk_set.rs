//! JWK Sets (section 3, point 5): a second implementation of the rules for keys that load, are ignored or fail.

use artos_auth_engine::KeySet;
use artos_auth_fixtures::reference::encoding::{self, Member, base64url, string};
use num_bigint::BigUint;
use serde_json::value::RawValue;

use crate::curves;

/// Loaded keys, warnings and errors follow the rules; no message shows key material.
pub(crate) fn run(input: &[u8]) {
    let document = Document::read(input);
    let expected = document.as_ref().and_then(Document::expected);
    let loaded = KeySet::from_jwks(input);
    let printed = match &loaded {
        Ok(set) => {
            let warnings: Vec<String> = set.warnings().iter().map(ToString::to_string).collect();
            assert!(
                warnings.iter().all(|warning| !warning.contains('\n')),
                "more than one line: {warnings:?}"
            );
            format!("{set:?}{}", warnings.concat())
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains('\n'), "a message of more than one line: {message}");
            message
        }
    };
    for secret in document.iter().flat_map(Document::material) {
        assert!(!printed.contains(&secret), "key material in {printed}");
    }
    let (set, expected) = match (loaded, expected) {
        (Ok(set), Some(expected)) => (set, expected),
        (Err(_), None) => return,
        (Ok(set), None) => panic!("loads {set:?}, which has to fail"),
        (Err(error), Some(expected)) => panic!("fails ({error}), but has to load {:?}", expected.keys),
    };
    let keys: Vec<(Option<String>, String)> =
        set.iter().map(|(id, algorithm)| (id.map(str::to_owned), algorithm.name().to_owned())).collect();
    assert_eq!(keys, expected.keys, "the keys that load");
    let warned: Vec<&str> = set.warnings().iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(warned, expected.warned, "what the warnings are about: {:?}", set.warnings());
}

/// The keys of a document, each as its members; `None` for one that is not an object.
struct Document {
    keys: Vec<(String, Option<Vec<Member>>)>,
}

/// A document that loads.
struct Expected {
    /// `kid` and algorithm of each usable key, in the order of the document.
    keys: Vec<(Option<String>, String)>,
    /// The subjects of the warnings, in order: a key by its index, or the whole set.
    warned: Vec<String>,
}

/// The result for one key.
enum Reading {
    Usable { key: (Option<String>, String), has_private_members: bool },
    Ignored,
    Weak,
}

impl Document {
    /// `None` if this is neither a JWK Set nor a JWK.
    fn read(input: &[u8]) -> Option<Self> {
        let text = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
        let members = encoding::members(text)?;
        let keys = match present(&members, "keys")? {
            Some(keys) => {
                let keys: Vec<Box<RawValue>> = serde_json::from_str(keys.get()).ok()?;
                let members = keys.iter().map(|key| encoding::members(key.get().as_bytes()));
                members.enumerate().map(|(at, members)| (format!("keys[{at}]"), members)).collect()
            }
            None if members.iter().any(|(name, _)| name == b"kty") => vec![(String::new(), Some(members))],
            None => return None,
        };
        Some(Self { keys })
    }

    /// `None` if the document must not load.
    fn expected(&self) -> Option<Expected> {
        let (mut keys, mut warned) = (Vec::new(), Vec::new());
        for (place, members) in &self.keys {
            match members.as_deref().and_then(usable).unwrap_or(Reading::Ignored) {
                Reading::Usable { key, has_private_members } => {
                    if key.0.is_some() && keys.contains(&key) {
                        return None;
                    }
                    keys.push(key);
                    if has_private_members {
                        warned.push(place.clone());
                    }
                }
                Reading::Ignored => warned.push(place.clone()),
                Reading::Weak => return None,
            }
        }
        let mut counted: Vec<&str> = keys.iter().map(|(_, algorithm)| algorithm.as_str()).collect();
        counted.sort_unstable();
        let too_many = counted.chunk_by(|one, next| one == next).filter(|same| same.len() > 8);
        warned.extend(too_many.map(|_| String::new()));
        (!keys.is_empty()).then_some(Expected { keys, warned })
    }

    /// Long values of the members that hold key material.
    fn material(&self) -> Vec<String> {
        let keys = || self.keys.iter().filter_map(|(_, members)| members.as_ref());
        let values = |names: &'static [&str]| {
            let members =
                keys().flatten().filter(move |(name, _)| names.iter().any(|its| its.as_bytes() == name));
            members.filter_map(|(_, value)| string(value))
        };
        // A value that also occurs in a member that may be shown is not a secret.
        let shown: Vec<String> = values(&["kid", "kty", "alg", "use", "crv"]).collect();
        values(&["k", "d", "p", "q", "dp", "dq", "qi"])
            .filter(|value| value.len() >= 12 && !shown.iter().any(|shown| shown.contains(value)))
            .collect()
    }
}

/// A member: inner `None` if it is absent or null; outer `None` if it is a duplicate.
fn present<'m>(members: &'m [Member], name: &str) -> Option<Option<&'m RawValue>> {
    Some(encoding::once(members, name)?.filter(|value| value.get() != "null"))
}

/// The result for a key; `None` if it cannot be read, is not supported or is for another use.
fn usable(members: &[Member]) -> Option<Reading> {
    let text = |name: &str| match present(members, name)? {
        Some(value) => string(value).map(Some),
        None => Some(None),
    };
    let bytes = |name: &str| match text(name)?? {
        text if text.is_empty() => Some(Vec::new()),
        text => base64url(&text),
    };
    let id = text("kid")?;
    if text("use")?.is_some_and(|usage| usage != "sig") {
        return None;
    }
    if let Some(operations) = present(members, "key_ops")? {
        let operations: Vec<Box<RawValue>> = serde_json::from_str(operations.get()).ok()?;
        let operations: Vec<String> = operations.iter().map(|one| string(one)).collect::<Option<_>>()?;
        if !operations.iter().any(|operation| operation == "verify") {
            return None;
        }
    }
    let kind = text("kty")??;
    let curve = if kind == "EC" || kind == "OKP" { text("crv")? } else { None };
    let of_type: &[&str] = match (kind.as_str(), curve.as_deref()) {
        ("oct", _) => &["HS256", "HS384", "HS512"],
        ("RSA", _) => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        ("EC", Some("P-256")) => &["ES256"],
        ("EC", Some("P-384")) => &["ES384"],
        ("OKP", Some("Ed25519")) => &["EdDSA"],
        _ => return None,
    };
    let algorithm = match text("alg")? {
        None => of_type[0].to_owned(),
        Some(named) if named == "Ed25519" => "EdDSA".to_owned(),
        Some(named) => named,
    };
    if !of_type.contains(&algorithm.as_str()) {
        return None;
    }
    match kind.as_str() {
        // At least as long as the hash output (RFC 7518 section 3.2).
        "oct" => {
            let hash_bits: usize = algorithm[2..].parse().expect("the algorithms of a secret end in digits");
            if bytes("k")?.len() * 8 < hash_bits {
                return Some(Reading::Weak);
            }
        }
        "RSA" => {
            let modulus = BigUint::from_bytes_be(&bytes("n")?);
            let exponent = BigUint::from_bytes_be(&bytes("e")?);
            if modulus.bits() < 2048 {
                return Some(Reading::Weak);
            }
            let exponents = BigUint::from(3_u8)..BigUint::from(1_u64 << 33);
            let are_odd = modulus.bit(0) && exponent.bit(0);
            if modulus.bits() > 8192 || !are_odd || !exponents.contains(&exponent) {
                return None;
            }
        }
        "EC" => {
            let curve = if algorithm == "ES256" { &curves::P256 } else { &curves::P384 };
            if !curve.has(&bytes("x")?, &bytes("y")?) {
                return None;
            }
        }
        _ => {
            if !curves::is_ed25519_key(&bytes("x")?) {
                return None;
            }
        }
    }
    let private: &[&[u8]] = &[b"d", b"p", b"q", b"dp", b"dq", b"qi", b"oth"];
    let has_private_members =
        members.iter().any(|(name, value)| private.contains(&name.as_slice()) && value.get() != "null");
    Some(Reading::Usable { key: (id, algorithm), has_private_members: kind != "oct" && has_private_members })
}

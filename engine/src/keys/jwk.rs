//! JWKs (RFC 7517, RFC 7518 §6, RFC 8037 §2): which are supported, ignored, or too weak.

use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;
use foldhash::fast::FixedState;
use hashbrown::HashSet;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::key::Key;
use super::public_key::{CurvePoint, RsaNumbers};
use super::verifier::Verifier;
use crate::algorithm::Algorithm;
use crate::error::{LoadError, Position, without_byte_order_mark};
use crate::warning::Warning;

/// The usable keys of a document, in its order, and notes about the others.
///
/// A member that is not read may have any valid JSON value; `null` counts as absent.
pub(super) fn read(text: &[u8]) -> Result<(Vec<Key>, Vec<Warning>), LoadError> {
    let text = std::str::from_utf8(without_byte_order_mark(text))
        .map_err(|_| LoadError::new("", "invalid UTF-8"))?;
    if let Some(problem) = other_kind(text.trim_start()) {
        return Err(LoadError::new("", problem));
    }
    let document = Members::parse(text)
        .map_err(|error| LoadError::json(&error, "a JWK Set or a JWK, which are JSON objects"))?;
    let once = |name: &'static str| {
        document.once(name).map_err(|problem| LoadError::new(problem.member, problem.text))
    };
    let sources: Vec<(String, &str)> = match once("keys")? {
        Some(keys) => {
            let keys: Vec<&RawValue> = serde_json::from_str(keys)
                .map_err(|_| LoadError::new("keys", "expected an array of JWKs"))?;
            keys.iter().enumerate().map(|(index, raw)| (format!("keys[{index}]"), raw.get())).collect()
        }
        None if document.has("kty") => vec![(String::new(), text)],
        None if document.has("jwks_uri") => {
            let problem = "this is a provider's discovery document; its `jwks_uri` names the JWK Set";
            return Err(LoadError::new("", problem));
        }
        None => {
            return Err(LoadError::new("", "expected a JWK Set (with `keys`) or a JWK (with `kty`)"));
        }
    };
    collect(&sources, text)
}

/// The problem, if the text is of another kind that is often passed by mistake.
fn other_kind(text: &str) -> Option<&'static str> {
    if text.starts_with('{') {
        return None;
    }
    // Some programs write attributes of the key before it.
    if text.contains("-----BEGIN ") {
        return Some("this is a PEM file, not a JWK Set; convert it with `artos-auth keys public --in FILE`");
    }
    text.starts_with('<').then_some("this is HTML or XML, not a JWK Set; check the response of the URL")
}

fn collect(sources: &[(String, &str)], text: &str) -> Result<(Vec<Key>, Vec<Warning>), LoadError> {
    let mut keys: Vec<Key> = Vec::new();
    let mut warnings = Vec::new();
    // A set, because comparing all pairs would be quadratic in the number of keys.
    let mut ids: HashSet<(Box<str>, Algorithm), FixedState> = HashSet::default();
    for (path, source) in sources {
        let fatal = |problem: Problem| {
            let key = match (path.as_str(), problem.member) {
                (path, "") => path.to_owned(),
                ("", member) => member.to_owned(),
                (path, member) => format!("{path}.{member}"),
            };
            let error = LoadError::new(key, problem.text);
            Position::of(source, text).map_or(error.clone(), |position| error.at(position))
        };
        let mut warn = |text: String| warnings.push(Warning::new(path.clone(), text));
        match read_key(source) {
            Read::Usable { key, private } => {
                if let Some(id) = &key.id
                    && !ids.insert((id.clone(), key.algorithm))
                {
                    let text = format!("duplicate `kid` `{id}` for {}; give each key its own", key.algorithm);
                    return Err(fatal(Problem { member: "kid", text }));
                }
                if private {
                    warn("private members ignored; deploy the public key".to_owned());
                }
                keys.push(key);
            }
            Read::Ignored(Problem { member: "", text }) => warn(format!("ignored: {text}")),
            Read::Ignored(Problem { member, text }) => warn(format!("ignored: `{member}`: {text}")),
            Read::Weak(problem) => return Err(fatal(problem)),
        }
    }
    if keys.is_empty() {
        let shown: Vec<String> = warnings.iter().take(3).map(ToString::to_string).collect();
        let why = match warnings.len() {
            0 => "it is empty".to_owned(),
            1..=3 => shown.join("; "),
            more => format!("{}; and {} more", shown.join("; "), more.saturating_sub(3)),
        };
        return Err(LoadError::new("", format!("no usable key in the set ({why})")));
    }
    Ok((keys, warnings))
}

/// The result of reading one key.
enum Read {
    Usable {
        key: Key,
        private: bool,
    },
    /// It is not supported, or cannot be read: the set is used without it.
    Ignored(Problem),
    /// It is supported but too weak: the set does not load, whatever other keys it has.
    Weak(Problem),
}

/// The problem of a key.
struct Problem {
    member: &'static str,
    text: String,
}

fn problem(member: &'static str, text: impl Into<String>) -> Problem {
    Problem { member, text: text.into() }
}

fn read_key(source: &str) -> Read {
    match read_or_ignore(source) {
        Ok(read) => read,
        Err(problem) => Read::Ignored(problem),
    }
}

/// The error says why the key is ignored.
fn read_or_ignore(source: &str) -> Result<Read, Problem> {
    let members = Members::parse(source).map_err(|_| problem("", "a JWK must be a JSON object"))?;
    let key_type = members.text("kty")?.ok_or_else(|| problem("kty", "missing"))?;
    if let Some(usage) = members.text("use")?.filter(|usage| *usage != "sig") {
        return Err(problem("", format!("`use` must be `sig`, got `{usage}`")));
    }
    if !members.allows_verify()? {
        return Err(problem("", "`key_ops` must include `verify`"));
    }
    let curve = if matches!(&*key_type, "EC" | "OKP") { members.text("crv")? } else { None };
    let named = members.text("alg")?;
    let algorithm = serves(&key_type, curve.as_deref(), named.as_deref()).map_err(|why| problem("", why))?;
    let id = members.text("kid")?;
    let verifier = match verifier(algorithm, &members)? {
        Ok(verifier) => verifier,
        Err(weak) => return Ok(Read::Weak(weak)),
    };
    let private =
        &*key_type != "oct" && ["d", "p", "q", "dp", "dq", "qi", "oth"].iter().any(|name| members.has(name));
    Ok(Read::Usable { key: Key { id: id.map(Into::into), algorithm, verifier, binding: None }, private })
}

/// The one algorithm of a key: its `alg`, or the default for its type and curve (RFC 8725 §3.1).
fn serves(key_type: &str, curve: Option<&str>, named: Option<&str>) -> Result<Algorithm, String> {
    use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
    let of_type: &[Algorithm] = match (key_type, curve) {
        ("oct", _) => &[HS256, HS384, HS512],
        ("RSA", _) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        ("EC", Some("P-256")) => &[ES256],
        ("EC", Some("P-384")) => &[ES384],
        ("OKP", Some("Ed25519")) => &[EdDSA],
        ("EC" | "OKP", Some(curve)) => return Err(format!("unsupported curve `{curve}`")),
        ("EC" | "OKP", None) => return Err("`crv` is missing".to_owned()),
        (other, _) => return Err(format!("unsupported key type `{other}`")),
    };
    match named {
        None => of_type.first().copied().ok_or_else(|| "its type serves no algorithm".to_owned()),
        Some(name) => {
            Algorithm::from_name(name).filter(|algorithm| of_type.contains(algorithm)).ok_or_else(|| {
                match (key_type, curve) {
                    ("EC" | "OKP", Some(curve)) => format!("`alg` `{name}` is not valid for `crv` `{curve}`"),
                    _ => format!("`alg` `{name}` is not valid for `kty` `{key_type}`"),
                }
            })
        }
    }
}

/// The verifier, or why the key is too weak. The error says why the key cannot be read.
fn verifier(algorithm: Algorithm, members: &Members<'_>) -> Result<Result<Verifier, Problem>, Problem> {
    use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
    let verifier = match algorithm {
        HS256 | HS384 | HS512 => {
            let secret = members.bytes("k")?;
            let least = secret_bytes(algorithm);
            if secret.len() < least {
                let text = format!(
                    "the secret must have at least {least} bytes for {algorithm}, got {}",
                    secret.len()
                );
                return Ok(Err(problem("k", text)));
            }
            Verifier::secret(algorithm, &secret)
        }
        RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => {
            let numbers = RsaNumbers::new(&members.bytes("n")?, &members.bytes("e")?);
            let (bits, allowed) = (numbers.modulus_bits(), RsaNumbers::MODULUS_BITS);
            if bits < *allowed.start() {
                let text = format!("the modulus must have at least {} bits, got {bits}", allowed.start());
                return Ok(Err(problem("n", text)));
            }
            if bits > *allowed.end() {
                let text = format!("the modulus must have at most {} bits, got {bits}", allowed.end());
                return Err(problem("n", text));
            }
            Verifier::rsa(algorithm, &numbers)
        }
        ES256 | ES384 => {
            let length = if algorithm == ES256 { 32 } else { 48 };
            CurvePoint::of_coordinates(length, &members.bytes("x")?, &members.bytes("y")?)
                .and_then(|point| Verifier::curve(algorithm, &point))
        }
        EdDSA => {
            CurvePoint::ed25519(&members.bytes("x")?).and_then(|point| Verifier::curve(algorithm, &point))
        }
    };
    verifier.map(Ok).ok_or_else(|| problem("", format!("not a valid public key for {algorithm}")))
}

/// A secret must be at least as long as the hash output (RFC 7518 §3.2).
const fn secret_bytes(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::HS384 => 48,
        Algorithm::HS512 => 64,
        _ => 32,
    }
}

/// The members of an object, in order, with unparsed values.
struct Members<'t>(Vec<(Name, &'t RawValue)>);

/// A member's name as bytes, so that an invalid name is only ignored.
struct Name(Vec<u8>);

impl<'t> Members<'t> {
    fn parse(source: &'t str) -> Result<Self, serde_json::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        // Reading names as bytes skips validation of their escapes, so the whole text is validated here.
        let _: &RawValue = serde_json::from_str(source)?;
        let mut deserializer = serde_json::Deserializer::from_str(source);
        serde::Deserializer::deserialize_map(&mut deserializer, Visitor)
    }

    /// The value of a member; a single `null` counts as absent, a duplicate member is an error.
    fn once(&self, name: &'static str) -> Result<Option<&'t str>, Problem> {
        let mut values = self.0.iter().filter(|(its, _)| its.0 == name.as_bytes());
        let first = values.next();
        if values.next().is_some() {
            return Err(problem(name, "duplicate member"));
        }
        Ok(first.map(|(_, value)| value.get()).filter(|value| *value != "null"))
    }

    /// Whether a member is present and not `null`.
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(its, value)| its.0 == name.as_bytes() && value.get() != "null")
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, Problem> {
        let text = |value: &str| {
            serde_json::from_str(value).map_err(|_| match kind(value) {
                "a string" => problem(name, "contains an unpaired surrogate"),
                kind => problem(name, format!("expected a string, found {kind}")),
            })
        };
        self.once(name)?.map(text).transpose()
    }

    /// A required member in base64url without padding (RFC 7518 §6).
    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, Problem> {
        let text = self.text(name)?.ok_or_else(|| problem(name, "missing"))?;
        // The decoder's error may quote its input, which may be key material.
        URL_SAFE_NO_PAD.decode_to_vec(text).map_err(|_| problem(name, "expected base64url without padding"))
    }

    fn allows_verify(&self) -> Result<bool, Problem> {
        let Some(operations) = self.once("key_ops")? else { return Ok(true) };
        match serde_json::from_str::<Vec<String>>(operations) {
            Ok(operations) => Ok(operations.iter().any(|operation| operation == "verify")),
            Err(_) => {
                let found = match kind(operations) {
                    "an array" => "another element",
                    kind => kind,
                };
                Err(problem("key_ops", format!("expected an array of strings, found {found}")))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Name, E> {
                Ok(Name(bytes.to_vec()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name, E> {
                Ok(Name(text.as_bytes().to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// The kind of a JSON value.
fn kind(value: &str) -> &'static str {
    match value.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

//! JWKs (RFC 7517, RFC 7518 §6, RFC 8037 §2): which are ours, which are passed over, which are broken.

use std::fmt;

use base64_turbo::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::key::Key;
use super::public_key::{CurvePoint, RsaNumbers};
use super::verifier::Verifier;
use crate::algorithm::Algorithm;
use crate::error::{LoadError, Position, one_line};

/// Something about a key that does not keep the set from loading but that its operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyNotice {
    /// Which key, as a path into the document (`keys[2]`); empty for the whole set.
    pub key: String,
    /// What was done about it, and why.
    pub notice: String,
}

impl KeyNotice {
    pub(super) fn too_many_without_id(algorithm: Algorithm, keys: usize) -> Self {
        let notice =
            format!("{keys} keys serve {algorithm}, so a token of it without `kid` matches none of them");
        Self { key: String::new(), notice }
    }
}

impl fmt::Display for KeyNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.notice)
    }
}

/// A JWK Set; its keys stay text until each is read, so that one that is not ours cannot spoil the rest.
#[derive(Deserialize)]
struct JwkSet<'t> {
    #[serde(borrow)]
    keys: Vec<&'t RawValue>,
}

/// The usable keys of a document, in its order, and what is worth knowing about the rest.
pub(super) fn read(text: &[u8]) -> Result<(Vec<Key>, Vec<KeyNotice>), LoadError> {
    let text = std::str::from_utf8(text).map_err(|_| LoadError::new("", "this is not UTF-8"))?;
    let members: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| LoadError::json(&error, "a JWK Set or a JWK, which are JSON objects"))?;
    let is_set = members.contains_key("keys");
    let sources: Vec<(String, &str)> = if is_set {
        let set: JwkSet<'_> = serde_json::from_str(text).map_err(|error| {
            LoadError::json(&error, "a JWK Set, whose `keys` is an array of JWKs and there once")
        })?;
        set.keys.iter().enumerate().map(|(index, raw)| (format!("keys[{index}]"), raw.get())).collect()
    } else if members.contains_key("kty") {
        vec![(String::new(), text)]
    } else {
        return Err(LoadError::new("", "this is neither a JWK Set (`keys`) nor a JWK (`kty`)"));
    };
    collect(&sources, text)
}

fn collect(sources: &[(String, &str)], text: &str) -> Result<(Vec<Key>, Vec<KeyNotice>), LoadError> {
    let mut keys: Vec<Key> = Vec::new();
    let mut notices = Vec::new();
    for (path, source) in sources {
        let located = |problem: Problem| {
            let key = match (path.as_str(), problem.member) {
                (path, "") => path.to_owned(),
                ("", member) => member.to_owned(),
                (path, member) => format!("{path}.{member}"),
            };
            let error = LoadError::new(key, problem.text);
            Position::of(source, text).map_or(error.clone(), |position| error.at(position))
        };
        match read_key(source).map_err(located)? {
            Read::Usable { key, private } => {
                let twin = |other: &Key| {
                    other.id.is_some() && other.id == key.id && other.algorithm == key.algorithm
                };
                if keys.iter().any(twin) {
                    let id = key.id.unwrap_or_default();
                    let text = format!(
                        "a second key with kid `{id}` for {}; give each its own `kid`",
                        key.algorithm
                    );
                    return Err(located(Problem { member: "kid", text }));
                }
                if private {
                    let notice =
                        "a private key: its private members are not kept; give the server the public one";
                    notices.push(KeyNotice { key: path.clone(), notice: notice.to_owned() });
                }
                keys.push(key);
            }
            Read::PassedOver(why) => {
                notices
                    .push(KeyNotice { key: path.clone(), notice: one_line(format!("passed over: {why}")) });
            }
        }
    }
    if keys.is_empty() {
        let why: Vec<String> = notices.iter().map(ToString::to_string).collect();
        let why = if why.is_empty() { "it is empty".to_owned() } else { why.join("; ") };
        return Err(LoadError::new("", format!("no key of the set can verify a token ({why})")));
    }
    Ok((keys, notices))
}

enum Read {
    Usable { key: Key, private: bool },
    PassedOver(String),
}

/// What is wrong with a key that is ours.
struct Problem {
    member: &'static str,
    text: String,
}

fn problem(member: &'static str, text: impl Into<String>) -> Problem {
    Problem { member, text: text.into() }
}

fn read_key(source: &str) -> Result<Read, Problem> {
    let members = UniqueMembers::parse(source)?;
    let key_type = members.text("kty")?.ok_or_else(|| problem("kty", "a JWK needs a `kty`"))?;
    let named = members.text("alg")?;
    let id = members.text("kid")?;
    if let Some(usage) = members.text("use")?.filter(|usage| *usage != "sig") {
        return Ok(Read::PassedOver(format!("its `use` is `{usage}`, not `sig`")));
    }
    if !members.allows_verify()? {
        return Ok(Read::PassedOver("its `key_ops` do not include `verify`".to_owned()));
    }
    let curve = members.text("crv")?;
    let algorithm = match serves(key_type, curve, named) {
        Ok(algorithm) => algorithm,
        Err(why) => return Ok(Read::PassedOver(why)),
    };
    let verifier = verifier(algorithm, &members)?;
    let private =
        key_type != "oct" && ["d", "p", "q", "dp", "dq", "qi", "oth"].iter().any(|name| members.has(name));
    Ok(Read::Usable { key: Key { id: id.map(Into::into), algorithm, verifier, binding: None }, private })
}

/// The one algorithm that a key serves: its `alg`, or what its type and curve stand for (RFC 8725 §3.1).
fn serves(key_type: &str, curve: Option<&str>, named: Option<&str>) -> Result<Algorithm, String> {
    use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
    let of_type: &[Algorithm] = match (key_type, curve) {
        ("oct", _) => &[HS256, HS384, HS512],
        ("RSA", _) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        ("EC", Some("P-256")) => &[ES256],
        ("EC", Some("P-384")) => &[ES384],
        ("OKP", Some("Ed25519")) => &[EdDSA],
        ("EC" | "OKP", Some(curve)) => return Err(format!("its curve `{curve}` is none of ours")),
        ("EC" | "OKP", None) => return Err("it has no `crv`".to_owned()),
        (other, _) => return Err(format!("its type `{other}` is none of ours")),
    };
    match named {
        None => of_type.first().copied().ok_or_else(|| "its type serves no algorithm".to_owned()),
        Some(name) => Algorithm::from_name(name)
            .filter(|algorithm| of_type.contains(algorithm))
            .ok_or_else(|| format!("its `alg` `{name}` is none that a key of its type serves here")),
    }
}

fn verifier(algorithm: Algorithm, members: &UniqueMembers) -> Result<Verifier, Problem> {
    use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512, PS256, PS384, PS512, RS256, RS384, RS512};
    let verifier = match algorithm {
        HS256 | HS384 | HS512 => {
            let secret = members.bytes("k")?;
            let least = secret_bytes(algorithm);
            if secret.len() < least {
                let text =
                    format!("the secret has {} bytes, and {algorithm} needs at least {least}", secret.len());
                return Err(problem("k", text));
            }
            Verifier::secret(algorithm, &secret)
        }
        RS256 | RS384 | RS512 | PS256 | PS384 | PS512 => {
            let numbers = RsaNumbers::new(&members.bytes("n")?, &members.bytes("e")?);
            let bits = numbers.modulus_bits();
            if !RsaNumbers::MODULUS_BITS.contains(&bits) {
                return Err(problem(
                    "n",
                    format!("the modulus has {bits} bits, and has to have 2,048 to 8,192"),
                ));
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
    verifier.ok_or_else(|| problem("", format!("this is no valid public key for {algorithm}")))
}

/// A secret has to be at least as long as the hash output (RFC 7518 §3.2).
const fn secret_bytes(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::HS384 => 48,
        Algorithm::HS512 => 64,
        _ => 32,
    }
}

/// The members of one JWK, each there once (RFC 7517 §4 leaves it to the reader what a second one means).
struct UniqueMembers(Map<String, Value>);

impl UniqueMembers {
    fn parse(source: &str) -> Result<Self, Problem> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Result<Map<String, Value>, Problem>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JWK")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Map::new();
                let mut twice = None;
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.contains_key(&name) {
                        twice = Some(name.clone());
                    }
                    members.insert(name, value);
                }
                Ok(match twice {
                    Some(name) => Err(problem("", format!("the member `{name}` is there twice"))),
                    None => Ok(members),
                })
            }
        }
        let mut deserializer = serde_json::Deserializer::from_str(source);
        let members = serde::Deserializer::deserialize_map(&mut deserializer, Visitor);
        members.map_err(|_| problem("", "a JWK has to be a JSON object"))?.map(Self)
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn text(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(problem(name, "this has to be a string")),
        }
    }

    /// A member that has to be there and is base64url without padding (RFC 7518 §6).
    fn bytes(&self, name: &'static str) -> Result<Vec<u8>, Problem> {
        let text = self.text(name)?.ok_or_else(|| problem(name, "a key of this type needs it"))?;
        // The decoder's error may quote what it read, which may be key material.
        URL_SAFE_NO_PAD.decode(text).map_err(|_| problem(name, "this has to be base64url without padding"))
    }

    fn allows_verify(&self) -> Result<bool, Problem> {
        match self.0.get("key_ops") {
            None => Ok(true),
            Some(Value::Array(operations)) => Ok(operations.iter().any(|operation| operation == "verify")),
            Some(_) => Err(problem("key_ops", "this has to be an array of strings")),
        }
    }
}

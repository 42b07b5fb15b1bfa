//! The revocations file: who and what, each entry one that a token could match.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::sets::{SignedSet, TokenIdHashes};
use super::snapshot::Revocations;
use crate::error::{LoadError, one_line};
use crate::ids::is_id;
use crate::time::NumericDate;

impl Revocations {
    /// Reads the JSON text of a revocations file.
    ///
    /// # Errors
    ///
    /// Says at which line an unknown or repeated member, a wrong type, or an entry that no token could ever
    /// match stands: a revocation that does nothing must not pass for one.
    pub fn from_json(text: &[u8]) -> Result<Self, LoadError> {
        read(text)
    }
}

fn read(text: &[u8]) -> Result<Revocations, LoadError> {
    let Object(file) = serde_json::from_slice::<Object<File>>(text).map_err(|error| {
        let mut load = LoadError::json(&error, "a list of revocations");
        if error.is_data() {
            // Revocations hold ids, never tokens or keys, so that serde's own words may be shown.
            load.problem = one_line(without_position(&error));
        }
        load
    })?;
    Ok(file.into())
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    tokens: Ids,
    signed_sha256: Digests,
    users: Vec<Object<UserEntry>>,
    organizations: Vec<Object<OrganizationEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserEntry {
    org: Option<Id>,
    user: Id,
    issued_before: Instant,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrganizationEntry {
    org: Id,
    issued_before: Instant,
}

impl From<File> for Revocations {
    fn from(file: File) -> Self {
        let mut revocations = Self {
            token_ids: file.tokens.0.into_set(),
            signed: SignedSet::new(file.signed_sha256.0),
            ..Self::default()
        };
        for Object(UserEntry { org, user, issued_before: Instant(instant) }) in file.users {
            let user = revocations.users.entry(user.0.into()).or_default();
            match org {
                Some(org) => {
                    keep_latest(user.in_organizations.entry(org.0.into()).or_insert(instant), instant)
                }
                None => keep_latest(user.anywhere.get_or_insert(instant), instant),
            }
        }
        for Object(OrganizationEntry { org, issued_before: Instant(instant) }) in file.organizations {
            keep_latest(revocations.organizations.entry(org.0.into()).or_insert(instant), instant);
        }
        revocations
    }
}

/// Tokens issued before an instant are revoked; of several instants the latest counts.
fn keep_latest(known: &mut NumericDate, other: NumericDate) {
    if *known < other {
        *known = other;
    }
}

/// An object and nothing else: a derived reader takes an array too, its elements for members in their order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

/// The id of a user or an organization; an empty one counts as absent in a token, so that no token could match.
struct Id(Box<str>);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<str>::deserialize(deserializer)?;
        if text.is_empty() || !is_id(&text) {
            return Err(D::Error::custom(
                "an id has 1 to 256 bytes and no control character, so no token could match this one",
            ));
        }
        Ok(Self(text))
    }
}

struct Instant(NumericDate);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        NumericDate::new(seconds).map(Self).ok_or_else(|| {
            D::Error::custom("`issued_before` has to be seconds since 1970, from 0 to 253402300799")
        })
    }
}

#[derive(Default)]
struct Ids(TokenIdHashes);

impl<'de> Deserialize<'de> for Ids {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut hashes = TokenIdHashes::default();
        each_string(deserializer, |id| {
            if !is_id(id) {
                return Err(
                    "a `jti` has at most 256 bytes and no control character, so no token could match this one",
                );
            }
            hashes.push(id.as_bytes());
            Ok(())
        })?;
        Ok(Self(hashes))
    }
}

#[derive(Default)]
struct Digests(Vec<u128>);

impl<'de> Deserialize<'de> for Digests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut halves = Vec::new();
        each_string(deserializer, |hex| {
            let valid = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            let half = hex.get(..32).filter(|_| valid).and_then(|half| u128::from_str_radix(half, 16).ok());
            halves.push(half.ok_or("a SHA-256 has to be 64 hex digits")?);
            Ok(())
        })?;
        Ok(Self(halves))
    }
}

/// Reads an array of strings, each handed over at once and not kept.
fn each_string<'de, D: Deserializer<'de>>(
    deserializer: D,
    each: impl FnMut(&str) -> Result<(), &'static str>,
) -> Result<(), D::Error> {
    struct Strings<F>(F);
    struct OneString<'f, F>(&'f mut F);

    impl<'de, F: FnMut(&str) -> Result<(), &'static str>> Visitor<'de> for Strings<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of strings")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
            while elements.next_element_seed(OneString(&mut self.0))?.is_some() {}
            Ok(())
        }
    }

    impl<'de, F: FnMut(&str) -> Result<(), &'static str>> DeserializeSeed<'de> for OneString<'_, F> {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_str(self)
        }
    }

    impl<F: FnMut(&str) -> Result<(), &'static str>> Visitor<'_> for OneString<'_, F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
            (self.0)(text).map_err(E::custom)
        }
    }

    deserializer.deserialize_seq(Strings(each))
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((problem, _)) => problem.to_owned(),
        None => text,
    }
}

//! Parses the revocations file. Every entry must be one that a token can match.
//!
//! The file is read in one pass, so that ten million ids are never held as strings. Errors name the entry and JSON types,
//! and never quote text of the file.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::base::Base;
use super::sets::{SignedSet, TokenIds, token_fingerprint};
use super::snapshot::{Revocations, UNMATCHABLE_ID, check_token_id};
use super::visitors::{Element, Instant, ListOf, Object, ObjectOf, Place, TextVisitor, refuse};
use crate::error::{LoadError, without_byte_order_mark};
use crate::ids::is_id;
use crate::time::NumericDate;

impl Revocations {
    /// Reads the JSON text of a revocations file.
    ///
    /// An entry may have `expires`: the time after which no token that it revokes is still valid, so that the owner of the
    /// list can remove the entry. The engine only validates the value; the entry revokes until it is removed.
    ///
    /// # Errors
    ///
    /// Names the entry and line of an unknown or duplicate member, a wrong type, or an entry that no token can match, because
    /// it would have no effect.
    pub fn from_json(text: &[u8]) -> Result<Self, LoadError> {
        let text = without_byte_order_mark(text);
        let place = Place::default();
        let mut file =
            File { place: &place, token_ids: Vec::new(), signed: Vec::new(), read: Base::default() };
        let mut deserializer = serde_json::Deserializer::from_slice(text);
        let read = ObjectOf(&mut file).deserialize(&mut deserializer).and_then(|()| deserializer.end());
        read.map_err(|error| {
            let mut load = LoadError::json(&error, "a list of revocations");
            if error.is_data() {
                load.key = place.key();
                // All data errors come from this module and quote nothing.
                load.problem = without_position(&error);
            }
            load
        })?;
        let File { token_ids, signed, mut read, .. } = file;
        read.token_ids = TokenIds::new(token_ids);
        read.signed = SignedSet::new(signed);
        Ok(Self::of(read))
    }
}

/// The whole file.
struct File<'p> {
    place: &'p Place,
    /// The fingerprint of each `jti`.
    token_ids: Vec<u128>,
    /// The first half of each SHA-256.
    signed: Vec<u128>,
    read: Base,
}

impl<'de> Object<'de> for File<'_> {
    const MEMBERS: &'static [&'static str] = &["tokens", "signed_sha256", "users", "organizations"];

    fn read_member<A: MapAccess<'de>>(&mut self, index: usize, map: &mut A) -> Result<(), A::Error> {
        let place = self.place;
        match index {
            0 => map.next_value_seed(ListOf { place, each: TokenId { place, ids: &mut self.token_ids } }),
            1 => map.next_value_seed(ListOf { place, each: Digest { place, halves: &mut self.signed } }),
            2 => map.next_value_seed(ListOf { place, each: User { place, read: &mut self.read } }),
            _ => map.next_value_seed(ListOf { place, each: Organization { place, read: &mut self.read } }),
        }
    }

    fn at_member(&self, member: Option<&'static str>) {
        self.place.list.set(member);
    }
}

/// Collects revoked token ids.
struct TokenId<'f> {
    place: &'f Place,
    ids: &'f mut Vec<u128>,
}

impl<'de> Element<'de> for TokenId<'_> {
    fn read<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        let each = |id: &str| {
            check_token_id(id)?;
            self.ids.push(token_fingerprint(id.as_bytes()));
            Ok(())
        };
        IdOrEntry { place: self.place, each }.deserialize(deserializer)
    }
}

/// Collects revoked digests.
struct Digest<'f> {
    place: &'f Place,
    halves: &'f mut Vec<u128>,
}

impl<'de> Element<'de> for Digest<'_> {
    fn read<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        let each = |hex: &str| {
            let valid = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            let half = hex.get(..32).filter(|_| valid).and_then(|half| u128::from_str_radix(half, 16).ok());
            self.halves.push(half.ok_or("expected a SHA-256 as 64 hex digits")?);
            Ok(())
        };
        IdOrEntry { place: self.place, each }.deserialize(deserializer)
    }
}

/// Collects revoked users.
struct User<'f> {
    place: &'f Place,
    read: &'f mut Base,
}

impl<'de> Element<'de> for User<'_> {
    fn read<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        let mut entry = Entry::<true> { place: self.place, user: None, org: None, issued_before: None };
        ObjectOf(&mut entry).deserialize(deserializer)?;
        if let (Some(user), Some(instant)) = (entry.user, entry.issued_before) {
            let user = self.read.users.entry(user.into()).or_default();
            let known = match entry.org {
                Some(org) => user.in_organizations.entry(org.into()).or_insert(instant),
                None => user.anywhere.get_or_insert(instant),
            };
            keep_latest(known, instant);
        }
        Ok(())
    }
}

/// Collects revoked organizations.
struct Organization<'f> {
    place: &'f Place,
    read: &'f mut Base,
}

impl<'de> Element<'de> for Organization<'_> {
    fn read<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        let mut entry = Entry::<false> { place: self.place, user: None, org: None, issued_before: None };
        ObjectOf(&mut entry).deserialize(deserializer)?;
        if let (Some(org), Some(instant)) = (entry.org, entry.issued_before) {
            keep_latest(self.read.organizations.entry(org.into()).or_insert(instant), instant);
        }
        Ok(())
    }
}

/// Tokens issued before an instant are revoked; of several instants the latest counts.
fn keep_latest(known: &mut NumericDate, other: NumericDate) {
    if *known < other {
        *known = other;
    }
}

/// A user, in one organization or in any, or an organization.
struct Entry<'p, const OF_USER: bool> {
    place: &'p Place,
    user: Option<Box<str>>,
    org: Option<Box<str>>,
    issued_before: Option<NumericDate>,
}

impl<'de, const OF_USER: bool> Object<'de> for Entry<'_, OF_USER> {
    const MEMBERS: &'static [&'static str] = if OF_USER {
        &["org", "issued_before", "expires", "user"]
    } else {
        &["org", "issued_before", "expires"]
    };

    fn read_member<A: MapAccess<'de>>(&mut self, index: usize, map: &mut A) -> Result<(), A::Error> {
        match index {
            0 => map.next_value_seed(Id { into: &mut self.org, null_is_absent: OF_USER }),
            1 => {
                self.issued_before = Some(map.next_value_seed(Instant)?);
                Ok(())
            }
            2 => map.next_value_seed(Instant).map(drop),
            _ => map.next_value_seed(Id { into: &mut self.user, null_is_absent: false }),
        }
    }

    fn at_member(&self, member: Option<&'static str>) {
        self.place.member.set(member);
    }

    fn finish<E: Error>(&mut self) -> Result<(), E> {
        let missing = match self {
            Self { issued_before: None, .. } => "missing member `issued_before`",
            Self { user: None, .. } if OF_USER => "missing member `user`",
            Self { org: None, .. } if !OF_USER => "missing member `org`",
            _ => return Ok(()),
        };
        Err(E::custom(missing))
    }
}

/// The id of a user or an organization. An empty id is refused: it counts as absent in a token, so no token can match.
struct Id<'e> {
    into: &'e mut Option<Box<str>>,
    null_is_absent: bool,
}

impl<'de> DeserializeSeed<'de> for Id<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Id<'_> {
    type Value = ();

    refuse! { "a string": boolean number array object expecting }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        if self.null_is_absent { Ok(()) } else { Err(E::custom("expected a string, found null")) }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if text.is_empty() || !is_id(text) {
            return Err(E::custom(UNMATCHABLE_ID));
        }
        *self.into = Some(text.into());
        Ok(())
    }
}

/// The id of a revoked token: a string, or an object `{"id", "expires"}`.
struct IdOrEntry<'p, F> {
    place: &'p Place,
    each: F,
}

impl<'de, F: FnMut(&str) -> Result<(), &'static str>> DeserializeSeed<'de> for IdOrEntry<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(&str) -> Result<(), &'static str>> Visitor<'de> for IdOrEntry<'_, F> {
    type Value = ();

    refuse! { "a string or an object": boolean number null array expecting }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        (self.each)(text).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let mut entry = TokenEntry { place: self.place, each: &mut self.each, has_id: false };
        ObjectOf(&mut entry).visit_map(map)
    }
}

/// A revoked token with the time after which its entry can be dropped.
struct TokenEntry<'e, F> {
    place: &'e Place,
    each: &'e mut F,
    has_id: bool,
}

impl<'de, F: FnMut(&str) -> Result<(), &'static str>> Object<'de> for TokenEntry<'_, F> {
    const MEMBERS: &'static [&'static str] = &["id", "expires"];

    fn read_member<A: MapAccess<'de>>(&mut self, index: usize, map: &mut A) -> Result<(), A::Error> {
        if index != 0 {
            return map.next_value_seed(Instant).map(drop);
        }
        self.has_id = true;
        map.next_value_seed(TextVisitor(&mut *self.each))
    }

    fn at_member(&self, member: Option<&'static str>) {
        self.place.member.set(member);
    }

    fn finish<E: Error>(&mut self) -> Result<(), E> {
        if self.has_id { Ok(()) } else { Err(E::custom("missing member `id`")) }
    }
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((problem, _)) => problem.to_owned(),
        None => text,
    }
}

//! Revocations (TOK-5, REV-1): of single tokens, of users and of organizations.

use std::fmt;
use std::hash::Hasher;
use std::marker::PhantomData;

use aws_lc_rs::digest::{SHA256, digest};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use siphasher::sip128::{Hasher128, SipHasher13};

use crate::claims::{Claims, NumericDate, is_id};
use crate::error::LoadError;

/// What is revoked, as one immutable snapshot.
#[derive(Clone, Default)]
pub struct Revocations {
    token_ids: Fingerprints,
    signed: Fingerprints,
    users: Instants,
    organizations: Instants,
}

/// Tokens issued before an instant are revoked; the latest instant counts.
type Instants = HashMap<u128, NumericDate, FixedState>;

impl Revocations {
    /// No revocations.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the JSON text of a revocations file.
    ///
    /// # Errors
    ///
    /// Says at which line an unknown or repeated member, a wrong type, or an entry that no token could ever
    /// match stands: a revocation that does nothing must not pass for one.
    pub fn from_json(text: &[u8]) -> Result<Self, LoadError> {
        let Object(file) = serde_json::from_slice::<Object<File>>(text).map_err(|error| {
            let mut load = LoadError::json(&error, "a list of revocations");
            if error.is_data() {
                // Revocations hold ids, never tokens or keys, so that serde's own words may be shown.
                load.problem = without_position(&error);
            }
            load
        })?;
        Ok(file.into())
    }

    /// How many tokens, by `jti` or by the SHA-256 of what was signed.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.token_ids.len().saturating_add(self.signed.len())
    }

    /// How many users, each in one organization or in any.
    #[must_use]
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// How many organizations.
    #[must_use]
    pub fn organizations(&self) -> usize {
        self.organizations.len()
    }

    /// Whether a token with these claims, signed over `signing_input`, is revoked.
    pub(crate) fn revoke(&self, claims: &Claims, signing_input: &[u8]) -> bool {
        self.revokes_token(claims, signing_input) || self.revokes_holder(claims)
    }

    fn revokes_token(&self, claims: &Claims, signing_input: &[u8]) -> bool {
        let by_id = !self.token_ids.is_empty()
            && claims.token_id().is_some_and(|id| self.token_ids.contains(fingerprint(&[id])));
        // The hash is taken only where a list asks for it.
        by_id
            || (!self.signed.is_empty()
                && self.signed.contains(truncated(digest(&SHA256, signing_input).as_ref())))
    }

    fn revokes_holder(&self, claims: &Claims) -> bool {
        let issued_before = |instants: &Instants, parts: &[&str]| {
            !instants.is_empty()
                && instants
                    .get(&fingerprint(parts))
                    .is_some_and(|instant| claims.issued_at.is_none_or(|issued| issued < *instant))
        };
        let organization = claims.organization();
        organization.is_some_and(|organization| issued_before(&self.organizations, &[organization]))
            || claims.user().is_some_and(|user| {
                issued_before(&self.users, &[user])
                    || organization
                        .is_some_and(|organization| issued_before(&self.users, &[user, organization]))
            })
    }
}

/// Shows how much is revoked, not what.
impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations")
            .field("tokens", &self.tokens())
            .field("users", &self.users())
            .field("organizations", &self.organizations())
            .finish()
    }
}

/// A set of 128-bit fingerprints: sixteen bytes for each entry, sorted, with an index of where each run of
/// leading bits begins, so that a look-up takes the same few steps for ten entries and for ten million.
///
/// A fingerprint can only ever deny a token too many, and at ten million entries does so for one in 10^31.
#[derive(Clone, Default)]
struct Fingerprints {
    sorted: Vec<u128>,
    /// Where the fingerprints with each value of the leading bits begin; one more at the end.
    starts: Vec<u32>,
    index_bits: u32,
}

impl Fingerprints {
    fn new(mut fingerprints: Vec<u128>) -> Self {
        fingerprints.sort_unstable();
        fingerprints.dedup();
        fingerprints.shrink_to_fit();
        // About eight entries for each value of the leading bits.
        let index_bits = (usize::BITS.saturating_sub(fingerprints.len().leading_zeros())).saturating_sub(3);
        let mut set = Self { sorted: fingerprints, starts: Vec::new(), index_bits };
        set.starts = set.index();
        set
    }

    fn index(&self) -> Vec<u32> {
        let slots = 1_usize.checked_shl(self.index_bits).unwrap_or(1);
        let mut starts = Vec::with_capacity(slots.saturating_add(1));
        starts.push(0);
        let mut next_slot: usize = 1;
        for (position, fingerprint) in self.sorted.iter().enumerate() {
            while next_slot <= self.slot(*fingerprint) {
                starts.push(u32::try_from(position).unwrap_or(u32::MAX));
                next_slot = next_slot.saturating_add(1);
            }
        }
        starts.resize(slots.saturating_add(1), u32::try_from(self.sorted.len()).unwrap_or(u32::MAX));
        starts
    }

    fn slot(&self, fingerprint: u128) -> usize {
        let shift = u128::BITS.saturating_sub(self.index_bits);
        usize::try_from(fingerprint.checked_shr(shift).unwrap_or(0)).unwrap_or(0)
    }

    fn contains(&self, fingerprint: u128) -> bool {
        let slot = self.slot(fingerprint);
        let bound = |slot: usize| self.starts.get(slot).and_then(|start| usize::try_from(*start).ok());
        let (Some(start), Some(end)) = (bound(slot), bound(slot.saturating_add(1))) else { return false };
        self.sorted.get(start..end).is_some_and(|run| run.binary_search(&fingerprint).is_ok())
    }

    fn len(&self) -> usize {
        self.sorted.len()
    }

    fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

/// The fingerprint of one id or of several together; lengths keep ("a", "bc") apart from ("ab", "c").
fn fingerprint(parts: &[&str]) -> u128 {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part.as_bytes());
    }
    hasher.finish128().as_u128()
}

/// The first half of a SHA-256.
fn truncated(sha256: &[u8]) -> u128 {
    sha256.first_chunk::<16>().map_or(0, |half| u128::from_be_bytes(*half))
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    tokens: TokenIds,
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
        let latest = |mut instants: Instants, (key, instant): (u128, NumericDate)| {
            let known = instants.entry(key).or_insert(instant);
            if *known < instant {
                *known = instant;
            }
            instants
        };
        let users = file.users.into_iter().map(|Object(entry)| {
            let key = match &entry.org {
                Some(org) => fingerprint(&[&entry.user.0, &org.0]),
                None => fingerprint(&[&entry.user.0]),
            };
            (key, entry.issued_before.0)
        });
        let organizations = file
            .organizations
            .into_iter()
            .map(|Object(entry)| (fingerprint(&[&entry.org.0]), entry.issued_before.0));
        Self {
            token_ids: Fingerprints::new(file.tokens.0),
            signed: Fingerprints::new(file.signed_sha256.0),
            users: users.fold(Instants::default(), latest),
            organizations: organizations.fold(Instants::default(), latest),
        }
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
struct Id(String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
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

/// Reads straight into fingerprints, so that ten million strings are never held at once.
#[derive(Default)]
struct TokenIds(Vec<u128>);

impl<'de> Deserialize<'de> for TokenIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |id: &str| {
            if is_id(id) {
                Ok(fingerprint(&[id]))
            } else {
                Err(
                    "a `jti` has at most 256 bytes and no control character, so no token could match this one",
                )
            }
        };
        deserializer.deserialize_seq(EachString(read)).map(Self)
    }
}

#[derive(Default)]
struct Digests(Vec<u128>);

impl<'de> Deserialize<'de> for Digests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |hex: &str| {
            let valid = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            let half = hex.get(..32).filter(|_| valid).and_then(|half| u128::from_str_radix(half, 16).ok());
            half.ok_or("a SHA-256 has to be 64 hex digits")
        };
        deserializer.deserialize_seq(EachString(read)).map(Self)
    }
}

struct EachString<F>(F);

impl<'de, F: Fn(&str) -> Result<u128, &'static str>> Visitor<'de> for EachString<F> {
    type Value = Vec<u128>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(element) = elements.next_element_seed(OneString(&self.0))? {
            values.push(element);
        }
        Ok(values)
    }
}

struct OneString<'f, F>(&'f F);

impl<'de, F: Fn(&str) -> Result<u128, &'static str>> serde::de::DeserializeSeed<'de> for OneString<'_, F> {
    type Value = u128;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<F: Fn(&str) -> Result<u128, &'static str>> Visitor<'_> for OneString<'_, F> {
    type Value = u128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        (self.0)(text).map_err(E::custom)
    }
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((problem, _)) => problem.to_owned(),
        None => text,
    }
}

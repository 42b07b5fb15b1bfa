//! Revocations (TOK-5, REV-1): of single tokens, of users and of organizations.

use std::fmt;
use std::hash::BuildHasher;
use std::marker::PhantomData;

use aws_lc_rs::digest::{SHA256, digest};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, SeqAccess, Visitor};
use siphasher::sip128::SipHasher13;

use crate::claims::{Claims, NumericDate, is_id};
use crate::error::LoadError;

/// What is revoked, as one immutable snapshot.
#[derive(Clone, Default)]
pub struct Revocations {
    token_ids: TokenIds,
    signed: Fingerprints,
    /// By user; for each the organizations it is revoked in, `None` standing for any.
    users: HashMap<Box<str>, UserEntries, FixedState>,
    organizations: HashMap<Box<str>, NumericDate, FixedState>,
}

type UserEntries = Vec<(Option<Box<str>>, NumericDate)>;

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
        let file: File = serde_json::from_slice(text).map_err(|error| {
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
        self.users.values().fold(0, |sum, entries| sum.saturating_add(entries.len()))
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
        let by_id = claims.token_id().is_some_and(|id| self.token_ids.contains(id));
        // The hash is taken only where a list asks for it.
        by_id
            || (!self.signed.is_empty()
                && self.signed.contains(truncated(digest(&SHA256, signing_input).as_ref())))
    }

    fn revokes_holder(&self, claims: &Claims) -> bool {
        let revoked = |instant: &NumericDate| claims.issued_at.is_none_or(|issued| issued < *instant);
        let organization = claims.organization();
        let by_organization = || organization.and_then(|organization| self.organizations.get(organization));
        let by_user = || claims.user().and_then(|user| self.users.get(user));
        let holds = |of: &Option<Box<str>>| of.is_none() || of.as_deref() == organization;
        by_organization().is_some_and(revoked)
            || by_user()
                .is_some_and(|entries| entries.iter().any(|(of, instant)| holds(of) && revoked(instant)))
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

/// A set of token ids.
#[derive(Clone, Default)]
struct TokenIds {
    filter: Filter,
    fingerprints: Fingerprints,
}

impl TokenIds {
    fn contains(&self, id: &str) -> bool {
        self.filter.may_contain(cheap_hash(id)) && self.fingerprints.contains(fingerprint(id))
    }

    fn len(&self) -> usize {
        self.fingerprints.len()
    }
}

/// One bit in eight to sixteen for each entry, by a hash that costs little: most of what is not in the set ends here.
#[derive(Clone, Default)]
struct Filter(Vec<u64>);

impl Filter {
    fn new(hashes: &[u64]) -> Self {
        if hashes.is_empty() {
            return Self::default();
        }
        let words = hashes.len().div_ceil(8).next_power_of_two();
        let mut filter = Self(vec![0; words]);
        for hash in hashes {
            let (word, bit) = filter.place(*hash);
            if let Some(word) = filter.0.get_mut(word) {
                *word |= bit;
            }
        }
        filter
    }

    fn may_contain(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    fn place(&self, hash: u64) -> (usize, u64) {
        let mask = self.0.len().saturating_sub(1);
        let word = usize::try_from(hash >> 6).unwrap_or(usize::MAX) & mask;
        (word, 1_u64.wrapping_shl(u32::try_from(hash & 63).unwrap_or(0)))
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

/// Good for a filter: an id that was made to pass it gains nothing but the longer look.
fn cheap_hash(token_id: &str) -> u64 {
    FixedState::default().hash_one(token_id)
}

/// The fingerprint of a token's id.
fn fingerprint(token_id: &str) -> u128 {
    SipHasher13::new().hash(token_id.as_bytes()).as_u128()
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
    users: Vec<UserEntry>,
    organizations: Vec<OrganizationEntry>,
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
            token_ids: file.tokens,
            signed: Fingerprints::new(file.signed_sha256.0),
            ..Self::default()
        };
        for UserEntry { org, user, issued_before } in file.users {
            let entries = revocations.users.entry(user.0).or_default();
            let org = org.map(|org| org.0);
            match entries.iter_mut().find(|(of, _)| *of == org) {
                Some((_, instant)) => keep_latest(instant, issued_before.0),
                None => entries.push((org, issued_before.0)),
            }
        }
        for OrganizationEntry { org, issued_before } in file.organizations {
            let instant = revocations.organizations.entry(org.0).or_insert(issued_before.0);
            keep_latest(instant, issued_before.0);
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

/// Reads straight into hashes, so that ten million strings are never held at once.
impl<'de> Deserialize<'de> for TokenIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read: fn(&str) -> _ = |id| match is_id(id) {
            true => Ok((fingerprint(id), cheap_hash(id))),
            false => Err(
                "a `jti` has at most 256 bytes and no control character, so no token could match this one",
            ),
        };
        let (fingerprints, hashes): (Vec<u128>, Vec<u64>) = each_string(deserializer, read)?;
        Ok(Self { filter: Filter::new(&hashes), fingerprints: Fingerprints::new(fingerprints) })
    }
}

#[derive(Default)]
struct Digests(Vec<u128>);

impl<'de> Deserialize<'de> for Digests {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read: fn(&str) -> _ = |hex| {
            let valid = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            let half = hex.get(..32).filter(|_| valid).and_then(|half| u128::from_str_radix(half, 16).ok());
            half.ok_or("a SHA-256 has to be 64 hex digits")
        };
        each_string(deserializer, read).map(Self)
    }
}

/// Reads an array of strings, each turned into a value at once.
fn each_string<'de, D: Deserializer<'de>, T, C: Default + Extend<T>>(
    deserializer: D,
    read: fn(&str) -> Result<T, &'static str>,
) -> Result<C, D::Error> {
    struct Strings<T, C>(fn(&str) -> Result<T, &'static str>, PhantomData<C>);

    impl<'de, T, C: Default + Extend<T>> Visitor<'de> for Strings<T, C> {
        type Value = C;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of strings")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<C, A::Error> {
            let mut values = C::default();
            while let Some(value) = elements.next_element_seed(OneString(self.0))? {
                values.extend([value]);
            }
            Ok(values)
        }
    }

    deserializer.deserialize_seq(Strings(read, PhantomData))
}

struct OneString<T>(fn(&str) -> Result<T, &'static str>);

impl<'de, T> DeserializeSeed<'de> for OneString<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T> Visitor<'_> for OneString<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
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

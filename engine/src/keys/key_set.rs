//! A key set, as one immutable snapshot.

use std::fmt;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::builder::KeySetBuilder;
use super::header_table::{HeaderTable, KnownHeader};
use super::jwk::{self, KeyNotice};
use super::key::{Candidates, Key, VerifiedBy};
use crate::algorithm::Algorithm;
use crate::error::LoadError;

/// A token without `kid` is tried with every key of its algorithm, but never with more than this many.
const MAX_KEYS_WITHOUT_ID: usize = 8;

/// Keys, each with its verifier made ready when it was loaded, as one immutable snapshot.
pub struct KeySet {
    pub(super) keys: Vec<Key>,
    by_id: HashMap<Box<str>, OfOneId, FixedState>,
    /// Where the keys of an algorithm stand, with an id and without.
    by_algorithm: HashMap<Algorithm, Vec<usize>, FixedState>,
    header_table: HeaderTable,
    notices: Vec<KeyNotice>,
    /// How many of the notices are about what was read; the rest are about the set as a whole.
    notices_of_documents: usize,
}

/// Where the keys of one id stand, by algorithm: in one document there is at most one of each.
type OfOneId = SmallVec<[(Algorithm, SmallVec<[usize; 1]>); 1]>;

impl KeySet {
    /// Reads a JWK Set (RFC 7517 §5), or a single JWK.
    ///
    /// Keys of a type, curve, algorithm or use that is not supported are ignored, and so are keys that cannot be read, as
    /// long as another is usable; [`notices`](Self::notices) names them. `null` counts as absent, and members that are not
    /// read may be anything. Private members are not kept. A byte order mark is ignored.
    ///
    /// # Errors
    ///
    /// Names the key and line of a key that is too weak (an HMAC secret shorter than its hash, an RSA modulus under 2,048
    /// bits) and of a second key with the same `kid` and algorithm, whatever else the document holds. Refuses a set in
    /// which no key is usable, and a PEM file.
    pub fn from_jwks(text: &[u8]) -> Result<Self, LoadError> {
        let (keys, notices) = jwk::read(text)?;
        Ok(Self::of(keys, notices))
    }

    /// Starts a set made of several, each bound to the issuer and the organizations that it is trusted with.
    pub fn builder() -> KeySetBuilder {
        KeySetBuilder::default()
    }

    /// A set without keys, under which no token is acceptable: for a server that has not got its keys yet.
    #[must_use]
    pub fn none() -> Self {
        Self::of(Vec::new(), Vec::new())
    }

    pub(super) fn of(keys: Vec<Key>, mut notices: Vec<KeyNotice>) -> Self {
        let mut by_id: HashMap<Box<str>, OfOneId, FixedState> = HashMap::default();
        let mut by_algorithm: HashMap<Algorithm, Vec<usize>, FixedState> = HashMap::default();
        for (index, key) in keys.iter().enumerate() {
            if let Some(id) = &key.id {
                let of_id = by_id.entry(id.clone()).or_default();
                match of_id.iter_mut().find(|(algorithm, _)| *algorithm == key.algorithm) {
                    Some((_, indexes)) => indexes.push(index),
                    None => of_id.push((key.algorithm, SmallVec::from_elem(index, 1))),
                }
            }
            by_algorithm.entry(key.algorithm).or_default().push(index);
        }
        let notices_of_documents = notices.len();
        for algorithm in Algorithm::ALL {
            let sharing = by_algorithm.get(algorithm).map_or(0, Vec::len);
            if sharing > MAX_KEYS_WITHOUT_ID {
                notices.push(KeyNotice::too_many_without_id(*algorithm, sharing));
            }
        }
        let header_table = HeaderTable::default();
        let mut set = Self { keys, by_id, by_algorithm, header_table, notices, notices_of_documents };
        set.header_table = HeaderTable::of(&set.keys, |id, algorithm| set.candidates(id, algorithm));
        set
    }

    /// Moves the keys to the end of `keys`, and gives the notices about what was read.
    pub(super) fn into_parts(self, keys: &mut Vec<Key>) -> impl Iterator<Item = KeyNotice> {
        keys.extend(self.keys);
        self.notices.into_iter().take(self.notices_of_documents)
    }

    /// How many keys can verify a token.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a set without a usable key does not load.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys' ids and algorithms, in the set's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Option<&str>, Algorithm)> {
        self.keys.iter().map(|key| (key.id.as_deref(), key.algorithm))
    }

    /// What was passed over or is worth knowing, in the set's order.
    #[must_use]
    pub fn notices(&self) -> &[KeyNotice] {
        &self.notices
    }

    /// How many keys serve an algorithm.
    pub(crate) fn serving(&self, algorithm: Algorithm) -> usize {
        self.by_algorithm.get(&algorithm).map_or(0, Vec::len)
    }

    /// The header that this segment holds, if it is one that tokens of these keys usually have.
    pub(crate) fn recognise_header(&self, segment: &[u8]) -> Option<&KnownHeader> {
        self.header_table.get(segment)
    }

    /// The keys that may verify a token of this algorithm and key id.
    ///
    /// With an id, the key of that id, byte for byte, whose algorithm is the token's, from each set that has one;
    /// without, every key of the algorithm, in the set's order, unless they are too many to try.
    pub(crate) fn candidates(&self, key_id: Option<&str>, algorithm: Algorithm) -> Option<Candidates<'_>> {
        let indexes = match key_id {
            Some(id) => {
                let mut of_id = self.by_id.get(id).into_iter().flatten();
                of_id.find(|(its, _)| *its == algorithm).map(|(_, indexes)| indexes.as_slice())
            }
            None => {
                let indexes = self.by_algorithm.get(&algorithm).map(Vec::as_slice);
                indexes.filter(|indexes| indexes.len() <= MAX_KEYS_WITHOUT_ID)
            }
        };
        indexes.map(Candidates)
    }

    /// The first of these keys whose signature over `signing_input` this is, and the candidates after it.
    pub(crate) fn verify<'k>(
        &'k self,
        candidates: Candidates<'k>,
        signing_input: &[u8],
        signature: &[u8],
    ) -> Option<VerifiedBy<'k>> {
        let Candidates(mut left) = candidates;
        while let Some((index, rest)) = left.split_first() {
            left = rest;
            let Some(key) = self.keys.get(*index) else { continue };
            if key.verifier.verifies(signing_input, signature) {
                return Some(VerifiedBy { binding: key.binding.as_deref(), left: Candidates(rest) });
            }
        }
        None
    }
}

/// Shows ids and algorithms, never key material (SEC-1).
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.keys).finish()
    }
}

//! A key set as an immutable snapshot.

use std::fmt;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::header_table::{HeaderTable, KnownHeader};
use super::jwk;
use super::key::{Candidates, Key, VerifiedBy};
use crate::algorithm::Algorithm;
use crate::error::LoadError;
use crate::warning::Warning;

/// An immutable snapshot of keys, each with a verifier that was prepared when it was loaded.
pub struct KeySet {
    pub(super) keys: Vec<Key>,
    by_id: HashMap<Box<str>, OfOneId, FixedState>,
    /// The indexes of all keys of an algorithm.
    by_algorithm: HashMap<Algorithm, Vec<usize>, FixedState>,
    header_table: HeaderTable,
    warnings: Vec<Warning>,
    /// The number of warnings about single keys; the rest are about the set as a whole.
    warnings_of_documents: usize,
}

/// The indexes of the keys of one id, by algorithm; each document has at most one per algorithm.
type OfOneId = SmallVec<[(Algorithm, SmallVec<[usize; 1]>); 1]>;

impl KeySet {
    /// A token without `kid` is tried with every key of its algorithm, but only if there are at most this many.
    pub const MAX_KEYS_WITHOUT_ID: usize = 8;

    /// Reads a JWK Set (RFC 7517 §5), or a single JWK.
    ///
    /// A key with an unsupported type, curve, algorithm or use is ignored, and so is a key that cannot be read, as long as
    /// another key is usable; [`warnings`](Self::warnings) names them. `null` counts as absent. Members that are not read may
    /// have any value. Private members are not kept. A byte order mark is ignored.
    ///
    /// # Errors
    ///
    /// Names the key and line of a key that is too weak (an HMAC secret shorter than its hash, an RSA modulus under 2,048
    /// bits) or that has the same `kid` and algorithm as another. Fails for a set without a usable key, and for a PEM file.
    pub fn from_jwks(text: &[u8]) -> Result<Self, LoadError> {
        let (keys, warnings) = jwk::read(text)?;
        Ok(Self::of(keys, warnings))
    }

    /// A set without keys, which accepts no token: for a server that has not fetched its keys yet.
    #[must_use]
    pub fn none() -> Self {
        Self::of(Vec::new(), Vec::new())
    }

    pub(super) fn of(keys: Vec<Key>, mut warnings: Vec<Warning>) -> Self {
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
        let warnings_of_documents = warnings.len();
        for algorithm in Algorithm::ALL {
            let sharing = by_algorithm.get(algorithm).map_or(0, Vec::len);
            if sharing > Self::MAX_KEYS_WITHOUT_ID {
                warnings.push(too_many_without_id(*algorithm, sharing));
            }
        }
        let header_table = HeaderTable::default();
        let mut set = Self { keys, by_id, by_algorithm, header_table, warnings, warnings_of_documents };
        set.header_table = HeaderTable::of(&set.keys, |id, algorithm| set.candidates(id, algorithm));
        set
    }

    /// Moves the keys to the end of `keys`, and returns the warnings about single keys.
    pub(super) fn into_parts(self, keys: &mut Vec<Key>) -> impl Iterator<Item = Warning> {
        keys.extend(self.keys);
        self.warnings.into_iter().take(self.warnings_of_documents)
    }

    /// The number of usable keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether the set has no keys. A loaded set never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys' ids and algorithms, in the set's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Option<&str>, Algorithm)> {
        self.keys.iter().map(|key| (key.id.as_deref(), key.algorithm))
    }

    /// Ignored keys and other notes, in the set's order.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The number of keys for an algorithm.
    pub(crate) fn serving(&self, algorithm: Algorithm) -> usize {
        self.by_algorithm.get(&algorithm).map_or(0, Vec::len)
    }

    /// The header of this segment, if it is one that tokens of these keys usually have.
    pub(crate) fn recognize_header(&self, segment: &[u8]) -> Option<&KnownHeader> {
        self.header_table.get(segment)
    }

    /// The candidate keys for a token with this algorithm and key id.
    ///
    /// With an id: from each combined set the key with exactly this id and algorithm. Without an id: every key of the
    /// algorithm, in the set's order, unless there are too many to try.
    pub(crate) fn candidates(&self, key_id: Option<&str>, algorithm: Algorithm) -> Option<Candidates<'_>> {
        let indexes = match key_id {
            Some(id) => {
                let mut of_id = self.by_id.get(id).into_iter().flatten();
                of_id.find(|(its, _)| *its == algorithm).map(|(_, indexes)| indexes.as_slice())
            }
            None => {
                let indexes = self.by_algorithm.get(&algorithm).map(Vec::as_slice);
                indexes.filter(|indexes| indexes.len() <= Self::MAX_KEYS_WITHOUT_ID)
            }
        };
        indexes.map(Candidates)
    }

    /// The first of these keys that verifies `signature` over `signing_input`, and the candidates after it.
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

fn too_many_without_id(algorithm: Algorithm, keys: usize) -> Warning {
    Warning::new(
        "",
        format!(
            "{keys} keys for {algorithm}, so its tokens without `kid` are refused; at most {} keys are tried",
            KeySet::MAX_KEYS_WITHOUT_ID
        ),
    )
}

/// Shows ids and algorithms, never key material (SEC-1).
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.keys).finish()
    }
}

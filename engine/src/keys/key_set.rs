//! A key set, as one immutable snapshot.

use std::fmt;
use std::slice;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::header_table::{HeaderTable, KnownHeader};
use super::jwk::{self, KeyNotice};
use super::key::{Candidates, Key};
use crate::algorithm::Algorithm;
use crate::error::LoadError;

/// A token without `kid` is tried with every key of its algorithm, but never with more than this many.
const MAX_KEYS_WITHOUT_ID: usize = 8;

/// Keys, each with its verifier made ready when it was loaded, as one immutable snapshot.
pub struct KeySet {
    keys: Vec<Key>,
    by_id: HashMap<Box<str>, OfOneId, FixedState>,
    /// Where the keys of an algorithm stand, with an id and without.
    by_algorithm: HashMap<Algorithm, Vec<usize>, FixedState>,
    header_table: HeaderTable,
    notices: Vec<KeyNotice>,
}

/// Where the keys of one id stand: one for each algorithm at most.
type OfOneId = SmallVec<[(Algorithm, usize); 1]>;

impl KeySet {
    /// Reads a JWK Set (RFC 7517 §5), or a single JWK.
    ///
    /// Keys of a type, curve, algorithm or use that is not ours are passed over and reported by
    /// [`notices`](Self::notices); so are private members, which are not kept.
    ///
    /// # Errors
    ///
    /// Names the key and line of a key that is ours but broken or too weak (an HMAC secret shorter than its hash,
    /// an RSA modulus under 2,048 bits), of a second key with the same `kid` and algorithm, and refuses a set in
    /// which no key is usable.
    pub fn from_jwks(text: &[u8]) -> Result<Self, LoadError> {
        let (keys, mut notices) = jwk::read(text)?;
        let mut set = Self {
            keys,
            by_id: HashMap::default(),
            by_algorithm: HashMap::default(),
            header_table: HeaderTable::default(),
            notices: Vec::new(),
        };
        for (index, key) in set.keys.iter().enumerate() {
            if let Some(id) = &key.id {
                set.by_id.entry(id.clone()).or_default().push((key.algorithm, index));
            }
            set.by_algorithm.entry(key.algorithm).or_default().push(index);
        }
        for algorithm in Algorithm::ALL {
            let sharing = set.by_algorithm.get(algorithm).map_or(0, Vec::len);
            if sharing > MAX_KEYS_WITHOUT_ID {
                notices.push(KeyNotice::too_many_without_id(*algorithm, sharing));
            }
        }
        set.header_table = HeaderTable::of(&set.keys, |id, algorithm| set.candidates(id, algorithm));
        set.notices = notices;
        Ok(set)
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

    /// The header that this segment holds, if it is one that tokens of these keys usually have.
    pub(crate) fn recognise_header(&self, segment: &[u8]) -> Option<&KnownHeader> {
        self.header_table.get(segment)
    }

    /// The keys that may verify a token of this algorithm and key id.
    ///
    /// With an id, the one of that id, byte for byte, whose algorithm is the token's; without, every key of the
    /// algorithm, in the set's order, unless they are too many to try.
    pub(crate) fn candidates(&self, key_id: Option<&str>, algorithm: Algorithm) -> Option<Candidates<'_>> {
        let indexes = match key_id {
            Some(id) => {
                let mut of_id = self.by_id.get(id).into_iter().flatten();
                of_id.find(|(its, _)| *its == algorithm).map(|(_, index)| slice::from_ref(index))
            }
            None => self.by_algorithm.get(&algorithm).map(Vec::as_slice),
        };
        indexes.filter(|indexes| indexes.len() <= MAX_KEYS_WITHOUT_ID).map(Candidates)
    }

    /// Whether `signature` is one of these keys' over `signing_input`.
    pub(crate) fn verify(&self, candidates: Candidates<'_>, signing_input: &[u8], signature: &[u8]) -> bool {
        let mut keys = candidates.0.iter().filter_map(|index| self.keys.get(*index));
        keys.any(|key| key.verifier.verifies(signing_input, signature))
    }
}

/// Shows ids and algorithms, never key material (SEC-1).
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.keys).finish()
    }
}

//! Sets of revoked tokens. A lookup takes the same few steps for ten entries and for ten million.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use siphasher::sip128::SipHasher13;

/// A set of token ids.
#[derive(Clone, Default)]
pub(super) struct TokenIds {
    filter: Filter,
    fingerprints: Fingerprints,
}

impl TokenIds {
    /// A set of these fingerprints.
    pub(super) fn new(fingerprints: Vec<u128>) -> Self {
        Self::of(Fingerprints::new(fingerprints))
    }

    fn of(fingerprints: Fingerprints) -> Self {
        Self { filter: Filter::new(&fingerprints.sorted), fingerprints }
    }

    /// A set with more fingerprints.
    pub(super) fn with(&self, more: impl ExactSizeIterator<Item = u128>) -> Self {
        Self::of(self.fingerprints.with(more))
    }

    pub(super) fn contains(&self, id: &[u8]) -> bool {
        self.filter.find(id, |fingerprint| self.fingerprints.contains(fingerprint))
    }

    pub(super) fn len(&self) -> usize {
        self.fingerprints.sorted.len()
    }
}

/// A set of signing inputs (the first two segments of tokens), by their SHA-256.
#[derive(Clone, Default)]
pub(super) struct SignedSet(Fingerprints);

impl SignedSet {
    /// The first half of each SHA-256, as a big-endian number.
    pub(super) fn new(halves: Vec<u128>) -> Self {
        Self(Fingerprints::new(halves))
    }

    /// A set with more digests, as in [`new`](Self::new).
    pub(super) fn with(&self, more: impl ExactSizeIterator<Item = u128>) -> Self {
        Self(self.0.with(more))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.sorted.is_empty()
    }

    pub(super) fn contains_digest(&self, sha256: &[u8; 32]) -> bool {
        !self.is_empty() && self.0.contains(first_half(sha256))
    }

    pub(super) fn len(&self) -> usize {
        self.0.sorted.len()
    }
}

/// A Bloom filter with 8 to 16 bits for each entry, 3 of them set, and a cheap hash. It answers nearly all lookups of
/// tokens that are not in the set.
#[derive(Clone, Default)]
pub(super) struct Filter(Vec<u64>);

impl Filter {
    fn new(fingerprints: &[u128]) -> Self {
        if fingerprints.is_empty() {
            return Self::default();
        }
        let mut filter = Self::for_entries(fingerprints.len());
        fingerprints.iter().for_each(|fingerprint| filter.add(*fingerprint));
        filter
    }

    /// An empty filter for about so many entries. With more, it answers fewer lookups by itself.
    pub(super) fn for_entries(entries: usize) -> Self {
        Self(vec![0; entries.div_ceil(8).next_power_of_two()])
    }

    pub(super) fn add(&mut self, fingerprint: u128) {
        let (word, bits) = self.place(hash_in(fingerprint));
        if let Some(word) = self.0.get_mut(word) {
            *word |= bits;
        }
    }

    /// Whether the set with this filter contains an id. `contains` looks its fingerprint up.
    pub(super) fn find(&self, id: &[u8], contains: impl FnOnce(u128) -> bool) -> bool {
        let hash = cheap_hash(id);
        self.may_contain(hash) && contains(fingerprint(id, hash))
    }

    fn may_contain(&self, hash: u64) -> bool {
        let (word, bits) = self.place(hash);
        self.0.get(word).is_some_and(|word| word & bits == bits)
    }

    /// The word for a hash, and its three bits in it.
    fn place(&self, hash: u64) -> (usize, u64) {
        let mask = u64::try_from(self.0.len().saturating_sub(1)).unwrap_or(u64::MAX);
        // Masked before narrowing, because the unmasked value does not fit into a 32-bit `usize`.
        let word = usize::try_from(hash >> 18 & mask).unwrap_or(usize::MAX);
        let bit = |from: u32| 1_u64.wrapping_shl(u32::try_from(hash >> from & 63).unwrap_or(0));
        (word, bit(0) | bit(6) | bit(12))
    }
}

/// A set of 128-bit fingerprints: 16 bytes for each entry, sorted, with an index by leading bits, so that a lookup takes
/// the same few steps for ten entries and for ten million.
///
/// A collision can only deny a token that is not revoked; with ten million entries its probability is 1 in 10^17.
#[derive(Clone, Default)]
struct Fingerprints {
    sorted: Vec<u128>,
    /// The first index of the fingerprints with each value of the leading bits, and the total at the end.
    starts: Vec<u32>,
    index_bits: u32,
}

impl Fingerprints {
    fn new(mut fingerprints: Vec<u128>) -> Self {
        fingerprints.sort_unstable();
        Self::of_sorted(fingerprints)
    }

    /// A set with more fingerprints.
    fn with(&self, more: impl ExactSizeIterator<Item = u128>) -> Self {
        let mut all = Vec::with_capacity(self.sorted.len().saturating_add(more.len()));
        all.extend_from_slice(&self.sorted);
        all.extend(more);
        // The stable sort finds the sorted part, so that it takes a merge.
        all.sort();
        Self::of_sorted(all)
    }

    fn of_sorted(mut fingerprints: Vec<u128>) -> Self {
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
}

/// A fast hash, sufficient for a filter: an id constructed to pass the filter only makes the lookup longer. Hashes only the
/// beginning and the end of a long id, where ids differ.
fn cheap_hash(token_id: &[u8]) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    match (token_id.first_chunk::<16>(), token_id.last_chunk::<16>()) {
        (Some(first), Some(last)) => {
            hasher.write(first);
            hasher.write(last);
        }
        _ => hasher.write(token_id),
    }
    hasher.finish()
}

/// The bits of a fingerprint that are those of the cheap hash, so that a filter can be built from fingerprints alone. They
/// are enough for a filter of 8 billion entries.
const HASH_BITS: u64 = (1 << 48) - 1;

/// The fingerprint of a token's id: 80 bits of SipHash and 48 of the cheap hash.
pub(super) fn token_fingerprint(token_id: &[u8]) -> u128 {
    fingerprint(token_id, cheap_hash(token_id))
}

fn fingerprint(token_id: &[u8], hash: u64) -> u128 {
    let sip = SipHasher13::new().hash(token_id).as_u128();
    sip & !u128::from(HASH_BITS) | u128::from(hash & HASH_BITS)
}

/// The bits of the cheap hash in a fingerprint.
fn hash_in(fingerprint: u128) -> u64 {
    u64::try_from(fingerprint & u128::from(HASH_BITS)).unwrap_or(HASH_BITS)
}

/// The first half of a SHA-256.
pub(super) fn first_half(sha256: &[u8; 32]) -> u128 {
    sha256.first_chunk::<16>().map_or(0, |half| u128::from_be_bytes(*half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in_and_nothing_else() {
        for count in [0_u32, 1, 2, 7, 8, 9, 100, 5_000] {
            let fingerprints = |numbers: std::ops::Range<u32>| -> Vec<u128> {
                numbers.map(|number| token_fingerprint(format!("token-{number}").as_bytes())).collect()
            };
            let loaded = TokenIds::new(fingerprints(0..count));
            let half = TokenIds::new(fingerprints(0..count / 2));
            let folded = half.with(fingerprints(count / 3..count).into_iter());
            for set in [loaded, folded] {
                assert_eq!(set.len(), usize::try_from(count).unwrap());
                let words = if count == 0 { 0 } else { count.div_ceil(8).next_power_of_two() };
                assert_eq!(set.filter.0.len(), usize::try_from(words).unwrap());
                let contains = |number: u32| set.contains(format!("token-{number}").as_bytes());
                assert!((0..count).all(contains), "{count}");
                assert!(!(count..count + 5_000).any(contains), "{count}");
            }
        }
    }

    #[test]
    fn a_hash_selects_three_bits() {
        let filter = Filter(vec![0; 4]);
        for (bits, expected) in [
            ([3, 3, 3], 1 << 3),
            ([3, 3, 9], 1 << 3 | 1 << 9),
            ([3, 9, 3], 1 << 3 | 1 << 9),
            ([3, 9, 9], 1 << 3 | 1 << 9),
            ([1, 2, 63], 1 << 63 | 6),
        ] {
            let hash = 2 << 18 | bits[2] << 12 | bits[1] << 6 | bits[0];
            assert_eq!(filter.place(hash), (2, expected), "{bits:?}");
        }
    }

    #[test]
    fn finds_every_fingerprint_at_both_ends_of_the_range() {
        let set = Fingerprints::new(vec![u128::MAX, 0, 1, u128::MAX - 1, 1 << 127, 7, 7, 1 << 64, 3]);
        for inside in [0, 1, 3, 7, 1 << 64, 1 << 127, u128::MAX - 1, u128::MAX] {
            assert!(set.contains(inside), "{inside:#x}");
        }
        for outside in [2, 4, (1 << 64) + 1, u128::MAX - 2] {
            assert!(!set.contains(outside), "{outside:#x}");
        }
    }

    #[test]
    fn the_filter_excludes_most_absent_ids() {
        let fingerprints: Vec<u128> =
            (0..1_000).map(|number| token_fingerprint(format!("token-{number}").as_bytes())).collect();
        let filter = Filter::new(&fingerprints);
        assert!(fingerprints.iter().all(|fingerprint| filter.may_contain(hash_in(*fingerprint))));
        let passing = (0..1_000)
            .filter(|number| filter.may_contain(cheap_hash(format!("other-{number}").as_bytes())))
            .count();
        // At most three in eight bits are set, and a lookup needs three.
        assert!(passing < 60, "{passing} of 1000 look further");
    }

    #[test]
    fn a_lookup_compares_few_fingerprints_in_a_set_of_any_size() {
        for count in [1_000_u32, 20_000] {
            let fingerprints =
                (0..count).map(|number| token_fingerprint(number.to_string().as_bytes())).collect();
            let set = Fingerprints::new(fingerprints);
            let longest = set.starts.windows(2).map(|bounds| bounds[1] - bounds[0]).max();
            assert!(longest < Some(50), "{longest:?} of {count}");
        }
    }
}

//! A bounded cache of verified tokens, so that a signature is verified once and not on every request.
//!
//! It holds claims that one policy and key set verified: an engine with another policy or key set starts with an empty
//! cache. Time, revocations, realm, account, organization and permissions are checked on every call. A "not revoked"
//! result is cached with the number of the revocations snapshot that gave it.
//!
//! It is a set-associative table. A keyed hash of the token's last bytes, which belong to its signature, selects a set of
//! seven slots; the key is the whole token, byte for byte. A lookup writes to no memory that other threads read, except a
//! mark that is set once. Eviction takes entries without a mark first, in a set and in the whole table when it is full.

use std::array;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use arc_swap::{ArcSwapAny, Guard};
use foldhash::fast::FixedState;

use super::entry::{self, Entry, SharedEntry, SnapshotNumber};

/// Slots in a set: as many as fit into one cache line with their tags.
const WAYS: usize = 7;
/// The typical size of an entry, from which the number of sets follows.
const TYPICAL_BYTES: usize = 1024;
/// How many sets are searched, at most, to make room for one token.
const SWEEP_SETS: usize = 8;
/// How many of a token's last bytes are hashed: about ninety bits of its signature.
const HASHED_BYTES: usize = 16;

/// The size of a cache of verified tokens, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheBytes(pub usize);

/// The key of the hash of a cache of verified tokens: 64 bits, drawn at random.
#[derive(Clone, Copy)]
pub struct HashKey(pub u64);

/// Redacted, because the key is a secret (SEC-1).
impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(redacted)")
    }
}

/// The verified tokens of one policy and key set.
pub(crate) struct Cache {
    sets: Box<[Set]>,
    hasher: FixedState,
    hash_key: HashKey,
    bytes: AtomicUsize,
    max_bytes: usize,
    /// The next set to search for room.
    hand: AtomicUsize,
    snapshots: AtomicU64,
    vacant: SharedEntry,
}

/// Slots and their tags.
#[repr(align(64))]
struct Set {
    tags: Tags,
    slots: [ArcSwapAny<SharedEntry>; WAYS],
}

/// For each slot one byte of its token's hash, or [`VACANT`]; the last byte is unused.
struct Tags(AtomicU64);

const VACANT: u8 = 0;
/// The value of the unused byte.
const NO_SLOT: u8 = u8::MAX;

/// An entry that was found, borrowed without counting references.
pub(crate) type CacheHit = Guard<SharedEntry>;

impl Cache {
    /// A cache of at most `max_bytes` of tokens and claims, whose hash nobody without `hash_key` can predict.
    pub(crate) fn new(CacheBytes(max_bytes): CacheBytes, hash_key: HashKey) -> Self {
        let tokens = max_bytes.checked_div(TYPICAL_BYTES).unwrap_or(0);
        let sets = tokens.div_ceil(WAYS).max(1).next_power_of_two();
        let vacant = entry::vacant();
        Self {
            sets: (0..sets).map(|_| Set::new(&vacant)).collect(),
            hasher: FixedState::with_seed(hash_key.0),
            hash_key,
            bytes: AtomicUsize::new(0),
            max_bytes,
            hand: AtomicUsize::new(0),
            snapshots: AtomicU64::new(0),
            vacant,
        }
    }

    /// An empty cache of the same size, for another policy or key set.
    pub(crate) fn emptied(&self) -> Self {
        Self::new(CacheBytes(self.max_bytes), self.hash_key)
    }

    /// A new number for a snapshot of revocations, unique in this cache.
    pub(crate) fn number_snapshot(&self) -> SnapshotNumber {
        SnapshotNumber(self.snapshots.fetch_add(1, Relaxed).wrapping_add(1))
    }

    /// The entry of exactly this token, if it is cached.
    pub(crate) fn find(&self, token: &[u8]) -> Option<CacheHit> {
        let (set, tag) = self.place(token)?;
        set.tags.matching(tag).find_map(|way| {
            let shared = set.slots.get(way)?.load();
            let entry = Entry::of(&shared);
            if !entry.is_for(token) {
                return None;
            }
            entry.mark();
            Some(shared)
        })
    }

    /// Caches a verified entry, if there is room for it.
    pub(crate) fn insert(&self, shared: &SharedEntry) {
        let entry = Entry::of(shared);
        let size = entry.memory();
        let Some((set, tag)) = self.place(entry.token()) else { return };
        let way = set.victim();
        let Some(slot) = set.slots.get(way) else { return };
        if !self.reserve(size) {
            return;
        }
        let previous = slot.swap(shared.clone());
        set.tags.put(way, tag);
        self.release(&previous);
    }

    /// The size of the cached tokens and claims, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    fn place(&self, token: &[u8]) -> Option<(&Set, u8)> {
        let end = token.len().saturating_sub(HASHED_BYTES);
        let hash = self.hasher.hash_one(token.get(end..)?);
        let set = usize::try_from(hash & u64::from(u32::MAX)).ok()? & self.sets.len().checked_sub(1)?;
        let tag = u8::try_from(hash >> 56).ok()?.clamp(VACANT.wrapping_add(1), NO_SLOT.wrapping_sub(1));
        Some((self.sets.get(set)?, tag))
    }

    /// Reserves `size` bytes; if the cache is full, evicts unmarked entries of a few sets.
    fn reserve(&self, size: usize) -> bool {
        let more = |bytes: usize| bytes.checked_add(size).filter(|bytes| *bytes <= self.max_bytes);
        let fits = || self.bytes.fetch_update(Relaxed, Relaxed, more).is_ok();
        for _ in 0..SWEEP_SETS {
            if fits() {
                return true;
            }
            let at = self.hand.fetch_add(1, Relaxed) & self.sets.len().saturating_sub(1);
            let Some(set) = self.sets.get(at) else { return false };
            for (way, slot) in set.slots.iter().enumerate() {
                let gives_up = |entry: Entry<'_>| !entry.is_vacant() && !entry.unmark();
                if gives_up(Entry::of(&slot.load())) {
                    set.tags.put(way, VACANT);
                    let previous = slot.swap(self.vacant.clone());
                    self.release(&previous);
                }
            }
        }
        fits()
    }

    fn release(&self, previous: &SharedEntry) {
        let previous = Entry::of(previous);
        if !previous.is_vacant() {
            self.bytes.fetch_sub(previous.memory(), Relaxed);
        }
    }
}

/// Shows how full it is, not what it holds (SEC-1).
impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("bytes", &self.bytes())
            .field("max_bytes", &self.max_bytes)
            .finish_non_exhaustive()
    }
}

impl Set {
    fn new(vacant: &SharedEntry) -> Self {
        Self { tags: Tags::vacant(), slots: array::from_fn(|_| ArcSwapAny::new(vacant.clone())) }
    }

    /// The slot to replace: a vacant one, else one without a mark, else the first one, after clearing the
    /// marks of the others.
    fn victim(&self) -> usize {
        let unused = || self.slots.iter().position(|slot| !Entry::of(&slot.load()).is_marked());
        self.tags.matching(VACANT).next().or_else(unused).unwrap_or_else(|| {
            for slot in &self.slots {
                Entry::of(&slot.load()).unmark();
            }
            0
        })
    }
}

impl Tags {
    fn vacant() -> Self {
        let mut tags = [VACANT; 8];
        if let Some(last) = tags.last_mut() {
            *last = NO_SLOT;
        }
        Self(AtomicU64::new(u64::from_le_bytes(tags)))
    }

    /// The slots with this tag; all tags are compared at once.
    fn matching(&self, tag: u8) -> impl Iterator<Item = usize> {
        const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
        let differing = self.0.load(Relaxed) ^ u64::from_le_bytes([tag; 8]);
        // Sets the high bit of each byte that is zero; no carry crosses bytes.
        let mut same = !((differing & LOW_BITS).wrapping_add(LOW_BITS) | differing | LOW_BITS);
        std::iter::from_fn(move || {
            let way = usize::try_from(same.trailing_zeros() / 8).ok().filter(|way| *way < WAYS)?;
            same &= same.wrapping_sub(1);
            Some(way)
        })
    }

    fn put(&self, way: usize, tag: u8) {
        let change = |tags: u64| {
            let mut tags = tags.to_le_bytes();
            *tags.get_mut(way)? = tag;
            Some(u64::from_le_bytes(tags))
        };
        // Cannot fail for a slot of this table.
        let _ = self.0.fetch_update(Relaxed, Relaxed, change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, PolicySpec};

    fn shared(token: &str) -> SharedEntry {
        let policy = Policy::new(&PolicySpec::default()).unwrap();
        entry::shared(Some(token.as_bytes()), br#"{"exp":1}"#, &policy, None).unwrap()
    }

    #[test]
    fn a_set_is_one_cache_line() {
        assert_eq!((size_of::<Set>(), align_of::<Set>()), (64, 64));
    }

    #[test]
    fn slots_are_found_by_their_tag() {
        for tag in [VACANT, 1, 2, 0x7f, 0x80, 0x81, NO_SLOT - 1] {
            for other in [VACANT, 1, 0x7e, 0x7f, 0x80, 0x81, 0xfd, NO_SLOT - 1].map(|other| other ^ 1) {
                for which in 0..1_u8 << WAYS {
                    let tags = Tags::vacant();
                    let here = |way: &usize| which >> way & 1 == 1;
                    for way in 0..WAYS {
                        tags.put(way, if here(&way) { tag } else { other });
                    }
                    let expected = (0..WAYS).filter(|way| here(way) || other == tag);
                    assert!(tags.matching(tag).eq(expected), "{tag:#x} among {other:#x} by {which:#b}");
                }
            }
        }
        let tags = Tags::vacant();
        tags.put(WAYS, 1);
        assert!(tags.matching(VACANT).eq(0..WAYS) && tags.matching(1).next().is_none());
    }

    #[test]
    fn a_set_evicts_vacant_then_unmarked_then_the_first_slot() {
        let set = Set::new(&entry::vacant());
        let entries: Vec<SharedEntry> = (0..WAYS).map(|number| shared(&number.to_string())).collect();
        for (at, entry) in entries.iter().enumerate() {
            assert_eq!(set.victim(), at);
            Entry::of(entry).mark();
            set.slots[at].store(entry.clone());
            set.tags.put(at, 1);
        }
        Entry::of(&entries[5]).unmark();
        assert_eq!(set.victim(), 5);
        Entry::of(&entries[5]).mark();
        assert_eq!(set.victim(), 0);
        assert!(
            entries.iter().all(|entry| !Entry::of(entry).is_marked()),
            "the marks of the others are cleared"
        );
    }

    /// A cache of one set that has room for exactly this many tokens of five bytes.
    fn with_room_for(tokens: usize) -> Cache {
        let cache = Cache::new(CacheBytes(Entry::of(&shared("token")).memory() * tokens), HashKey(7));
        assert_eq!(cache.sets.len(), 1);
        cache
    }

    fn remembers(cache: &Cache, token: &str) -> bool {
        cache.find(token.as_bytes()).is_some()
    }

    #[test]
    fn only_unmarked_entries_are_evicted() {
        let cache = with_room_for(3);
        for token in ["in-a", "in-b", "out-c"] {
            cache.insert(&shared(token));
        }
        assert!(remembers(&cache, "in-a") && remembers(&cache, "in-b"));
        cache.insert(&shared("new-d"));
        assert!(remembers(&cache, "in-a") && remembers(&cache, "in-b") && remembers(&cache, "new-d"));
        assert!(!remembers(&cache, "out-c"));
    }

    #[test]
    fn the_counted_size_equals_the_entries_after_many_evictions() {
        let cache = with_room_for(3);
        for number in 100..200 {
            let token = format!("t-{number}");
            cache.insert(&shared(&token));
            assert!(remembers(&cache, &token), "{token}");
            let held = cache.sets[0].slots.iter().map(|slot| {
                let slot = slot.load();
                let entry = Entry::of(&slot);
                if entry.is_vacant() { 0 } else { entry.memory() }
            });
            assert_eq!(cache.bytes(), held.sum::<usize>(), "{token}");
            assert!(cache.bytes() <= cache.max_bytes, "{token}");
        }
        assert!(Entry::of(&entry::vacant()).is_vacant() && !Entry::of(&shared("token")).is_vacant());
    }

    #[test]
    fn tokens_spread_over_all_sets_and_have_tags_of_their_own() {
        let cache = Cache::new(CacheBytes(64 << 10), HashKey(7));
        assert_eq!(cache.sets.len(), 16);
        let tokens: Vec<String> = (0..2_000).map(|number| format!("a token, and its end {number}")).collect();
        let mut in_set = [0; 16];
        let mut tags = Vec::new();
        for token in &tokens {
            let (set, tag) = cache.place(token.as_bytes()).unwrap();
            in_set[cache.sets.iter().position(|its| std::ptr::eq(its, set)).unwrap()] += 1;
            assert!(![VACANT, NO_SLOT].contains(&tag), "these values are reserved");
            tags.push(tag);
        }
        assert!(in_set.iter().all(|count| (60..200).contains(count)), "{in_set:?}");
        tags.sort_unstable();
        tags.dedup();
        assert!(tags.len() > 250, "{} tags of 254", tags.len());
        // Another hash key gives other tags.
        let other = Cache::new(CacheBytes(64 << 10), HashKey(8));
        let same = tokens.iter().filter(|token| {
            other.place(token.as_bytes()).unwrap().1 == cache.place(token.as_bytes()).unwrap().1
        });
        assert!(same.count() < 30);
    }

    #[test]
    fn snapshots_have_numbers_of_their_own() {
        let cache = Cache::new(CacheBytes(0), HashKey(7));
        let numbers: Vec<u64> = (0..3).map(|_| cache.number_snapshot().0).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}

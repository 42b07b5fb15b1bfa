//! A bounded memory of verified tokens, so that a signature is verified once and not on every request.
//!
//! It holds claims under the policy and the key set that verified them, and nothing else: an engine with
//! another policy or key set starts with an empty one. Time, revocations, realm, account, organization and
//! permissions are judged on every call. What no longer changes while one snapshot of revocations is in force,
//! that it does not revoke a token, is remembered together with that snapshot's number.
//!
//! It is a set-associative table. A keyed hash of the token's end, which is its signature, names a set of
//! eight slots; the key is the whole token, byte for byte. Finding writes to no memory that other threads
//! read, but for a mark that is set once. Tokens that are asked for again survive those that are not: a set,
//! and the whole table when it is full, gives up first what bears no mark.

use std::array;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use arc_swap::{ArcSwapAny, Guard};
use foldhash::fast::FixedState;

use crate::entry::{self, Entry, SharedEntry};

/// Slots in a set.
const WAYS: usize = 8;
/// About what one token takes: how many sets a number of bytes is good for.
const TYPICAL_BYTES: usize = 1024;
/// How many sets are asked, at most, to make room for one token.
const SWEEP_SETS: usize = 8;
/// How much of a token's end is hashed: some ninety bits of its signature.
const HASHED_BYTES: usize = 16;

/// The verified tokens of one policy and key set.
pub(crate) struct Cache {
    sets: Box<[Set]>,
    hasher: FixedState,
    hash_key: u64,
    bytes: AtomicUsize,
    max_bytes: usize,
    /// The set that is asked next to make room.
    hand: AtomicUsize,
    snapshots: AtomicU64,
    vacant: SharedEntry,
}

/// Eight slots, and for each a few bits of the hash of what it holds; 0 where it is vacant.
struct Set {
    tags: [AtomicU32; WAYS],
    slots: [ArcSwapAny<SharedEntry>; WAYS],
}

/// The number of a snapshot of revocations, given out by the cache that remembers it; 0 is none's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SnapshotNumber(pub(crate) u64);

/// An entry that was found, borrowed without counting references.
pub(crate) type Found = Guard<SharedEntry>;

impl Cache {
    /// A cache of at most `max_bytes` of tokens and claims, whose hash nobody without `hash_key` can foresee.
    pub(crate) fn new(max_bytes: usize, hash_key: u64) -> Self {
        let tokens = max_bytes.checked_div(TYPICAL_BYTES).unwrap_or(0);
        let sets = tokens.div_ceil(WAYS).max(1).next_power_of_two();
        let vacant = entry::vacant();
        Self {
            sets: (0..sets).map(|_| Set::new(&vacant)).collect(),
            hasher: FixedState::with_seed(hash_key),
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
        Self::new(self.max_bytes, self.hash_key)
    }

    /// A number that no other snapshot of revocations has in this cache.
    pub(crate) fn number_snapshot(&self) -> SnapshotNumber {
        SnapshotNumber(self.snapshots.fetch_add(1, Relaxed).wrapping_add(1))
    }

    /// The claims of this very token, if they are remembered.
    pub(crate) fn find(&self, token: &[u8]) -> Option<Found> {
        let (set, tag) = self.place(token)?;
        let mut slots = set.tags.iter().zip(&set.slots);
        slots.find_map(|(its, slot)| {
            if its.load(Relaxed) != tag {
                return None;
            }
            let shared = slot.load();
            let entry = Entry::of(&shared);
            if entry.token() != token {
                return None;
            }
            entry.mark();
            Some(shared)
        })
    }

    /// Remembers verified claims together with their token, if there is room for them.
    pub(crate) fn insert(&self, shared: &SharedEntry) {
        let entry = Entry::of(shared);
        let size = entry.memory();
        let Some((set, tag)) = self.place(entry.token()) else { return };
        let Some((its, slot)) = set.victim() else { return };
        if !self.reserve(size) {
            return;
        }
        let previous = slot.swap(shared.clone());
        its.store(tag, Relaxed);
        self.release(&previous);
    }

    /// What the remembered tokens and claims take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    fn place(&self, token: &[u8]) -> Option<(&Set, u32)> {
        let end = token.len().saturating_sub(HASHED_BYTES);
        let hash = self.hasher.hash_one(token.get(end..)?);
        let (high, low) =
            (u32::try_from(hash >> 32).ok()?, usize::try_from(hash & u64::from(u32::MAX)).ok()?);
        let set = self.sets.get(low & self.sets.len().checked_sub(1)?)?;
        Some((set, high | 1))
    }

    /// Takes room for `size` bytes; where there is none, a few sets are asked to give up what is not used.
    fn reserve(&self, size: usize) -> bool {
        let more = |bytes: usize| bytes.checked_add(size).filter(|bytes| *bytes <= self.max_bytes);
        let fits = || self.bytes.fetch_update(Relaxed, Relaxed, more).is_ok();
        for _ in 0..SWEEP_SETS {
            if fits() {
                return true;
            }
            let at = self.hand.fetch_add(1, Relaxed) & self.sets.len().saturating_sub(1);
            let Some(set) = self.sets.get(at) else { return false };
            for (tag, slot) in set.tags.iter().zip(&set.slots) {
                if tag.load(Relaxed) != 0 && !Entry::of(&slot.load()).unmark() {
                    tag.store(0, Relaxed);
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
        Self {
            tags: array::from_fn(|_| AtomicU32::new(0)),
            slots: array::from_fn(|_| ArcSwapAny::new(vacant.clone())),
        }
    }

    /// A vacant slot, else one that has not been used, else the first one; then the others start anew without marks.
    fn victim(&self) -> Option<(&AtomicU32, &ArcSwapAny<SharedEntry>)> {
        let slots = || self.tags.iter().zip(&self.slots);
        slots()
            .find(|(tag, _)| tag.load(Relaxed) == 0)
            .or_else(|| slots().find(|(_, slot)| !Entry::of(&slot.load()).is_marked()))
            .or_else(|| {
                for slot in &self.slots {
                    Entry::of(&slot.load()).unmark();
                }
                slots().next()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Policy, PolicySpec};

    fn shared(token: &str) -> SharedEntry {
        let policy = Policy::new(&PolicySpec::default()).unwrap();
        entry::shared(Some(token.as_bytes()), br#"{"exp":1}"#, &policy).unwrap()
    }

    /// Which of its slots a set would give up.
    fn victim(set: &Set) -> usize {
        let (tag, _) = set.victim().unwrap();
        set.tags.iter().position(|its| std::ptr::eq(its, tag)).unwrap()
    }

    #[test]
    fn a_set_gives_up_what_is_vacant_then_what_is_not_used_then_the_first() {
        let set = Set::new(&entry::vacant());
        let entries: Vec<SharedEntry> = (0..WAYS).map(|number| shared(&number.to_string())).collect();
        for (at, entry) in entries.iter().enumerate() {
            assert_eq!(victim(&set), at);
            Entry::of(entry).mark();
            set.slots[at].store(entry.clone());
            set.tags[at].store(1, Relaxed);
        }
        Entry::of(&entries[5]).unmark();
        assert_eq!(victim(&set), 5);
        Entry::of(&entries[5]).mark();
        assert_eq!(victim(&set), 0);
        assert!(entries.iter().all(|entry| !Entry::of(entry).is_marked()), "the others start anew");
    }

    /// A cache of one set, full with so many tokens of five bytes.
    fn with_room_for(tokens: usize) -> Cache {
        let cache = Cache::new(Entry::of(&shared("token")).memory() * tokens, 7);
        assert_eq!(cache.sets.len(), 1);
        cache
    }

    fn remembers(cache: &Cache, token: &str) -> bool {
        cache.find(token.as_bytes()).is_some()
    }

    #[test]
    fn room_is_made_of_what_is_not_used_and_nothing_else() {
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
    fn room_is_made_again_and_again_and_what_it_takes_is_what_it_holds() {
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
        let cache = Cache::new(64 << 10, 7);
        assert_eq!(cache.sets.len(), 8);
        let tokens: Vec<String> = (0..1_000).map(|number| format!("a token, and its end {number}")).collect();
        let mut in_set = [0; 8];
        let mut tags = Vec::new();
        for token in &tokens {
            let (set, tag) = cache.place(token.as_bytes()).unwrap();
            in_set[cache.sets.iter().position(|its| std::ptr::eq(its, set)).unwrap()] += 1;
            assert_ne!(tag, 0, "that is what marks a vacant slot");
            tags.push(tag);
        }
        assert!(in_set.iter().all(|count| (60..200).contains(count)), "{in_set:?}");
        tags.sort_unstable();
        tags.dedup();
        assert!(tags.len() > 990, "{} tags of 1000", tags.len());
        // Nobody without the hash key can foresee them.
        let other = Cache::new(64 << 10, 8);
        let same = tokens.iter().filter(|token| {
            other.place(token.as_bytes()).unwrap().1 == cache.place(token.as_bytes()).unwrap().1
        });
        assert!(same.count() < 10);
    }

    #[test]
    fn snapshots_have_numbers_of_their_own() {
        let cache = Cache::new(0, 7);
        let numbers: Vec<u64> = (0..3).map(|_| cache.number_snapshot().0).collect();
        assert_eq!(numbers, [1, 2, 3]);
    }
}

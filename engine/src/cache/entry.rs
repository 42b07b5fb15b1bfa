//! A cache entry: parsed claims, and one buffer with the token (if the entry is cached) and the decoded claims.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use smallvec::SmallVec;
use triomphe::ThinArc;

use crate::claims::{ClaimFlaw, Claims, TextClaims};
use crate::keys::Binding;
use crate::policy::Policy;

/// The number of a revocations snapshot, assigned by the cache; 0 means no snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SnapshotNumber(pub(crate) u64);

/// An entry and its text in one allocation, with a reference count.
pub(crate) type SharedEntry = ThinArc<EntryHeader, u8>;

/// An entry without its text.
pub(crate) struct EntryHeader {
    claims: Claims,
    /// The length of the token in the text. The token comes first, so that the processor can prefetch it before it has
    /// read the header.
    token_bytes: u32,
    /// Set by each lookup, cleared by eviction.
    used: AtomicBool,
    /// The last snapshot of revocations that did not revoke the token; 0 for none.
    spared_by: AtomicU64,
}

/// Most tokens with their claims fit; a longer text is allocated once more before it is shared.
const USUAL_BYTES: usize = 2048;

/// An entry with these claims, verified by a key with this binding; with the token, if the entry is to be cached.
pub(crate) fn shared(
    token: Option<&[u8]>,
    decoded: &[u8],
    policy: &Policy,
    binding: Option<&Binding>,
) -> Result<SharedEntry, ClaimFlaw> {
    let token = token.unwrap_or_default();
    let mut header = EntryHeader::new();
    let parts = header.claims.read(decoded, policy, binding)?;
    let claims_text = parts.as_deref().unwrap_or(decoded);
    // No token is longer than 2^16 bytes.
    header.token_bytes = u32::try_from(token.len()).unwrap_or(u32::MAX);
    if token.is_empty() {
        return Ok(ThinArc::from_header_and_slice(header, claims_text));
    }
    let bytes = token.len().saturating_add(claims_text.len());
    let mut text: SmallVec<[u8; USUAL_BYTES]> = SmallVec::with_capacity(bytes);
    text.extend_from_slice(token);
    text.extend_from_slice(claims_text);
    Ok(ThinArc::from_header_and_slice(header, &text))
}

/// The entry of a vacant slot.
pub(crate) fn vacant() -> SharedEntry {
    ThinArc::from_header_and_slice(EntryHeader::new(), &[])
}

impl EntryHeader {
    fn new() -> Self {
        Self {
            claims: Claims::empty(),
            token_bytes: 0,
            used: AtomicBool::new(false),
            spared_by: AtomicU64::new(0),
        }
    }
}

/// A view of an entry.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'e> {
    header: &'e EntryHeader,
    text: &'e [u8],
}

impl<'e> Entry<'e> {
    #[inline]
    pub(crate) fn of(shared: &'e SharedEntry) -> Self {
        Self { header: &shared.header.header, text: &shared.slice }
    }

    fn token_bytes(self) -> usize {
        usize::try_from(self.header.token_bytes).unwrap_or(usize::MAX)
    }

    pub(crate) fn claims(self) -> TextClaims<'e> {
        self.header.claims.of_text(self.text.get(self.token_bytes()..).unwrap_or_default())
    }

    /// The token that carried the claims; empty if the entry is not cached.
    pub(crate) fn token(self) -> &'e [u8] {
        self.text.get(..self.token_bytes()).unwrap_or_default()
    }

    /// Whether the entry is for this token.
    pub(crate) fn is_for(self, token: &[u8]) -> bool {
        self.text.starts_with(token) && self.token_bytes() == token.len()
    }

    /// Whether the slot is vacant.
    pub(crate) fn is_vacant(self) -> bool {
        self.header.token_bytes == 0
    }

    /// Marks the entry as used. Does not write if it is marked already, so that threads with the same token can share the
    /// cache line.
    pub(crate) fn mark(self) {
        if !self.is_marked() {
            self.header.used.store(true, Relaxed);
        }
    }

    pub(crate) fn is_marked(self) -> bool {
        self.header.used.load(Relaxed)
    }

    /// Clears the mark, and returns whether it was set.
    pub(crate) fn unmark(self) -> bool {
        self.header.used.swap(false, Relaxed)
    }

    /// Whether the revocations snapshot with this number revokes the token; a "no" is cached.
    pub(crate) fn is_revoked_by(self, snapshot: SnapshotNumber, asked: impl FnOnce() -> bool) -> bool {
        if self.header.spared_by.load(Relaxed) == snapshot.0 && snapshot.0 != 0 {
            return false;
        }
        let revoked = asked();
        if !revoked {
            self.header.spared_by.store(snapshot.0, Relaxed);
        }
        revoked
    }

    /// The size of the entry in bytes: the struct, its reference counts, and the text.
    pub(crate) fn memory(self) -> usize {
        let parts =
            [size_of::<EntryHeader>(), size_of::<[usize; 2]>(), self.text.len(), self.header.claims.memory()];
        parts.into_iter().fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicySpec;

    /// Two cache lines, which the compiler copies inline.
    #[test]
    fn the_fixed_part_is_two_cache_lines() {
        assert!(size_of::<EntryHeader>() <= 128, "{}", size_of::<EntryHeader>());
    }

    #[test]
    fn a_mark_is_set_until_it_is_cleared() {
        let policy = Policy::new(&PolicySpec::default()).unwrap();
        let shared = shared(Some(b"token"), br#"{"exp":1}"#, &policy, None).unwrap();
        let entry = Entry::of(&shared);
        assert!(!entry.is_marked() && !entry.unmark());
        entry.mark();
        assert!(entry.is_marked());
        assert!(entry.unmark());
        assert!(!entry.is_marked() && !entry.unmark());
    }

    #[test]
    fn a_not_revoked_result_is_cached_per_snapshot() {
        let policy = Policy::new(&PolicySpec::default()).unwrap();
        let shared = shared(Some(b"token"), br#"{"exp":1}"#, &policy, None).unwrap();
        let asked = |snapshot: u64, revokes: bool| {
            let mut asked = false;
            let revoked = Entry::of(&shared).is_revoked_by(SnapshotNumber(snapshot), || {
                asked = true;
                revokes
            });
            (asked, revoked)
        };
        assert_eq!(asked(1, false), (true, false));
        assert_eq!(asked(1, true), (false, false));
        assert_eq!(asked(2, true), (true, true));
        assert_eq!(asked(2, true), (true, true));
        assert_eq!(asked(2, false), (true, false));
        // A result of a snapshot without a number is not cached.
        assert_eq!(asked(0, false), (true, false));
        assert_eq!(asked(0, true), (true, true));
    }
}

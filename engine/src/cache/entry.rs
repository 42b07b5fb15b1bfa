//! What is kept of a verified token: its claims, and one piece of text with the token, if the cache is to find it by
//! that, and the claims as they were decoded.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use smallvec::SmallVec;
use triomphe::ThinArc;

use crate::claims::{Claims, TextClaims};
use crate::keys::Binding;
use crate::policy::Policy;
use crate::reason::Reason;

/// The number of a snapshot of revocations, given out by the cache that remembers it; 0 is none's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SnapshotNumber(pub(crate) u64);

/// An entry and its text in one piece of memory, shared by whoever holds it.
pub(crate) type SharedEntry = ThinArc<Head, u8>;

/// What an entry has beside its text.
pub(crate) struct Head {
    claims: Claims,
    /// How many bytes of the text are the token's. They come first, where the processor can ask for them before it has
    /// seen the head.
    token_bytes: usize,
    /// Asked for since the mark was last taken away.
    used: AtomicBool,
    /// The snapshot of revocations that was last found not to revoke it; 0 for none.
    spared_by: AtomicU64,
}

/// Most tokens with their claims; a longer text takes memory once more on its way.
const USUAL_BYTES: usize = 2048;

/// An entry of a token, given where it is to be kept as well, that carries these claims, verified by a key with this
/// binding.
pub(crate) fn shared(
    token: Option<&[u8]>,
    decoded: &[u8],
    policy: &Policy,
    binding: Option<&Binding>,
) -> Result<SharedEntry, Reason> {
    let token = token.unwrap_or_default();
    let mut head = Head::new();
    let parts = head.claims.read(decoded, policy, binding)?;
    let claims_text = parts.as_deref().unwrap_or(decoded);
    head.token_bytes = token.len();
    if token.is_empty() {
        return Ok(ThinArc::from_header_and_slice(head, claims_text));
    }
    let bytes = token.len().saturating_add(claims_text.len());
    let mut text: SmallVec<[u8; USUAL_BYTES]> = SmallVec::with_capacity(bytes);
    text.extend_from_slice(token);
    text.extend_from_slice(claims_text);
    Ok(ThinArc::from_header_and_slice(head, &text))
}

/// An entry of no token.
pub(crate) fn vacant() -> SharedEntry {
    ThinArc::from_header_and_slice(Head::new(), &[])
}

impl Head {
    fn new() -> Self {
        Self {
            claims: Claims::empty(),
            token_bytes: 0,
            used: AtomicBool::new(false),
            spared_by: AtomicU64::new(0),
        }
    }
}

/// An entry, looked at.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'e> {
    head: &'e Head,
    text: &'e [u8],
}

impl<'e> Entry<'e> {
    #[inline]
    pub(crate) fn of(shared: &'e SharedEntry) -> Self {
        Self { head: &shared.header.header, text: &shared.slice }
    }

    pub(crate) fn claims(self) -> TextClaims<'e> {
        self.head.claims.of_text(self.text.get(self.head.token_bytes..).unwrap_or_default())
    }

    /// The token that carried the claims, if it was kept with them; else nothing.
    pub(crate) fn token(self) -> &'e [u8] {
        self.text.get(..self.head.token_bytes).unwrap_or_default()
    }

    /// Whether it is this token's.
    pub(crate) fn is_of(self, token: &[u8]) -> bool {
        self.text.starts_with(token) && self.head.token_bytes == token.len()
    }

    /// Whether it is no token's.
    pub(crate) fn is_vacant(self) -> bool {
        self.head.token_bytes == 0
    }

    /// Marks the entry as asked for. Most of them are: a mark that is there is not written again, so that threads
    /// with the same token share its memory.
    pub(crate) fn mark(self) {
        if !self.is_marked() {
            self.head.used.store(true, Relaxed);
        }
    }

    pub(crate) fn is_marked(self) -> bool {
        self.head.used.load(Relaxed)
    }

    /// Takes the mark away, and tells whether it was there.
    pub(crate) fn unmark(self) -> bool {
        self.head.used.swap(false, Relaxed)
    }

    /// Whether the snapshot of revocations of this number revokes the token; asked of the snapshot only once.
    pub(crate) fn is_revoked_by(self, snapshot: SnapshotNumber, asked: impl FnOnce() -> bool) -> bool {
        if self.head.spared_by.load(Relaxed) == snapshot.0 && snapshot.0 != 0 {
            return false;
        }
        let revoked = asked();
        if !revoked {
            self.head.spared_by.store(snapshot.0, Relaxed);
        }
        revoked
    }

    /// What the entry takes, in bytes: itself, with the counts of its holders and of its text, and the text.
    pub(crate) fn memory(self) -> usize {
        let parts = [size_of::<Head>(), size_of::<[usize; 2]>(), self.text.len(), self.head.claims.memory()];
        parts.into_iter().fold(0, usize::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicySpec;

    /// Two lines of the processor's, which are copied without a call.
    #[test]
    fn a_head_is_small() {
        assert!(size_of::<Head>() <= 128, "{}", size_of::<Head>());
    }

    #[test]
    fn a_mark_is_there_until_it_is_taken_away() {
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
    fn a_snapshot_is_asked_once_about_a_token_that_it_spares() {
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
        // A snapshot without a number is none that could be remembered.
        assert_eq!(asked(0, false), (true, false));
        assert_eq!(asked(0, true), (true, true));
    }
}

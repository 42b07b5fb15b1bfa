//! The proof types, which each stage of a decision passes to the next.

use crate::cache::{CacheHit, Entry, SharedEntry};
use crate::cause::Failure;
use crate::claims::TextClaims;

/// The proof that a key of the key set signed these claims, and that they are well-formed.
pub(crate) struct Verified(Source);

/// Where a proof comes from. An enum instead of an entry and a `bool`, because it has no padding: reading padding beside a
/// `bool` that has just been written stalls the processor.
enum Source {
    /// An earlier call verified the signature.
    Cache(CacheHit),
    /// This call verified it.
    Signature(SharedEntry),
}

impl Verified {
    /// For a token whose signature has just been verified.
    pub(crate) fn by_signature(entry: SharedEntry) -> Self {
        Self(Source::Signature(entry))
    }

    /// For a token in the cache.
    pub(crate) fn by_cache(hit: CacheHit) -> Self {
        Self(Source::Cache(hit))
    }

    /// For a caller of the two steps, who owns the entry.
    fn of_owned(entry: SharedEntry, from_cache: bool) -> Self {
        if from_cache { Self::by_cache(CacheHit::from_inner(entry)) } else { Self::by_signature(entry) }
    }

    fn shared_entry(&self) -> &SharedEntry {
        match &self.0 {
            Source::Cache(hit) => hit,
            Source::Signature(entry) => entry,
        }
    }

    fn entry(&self) -> Entry<'_> {
        Entry::of(self.shared_entry())
    }

    pub(crate) fn claims(&self) -> TextClaims<'_> {
        self.entry().claims()
    }

    /// Whether an earlier call verified the claims.
    pub(crate) fn is_from_cache(&self) -> bool {
        matches!(self.0, Source::Cache(_))
    }

    /// The shared claims; costs one reference count.
    pub(crate) fn share(&self) -> SharedEntry {
        self.shared_entry().clone()
    }

    fn into_entry(self) -> SharedEntry {
        match self.0 {
            Source::Cache(hit) => CacheHit::into_inner(hit),
            Source::Signature(entry) => entry,
        }
    }

    /// The same proof, without borrowing the cache.
    pub(crate) fn into_shared(self) -> Self {
        let from_cache = self.is_from_cache();
        Self::of_owned(self.into_entry(), from_cache)
    }

    /// The proof of authentication, if these checks pass.
    pub(crate) fn authenticated_by(
        self,
        checks: impl FnOnce(Entry<'_>) -> Result<(), Failure>,
    ) -> Result<Authenticated, Refused> {
        match checks(self.entry()) {
            Ok(()) => Ok(Authenticated(self)),
            Err(failure) => Err(Refused { failure, verified: Some(self) }),
        }
    }
}

/// The proof that a verified token is a credential, here and now.
pub(crate) struct Authenticated(Verified);

impl Authenticated {
    /// The proof of authorization, if all of these checks pass.
    pub(crate) fn authorized_by(
        self,
        checks: impl FnOnce(TextClaims<'_>) -> Result<(), Failure>,
    ) -> Result<Authorized, Refused> {
        match checks(self.0.claims()) {
            Ok(()) => Ok(Authorized(self.0)),
            Err(failure) => Err(Refused { failure, verified: Some(self.0) }),
        }
    }

    /// The proof of admission, if these checks pass, which do not depend on owner or account.
    pub(crate) fn admitted_by(
        self,
        checks: impl FnOnce(TextClaims<'_>) -> Result<(), Failure>,
    ) -> Result<Admitted, Refused> {
        match checks(self.0.claims()) {
            Ok(()) => Ok(Admitted { from_cache: self.0.is_from_cache(), entry: self.0.into_entry() }),
            Err(failure) => Err(Refused { failure, verified: Some(self.0) }),
        }
    }
}

/// The proof that every check has passed, except those of the owner and the account.
#[derive(Clone)]
pub(crate) struct Admitted {
    entry: SharedEntry,
    from_cache: bool,
}

impl Admitted {
    pub(crate) fn claims(&self) -> TextClaims<'_> {
        Entry::of(&self.entry).claims()
    }

    /// The proof of authorization, if these checks of owner and account pass.
    pub(crate) fn authorized_by(
        &self,
        checks: impl FnOnce(TextClaims<'_>) -> Result<(), Failure>,
    ) -> Result<Authorized, Refused> {
        match checks(self.claims()) {
            Ok(()) => Ok(Authorized(self.verified())),
            Err(failure) => Err(self.refused(failure)),
        }
    }

    /// A refusal of this caller's request.
    pub(crate) fn refused(&self, failure: Failure) -> Refused {
        Refused { failure, verified: Some(self.verified()) }
    }

    fn verified(&self) -> Verified {
        Verified::of_owned(self.entry.clone(), self.from_cache)
    }
}

/// The proof that an authenticated token gives access to the requested resource.
pub(crate) struct Authorized(Verified);

impl Authorized {
    pub(crate) fn into_verified(self) -> Verified {
        self.0
    }
}

/// Why a request was refused, and the caller's identity, if known.
pub(crate) struct Refused {
    pub(crate) failure: Failure,
    pub(crate) verified: Option<Verified>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, verified: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_has_no_padding() {
        assert_eq!(size_of::<Verified>(), size_of::<CacheHit>());
        assert_eq!(size_of::<CacheHit>(), 2 * size_of::<usize>());
    }
}

//! The proof types, which each stage of a decision passes to the next.

use crate::cache::{CacheHit, Entry, SharedEntry};
use crate::cause::Failure;
use crate::claims::TextClaims;

/// The proof that a key of the key set signed these claims, and that they are well-formed.
pub(crate) struct Verified {
    entry: CacheHit,
    /// Whether an earlier call verified the claims.
    from_cache: bool,
    /// Whether the token is revoked; used at its own place in the order of checks.
    revoked: bool,
}

impl Verified {
    /// Made only after a signature has verified, or for a token in the cache.
    pub(crate) fn new(entry: CacheHit, from_cache: bool, revoked: bool) -> Self {
        Self { entry, from_cache, revoked }
    }

    pub(crate) fn claims(&self) -> TextClaims<'_> {
        Entry::of(&self.entry).claims()
    }

    /// Whether an earlier call verified the claims.
    pub(crate) fn is_from_cache(&self) -> bool {
        self.from_cache
    }

    /// Whether the token is revoked.
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked
    }

    /// The shared claims; costs one reference count.
    pub(crate) fn share(&self) -> SharedEntry {
        SharedEntry::clone(&self.entry)
    }

    /// The same proof, without borrowing the cache.
    pub(crate) fn into_shared(self) -> Self {
        Self { entry: CacheHit::from_inner(CacheHit::into_inner(self.entry)), ..self }
    }

    /// The proof of authentication, if these checks pass.
    pub(crate) fn authenticated_by(
        self,
        checks: impl FnOnce(&Self) -> Result<(), Failure>,
    ) -> Result<Authenticated, Refused> {
        match checks(&self) {
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
            Ok(()) => {
                Ok(Admitted { from_cache: self.0.from_cache, entry: CacheHit::into_inner(self.0.entry) })
            }
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
        Verified::new(CacheHit::from_inner(self.entry.clone()), self.from_cache, false)
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

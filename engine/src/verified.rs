//! The proof types: what each stage of a decision hands to the next.

use crate::cache::{Entry, Found};
use crate::claims::TextClaims;
use crate::reason::Reason;

/// The proof that a key of the key set signed these claims, and that they are well-formed.
pub(crate) struct Verified {
    entry: Found,
    marks: Marks,
}

/// Whether an earlier call verified the claims, and whether the revocations in force hold the token, which counts at
/// its own place in the order.
///
/// In one word, which is written and handed on in one piece.
#[derive(Clone, Copy)]
struct Marks(u64);

impl Marks {
    const REMEMBERED: u64 = 1;
    const REVOKED: u64 = 2;

    fn new(remembered: bool, revoked: bool) -> Self {
        let mark = |mark: u64, is_set: bool| if is_set { mark } else { 0 };
        Self(mark(Self::REMEMBERED, remembered) | mark(Self::REVOKED, revoked))
    }

    fn is_remembered(self) -> bool {
        self.0 & Self::REMEMBERED != 0
    }

    fn is_revoked(self) -> bool {
        self.0 & Self::REVOKED != 0
    }
}

impl Verified {
    /// Minted where a signature has just verified, or where the cache holds a token that did.
    pub(crate) fn new(entry: Found, remembered: bool, revoked: bool) -> Self {
        Self { entry, marks: Marks::new(remembered, revoked) }
    }

    pub(crate) fn claims(&self) -> TextClaims<'_> {
        Entry::of(&self.entry).claims()
    }

    /// Whether the claims were verified by an earlier call.
    pub(crate) fn is_remembered(&self) -> bool {
        self.marks.is_remembered()
    }

    /// Whether the current revocations hold the token.
    pub(crate) fn is_revoked(&self) -> bool {
        self.marks.is_revoked()
    }

    /// The proof of authentication, if these checks pass.
    pub(crate) fn authenticated_by(
        self,
        checks: impl FnOnce(&Self) -> Result<(), Reason>,
    ) -> Result<Authenticated, Refused> {
        match checks(&self) {
            Ok(()) => Ok(Authenticated(self)),
            Err(reason) => Err(Refused { reason, verified: Some(self) }),
        }
    }
}

/// The proof that a verified token is a credential, here and now.
pub(crate) struct Authenticated(Verified);

impl Authenticated {
    /// The proof of authorization, if these checks pass.
    pub(crate) fn authorized_by(
        self,
        checks: impl FnOnce(&Verified) -> Result<(), Reason>,
    ) -> Result<Authorized, Refused> {
        match checks(&self.0) {
            Ok(()) => Ok(Authorized(self.0)),
            Err(reason) => Err(Refused { reason, verified: Some(self.0) }),
        }
    }
}

/// The proof that an authenticated token entitles its holder to what was asked.
pub(crate) struct Authorized(Verified);

impl Authorized {
    pub(crate) fn into_verified(self) -> Verified {
        self.0
    }
}

/// Why a request was refused, and whose it was, once that is known.
pub(crate) struct Refused {
    pub(crate) reason: Reason,
    pub(crate) verified: Option<Verified>,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { reason, verified: None }
    }
}

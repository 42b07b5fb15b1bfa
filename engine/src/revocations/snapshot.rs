//! What is revoked, as one immutable snapshot.

use std::collections::BTreeMap;
use std::fmt;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::sets::{SignedSet, TokenIds};
use crate::claims::TextClaims;
use crate::time::NumericDate;

/// What is revoked, as one immutable snapshot.
#[derive(Clone, Default)]
pub struct Revocations {
    pub(super) token_ids: TokenIds,
    pub(super) signed: SignedSet,
    pub(super) users: HashMap<Box<[u8]>, User, FixedState>,
    pub(super) organizations: HashMap<Box<[u8]>, NumericDate, FixedState>,
}

/// The instants before which a user's tokens are revoked.
#[derive(Clone, Default)]
pub(super) struct User {
    pub(super) anywhere: Option<NumericDate>,
    pub(super) in_organizations: BTreeMap<Box<[u8]>, NumericDate>,
}

impl Revocations {
    /// No revocations.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// How many tokens, by `jti` or by the SHA-256 of what was signed.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.token_ids.len().saturating_add(self.signed.len())
    }

    /// How many users, each in one organization or in any.
    #[must_use]
    pub fn users(&self) -> usize {
        let of_one =
            |user: &User| user.in_organizations.len().saturating_add(usize::from(user.anywhere.is_some()));
        self.users.values().map(of_one).fold(0, usize::saturating_add)
    }

    /// How many organizations.
    #[must_use]
    pub fn organizations(&self) -> usize {
        self.organizations.len()
    }

    /// Whether a token with these claims is revoked; `signing_input` gives what was signed, where that is asked for.
    pub(crate) fn revoke<'t>(
        &self,
        claims: TextClaims<'_>,
        signing_input: impl FnOnce() -> &'t [u8],
    ) -> bool {
        self.revokes_token(claims, signing_input) || self.revokes_holder(claims)
    }

    fn revokes_token<'t>(&self, claims: TextClaims<'_>, signing_input: impl FnOnce() -> &'t [u8]) -> bool {
        claims.token_id().is_some_and(|id| self.token_ids.contains(id)) || self.signed.contains(signing_input)
    }

    /// A token that does not say when it was issued counts as issued before any instant.
    fn revokes_holder(&self, claims: TextClaims<'_>) -> bool {
        let revokes = |instant: NumericDate| claims.issued_at().is_none_or(|issued| issued < instant);
        let organization = claims.organization();
        let of_organization = organization.and_then(|organization| self.organizations.get(organization));
        let user = claims.user().and_then(|user| self.users.get(user));
        let of_user_anywhere = user.and_then(|user| user.anywhere);
        let of_user_here = user.zip(organization).and_then(|(user, here)| user.in_organizations.get(here));
        of_organization.copied().is_some_and(revokes)
            || of_user_anywhere.is_some_and(revokes)
            || of_user_here.copied().is_some_and(revokes)
    }
}

/// Shows how much is revoked, not what.
impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations")
            .field("tokens", &self.tokens())
            .field("users", &self.users())
            .field("organizations", &self.organizations())
            .finish()
    }
}

//! The list of revocations that is loaded as a whole.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::sets::{SignedSet, TokenIds};
use crate::claims::TextClaims;
use crate::time::NumericDate;
use crate::warning::Warning;

/// The list that was loaded as a whole: compact and never changed.
#[derive(Default)]
pub(super) struct Base {
    pub(super) token_ids: TokenIds,
    pub(super) signed: SignedSet,
    pub(super) users: HashMap<Box<[u8]>, User, FixedState>,
    pub(super) organizations: HashMap<Box<[u8]>, NumericDate, FixedState>,
    /// The number of entries for users, each in one organization or in any.
    pub(super) user_entries: usize,
    pub(super) warnings: Vec<Warning>,
}

/// The instants before which a user's tokens are revoked.
#[derive(Clone, Default)]
pub(super) struct User {
    pub(super) anywhere: Option<NumericDate>,
    pub(super) in_organizations: BTreeMap<Box<[u8]>, NumericDate>,
}

impl Base {
    /// The instant of a user in an organization, or in any.
    pub(super) fn user(&self, user: &[u8], organization: Option<&[u8]>) -> Option<NumericDate> {
        let user = self.users.get(user)?;
        match organization {
            Some(organization) => user.in_organizations.get(organization).copied(),
            None => user.anywhere,
        }
    }

    /// Counts the entries for users. Call it after the last one has been added.
    pub(super) fn counted(self) -> Self {
        let of_one =
            |user: &User| user.in_organizations.len().saturating_add(usize::from(user.anywhere.is_some()));
        let user_entries = self.users.values().map(of_one).fold(0, usize::saturating_add);
        Self { user_entries, ..self }
    }

    /// A token without `iat` counts as issued before any instant.
    pub(super) fn revokes_holder(&self, claims: TextClaims<'_>) -> bool {
        let revokes = |instant: NumericDate| claims.is_issued_before(instant);
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

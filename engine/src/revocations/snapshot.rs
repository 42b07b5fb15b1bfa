//! Revocations as an immutable snapshot.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::added::Added;
use super::sets::{SignedSet, TokenIds};
use crate::claims::TextClaims;
use crate::error::LoadError;
use crate::ids::is_id;
use crate::keys::sha256;
use crate::time::NumericDate;

/// An immutable snapshot of revocations.
///
/// [`from_json`](Self::from_json) loads a whole list. Each `with_` method returns a new snapshot with one more entry, which
/// shares all other entries with the old one. This takes a few microseconds for any number of entries, and does not change
/// the old snapshot.
///
/// ```
/// use artos_auth_engine::{NumericDate, Revocations};
///
/// let before = Revocations::from_json(br#"{"tokens": ["token-1"]}"#)?;
/// let after = before
///     .with_token("token-2")?
///     .with_user("user-7", Some("org-a"), NumericDate::from_seconds(1_750_000_000.0).unwrap())?;
/// assert_eq!((before.tokens(), before.users()), (1, 0));
/// assert_eq!((after.tokens(), after.users()), (2, 1));
/// # Ok::<(), artos_auth_engine::LoadError>(())
/// ```
#[derive(Clone, Default)]
pub struct Revocations {
    base: Arc<Base>,
    added: Added,
}

/// The list that was loaded as a whole: compact and never changed.
#[derive(Default)]
pub(super) struct Base {
    pub(super) token_ids: TokenIds,
    pub(super) signed: SignedSet,
    pub(super) users: HashMap<Box<[u8]>, User, FixedState>,
    pub(super) organizations: HashMap<Box<[u8]>, NumericDate, FixedState>,
}

/// The instants before which a user's tokens are revoked.
#[derive(Default)]
pub(super) struct User {
    pub(super) anywhere: Option<NumericDate>,
    pub(super) in_organizations: BTreeMap<Box<[u8]>, NumericDate>,
}

impl Base {
    /// The instant of a user in an organization, or in any.
    fn user(&self, user: &[u8], organization: Option<&[u8]>) -> Option<NumericDate> {
        let user = self.users.get(user)?;
        match organization {
            Some(organization) => user.in_organizations.get(organization).copied(),
            None => user.anywhere,
        }
    }

    fn count_users(&self) -> usize {
        let of_one =
            |user: &User| user.in_organizations.len().saturating_add(usize::from(user.anywhere.is_some()));
        self.users.values().map(of_one).fold(0, usize::saturating_add)
    }
}

impl Revocations {
    pub(super) fn of(base: Base) -> Self {
        Self { base: Arc::new(base), added: Added::default() }
    }

    /// No revocations.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Also revokes the token with this id (`jti`).
    ///
    /// # Errors
    ///
    /// Refuses an id that no token can have: more than 256 bytes, or a control character; and a whole token in its place.
    pub fn with_token(&self, id: &str) -> Result<Self, LoadError> {
        check_token_id(id).map_err(|problem| LoadError::new("id", problem))?;
        let mut more = self.clone();
        if !self.base.token_ids.contains(id.as_bytes()) {
            more.added.add_token(id.as_bytes());
        }
        Ok(more)
    }

    /// Also revokes the token whose first two segments, with the dot between them, have this SHA-256.
    #[must_use]
    pub fn with_signed_sha256(&self, digest: &[u8; 32]) -> Self {
        let mut more = self.clone();
        if !self.base.signed.contains_digest(digest) {
            more.added.add_signed(digest);
        }
        more
    }

    /// Also revokes the tokens of this user that were issued before an instant, in one organization or in any. Of several
    /// instants the latest counts.
    ///
    /// # Errors
    ///
    /// Refuses an id that no token can have: empty, more than 256 bytes, or a control character.
    pub fn with_user(
        &self,
        user: &str,
        organization: Option<&str>,
        issued_before: NumericDate,
    ) -> Result<Self, LoadError> {
        check_id("user", user)?;
        if let Some(organization) = organization {
            check_id("org", organization)?;
        }
        let (user, organization) = (user.as_bytes(), organization.map(str::as_bytes));
        let mut more = self.clone();
        let known = self.base.user(user, organization);
        if known.is_none_or(|known| known < issued_before) {
            more.added.add_user(user, organization, issued_before, known.is_some());
        }
        Ok(more)
    }

    /// Also revokes the tokens of this organization that were issued before an instant. Of several instants the latest
    /// counts.
    ///
    /// # Errors
    ///
    /// Refuses an id that no token can have: empty, more than 256 bytes, or a control character.
    pub fn with_organization(
        &self,
        organization: &str,
        issued_before: NumericDate,
    ) -> Result<Self, LoadError> {
        check_id("org", organization)?;
        let organization = organization.as_bytes();
        let mut more = self.clone();
        let known = self.base.organizations.get(organization);
        if known.is_none_or(|known| *known < issued_before) {
            more.added.add_organization(organization, issued_before, known.is_some());
        }
        Ok(more)
    }

    /// The number of revoked tokens, by `jti` or by SHA-256.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.token_ids().saturating_add(self.signed_sha256())
    }

    /// How many tokens by `jti`.
    #[must_use]
    pub fn token_ids(&self) -> usize {
        self.base.token_ids.len().saturating_add(self.added.token_ids())
    }

    /// How many tokens by the SHA-256 of what was signed.
    #[must_use]
    pub fn signed_sha256(&self) -> usize {
        self.base.signed.len().saturating_add(self.added.signed())
    }

    /// The number of revoked users, each in one organization or in any.
    #[must_use]
    pub fn users(&self) -> usize {
        self.base.count_users().saturating_add(self.added.users())
    }

    /// The number of revoked organizations.
    #[must_use]
    pub fn organizations(&self) -> usize {
        self.base.organizations.len().saturating_add(self.added.organizations())
    }

    /// Whether a token with these claims is revoked. `signing_input` is only called if a SHA-256 is revoked.
    pub(crate) fn revoke<'t>(
        &self,
        claims: TextClaims<'_>,
        signing_input: impl FnOnce() -> &'t [u8],
    ) -> bool {
        self.revokes_token(claims, signing_input)
            || self.revokes_holder(claims)
            || self.added.revokes_holder(claims)
    }

    fn revokes_token<'t>(&self, claims: TextClaims<'_>, signing_input: impl FnOnce() -> &'t [u8]) -> bool {
        if claims
            .token_id()
            .is_some_and(|id| self.base.token_ids.contains(id) || self.added.contains_token(id))
        {
            return true;
        }
        // The hash is only computed if a set needs it.
        if self.base.signed.is_empty() && !self.added.has_signed() {
            return false;
        }
        let digest = sha256(signing_input());
        self.base.signed.contains_digest(&digest) || self.added.contains_signed(&digest)
    }

    /// A token without `iat` counts as issued before any instant.
    fn revokes_holder(&self, claims: TextClaims<'_>) -> bool {
        let revokes = |instant: NumericDate| claims.is_issued_before(instant);
        let organization = claims.organization();
        let of_organization = organization.and_then(|organization| self.base.organizations.get(organization));
        let user = claims.user().and_then(|user| self.base.users.get(user));
        let of_user_anywhere = user.and_then(|user| user.anywhere);
        let of_user_here = user.zip(organization).and_then(|(user, here)| user.in_organizations.get(here));
        of_organization.copied().is_some_and(revokes)
            || of_user_anywhere.is_some_and(revokes)
            || of_user_here.copied().is_some_and(revokes)
    }
}

/// The problem of a token id that no token can have.
const UNMATCHABLE_TOKEN: &str =
    "a `jti` must have at most 256 bytes and no control character; no token can match this one";
/// The problem of a user or organization id that no token can have.
pub(super) const UNMATCHABLE_ID: &str =
    "an id must have 1 to 256 bytes and no control character; no token can match this one";

/// Refuses a `jti` that no token can have.
pub(super) fn check_token_id(id: &str) -> Result<(), &'static str> {
    if id.starts_with("eyJ") && id.contains('.') {
        return Err(
            "looks like a whole token, not a `jti`; list the `jti`, or the SHA-256 of the first two segments \
             under `signed_sha256`",
        );
    }
    if is_id(id) { Ok(()) } else { Err(UNMATCHABLE_TOKEN) }
}

fn check_id(key: &str, id: &str) -> Result<(), LoadError> {
    if id.is_empty() || !is_id(id) { Err(LoadError::new(key, UNMATCHABLE_ID)) } else { Ok(()) }
}

/// Shows only the numbers of entries.
impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocations")
            .field("tokens", &self.tokens())
            .field("users", &self.users())
            .field("organizations", &self.organizations())
            .finish()
    }
}

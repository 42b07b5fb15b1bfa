//! Revocations as an immutable snapshot.

use std::fmt;
use std::sync::Arc;

use super::added::Added;
use super::base::Base;
use super::warnings::warnings;
use crate::claims::TextClaims;
use crate::error::LoadError;
use crate::ids::is_id;
use crate::keys::sha256;
use crate::time::NumericDate;
use crate::warning::Warning;

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

impl Revocations {
    pub(super) fn of(base: Base) -> Self {
        let base = Base { warnings: warnings(&base), ..base.counted() };
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
    /// Refuses an id that no token can have (more than 256 bytes, or a control character), and a whole token
    /// instead of its id.
    pub fn with_token(&self, id: &str) -> Result<Self, LoadError> {
        let mut more = self.clone();
        more.add_token(id)?;
        Ok(more)
    }

    /// [`with_token`](Self::with_token) in place: faster for several entries in a row.
    ///
    /// # Errors
    ///
    /// Those of `with_token`; nothing is changed.
    pub fn add_token(&mut self, id: &str) -> Result<(), LoadError> {
        check_token_id(id).map_err(|problem| LoadError::new("id", problem))?;
        if !self.base.token_ids.contains(id.as_bytes()) {
            self.added.add_token(id.as_bytes());
        }
        Ok(())
    }

    /// Also revokes the token whose first two segments, with the dot between them, have this SHA-256.
    #[must_use]
    pub fn with_signed_sha256(&self, digest: &[u8; 32]) -> Self {
        let mut more = self.clone();
        more.add_signed_sha256(digest);
        more
    }

    /// [`with_signed_sha256`](Self::with_signed_sha256) in place.
    pub fn add_signed_sha256(&mut self, digest: &[u8; 32]) {
        if !self.base.signed.contains_digest(digest) {
            self.added.add_signed(digest);
        }
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
        let mut more = self.clone();
        more.add_user(user, organization, issued_before)?;
        Ok(more)
    }

    /// [`with_user`](Self::with_user) in place.
    ///
    /// # Errors
    ///
    /// Those of `with_user`; nothing is changed.
    pub fn add_user(
        &mut self,
        user: &str,
        organization: Option<&str>,
        issued_before: NumericDate,
    ) -> Result<(), LoadError> {
        check_id("user", user)?;
        if let Some(organization) = organization {
            check_id("org", organization)?;
        }
        let (user, organization) = (user.as_bytes(), organization.map(str::as_bytes));
        let known = self.base.user(user, organization);
        if known.is_none_or(|known| known < issued_before) {
            self.added.add_user(user, organization, issued_before, known.is_some());
        }
        Ok(())
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
        let mut more = self.clone();
        more.add_organization(organization, issued_before)?;
        Ok(more)
    }

    /// [`with_organization`](Self::with_organization) in place.
    ///
    /// # Errors
    ///
    /// Those of `with_organization`; nothing is changed.
    pub fn add_organization(
        &mut self,
        organization: &str,
        issued_before: NumericDate,
    ) -> Result<(), LoadError> {
        check_id("org", organization)?;
        let organization = organization.as_bytes();
        let known = self.base.organizations.get(organization);
        if known.is_none_or(|known| *known < issued_before) {
            self.added.add_organization(organization, issued_before, known.is_some());
        }
        Ok(())
    }

    /// The same revocations, with the entries that were added one at a time moved into the compact list. An added entry takes
    /// several times the memory of a loaded one, and a little more time to look up.
    ///
    /// Takes time in proportion to the number of all entries: call it outside the path of requests, when
    /// [`added`](Self::added) is large.
    #[must_use]
    pub fn folded(&self) -> Self {
        if self.added.entries() == 0 { self.clone() } else { Self::of(self.added.folded_into(&self.base)) }
    }

    /// How many entries were added one at a time since the list was loaded or [folded](Self::folded). A user or an
    /// organization that was added again counts again.
    #[must_use]
    pub fn added(&self) -> usize {
        self.added.entries()
    }

    /// The number of revoked tokens, by `jti` or by SHA-256.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.token_ids().saturating_add(self.signed_sha256())
    }

    /// The number of tokens revoked by `jti`.
    #[must_use]
    pub fn token_ids(&self) -> usize {
        self.base.token_ids.len().saturating_add(self.added.token_ids())
    }

    /// The number of tokens revoked by the SHA-256 of their signing input.
    #[must_use]
    pub fn signed_sha256(&self) -> usize {
        self.base.signed.len().saturating_add(self.added.signed())
    }

    /// The number of revoked users. A user who is revoked in several organizations counts once for each.
    #[must_use]
    pub fn users(&self) -> usize {
        self.base.user_entries.saturating_add(self.added.users())
    }

    /// The number of revoked organizations.
    #[must_use]
    pub fn organizations(&self) -> usize {
        self.base.organizations.len().saturating_add(self.added.organizations())
    }

    /// Warnings about entries of the compact list that revoke less than intended.
    ///
    /// ```
    /// use artos_auth_engine::Revocations;
    ///
    /// let revocations = Revocations::from_json(br#"{"organizations": [{"org": "*", "issued_before": 1750000000}]}"#)?;
    /// assert_eq!(
    ///     revocations.warnings()[0].to_string(),
    ///     "`organizations`: `*` does not revoke every organization; list each one"
    /// );
    /// # Ok::<(), artos_auth_engine::LoadError>(())
    /// ```
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.base.warnings
    }

    /// Whether a token with these claims is revoked. `signing_input` is only called if a SHA-256 is revoked.
    pub(crate) fn revoke<'t>(
        &self,
        claims: TextClaims<'_>,
        signing_input: impl FnOnce() -> &'t [u8],
    ) -> bool {
        self.revokes_token(claims, signing_input)
            || self.base.revokes_holder(claims)
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

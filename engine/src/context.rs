//! What only the embedding service knows about a request.

use std::borrow::Cow;
use std::fmt;

use foldhash::fast::FixedState;
use hashbrown::HashSet;

/// What only the embedding service knows about a request.
///
/// A context always says who owns the resource; there is no default. By default any organization may authenticate, and
/// nothing is known about the account beyond the token.
///
/// ```
/// use artos_auth_engine::{Account, Context};
///
/// let document = Context::owned_by("org-a").account(Account::Active);
/// let list = Context::unowned();
/// let unknown_id = Context::unresolved(); // always refused
/// # let _ = (document, list, unknown_id);
/// ```
///
/// A context without an owner does not compile:
///
/// ```compile_fail,E0599
/// let context = artos_auth_engine::Context::default();
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Context<'c> {
    /// Whose tokens may authenticate here (TOK-4).
    pub realm: TenantScope<'c>,
    /// The organization that owns the resource (ORG-1).
    pub resource_org: ResourceOrg<'c>,
    /// The state of the user's account (ORG-2, ORG-3).
    pub account: Account,
}

impl<'c> Context<'c> {
    /// The resource belongs to this organization.
    #[must_use]
    pub fn owned_by(organization: impl Into<Cow<'c, str>>) -> Self {
        Self::of(ResourceOrg::Owned(organization.into()))
    }

    /// The resource belongs to no organization in particular: a collection that the handler filters, or something that
    /// every authenticated caller may use.
    #[must_use]
    pub fn unowned() -> Self {
        Self::of(ResourceOrg::Unowned)
    }

    /// The service could not determine the owner of the resource, so every caller is refused.
    #[must_use]
    pub fn unresolved() -> Self {
        Self::of(ResourceOrg::Unresolved)
    }

    /// The resource has this owner, as [`Resources::owner_of`](crate::Resources::owner_of) gives it.
    #[must_use]
    pub fn of(owner: ResourceOrg<'c>) -> Self {
        Self { realm: TenantScope::Any, resource_org: owner, account: Account::Unknown }
    }

    /// The same context, in which only tokens of these organizations authenticate (TOK-4).
    #[must_use]
    pub fn realm(self, realm: TenantScope<'c>) -> Self {
        Self { realm, ..self }
    }

    /// The same context with the state of the user's account (ORG-2, ORG-3).
    #[must_use]
    pub fn account(self, account: Account) -> Self {
        Self { account, ..self }
    }
}

/// The organizations whose tokens are credentials at this host or deployment (TOK-4).
#[derive(Clone, Copy, Debug, Default)]
pub enum TenantScope<'c> {
    /// The tokens of every organization.
    #[default]
    Any,
    /// Only the tokens of these organizations; with an empty set, of none. A token without an organization is
    /// refused later, with 403 (ORG-2).
    Among(&'c Organizations),
}

/// Who owns the resource that the request addresses (ORG-1).
///
/// It has no default, and nothing converts an `Option` into it: a NULL in a database is not "owned by nobody".
///
/// ```compile_fail,E0277
/// # use artos_auth_engine::ResourceOrg;
/// let owner: Option<&str> = None;
/// let owner: ResourceOrg<'_> = owner.into();
/// ```
///
/// ```compile_fail,E0599
/// let owner = artos_auth_engine::ResourceOrg::default();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResourceOrg<'c> {
    /// No organization in particular: a collection, or something that no organization owns.
    Unowned,
    /// This organization.
    Owned(Cow<'c, str>),
    /// The service could not determine the owner, so every caller is refused.
    Unresolved,
}

/// What the service knows about the user's account in the token's organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Account {
    /// Nothing beyond what the token says.
    #[default]
    Unknown,
    /// A member in good standing.
    Active,
    /// Not, or no longer, a member of the organization (ORG-3).
    NotAMember,
    /// Known, but not properly configured (ORG-2).
    NotConfigured,
}

/// A set of organization ids, compared byte for byte.
#[derive(Clone, Default)]
pub struct Organizations(HashSet<Box<[u8]>, FixedState>);

impl Organizations {
    /// Whether the set holds this id.
    #[must_use]
    pub fn contains(&self, organization: &str) -> bool {
        self.contains_bytes(organization.as_bytes())
    }

    pub(crate) fn contains_bytes(&self, organization: &[u8]) -> bool {
        self.0.contains(organization)
    }

    /// The number of ids.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the set is empty, so that no organization authenticates.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Organizations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|id| String::from_utf8_lossy(id))).finish()
    }
}

impl<S: Into<Box<str>>> FromIterator<S> for Organizations {
    fn from_iter<I: IntoIterator<Item = S>>(ids: I) -> Self {
        Self(ids.into_iter().map(|id| id.into().into_boxed_bytes()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organizations_are_compared_byte_for_byte() {
        for count in [0, 1, 8, 100] {
            let organizations: Organizations = (0..count).map(|number| format!("org-{number}")).collect();
            assert_eq!((organizations.len(), organizations.is_empty()), (count, count == 0));
            assert!((0..count).all(|number| organizations.contains(&format!("org-{number}"))), "{count}");
            for other in ["", "org-", "org-00", "ORG-0", "org-100"] {
                assert!(!organizations.contains(other), "{other} of {count}");
            }
        }
        let twice: Organizations = ["a", "a"].into_iter().collect();
        assert_eq!(twice.len(), 1);
    }
}

//! The caller, for handlers.

use std::ops::Deref;

use artos_auth_engine::{self as engine, Account, ResourceOrg};

use crate::response::Denied;

/// An authenticated user. Not yet authorized for any resource: call [`authorize`](Caller::authorize).
///
/// A handler that lists needs only this, and filters by [`org_id`](engine::Caller::org_id). Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Caller(pub(crate) engine::Caller);

impl Caller {
    /// Decides on a resource of `owner` (ORG-1), without account information from your service.
    ///
    /// # Errors
    ///
    /// The documented 403 if `owner` is another organization or unresolved.
    pub fn authorize(&self, owner: ResourceOrg<'_>) -> Result<Principal, Denied> {
        self.authorize_as(owner, Account::Unknown)
    }

    /// Decides on a resource of `owner`, with your service's account information (ORG-1 to ORG-3).
    ///
    /// # Errors
    ///
    /// The documented 403 if the account is not a member or not configured, or `owner` is another organization or
    /// unresolved.
    pub fn authorize_as(&self, owner: ResourceOrg<'_>, account: Account) -> Result<Principal, Denied> {
        self.0.authorize(owner, account).map(Principal).map_err(Denied::of)
    }

    /// Checks a permission that is not in a route rule of the policy (PERM-1).
    ///
    /// # Errors
    ///
    /// The documented 403 if the token does not have it.
    pub fn require(&self, permission: &str) -> Result<(), Denied> {
        self.0.require(permission).map_err(Denied::of)
    }

    /// The engine's own value.
    #[must_use]
    pub fn into_inner(self) -> engine::Caller {
        self.0
    }
}

/// Dereferences to the engine's value: user, organization, permissions and times.
impl Deref for Caller {
    type Target = engine::Caller;

    fn deref(&self) -> &engine::Caller {
        &self.0
    }
}

/// An authorized user: an allow for one resource, or for one without an owner. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Principal(pub(crate) engine::Principal);

impl Principal {
    /// The engine's own value.
    #[must_use]
    pub fn into_inner(self) -> engine::Principal {
        self.0
    }
}

/// Dereferences to the engine's value: user, organization, permissions and times.
impl Deref for Principal {
    type Target = engine::Principal;

    fn deref(&self) -> &engine::Principal {
        &self.0
    }
}

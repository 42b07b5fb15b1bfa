//! Who asks, as handlers see it.

use std::ops::Deref;

use artos_auth_engine::{self as engine, Account, ResourceOrg};

use crate::response::Denied;

/// An authenticated user. Not yet an allow for anybody's resource: [`authorize`](Caller::authorize) says whether it is.
///
/// A handler that lists needs no more than this, and filters by [`org_id`](engine::Caller::org_id). Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Caller(pub(crate) engine::Caller);

impl Caller {
    /// Decides about a resource of `owner` (ORG-1), for an account that your service knows nothing against.
    ///
    /// # Errors
    ///
    /// The documented 403 where `owner` is another organization, or unresolved.
    pub fn authorize(&self, owner: ResourceOrg<'_>) -> Result<Principal, Denied> {
        self.authorize_as(owner, Account::Unknown)
    }

    /// Decides about a resource of `owner`, with what your service knows of the account (ORG-1 to ORG-3).
    ///
    /// # Errors
    ///
    /// The documented 403 where the account is not a member or not configured, or `owner` is another organization
    /// or unresolved.
    pub fn authorize_as(&self, owner: ResourceOrg<'_>, account: Account) -> Result<Principal, Denied> {
        self.0.authorize(owner, account).map(Principal).map_err(Denied::of)
    }

    /// Checks a permission that no route rule of the policy names (PERM-1).
    ///
    /// # Errors
    ///
    /// The documented 403, if the token does not have it.
    pub fn require(&self, permission: &str) -> Result<(), Denied> {
        self.0.require(permission).map_err(Denied::of)
    }

    /// The engine's own value.
    #[must_use]
    pub fn into_inner(self) -> engine::Caller {
        self.0
    }
}

/// User, organization, permissions and times are read as from the engine's own value.
impl Deref for Caller {
    type Target = engine::Caller;

    fn deref(&self) -> &engine::Caller {
        &self.0
    }
}

/// An authorized user: an allow for one resource, or for what nobody owns. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Principal(pub(crate) engine::Principal);

impl Principal {
    /// The engine's own value.
    #[must_use]
    pub fn into_inner(self) -> engine::Principal {
        self.0
    }
}

/// User, organization, permissions and times are read as from the engine's own value.
impl Deref for Principal {
    type Target = engine::Principal;

    fn deref(&self) -> &engine::Principal {
        &self.0
    }
}

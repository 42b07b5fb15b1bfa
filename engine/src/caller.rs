//! Decisions in two steps: a request is authenticated before its resource is known, and authorized afterwards.

use std::fmt;
use std::sync::Arc;

use crate::cause::{Detail, Failure};
use crate::checks;
use crate::claims::{TextClaims, text};
use crate::context::{Account, ResourceOrg};
use crate::decision::{Denial, Principal};
use crate::explain::Silent;
use crate::identity::{Identity, identity_accessors};
use crate::policy::{Policy, PublicPath};
use crate::reason::Reason;
use crate::time::NumericDate;
use crate::verified::Admitted;

/// The result of [`Engine::authenticate`](crate::Engine::authenticate).
#[derive(Clone, Debug)]
#[must_use = "an unused admission protects nothing"]
pub enum Admission {
    /// The path needs no authentication, so the caller is unknown (PUB-1).
    Public(PublicPath),
    /// The token is valid here, and every check that does not depend on a resource has passed.
    Caller(Caller),
}

/// An authenticated user of an organization, before the service knows which resource is asked for.
///
/// A `Caller` is **not** an allow for a resource. It proves that the token is valid here and now, that it names a user and
/// an organization, and that it has the permissions of the route rules. That is enough for a handler that lists the
/// resources of [`org_id`](Self::org_id). A handler that serves one resource looks up its owner and calls
/// [`authorize`](Self::authorize).
///
/// It is cheap to clone, borrows nothing and holds no lock, so it can be kept in request extensions across await points.
#[derive(Clone)]
pub struct Caller {
    admitted: Admitted,
    policy: Arc<Policy>,
}

impl Caller {
    pub(crate) fn new(admitted: Admitted, policy: Arc<Policy>) -> Self {
        Self { admitted, policy }
    }

    /// Decides whether the caller may use a resource of this owner, given the state of the account.
    ///
    /// Can be called as often as needed. The time is that of [`Engine::authenticate`](crate::Engine::authenticate): expiry
    /// and revocations are not checked again.
    ///
    /// # Errors
    ///
    /// The 403 of the contract: another organization's resource, an unresolved owner (ORG-1), an account that is not
    /// configured (ORG-2) or not a member (ORG-3).
    pub fn authorize(&self, owner: ResourceOrg<'_>, account: Account) -> Result<Principal, Denial<'static>> {
        let authorized = self.admitted.authorized_by(|claims| {
            let observer = &mut Silent;
            let organization = checks::identity(claims, observer)?;
            checks::account(account, observer)?;
            checks::owner(&owner, organization, observer)
        });
        match authorized {
            Ok(authorized) => Ok(Principal::new(authorized)),
            Err(refused) => Err(Denial::shared(refused, Arc::clone(&self.policy))),
        }
    }

    /// Checks a permission that no route rule of the policy names (PERM-1).
    ///
    /// # Errors
    ///
    /// The 403 of the contract, if the token does not have it.
    pub fn require(&self, permission: &str) -> Result<(), Denial<'static>> {
        if self.has_permission(permission) {
            return Ok(());
        }
        let detail = Detail::Permission(Some(permission.into()));
        let failure = Failure::new(Reason::PermissionMissing, detail);
        Err(Denial::shared(self.admitted.refused(failure), Arc::clone(&self.policy)))
    }

    fn claims(&self) -> TextClaims<'_> {
        self.admitted.claims()
    }

    identity_accessors!();
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity().debug("Caller", f)
    }
}

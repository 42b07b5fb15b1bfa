//! The access of a caller: revocation and realm, then account, membership, resource, permission.

use crate::authority::{FOREIGN_ORG, HALF_USER, LEFT_USER, ORG, OTHER_ORG, PERMISSION, REVOKED_TOKEN};
use crate::claims::{Caller, Presence};
use crate::fault::Fault;
use crate::guard::Route;
use crate::judge::Judge;
use crate::message::Request;
use crate::path::{Place, ambiguous, within_absolute};
use crate::reason::Reason;
use crate::variation::Variation;

/// The organizations whose tokens authenticate at the deployment.
const REALM: [&str; 2] = [ORG, OTHER_ORG];

impl Caller {
    /// The caller that a fault assumes without a token.
    pub(crate) fn anonymous() -> Caller {
        Caller {
            user: Some("anonymous".into()),
            organizations: vec![ORG.into()],
            permissions: vec![PERMISSION.into()],
            sees_all: true,
            ..Caller::default()
        }
    }
}

impl Judge<'_> {
    /// The revoked token does not authenticate.
    pub(crate) fn revocations(&self, caller: &Caller, bytes: &[u8], request: &Request) -> Result<(), Reason> {
        let mut revoked = caller.token_id.as_deref() == Some(REVOKED_TOKEN);
        match self.behavior.fault {
            Some(Fault::RevocationIgnored) => revoked = false,
            Some(Fault::RevocationByRawToken) => revoked = bytes == self.memory.revoked,
            Some(Fault::RevocationOnGetOnly) => revoked &= request.method == "GET",
            Some(Fault::RevocationForgotten) if revoked => {
                let mut shared = self.memory.shared();
                let attempts = shared.attempts.entry(bytes.to_vec()).or_default();
                *attempts += 1;
                revoked = *attempts == 1;
            }
            _ => {}
        }
        if self.has(Fault::TokenUsedUp) {
            let mut shared = self.memory.shared();
            let attempts = shared.attempts.entry(bytes.to_vec()).or_default();
            *attempts += 1;
            revoked |= *attempts > 2;
        }
        if revoked { Err(Reason::Revoked) } else { Ok(()) }
    }

    /// A token of an organization outside the realm is not valid here.
    pub(crate) fn realm(&self, caller: &Caller) -> Result<(), Reason> {
        let here = |name: &String| {
            (REALM.contains(&name.as_str()) && !(name == OTHER_ORG && self.has(Fault::OtherOrgRefused)))
                || match self.behavior.fault {
                    Some(Fault::RealmIgnored) => true,
                    Some(Fault::OrgNumberAccepted) => name.bytes().all(|byte| byte.is_ascii_digit()),
                    Some(Fault::OrgPrefixMatched) => name != FOREIGN_ORG && related(name, ORG),
                    _ => false,
                }
        };
        let none = caller.organizations.is_empty();
        if none || caller.sees_all || caller.organizations.iter().any(here) {
            Ok(())
        } else {
            Err(Reason::Realm)
        }
    }

    /// The caller whose organization is served.
    pub(crate) fn authorize(
        &self,
        caller: Caller,
        request: &Request,
        route: Route,
    ) -> Result<Caller, Reason> {
        let caller = self.renamed(caller, request);
        self.account(&caller)?;
        if let Place::Document(owner) = route.place
            && !self.owns(&caller, owner, request)
        {
            return Err(Reason::Foreign);
        }
        let path = if self.varies(Variation::AbsoluteForm) {
            within_absolute(request.path())
        } else {
            request.path()
        };
        if ambiguous(path) {
            return Err(Reason::Ambiguous);
        }
        if route.place == Place::Generate && request.method == "POST" && !self.permitted(&caller) {
            return Err(Reason::PermissionMissing);
        }
        Ok(caller)
    }

    fn account(&self, caller: &Caller) -> Result<(), Reason> {
        let passes = |presence: Presence, faults: [Fault; 3]| match presence {
            Presence::Absent => self.has(faults[0]),
            Presence::Null => self.has(faults[1]),
            Presence::Empty => self.has(faults[2]),
            Presence::There => false,
        };
        let no_user = caller.user.as_deref().is_none_or(str::is_empty);
        let faults = [Fault::UserMissingAccepted, Fault::UserNullAccepted, Fault::UserEmptyAccepted];
        if no_user && !passes(caller.user_claim, faults) {
            return Err(Reason::UserMissing);
        }
        let no_organization = caller.organizations.iter().all(String::is_empty) && !caller.sees_all;
        let faults = [Fault::OrgMissingAccepted, Fault::OrgNullAccepted, Fault::OrgEmptyAccepted];
        if no_organization && !passes(caller.organization_claim, faults) {
            return Err(Reason::OrganizationMissing);
        }
        let user = caller.user.as_deref();
        if user == Some(HALF_USER) && !self.has(Fault::AccountIgnored) {
            return Err(Reason::NotConfigured);
        }
        if user == Some(LEFT_USER) && !self.has(Fault::MembershipIgnored) {
            return Err(Reason::NotAMember);
        }
        Ok(())
    }

    /// The caller under the organization in the request, as a fault allows.
    fn renamed(&self, mut caller: Caller, request: &Request) -> Caller {
        let named = match self.behavior.fault {
            Some(Fault::OrgFieldTrusted) => request.field("x-org-id"),
            Some(Fault::OrganizationFieldTrusted) => request.field("x-organization-id"),
            Some(Fault::TenantFieldTrusted) => request.field("x-tenant-id"),
            Some(Fault::AuthOrgFieldTrusted) => request.field("x-auth-org-id"),
            Some(Fault::OrgQueryTrusted) => request.query("org_id"),
            Some(Fault::OrganizationQueryTrusted) => request.query("organization"),
            Some(Fault::OrgCookieTrusted) => request.cookie("org_id"),
            Some(Fault::OrgFromField) if caller.organizations.is_empty() => request.field("x-org-id"),
            _ => None,
        };
        if let Some(named) = named.filter(|named| REALM.contains(&named.as_str())) {
            caller.organizations = vec![named];
        }
        caller
    }

    fn owns(&self, caller: &Caller, owner: &str, request: &Request) -> bool {
        let reads = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
        let overlooked = match self.behavior.fault {
            Some(Fault::OwnershipIgnored) => true,
            Some(Fault::OwnershipIgnoredOnHead) => request.method == "HEAD",
            Some(Fault::OwnershipIgnoredOnWrites) => !reads,
            Some(Fault::OrgPrefixMatched) => caller.organizations.iter().any(|name| related(name, owner)),
            _ => false,
        };
        overlooked || caller.sees_all || caller.organizations.iter().any(|name| name == owner)
    }

    fn permitted(&self, caller: &Caller) -> bool {
        let any = |fits: &dyn Fn(&str) -> bool| caller.permissions.iter().any(|held| fits(held));
        if self.has(Fault::PermissionNeverEnough) {
            return false;
        }
        if self.has(Fault::PermissionFirstOnly) {
            return caller.permissions.first().is_some_and(|held| held == PERMISSION);
        }
        any(&|held| held == PERMISSION)
            || match self.behavior.fault {
                Some(Fault::PermissionsIgnored) => true,
                Some(Fault::PermissionSubstring) => any(&|held| held.contains(PERMISSION)),
                Some(Fault::PermissionPrefix) => any(&|held| held.starts_with(PERMISSION)),
                Some(Fault::PermissionCaseFolded) => any(&|held| held.eq_ignore_ascii_case(PERMISSION)),
                Some(Fault::PermissionWildcard) => any(&|held| {
                    held == "*" || held.strip_suffix('*').is_some_and(|start| PERMISSION.starts_with(start))
                }),
                Some(Fault::PermissionResource) => {
                    any(&|held| held.split(':').next() == PERMISSION.split(':').next())
                }
                _ => false,
            }
    }
}

/// Whether one name is a prefix of the other.
fn related(name: &str, other: &str) -> bool {
    !name.is_empty() && (name.starts_with(other) || other.starts_with(name))
}

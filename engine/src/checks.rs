//! The checks of verified claims, one function for each.
//!
//! [`Engine::decide`](crate::Engine::decide) makes all of them. [`Engine::authenticate`](crate::Engine::authenticate) makes
//! those that do not depend on an owner or account, and [`Caller::authorize`](crate::Caller::authorize) the rest.

use crate::cause::{Detail, Failure};
use crate::claims::{self, Acceptance, BindingVerdict, RequiredVerdict, TextClaims};
use crate::context::{Account, ResourceOrg, TenantScope};
use crate::explain::{Check, Observer};
use crate::policy::Policy;
use crate::reason::Reason;
use crate::request::Request;
use crate::time::UnixTime;
use crate::token;

/// Whether the token is a credential here and now. If not, the answer is 401.
pub(crate) fn credential<O: Observer>(
    claims: TextClaims<'_>,
    policy: &Policy,
    realm: TenantScope<'_>,
    now: UnixTime,
    is_revoked: impl FnOnce() -> bool,
    observer: &mut O,
) -> Result<(), Failure> {
    observer.enter(Check::BoundToken);
    if claims.is_bound() {
        return Err(Reason::TokenBindingRequired.into());
    }

    observer.enter(Check::Expiry);
    observer.note(|| token::describe_expiry(claims.expires_at(), policy.leeway_seconds(), now));
    token::not_expired(claims.expires_at(), policy.leeway_seconds(), now)
        .map_err(|past| Failure::new(Reason::TokenExpired, Detail::Seconds(past)))?;

    observer.enter(Check::NotBefore);
    token::already_valid(claims.not_before(), policy.leeway_seconds(), now)
        .map_err(|left| Failure::new(Reason::TokenNotYetValid, Detail::Seconds(left)))?;

    observer.enter(Check::Issuer);
    if claims.issuer() != Acceptance::Accepted {
        return Err(Failure::new(Reason::IssuerNotAccepted, Detail::Acceptance(claims.issuer())));
    }
    if matches!(claims.binding(), BindingVerdict::MissingIssuer | BindingVerdict::OtherIssuer) {
        return Err(Failure::new(Reason::IssuerNotAccepted, Detail::Binding(claims.binding())));
    }

    observer.enter(Check::Audience);
    if claims.audience() != Acceptance::Accepted {
        return Err(Failure::new(Reason::AudienceNotAccepted, Detail::Acceptance(claims.audience())));
    }

    observer.enter(Check::RequiredClaims);
    if claims.required() != RequiredVerdict::Met {
        return Err(Failure::new(Reason::ClaimNotAccepted, Detail::Required(claims.required())));
    }

    observer.enter(Check::Revocation);
    if is_revoked() {
        return Err(Reason::TokenRevoked.into());
    }

    observer.enter(Check::Realm);
    observer.note(|| format!("the token's organization is {}", shown(claims.organization())));
    match (realm, claims.organization()) {
        (TenantScope::Among(organizations), Some(organization))
            if !organizations.contains_bytes(organization) =>
        {
            let detail = Detail::Count(organizations.len());
            return Err(Failure::new(Reason::OrganizationNotInRealm, detail));
        }
        // A token without an organization was not issued for a different organization.
        (TenantScope::Among(_) | TenantScope::Any, _) => {}
    }

    observer.enter(Check::IssuerOrganization);
    if claims.binding() == BindingVerdict::OtherOrganization {
        return Err(Failure::new(Reason::OrganizationNotOfIssuer, Detail::Binding(claims.binding())));
    }
    Ok(())
}

/// The token's organization, if the token names both a user and an organization (ORG-2).
pub(crate) fn identity<'c, O: Observer>(
    claims: TextClaims<'c>,
    observer: &mut O,
) -> Result<&'c [u8], Failure> {
    observer.enter(Check::Account);
    observer.note(|| format!("the user is {}", shown(claims.user())));
    if claims.user().is_none() {
        return Err(Reason::UserMissing.into());
    }
    claims.organization().ok_or_else(|| Reason::OrganizationMissing.into())
}

/// Whether the account is configured (ORG-2) and the user is a member (ORG-3). Continues the check begun by [`identity`].
pub(crate) fn account<O: Observer>(account: Account, observer: &mut O) -> Result<(), Failure> {
    if account == Account::NotConfigured {
        return Err(Reason::AccountNotConfigured.into());
    }
    observer.enter(Check::Membership);
    if account == Account::NotAMember {
        return Err(Reason::NotAMember.into());
    }
    Ok(())
}

/// Whether the resource belongs to the organization or is unowned (ORG-1).
pub(crate) fn owner<O: Observer>(
    owner: &ResourceOrg<'_>,
    organization: &[u8],
    observer: &mut O,
) -> Result<(), Failure> {
    observer.enter(Check::ResourceOrganization);
    match owner {
        ResourceOrg::Unowned => observer.note(|| "the resource is unowned".to_owned()),
        ResourceOrg::Owned(owner) => {
            observer.note(|| format!("the resource belongs to {}", shown(Some(owner.as_bytes()))));
            if owner.as_bytes() != organization {
                return Err(Reason::ResourceOfOtherOrganization.into());
            }
        }
        ResourceOrg::Unresolved => return Err(Reason::ResourceUnresolved.into()),
    }
    Ok(())
}

/// Whether the token has the permissions that the route rules need (PERM-1).
pub(crate) fn route<O: Observer>(
    policy: &Policy,
    request: &Request<'_>,
    claims: TextClaims<'_>,
    observer: &mut O,
) -> Result<(), Failure> {
    let routes = policy.routes();
    observer.enter(Check::PathForRules);
    let mut decoded = Vec::new();
    let path = match routes.path(request.path, &mut decoded) {
        Ok(path) => path,
        Err(ambiguity) => {
            observer.note(|| ambiguity.to_string());
            return Err(Failure::new(Reason::PathAmbiguous, Detail::Path(ambiguity)));
        }
    };

    observer.enter(Check::Permissions);
    routes.permit(request.method, path, |permission| claims.has_permission(permission)).map_err(|refusal| {
        observer.note(|| refusal.to_string());
        Failure::new(Reason::PermissionMissing, Detail::Permission(refusal.missing().cloned()))
    })
}

fn shown(id: Option<&[u8]>) -> String {
    id.map_or_else(|| "absent".to_owned(), |id| format!("`{}`", claims::text(id)))
}

//! The engine, and the order of its checks.
//!
//! Data flows one way: request → header → token → claims → organization → permission → decision. Each stage
//! takes what the one before has minted and nothing else, so that no check can be left out: a [`Verified`] is
//! minted in [`Engine::verify`] alone, an [`Authenticated`] in [`Engine::authenticate`], an [`Authorized`] in
//! [`Engine::authorize`], and only the last makes a principal.

use std::sync::Arc;

use crate::claims::Claims;
use crate::decision::{Access, Decision, Denial, Principal};
use crate::explain::{Check, Explanation, Observer, Recorder, Silent};
use crate::header;
use crate::jose::JoseHeader;
use crate::keys::KeySet;
use crate::policy::Policy;
use crate::reason::Reason;
use crate::request::{Account, Context, Realm, Request, ResourceOrg};
use crate::revocations::Revocations;
use crate::time;
use crate::token::Scratch;

/// Decides requests by a policy, a key set and revocations, each an immutable snapshot.
///
/// Cloning is cheap, and so is making an engine with one snapshot swapped for another: the rest is shared.
#[derive(Clone, Debug)]
pub struct Engine {
    policy: Arc<Policy>,
    keys: Arc<KeySet>,
    revocations: Arc<Revocations>,
}

impl Engine {
    /// An engine of these snapshots.
    #[must_use]
    pub fn new(
        policy: impl Into<Arc<Policy>>,
        keys: impl Into<Arc<KeySet>>,
        revocations: impl Into<Arc<Revocations>>,
    ) -> Self {
        Self { policy: policy.into(), keys: keys.into(), revocations: revocations.into() }
    }

    /// The same engine with another policy and key set: they change together or not at all.
    #[must_use]
    pub fn with_policy_and_keys(&self, policy: impl Into<Arc<Policy>>, keys: impl Into<Arc<KeySet>>) -> Self {
        Self { policy: policy.into(), keys: keys.into(), revocations: Arc::clone(&self.revocations) }
    }

    /// The same engine with other revocations, which count from its next decision on (REV-1).
    #[must_use]
    pub fn with_revocations(&self, revocations: impl Into<Arc<Revocations>>) -> Self {
        Self { revocations: revocations.into(), ..self.clone() }
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The keys in force.
    #[must_use]
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// The revocations in force.
    #[must_use]
    pub fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Decides a request at `now`, in seconds since the Unix epoch.
    ///
    /// Total and deterministic: every input gives a decision, and the same arguments and snapshots give the same one.
    pub fn decide(&self, request: &Request<'_>, context: &Context<'_>, now: u64) -> Decision<'_> {
        self.decide_observed(request, context, now, &mut Silent)
    }

    /// Decides, and tells every check in order: the same code path, watched.
    pub fn explain(&self, request: &Request<'_>, context: &Context<'_>, now: u64) -> Explanation<'_> {
        let mut recorder = Recorder::default();
        let decision = self.decide_observed(request, context, now, &mut recorder);
        recorder.into_explanation(decision)
    }

    /// The answer of a server to a forwarded request that it cannot judge, the token not looked at.
    pub fn forwarded_request_unclear(&self) -> Decision<'_> {
        self.deny(Refused { reason: Reason::ForwardedRequestUnclear, verified: None })
    }

    fn decide_observed<O: Observer>(
        &self,
        request: &Request<'_>,
        context: &Context<'_>,
        now: u64,
        observer: &mut O,
    ) -> Decision<'_> {
        match self.judge(request, context, now, observer) {
            Ok(access) => Decision::Allow(access),
            Err(refused) => self.deny(refused),
        }
    }

    /// Authentication always comes before authorization, and the first check that fails decides.
    fn judge<O: Observer>(
        &self,
        request: &Request<'_>,
        context: &Context<'_>,
        now: u64,
        observer: &mut O,
    ) -> Result<Access, Refused> {
        observer.enter(Check::PublicPath);
        if let Some(public) = self.policy.public().admit(request.method, request.path) {
            return Ok(Access::Public(public));
        }
        let verified = self.verify(request, observer)?;
        let authenticated = self.authenticate(verified, context, now, observer)?;
        let authorized = self.authorize(authenticated, request, context, observer)?;
        Ok(Access::Principal(Principal::of(authorized)))
    }

    /// Is this a token at all, and who vouches for it? Nothing of its claims is believed before.
    fn verify<O: Observer>(&self, request: &Request<'_>, observer: &mut O) -> Result<Verified, Reason> {
        let policy = &*self.policy;

        observer.enter(Check::AuthorizationHeader);
        let token = header::bearer(request.authorization)?;

        observer.enter(Check::TokenSize);
        let token = token.within(policy.max_token_bytes())?;

        observer.enter(Check::TokenForm);
        let mut scratch = Scratch::new();
        let compact = token.decode(&mut scratch)?;

        observer.enter(Check::HeaderMembers);
        let header = JoseHeader::parse(compact.header)?;
        header.names_no_critical_extension()?;
        header.has_accepted_type(policy)?;

        observer.enter(Check::Algorithm);
        let algorithm = header.allowed_algorithm(policy)?;
        observer.note(|| format!("{algorithm}"));

        observer.enter(Check::Key);
        let candidates = self.keys.candidates(header.key_id(), algorithm)?;
        observer.note(|| match candidates.len() {
            1 => "one key can have signed it".to_owned(),
            keys => format!("{keys} keys can have signed it"),
        });

        observer.enter(Check::Signature);
        if !candidates.iter().any(|key| key.verifies(compact.signing_input, compact.signature)) {
            return Err(Reason::SignatureInvalid);
        }

        observer.enter(Check::ClaimsForm);
        let claims = Claims::parse(compact.claims, policy)?;
        let revoked = self.revocations.revoke(&claims, compact.signing_input);
        Ok(Verified { claims: Arc::new(claims), revoked })
    }

    /// Is the token a credential here and now? If not, the answer is 401.
    fn authenticate<O: Observer>(
        &self,
        verified: Verified,
        context: &Context<'_>,
        now: u64,
        observer: &mut O,
    ) -> Result<Authenticated, Refused> {
        let (policy, claims) = (&*self.policy, verified.claims());
        let checks = || {
            observer.enter(Check::Expiry);
            observer.note(|| time::describe_expiry(claims.expires_at, policy.leeway_seconds(), now));
            time::not_expired(claims.expires_at, policy.leeway_seconds(), now)?;

            observer.enter(Check::NotBefore);
            time::already_valid(claims.not_before, policy.leeway_seconds(), now)?;

            observer.enter(Check::Issuer);
            if !claims.issuer_accepted {
                return Err(Reason::IssuerNotAccepted);
            }

            observer.enter(Check::Audience);
            if !claims.audience_accepted {
                return Err(Reason::AudienceNotAccepted);
            }

            observer.enter(Check::Revocation);
            if verified.revoked {
                return Err(Reason::TokenRevoked);
            }

            observer.enter(Check::Realm);
            observer.note(|| format!("the token's organization is {}", shown(claims.organization())));
            match (context.realm, claims.organization()) {
                (Realm::Among(organizations), Some(organization))
                    if !organizations.contains(organization) =>
                {
                    Err(Reason::OrganizationNotInRealm)
                }
                // A token without an organization was not issued for a different one.
                (Realm::Among(_) | Realm::Any, _) => Ok(()),
            }
        };
        let mut checks = checks;
        match checks() {
            Ok(()) => Ok(Authenticated(verified)),
            Err(reason) => Err(Refused { reason, verified: Some(verified) }),
        }
    }

    /// May its holder do this? If not, the answer is 403.
    fn authorize<O: Observer>(
        &self,
        Authenticated(verified): Authenticated,
        request: &Request<'_>,
        context: &Context<'_>,
        observer: &mut O,
    ) -> Result<Authorized, Refused> {
        let (routes, claims) = (self.policy.routes(), verified.claims());
        let mut checks = || {
            observer.enter(Check::Account);
            observer.note(|| format!("the user is {}", shown(claims.user())));
            if claims.user().is_none() {
                return Err(Reason::UserMissing);
            }
            let organization = claims.organization().ok_or(Reason::OrganizationMissing)?;
            if context.account == Account::NotConfigured {
                return Err(Reason::AccountNotConfigured);
            }

            observer.enter(Check::Membership);
            if context.account == Account::NotAMember {
                return Err(Reason::NotAMember);
            }

            observer.enter(Check::ResourceOrganization);
            match &context.resource_org {
                ResourceOrg::Unowned => observer.note(|| "nobody owns what is addressed".to_owned()),
                ResourceOrg::Owned(owner) => {
                    observer.note(|| format!("what is addressed belongs to {}", shown(Some(owner))));
                    if **owner != *organization {
                        return Err(Reason::ResourceOfOtherOrganization);
                    }
                }
                ResourceOrg::Unresolved => return Err(Reason::ResourceUnresolved),
            }

            observer.enter(Check::PathForRules);
            let path = routes.path(request.path).map_err(|ambiguity| {
                observer.note(|| ambiguity.to_string());
                Reason::PathAmbiguous
            })?;

            observer.enter(Check::Permissions);
            let has = |permission: &str| claims.permissions().any(|its| its == permission);
            routes.permit(request.method, path.as_ref(), has).map_err(|refusal| {
                observer.note(|| refusal.to_string());
                Reason::PermissionMissing
            })
        };
        match checks() {
            Ok(()) => Ok(Authorized(verified)),
            Err(reason) => Err(Refused { reason, verified: Some(verified) }),
        }
    }

    fn deny(&self, Refused { reason, verified }: Refused) -> Decision<'_> {
        Decision::Deny(Denial::new(reason, self.policy.challenge(reason.answer()), verified))
    }
}

/// The proof that a key of the key set signed these claims, and that they are well-formed.
pub(crate) struct Verified {
    claims: Arc<Claims>,
    /// Whether the revocations in force hold the token; it counts at its own place in the order.
    revoked: bool,
}

impl Verified {
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }
}

/// The proof that a verified token is a credential, here and now.
struct Authenticated(Verified);

/// The proof that an authenticated token entitles its holder to what was asked.
pub(crate) struct Authorized(Verified);

impl Authorized {
    pub(crate) fn into_verified(self) -> Verified {
        self.0
    }
}

/// Why a request was refused, and whose it was, once that is known.
struct Refused {
    reason: Reason,
    verified: Option<Verified>,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self { reason, verified: None }
    }
}

fn shown(id: Option<&str>) -> String {
    id.map_or_else(|| "absent".to_owned(), |id| format!("`{id}`"))
}

//! The result of a decision: an allow, or a denial with its answer and, for the log only, its reason.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::cache::{Entry, SharedEntry};
use crate::cause::{Cause, Failure};
use crate::claims::{TextClaims, text};
use crate::identity::{Identity, identity_accessors};
use crate::policy::{Policy, PublicPath};
use crate::reason::{Answer, Reason};
use crate::time::NumericDate;
use crate::verified::{Authorized, Refused, Verified};

/// The decision on a request.
///
/// Exhaustive on purpose: a match handles every outcome.
#[derive(Debug)]
#[must_use = "an unused decision protects nothing"]
pub enum Decision<'e> {
    /// The request may go ahead.
    Allow(Access<'e>),
    /// The request must be refused.
    Deny(Denial<'e>),
}

/// Why a request may go ahead, and as which caller. It can only be built from the results of the checks.
#[derive(Debug)]
pub enum Access<'e> {
    /// The path needs no authentication, so the caller is unknown (PUB-1).
    Public(PublicPath),
    /// The token is valid here and gives access to the resource.
    Principal(PrincipalRef<'e>),
}

/// The allowed caller, borrowed from the engine for the lifetime of the decision, which avoids a reference count.
/// [`to_owned`](Self::to_owned) returns a [`Principal`] to keep.
///
/// The borrowed form cannot be kept:
///
/// ```compile_fail,E0521
/// # use artos_auth_engine::{Access, Decision};
/// fn keep<T: Send + 'static>(_: T) {}
/// fn handle(decision: Decision<'_>) {
///     if let Decision::Allow(Access::Principal(principal)) = decision {
///         keep(principal);
///     }
/// }
/// ```
pub struct PrincipalRef<'e>(Verified, PhantomData<&'e ()>);

impl PrincipalRef<'_> {
    pub(crate) fn new(authorized: Authorized) -> Self {
        Self(authorized.into_verified(), PhantomData)
    }

    /// The owned principal; costs one reference count.
    #[must_use]
    pub fn to_owned(&self) -> Principal {
        Principal(self.0.share())
    }

    fn claims(&self) -> TextClaims<'_> {
        self.0.claims()
    }

    identity_accessors!();
}

impl fmt::Debug for PrincipalRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity().debug("Principal", f)
    }
}

/// The allowed caller: the values that an audit trail and a query filter need.
///
/// Only the checks can construct one. It is cheap to clone, borrows nothing and holds no lock, so it can be kept in
/// request extensions across await points.
#[derive(Clone)]
pub struct Principal(SharedEntry);

impl Principal {
    pub(crate) fn new(authorized: Authorized) -> Self {
        Self(authorized.into_verified().share())
    }

    fn claims(&self) -> TextClaims<'_> {
        Entry::of(&self.0).claims()
    }

    identity_accessors!();
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity().debug("Principal", f)
    }
}

/// Why a request was refused. Everything that the caller sees follows from the reason.
pub struct Denial<'e> {
    failure: Failure,
    policy: PolicyOf<'e>,
    verified: Option<Verified>,
}

/// The policy that provides the challenge of a denial.
enum PolicyOf<'e> {
    Borrowed(&'e Policy),
    Shared(Arc<Policy>),
}

impl<'e> Denial<'e> {
    /// A denial that borrows the policy, and perhaps an entry of the cache.
    pub(crate) fn new(Refused { failure, verified }: Refused, policy: &'e Policy) -> Self {
        Self { failure, policy: PolicyOf::Borrowed(policy), verified }
    }
}

impl Denial<'static> {
    /// A denial that borrows nothing.
    pub(crate) fn shared(Refused { failure, verified }: Refused, policy: Arc<Policy>) -> Self {
        let verified = verified.map(Verified::into_shared);
        Self { failure, policy: PolicyOf::Shared(policy), verified }
    }
}

impl Denial<'_> {
    /// The reason: for the operator's log, never for the caller.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.failure.reason
    }

    /// The cause as a sentence, if there is more to say than the reason: for the operator's log, never for the caller.
    #[must_use]
    pub fn cause(&self) -> Option<Cause<'_>> {
        Cause::of(self.policy(), &self.failure)
    }

    fn policy(&self) -> &Policy {
        match &self.policy {
            PolicyOf::Borrowed(policy) => policy,
            PolicyOf::Shared(policy) => policy,
        }
    }

    /// The status code: 401 or 403.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.reason().answer().status()
    }

    /// The `detail` of the JSON body.
    #[must_use]
    pub fn detail(&self) -> &'static str {
        self.reason().answer().detail()
    }

    /// The public answer, one of three.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.reason().answer()
    }

    /// The `WWW-Authenticate` value.
    #[must_use]
    pub fn www_authenticate(&self) -> &str {
        self.policy().challenge(self.answer())
    }

    /// The known identity of the caller, for the log.
    #[must_use]
    pub fn audit(&self) -> Audit<'_> {
        self.verified.as_ref().map_or_else(Audit::default, |verified| Audit::of(verified.claims()))
    }
}

impl fmt::Debug for Denial<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Denial")
            .field("reason", &self.reason())
            .field("cause", &self.cause())
            .field("www_authenticate", &self.www_authenticate())
            .finish_non_exhaustive()
    }
}

/// The known identity of the caller, for allow and deny (AUD-1). All fields are `None` until the signature has verified
/// and the claims are well-formed. A field is `None` if its claim is absent or empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit<'d> {
    /// The user id.
    pub user_id: Option<&'d str>,
    /// The organization id.
    pub org_id: Option<&'d str>,
    /// The token's own id.
    pub token_id: Option<&'d str>,
}

impl<'d> Audit<'d> {
    fn of(claims: TextClaims<'d>) -> Self {
        Self {
            user_id: claims.user().map(text),
            org_id: claims.organization().map(text),
            token_id: claims.token_id().filter(|id| !id.is_empty()).map(text),
        }
    }
}

impl<'e> Decision<'e> {
    /// Whether the request may go ahead.
    #[must_use]
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow(_))
    }

    /// The allowed caller, if one is known.
    #[must_use]
    pub fn principal(&self) -> Option<&PrincipalRef<'e>> {
        match self {
            Self::Allow(Access::Principal(principal)) => Some(principal),
            Self::Allow(Access::Public(_)) | Self::Deny(_) => None,
        }
    }

    /// The denial, if it is one.
    #[must_use]
    pub fn denial(&self) -> Option<&Denial<'e>> {
        match self {
            Self::Deny(denial) => Some(denial),
            Self::Allow(_) => None,
        }
    }

    /// `allow` or `deny`, as in logs.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        if self.is_allow() { "allow" } else { "deny" }
    }

    /// The status code that an API answers with: 200, 401 or 403.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.denial().map_or(200, Denial::status)
    }

    /// The stable reason code, as in logs.
    #[must_use]
    pub fn reason_code(&self) -> &'static str {
        match self {
            Self::Allow(Access::Public(_)) => "public_path",
            Self::Allow(Access::Principal(_)) => "authorized",
            Self::Deny(denial) => denial.reason().code(),
        }
    }

    /// The clause of the contract that decided.
    #[must_use]
    pub fn clause(&self) -> &'static str {
        match self {
            Self::Allow(Access::Public(_)) => "PUB-1",
            Self::Allow(Access::Principal(_)) => "ORG-4",
            Self::Deny(denial) => denial.reason().clause(),
        }
    }

    /// Whether the token was verified by an earlier call; `None` if no token was verified.
    #[must_use]
    pub fn from_cache(&self) -> Option<bool> {
        self.verified().map(Verified::is_from_cache)
    }

    /// The caller's identity as bytes, for allow and deny: `Some` once the signature has verified and the claims are
    /// well-formed.
    #[must_use]
    pub fn identity(&self) -> Option<Identity<'_>> {
        self.verified().map(|verified| Identity::of(verified.claims()))
    }

    /// The known identity of the caller.
    #[must_use]
    pub fn audit(&self) -> Audit<'_> {
        self.verified().map_or_else(Audit::default, |verified| Audit::of(verified.claims()))
    }

    fn verified(&self) -> Option<&Verified> {
        match self {
            Self::Allow(Access::Public(_)) => None,
            Self::Allow(Access::Principal(principal)) => Some(&principal.0),
            Self::Deny(denial) => denial.verified.as_ref(),
        }
    }
}

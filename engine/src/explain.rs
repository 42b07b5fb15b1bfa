//! Reports a decision check by check, with the same code that decides.

use crate::decision::Decision;

macro_rules! checks {
    ($($(#[doc = $doc:literal])+ $variant:ident = $title:literal;)+) => {
        /// A check, in the order in which they are made.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Check {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Check {
            /// All checks, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name of the check, for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)+
                }
            }
        }
    };
}

checks! {
    /// Whether the path is public (PUB-1, PUB-2).
    PublicPath = "public path";
    /// Whether there is exactly one `Authorization` line with a bearer token (HDR-1 to HDR-3).
    AuthorizationHeader = "authorization header";
    /// Whether the token is within the size limit (TOK-1).
    TokenSize = "token size";
    /// Whether it has the form of a compact JWS (TOK-1, TOK-2).
    TokenForm = "token form";
    /// Whether its header has the parameters that it needs, and no `crit` (TOK-1, TOK-8).
    HeaderParameters = "header parameters";
    /// Whether the policy allows its algorithm (TOK-8).
    Algorithm = "algorithm";
    /// Whether the key set has a key for it (TOK-8, ROT-1).
    Key = "key";
    /// Whether the signature verifies (TOK-8).
    Signature = "signature";
    /// Whether the claims are well-formed (TOK-1, TOK-7).
    ClaimsForm = "claims";
    /// Whether the token is a bearer token, that is, not bound to a key (TOK-8).
    BoundToken = "bound token";
    /// Whether the token has expired (TOK-3).
    Expiry = "expiry";
    /// Whether its `nbf` has been reached (TOK-1).
    NotBefore = "not before";
    /// Whether the policy accepts its issuer (TOK-6).
    Issuer = "issuer";
    /// Whether its audience is one that the policy names (TOK-6).
    Audience = "audience";
    /// Whether the required claims have accepted values (TOK-6).
    RequiredClaims = "required claims";
    /// Whether the token, its user or its organization is revoked (TOK-5).
    Revocation = "revocation";
    /// Whether its organization authenticates here (TOK-4).
    Realm = "realm";
    /// Whether its organization is one that the verifying key is bound to (TOK-4).
    IssuerOrganization = "issuer's organizations";
    /// Whether the token names a user and an organization, and the account is configured (ORG-2).
    Account = "account";
    /// Whether the user is a member of the organization (ORG-3).
    Membership = "membership";
    /// Whether the resource belongs to the organization (ORG-1).
    ResourceOrganization = "resource's organization";
    /// Whether the path is unambiguous, so that rules can be matched (PERM-1).
    PathForRules = "path";
    /// Whether the token has the permissions that the route rules need (PERM-1).
    Permissions = "permissions";
}

impl Check {
    /// The clauses of the contract that the check enforces.
    #[must_use]
    pub const fn clauses(self) -> &'static [&'static str] {
        match self {
            Self::PublicPath => &["PUB-1", "PUB-2"],
            Self::AuthorizationHeader => &["HDR-1", "HDR-2", "HDR-3"],
            Self::TokenSize | Self::NotBefore => &["TOK-1"],
            Self::TokenForm => &["TOK-1", "TOK-2"],
            Self::HeaderParameters => &["TOK-1", "TOK-8"],
            Self::Algorithm | Self::Signature | Self::BoundToken => &["TOK-8"],
            Self::Key => &["TOK-8", "ROT-1"],
            Self::ClaimsForm => &["TOK-1", "TOK-7"],
            Self::Expiry => &["TOK-3"],
            Self::Issuer | Self::Audience | Self::RequiredClaims => &["TOK-6"],
            Self::Revocation => &["TOK-5", "REV-1"],
            Self::Realm | Self::IssuerOrganization => &["TOK-4"],
            Self::Account => &["ORG-2"],
            Self::Membership => &["ORG-3"],
            Self::ResourceOrganization => &["ORG-1"],
            Self::PathForRules | Self::Permissions => &["PERM-1"],
        }
    }
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// The check passed.
    Passed,
    /// The check decided the request.
    Decided,
    /// An earlier check had already decided.
    NotReached,
}

impl StepResult {
    /// The name in JSON: `passed`, `decided` or `not reached`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Decided => "decided",
            Self::NotReached => "not reached",
        }
    }
}

/// A check and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The check.
    pub check: Check,
    /// Its result.
    pub result: StepResult,
    /// Details for people. Holds no text of the token unless its signature has verified.
    pub note: Option<String>,
}

/// A decision with the result of every check.
#[derive(Debug)]
pub struct Explanation<'e> {
    /// The decision that `decide` returns.
    pub decision: Decision<'e>,
    /// Every check, in order.
    pub steps: Vec<Step>,
}

/// Observes the checks. [`Silent`] compiles to nothing.
pub(crate) trait Observer {
    /// The next check begins.
    fn enter(&mut self, check: Check);
    /// Adds details to the current check; the closure runs only if they are recorded.
    fn note(&mut self, note: impl FnOnce() -> String);
}

/// Observes nothing.
pub(crate) struct Silent;

impl Observer for Silent {
    fn enter(&mut self, _: Check) {}
    fn note(&mut self, _: impl FnOnce() -> String) {}
}

/// Records every check.
#[derive(Default)]
pub(crate) struct Recorder(Vec<(Check, Option<String>)>);

impl Observer for Recorder {
    fn enter(&mut self, check: Check) {
        self.0.push((check, None));
    }

    fn note(&mut self, note: impl FnOnce() -> String) {
        if let Some((_, slot)) = self.0.last_mut() {
            *slot = Some(note());
        }
    }
}

impl Recorder {
    pub(crate) fn into_explanation(self, decision: Decision<'_>) -> Explanation<'_> {
        let last = self.0.last().map(|(check, _)| *check);
        let mut seen = self.0.into_iter();
        let steps = Check::ALL.iter().map(|check| match seen.next() {
            Some((check, note)) => {
                let result = if Some(check) == last { StepResult::Decided } else { StepResult::Passed };
                Step { check, result, note }
            }
            None => Step { check: *check, result: StepResult::NotReached, note: None },
        });
        Explanation { steps: steps.collect(), decision }
    }
}

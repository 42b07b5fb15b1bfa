//! One decision told check by check, from the code path that decides.

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

            /// What the check asks, for a person.
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
    /// Whether the token is short enough to be looked at (TOK-1).
    TokenSize = "token size";
    /// Whether it has the form of a compact JWS (TOK-1, TOK-2).
    TokenForm = "token form";
    /// Whether its header has the members that it needs, and none that is critical (TOK-1, TOK-8).
    HeaderMembers = "header members";
    /// Whether the policy allows its algorithm (TOK-8).
    Algorithm = "algorithm";
    /// Whether the key set has a key for it (TOK-8, ROT-1).
    Key = "key";
    /// Whether the signature verifies (TOK-8).
    Signature = "signature";
    /// Whether the claims are well-formed (TOK-1, TOK-7).
    ClaimsForm = "claims";
    /// Whether the token is a bearer token, and not bound to a key (TOK-8).
    BoundToken = "bound token";
    /// Whether the token has expired (TOK-3).
    Expiry = "expiry";
    /// Whether it is valid already (TOK-1).
    NotBefore = "not before";
    /// Whether the policy accepts its issuer (TOK-6).
    Issuer = "issuer";
    /// Whether it is meant for an audience that the policy names (TOK-6).
    Audience = "audience";
    /// Whether the claims that the policy requires have the values that it accepts (TOK-6).
    RequiredClaims = "required claims";
    /// Whether it, its user or its organization is revoked (TOK-5).
    Revocation = "revocation";
    /// Whether its organization authenticates here (TOK-4).
    Realm = "realm";
    /// Whether its organization is one that its keys are trusted with (TOK-4).
    IssuerOrganization = "issuer's organizations";
    /// Whether user and organization are there and the account is configured (ORG-2).
    Account = "account";
    /// Whether the user is a member of the organization (ORG-3).
    Membership = "membership";
    /// Whether what is addressed is the organization's (ORG-1).
    ResourceOrganization = "resource's organization";
    /// Whether the path is one that rules can be matched against (PERM-1).
    PathForRules = "path";
    /// Whether the token has the permissions that the route rules need (PERM-1).
    Permissions = "permissions";
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It had no objection.
    Passed,
    /// It decided.
    Decided,
    /// An earlier one had decided.
    NotReached,
}

/// A check, what came of it, and what it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The check.
    pub check: Check,
    /// What came of it.
    pub verdict: Verdict,
    /// What it saw, for a person; never any of the token's own text before its signature has verified.
    pub note: Option<String>,
}

/// A decision and how it came about.
#[derive(Debug)]
pub struct Explanation<'e> {
    /// What `decide` answers.
    pub decision: Decision<'e>,
    /// Every check, in order.
    pub steps: Vec<Step>,
}

/// Watches the checks go by. What watches nothing costs nothing.
pub(crate) trait Observer {
    /// The next check begins.
    fn enter(&mut self, check: Check);
    /// What the check at hand sees; made only if somebody listens.
    fn note(&mut self, note: impl FnOnce() -> String);
}

/// Nobody is watching.
pub(crate) struct Silent;

impl Observer for Silent {
    fn enter(&mut self, _: Check) {}
    fn note(&mut self, _: impl FnOnce() -> String) {}
}

/// Remembers what goes by.
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
                let verdict = if Some(check) == last { Verdict::Decided } else { Verdict::Passed };
                Step { check, verdict, note }
            }
            None => Step { check: *check, verdict: Verdict::NotReached, note: None },
        });
        Explanation { steps: steps.collect(), decision }
    }
}

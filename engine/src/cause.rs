//! What was wrong with a request that was denied, for the operator's log.
//!
//! Each check stores a few machine words; the sentence is formatted only when it is read.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::claims::{Acceptance, BindingVerdict, ClaimFlaw, ClaimProblem, Mismatch, RequiredVerdict};
use crate::keys::KeySet;
use crate::path::Ambiguity;
use crate::policy::Policy;
use crate::reason::Reason;
use crate::token::{HeaderFlaw, TokenFlaw};

/// What was wrong with a request that was denied: for the operator's log, never for the caller.
///
/// Displays as one sentence, in lower case and without a full stop. The sentence contains only names from the policy,
/// JSON types, limits, positions and seconds, and nothing else from the token.
#[derive(Clone, Copy)]
pub struct Cause<'d> {
    policy: &'d Policy,
    reason: Reason,
    detail: &'d Detail,
}

/// Details of the check that failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Detail {
    /// Nothing beyond the reason.
    None,
    /// A number of lines or a length that exceeds its limit.
    Count(usize),
    Token(TokenFlaw),
    Header(HeaderFlaw),
    Keys(NoKey),
    Claims(ClaimFlaw),
    /// Seconds since the token expired, or until it is valid.
    Seconds(f64),
    Acceptance(Acceptance),
    Binding(BindingVerdict),
    Required(RequiredVerdict),
    Path(Ambiguity),
    /// The missing permission; `None` if no rule lists the route.
    Permission(Option<Arc<str>>),
}

/// Why the key set has no candidate key for the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoKey {
    pub(crate) algorithm: Algorithm,
    /// Whether the token has a `kid`.
    pub(crate) has_id: bool,
    /// The number of keys for the algorithm.
    pub(crate) serving: usize,
}

/// Why a check failed: the reason and its details.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) detail: Detail,
}

impl Failure {
    pub(crate) fn new(reason: Reason, detail: Detail) -> Self {
        Self { reason, detail }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self { reason, detail: Detail::None }
    }
}

impl From<TokenFlaw> for Failure {
    #[cold]
    fn from(flaw: TokenFlaw) -> Self {
        Self { reason: flaw.reason(), detail: Detail::Token(flaw) }
    }
}

impl From<HeaderFlaw> for Failure {
    #[cold]
    fn from(flaw: HeaderFlaw) -> Self {
        Self { reason: Reason::TokenHeaderMalformed, detail: Detail::Header(flaw) }
    }
}

impl From<ClaimFlaw> for Failure {
    #[cold]
    fn from(flaw: ClaimFlaw) -> Self {
        Self { reason: Reason::TokenClaimsMalformed, detail: Detail::Claims(flaw) }
    }
}

impl<'d> Cause<'d> {
    /// The cause of a denial; `None` if the reason is complete by itself.
    pub(crate) fn of(policy: &'d Policy, Failure { reason, detail }: &'d Failure) -> Option<Self> {
        let cause = Self { policy, reason: *reason, detail };
        (*detail != Detail::None || cause.follows_from_the_policy()).then_some(cause)
    }

    /// Whether the cause follows from the reason and the policy, without details.
    fn follows_from_the_policy(self) -> bool {
        matches!(
            self.reason,
            Reason::CriticalExtension
                | Reason::TypeNotAccepted
                | Reason::AlgorithmNotAllowed
                | Reason::TokenBindingRequired
                | Reason::UserMissing
                | Reason::OrganizationMissing
        )
    }
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, reason, detail } = *self;
        match (reason, detail) {
            (Reason::HeaderRepeated, Detail::Count(lines)) => {
                write!(f, "the request has {lines} `Authorization` lines; send one")
            }
            (Reason::TokenTooLong, Detail::Count(bytes)) => {
                write!(f, "the token has {bytes} bytes; `max_token_bytes` is {}", policy.max_token_bytes())
            }
            (_, Detail::Token(flaw)) => write!(f, "{flaw}"),
            (_, Detail::Header(flaw)) => write!(f, "{flaw}"),
            (Reason::CriticalExtension, _) => f.write_str("the header has `crit`; no extension is supported"),
            (Reason::TypeNotAccepted, _) => {
                f.write_str("`typ` is not one of ")?;
                list(f, policy.types().map(Quoted))
            }
            (Reason::AlgorithmNotAllowed, _) => {
                f.write_str("`alg` is not one of ")?;
                list(f, policy.algorithms())
            }
            (_, Detail::Keys(none)) => write!(f, "{none}"),
            (Reason::SignatureInvalid, Detail::Count(1)) => {
                f.write_str("the key does not verify the signature")
            }
            (Reason::SignatureInvalid, Detail::Count(keys)) => {
                write!(f, "none of {keys} keys verifies the signature")
            }
            (_, Detail::Claims(flaw)) => write_claim_flaw(f, policy, *flaw),
            (Reason::TokenBindingRequired, _) => {
                f.write_str("the claim `cnf` is present, and `bound_tokens` is `refuse`")
            }
            (Reason::TokenExpired, Detail::Seconds(past)) => {
                write!(f, "`exp` passed {past} s ago (leeway {} s)", policy.leeway_seconds())
            }
            (_, Detail::Seconds(left)) => {
                write!(f, "`nbf` is {left} s ahead (leeway {} s)", policy.leeway_seconds())
            }
            (Reason::IssuerNotAccepted, Detail::Acceptance(Acceptance::Missing)) => {
                f.write_str("`iss` is missing; the policy names `issuers`")
            }
            (Reason::IssuerNotAccepted, Detail::Acceptance(_)) => {
                f.write_str("`iss` is not one of the policy's `issuers`")
            }
            (Reason::IssuerNotAccepted, Detail::Binding(BindingVerdict::MissingIssuer)) => {
                f.write_str("`iss` is missing; the key is bound to an issuer")
            }
            (Reason::IssuerNotAccepted, _) => f.write_str("`iss` is not the issuer of the key"),
            (_, Detail::Acceptance(Acceptance::Missing)) => {
                f.write_str("`aud` is missing; the policy names `audiences`")
            }
            (_, Detail::Acceptance(Acceptance::Unexpected)) => {
                f.write_str("`aud` is present, and the policy names no `audiences`")
            }
            (_, Detail::Acceptance(_)) => f.write_str("`aud` contains none of the policy's `audiences`"),
            (_, Detail::Required(verdict)) => write_requirement(f, policy, *verdict),
            (Reason::OrganizationNotInRealm, Detail::Count(0)) => {
                f.write_str("no organization authenticates here")
            }
            (Reason::OrganizationNotInRealm, Detail::Count(1)) => {
                f.write_str("the token's organization is not the one that authenticates here")
            }
            (Reason::OrganizationNotInRealm, Detail::Count(organizations)) => {
                write!(f, "the token's organization is not one of the {organizations} that authenticate here")
            }
            (_, Detail::Binding(_)) => {
                f.write_str("the token's organization is not one of the key's `organizations`")
            }
            (Reason::UserMissing, _) => {
                write!(f, "{} is missing or empty", Quoted(policy.claim_names().user()))
            }
            (Reason::OrganizationMissing, _) => {
                write!(f, "{} is missing or empty", Quoted(policy.claim_names().organization()))
            }
            (_, Detail::Path(ambiguity)) => write!(f, "the path is ambiguous: {ambiguity}"),
            (_, Detail::Permission(Some(permission))) => {
                write!(f, "missing permission {}", Quoted(permission))
            }
            (_, Detail::Permission(None)) => f.write_str("no route rule matches this method and path"),
            (_, Detail::Count(count)) => write!(f, "{count}"),
            (reason, Detail::None) => write!(f, "{reason}"),
        }
    }
}

impl fmt::Debug for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cause({self})")
    }
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { algorithm, has_id, serving } = self;
        match (has_id, serving) {
            (_, 0) => write!(f, "the key set has no key for {algorithm}"),
            (true, _) => write!(f, "no key for {algorithm} has the token's `kid`"),
            (false, _) => {
                write!(
                    f,
                    "the token has no `kid`, and there are {serving} keys for {algorithm}; at most {} are tried",
                    KeySet::MAX_KEYS_WITHOUT_ID
                )
            }
        }
    }
}

fn write_claim_flaw(f: &mut fmt::Formatter<'_>, policy: &Policy, flaw: ClaimFlaw) -> fmt::Result {
    let node = usize::try_from(flaw.node).unwrap_or(usize::MAX);
    let claim = Quoted(policy.claim_names().tree().path(node));
    match flaw.problem {
        ClaimProblem::NoObject => f.write_str("the claims are not a JSON object, or are nested too deeply"),
        ClaimProblem::Missing => write!(f, "{claim} is missing"),
        ClaimProblem::Duplicate => write!(f, "duplicate {claim}"),
        ClaimProblem::NotAnObject(found) => write!(f, "{claim} must be an object, found {found}"),
        ClaimProblem::NotANumber(found) => write!(f, "{claim} must be a number, found {found}"),
        ClaimProblem::DateOutOfRange => write!(f, "{claim} must be from 0 to 253402300799 seconds"),
        ClaimProblem::NotAString(found) => write!(f, "{claim} must be a string, found {found}"),
        ClaimProblem::NotStrings(found) => {
            write!(f, "{claim} must be a string or an array of strings, found {found}")
        }
        ClaimProblem::ElementNotAString(found) => {
            write!(f, "{claim} must be an array of strings, found {found} in it")
        }
        ClaimProblem::NotText => write!(f, "{claim} contains an unpaired surrogate"),
        ClaimProblem::TooLong(bytes) => {
            write!(f, "{claim} must have at most 256 bytes, got {bytes}")
        }
        ClaimProblem::ControlCharacter => write!(f, "{claim} contains a control character"),
        ClaimProblem::EmptyPermission => write!(f, "{claim} contains an empty permission"),
        ClaimProblem::TooManyPermissions => match policy.claim_names().permissions().len() {
            1 => write!(f, "{claim} contains more than 256 permissions"),
            _ => {
                f.write_str("more than 256 permissions in all, in ")?;
                list(f, policy.claim_names().permissions().iter().map(|path| Quoted(path)))
            }
        },
    }
}

fn write_requirement(f: &mut fmt::Formatter<'_>, policy: &Policy, verdict: RequiredVerdict) -> fmt::Result {
    let RequiredVerdict::NotMet { index, found } = verdict else { return Ok(()) };
    let required = policy.claim_names().required().get(usize::from(index));
    let claim = Quoted(required.map_or("", |required| required.name()));
    match found {
        Mismatch::Missing => write!(f, "{claim} is missing; it is under `required`"),
        Mismatch::Duplicate => write!(f, "duplicate {claim}"),
        Mismatch::Value(found) => write!(f, "{claim} is {found} that `required` does not accept"),
    }
}

/// A name from the policy in back quotes, on one line.
struct Quoted<'n>(&'n str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('`')?;
        for character in self.0.chars() {
            if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
                write!(f, "{}", character.escape_debug())?;
            } else {
                f.write_char(character)?;
            }
        }
        f.write_char('`')
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, names: impl Iterator<Item = T>) -> fmt::Result {
    for (index, name) in names.enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{name}")?;
    }
    Ok(())
}

//! A validated policy.

use super::claim_names::ClaimNames;
use super::public_paths::PublicPaths;
use super::routes::Routes;
use super::spec::PolicySpec;
use super::warnings::warnings;
use crate::algorithm::{Algorithm, AlgorithmSet};
use crate::error::LoadError;
use crate::reason::Answer;
use crate::warning::Warning;

/// A validated policy, as an immutable snapshot. Using it cannot fail.
#[derive(Clone, Debug)]
pub struct Policy {
    algorithms: AlgorithmSet,
    issuers: Option<Vec<Box<str>>>,
    audiences: Option<Vec<Box<str>>>,
    leeway_seconds: u64,
    max_token_bytes: usize,
    types: Vec<Box<str>>,
    claims: ClaimNames,
    public: PublicPaths,
    routes: Routes,
    challenges: Challenges,
    warnings: Vec<Warning>,
}

impl Policy {
    /// Validates the policy of a configuration.
    ///
    /// # Errors
    ///
    /// Names the wrong key (`routes[2].path`) and the fix.
    pub fn new(spec: &PolicySpec) -> Result<Self, LoadError> {
        let leeway_seconds = spec.leeway_seconds.unwrap_or(0);
        if leeway_seconds > MAX_LEEWAY_SECONDS {
            let problem = format!("must be between 0 and {MAX_LEEWAY_SECONDS}, got {leeway_seconds}");
            return Err(LoadError::new("leeway_seconds", problem));
        }
        let max_token_bytes = spec.max_token_bytes.unwrap_or(DEFAULT_MAX_TOKEN_BYTES);
        if !MAX_TOKEN_BYTES.contains(&max_token_bytes) {
            let problem = format!("must be between 256 and 65536, got {max_token_bytes}");
            return Err(LoadError::new("max_token_bytes", problem));
        }
        Ok(Self {
            algorithms: algorithms(spec.algorithms.as_deref())?,
            issuers: named("issuers", spec.issuers.as_deref(), "any issuer")?,
            audiences: named("audiences", spec.audiences.as_deref(), "only tokens without `aud`")?,
            leeway_seconds,
            max_token_bytes,
            types: named("types", spec.types.as_deref(), "`JWT` and `at+jwt`")?
                .unwrap_or_else(|| vec!["JWT".into(), "at+jwt".into()])
                .iter()
                .map(|kind| without_application(kind).into())
                .collect(),
            claims: ClaimNames::new(spec)?,
            public: PublicPaths::new(spec.public.as_deref())?,
            routes: Routes::new(&spec.routes, spec.unlisted)?,
            challenges: Challenges::new(spec.realm.as_deref().unwrap_or("artos"))?,
            warnings: warnings(spec),
        })
    }

    /// Entries that probably protect less, or refuse more, than intended: patterns in another router's syntax, methods that no
    /// request has, rules for public paths, `*` where it is an ordinary character, and `unlisted = "deny"` without rules.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The algorithms that may sign a token.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.iter().copied().filter(|algorithm| self.allows(*algorithm))
    }

    /// The tolerated clock difference, in seconds.
    #[must_use]
    pub fn leeway_seconds(&self) -> u64 {
        self.leeway_seconds
    }

    /// The longest accepted token, in bytes.
    #[must_use]
    pub fn max_token_bytes(&self) -> usize {
        self.max_token_bytes
    }

    /// The number of route rules.
    #[must_use]
    pub fn route_rules(&self) -> usize {
        self.routes.len()
    }

    /// The number of public paths.
    #[must_use]
    pub fn public_paths(&self) -> usize {
        self.public.len()
    }

    /// Whether requests with this method for this path, without a query, need no token.
    #[must_use]
    pub fn is_public(&self, method: &str, path: &str) -> bool {
        self.public.admit(method.as_bytes(), path.as_bytes()).is_some()
    }

    pub(crate) fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(algorithm)
    }

    /// The accepted `typ` values, without `application/`.
    pub(crate) fn types(&self) -> impl Iterator<Item = &str> {
        self.types.iter().map(AsRef::as_ref)
    }

    pub(crate) fn accepts_type(&self, kind: &str) -> bool {
        let kind = without_application(kind);
        self.types.iter().any(|accepted| accepted.eq_ignore_ascii_case(kind))
    }

    pub(crate) fn names_issuers(&self) -> bool {
        self.issuers.is_some()
    }

    pub(crate) fn accepts_issuer(&self, issuer: &[u8]) -> bool {
        self.issuers
            .as_ref()
            .is_none_or(|issuers| issuers.iter().any(|accepted| accepted.as_bytes() == issuer))
    }

    pub(crate) fn names_audiences(&self) -> bool {
        self.audiences.is_some()
    }

    pub(crate) fn accepts_audience(&self, audience: &[u8]) -> bool {
        self.audiences
            .as_ref()
            .is_some_and(|audiences| audiences.iter().any(|accepted| accepted.as_bytes() == audience))
    }

    /// The claims that are read.
    #[inline]
    pub(crate) fn claim_names(&self) -> &ClaimNames {
        &self.claims
    }

    pub(crate) fn public(&self) -> &PublicPaths {
        &self.public
    }

    pub(crate) fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The `WWW-Authenticate` value of an answer, so that a server can format its response headers once per policy.
    #[must_use]
    pub fn challenge(&self, answer: Answer) -> &str {
        self.challenges.of(answer)
    }
}

const MAX_LEEWAY_SECONDS: u64 = 120;
const DEFAULT_MAX_TOKEN_BYTES: usize = 8192;
const MAX_TOKEN_BYTES: std::ops::RangeInclusive<usize> = 256..=65_536;

/// `typ` is a media type, and its `application/` may be omitted (RFC 7515 §4.1.9).
fn without_application(kind: &str) -> &str {
    match kind.split_at_checked("application/".len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
        _ => kind,
    }
}

fn algorithms(names: Option<&[String]>) -> Result<AlgorithmSet, LoadError> {
    let Some(names) = names else {
        return Ok(Algorithm::DEFAULT.iter().copied().collect());
    };
    if names.is_empty() {
        return Err(LoadError::new(
            "algorithms",
            "an empty list accepts no token; leave it out for the default",
        ));
    }
    let one = |(index, name): (usize, &String)| {
        Algorithm::from_name(name).ok_or_else(|| {
            let ours: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
            let problem = format!("unknown algorithm `{name}`; expected one of {}", ours.join(", "));
            LoadError::new(format!("algorithms[{index}]"), problem)
        })
    };
    names.iter().enumerate().map(one).collect()
}

fn named(key: &str, values: Option<&[String]>, default: &str) -> Result<Option<Vec<Box<str>>>, LoadError> {
    match values {
        Some([]) => {
            let problem = format!("an empty list accepts no token; leave it out to accept {default}");
            Err(LoadError::new(key, problem))
        }
        values => Ok(values.map(|values| values.iter().map(|value| value.as_str().into()).collect())),
    }
}

/// The `WWW-Authenticate` value of each answer, formatted once (RFC 6750 §3).
#[derive(Clone, Debug)]
struct Challenges {
    not_authenticated: Box<str>,
    invalid_credentials: Box<str>,
    not_authorized: Box<str>,
}

impl Challenges {
    fn new(realm: &str) -> Result<Self, LoadError> {
        if let Some(character) = realm.chars().find(|c| !matches!(c, ' '..='~') || matches!(c, '"' | '\\')) {
            let problem = format!(
                "a realm must be printable ASCII without `\"` and `\\`; {character:?} is not allowed"
            );
            return Err(LoadError::new("realm", problem));
        }
        let challenge = |answer: Answer| -> Box<str> {
            match answer.challenge_error() {
                None => format!("Bearer realm=\"{realm}\"").into(),
                Some(error) => format!("Bearer realm=\"{realm}\", error=\"{error}\"").into(),
            }
        };
        Ok(Self {
            not_authenticated: challenge(Answer::NotAuthenticated),
            invalid_credentials: challenge(Answer::InvalidCredentials),
            not_authorized: challenge(Answer::NotAuthorized),
        })
    }

    fn of(&self, answer: Answer) -> &str {
        match answer {
            Answer::NotAuthenticated => &self.not_authenticated,
            Answer::InvalidCredentials => &self.invalid_credentials,
            Answer::NotAuthorized => &self.not_authorized,
        }
    }
}

//! A policy built in code.

use std::time::Duration;

use super::claim_spec::RequiredSpec;
use super::spec::{BoundTokens, ClaimNamesSpec, PolicySpec, PublicSpec, RouteSpec, Unlisted};
use super::validated::Policy;
use crate::algorithm::Algorithm;
use crate::error::LoadError;

/// The length of a token, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenBytes(pub usize);

/// Builds a [`Policy`] in code: one setter for each key of `[policy]`, under its name.
///
/// A setter replaces the default.
///
/// ```
/// use std::time::Duration;
///
/// use artos_auth_engine::{Algorithm, Policy, RouteSpec};
///
/// let policy = Policy::builder()
///     .algorithms([Algorithm::ES256])
///     .issuers(["https://auth.example"])
///     .audiences(["https://api.example"])
///     .leeway(Duration::from_secs(30))
///     .routes([RouteSpec {
///         methods: Some(vec!["POST".into()]),
///         path: "/api/v1/documents/generate".into(),
///         permissions: vec!["documents:write".into()],
///     }])
///     .build()?;
/// # Ok::<(), artos_auth_engine::LoadError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "call `build` to get the policy"]
pub struct PolicyBuilder {
    spec: PolicySpec,
    leeway: Option<Duration>,
}

impl Policy {
    /// Builds a policy in code. For a policy in a file, use [`PolicySpec`].
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder::default()
    }
}

impl PolicyBuilder {
    /// The algorithms that may sign a token. Default: [`Algorithm::DEFAULT`].
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        let names = algorithms.into_iter().map(|algorithm| algorithm.name().to_owned());
        self.spec.algorithms = Some(names.collect());
        self
    }

    /// The accepted issuers (`iss`). Default: any.
    pub fn issuers(mut self, issuers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.spec.issuers = Some(strings(issuers));
        self
    }

    /// The audiences (`aud`); a token must name at least one. Default: none, and then a token with `aud` is refused.
    pub fn audiences(mut self, audiences: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.spec.audiences = Some(strings(audiences));
        self
    }

    /// The tolerated clock difference at `exp` and `nbf`: whole seconds, at most 120. Default: 0.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = Some(leeway);
        self
    }

    /// The longest token: 256 to 65,536 bytes. Default: 8,192.
    pub fn max_token_bytes(mut self, TokenBytes(bytes): TokenBytes) -> Self {
        self.spec.max_token_bytes = Some(bytes);
        self
    }

    /// The `realm` of the challenge. Default: `artos`.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.spec.realm = Some(realm.into());
        self
    }

    /// The accepted `typ` values, with or without `application/`. Default: `JWT` and `at+jwt`.
    pub fn types(mut self, types: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.spec.types = Some(strings(types));
        self
    }

    /// A further required claim with its accepted values (TOK-6).
    pub fn require(mut self, claim: impl Into<String>, values: impl Into<RequiredSpec>) -> Self {
        self.spec.required.insert(claim.into(), values.into());
        self
    }

    /// Whether tokens that are bound to a key of their holder (`cnf`) are accepted. Default: refused.
    pub fn bound_tokens(mut self, bound_tokens: BoundTokens) -> Self {
        self.spec.bound_tokens = bound_tokens;
        self
    }

    /// The claims that carry user, organization and permissions.
    pub fn claims(mut self, claims: ClaimNamesSpec) -> Self {
        self.spec.claims = claims;
        self
    }

    /// The paths that need no authentication. Default: `/api/v1/search/status`. An empty list makes no path public.
    pub fn public(mut self, public: impl IntoIterator<Item = PublicSpec>) -> Self {
        self.spec.public = Some(public.into_iter().collect());
        self
    }

    /// The permissions that methods and paths need. Default: none.
    pub fn routes(mut self, routes: impl IntoIterator<Item = RouteSpec>) -> Self {
        self.spec.routes = routes.into_iter().collect();
        self
    }

    /// Whether a method and path that no route rule matches is allowed. Default: allowed.
    pub fn unlisted(mut self, unlisted: Unlisted) -> Self {
        self.spec.unlisted = unlisted;
        self
    }

    /// Validates the policy.
    ///
    /// # Errors
    ///
    /// Names the wrong key (`routes[2].path`) and the fix. The key of the leeway is `leeway_seconds`.
    pub fn build(mut self) -> Result<Policy, LoadError> {
        if let Some(leeway) = self.leeway {
            if leeway.subsec_nanos() != 0 {
                let problem = format!("must be whole seconds, got {leeway:?}");
                return Err(LoadError::new("leeway_seconds", problem));
            }
            self.spec.leeway_seconds = Some(leeway.as_secs());
        }
        Policy::new(&self.spec)
    }
}

fn strings(values: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    values.into_iter().map(Into::into).collect()
}

//! A policy as a configuration writes it: plain values, not yet validated.

use serde::Deserialize;

/// The `[policy]` of a configuration. What is left out takes its default; what is there replaces it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySpec {
    /// The algorithms that may sign a token. Default: the asymmetric ones and HS256.
    pub algorithms: Option<Vec<String>>,
    /// Whose tokens are accepted (`iss`). Default: anybody's whose key is in the key set.
    pub issuers: Option<Vec<String>>,
    /// Whom a token has to be meant for (`aud`), one of them. Default: nobody, and then a token with `aud` is refused.
    pub audiences: Option<Vec<String>>,
    /// Seconds by which clocks may differ, at `exp` and `nbf`: at most 120. Default: 0.
    pub leeway_seconds: Option<u64>,
    /// The longest token that is looked at, in bytes: 256 to 65,536. Default: 8,192.
    pub max_token_bytes: Option<usize>,
    /// The `realm` of the challenge. Default: `artos`.
    pub realm: Option<String>,
    /// The accepted `typ` values, with or without `application/`. Default: `JWT` and `at+jwt`.
    pub types: Option<Vec<String>>,
    /// Which claims carry user, organization and permissions.
    pub claims: ClaimNamesSpec,
    /// The paths that need no authentication. Default: the documented one.
    pub public: Option<Vec<PublicSpec>>,
    /// Which permissions a method and path need.
    pub routes: Vec<RouteSpec>,
    /// What becomes of a path and method that no route rule matches.
    pub unlisted: Unlisted,
}

/// The names of the claims that a token's identity is read from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimNamesSpec {
    /// The user id. Default: `sub`.
    pub user: String,
    /// The organization id. Default: `org_id`.
    pub organization: String,
    /// The permissions. Default: `permissions`.
    pub permissions: String,
}

impl Default for ClaimNamesSpec {
    fn default() -> Self {
        Self { user: "sub".into(), organization: "org_id".into(), permissions: "permissions".into() }
    }
}

/// A path that needs no authentication, byte for byte (PUB-1, PUB-2).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicSpec {
    /// The path, as it is written in a request, without the query.
    pub path: String,
    /// The methods; left out: every one. GET covers HEAD.
    pub methods: Option<Vec<String>>,
}

/// The permissions that some operations need, all of them (PERM-1).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// The methods; left out: every one. GET covers HEAD.
    pub methods: Option<Vec<String>>,
    /// The pattern of the paths.
    pub path: String,
    /// The permissions.
    pub permissions: Vec<String>,
}

/// What becomes of a path and method that no route rule matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unlisted {
    /// No permission is needed.
    #[default]
    Allow,
    /// Nobody may.
    Deny,
}

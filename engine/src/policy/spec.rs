//! A policy as it is written in a configuration: plain values, not yet validated.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::claim_spec::{ClaimSpec, RequiredSpec};

/// The `[policy]` of a configuration. A missing key takes its default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySpec {
    /// The algorithms that may sign a token. Default: the asymmetric ones and HS256.
    pub algorithms: Option<Vec<String>>,
    /// The accepted issuers (`iss`). Default: any; only the keys decide.
    pub issuers: Option<Vec<String>>,
    /// The audiences (`aud`); a token must name at least one. Default: none, and then a token with `aud` is refused.
    pub audiences: Option<Vec<String>>,
    /// The tolerated clock difference at `exp` and `nbf`, in seconds: at most 120. Default: 0.
    pub leeway_seconds: Option<u64>,
    /// The longest accepted token, in bytes: 256 to 65,536. Default: 8,192.
    pub max_token_bytes: Option<usize>,
    /// The `realm` of the challenge. Default: `artos`.
    pub realm: Option<String>,
    /// The accepted `typ` values, with or without `application/`. Default: `JWT` and `at+jwt`.
    pub types: Option<Vec<String>>,
    /// The claims that carry user, organization and permissions.
    pub claims: ClaimNamesSpec,
    /// Further required claims, by name, with their accepted values (TOK-6).
    pub required: BTreeMap<String, RequiredSpec>,
    /// The paths that need no authentication. Default: `/api/v1/search/status`.
    pub public: Option<Vec<PublicSpec>>,
    /// The permissions that methods and paths need. Default: none.
    pub routes: Vec<RouteSpec>,
    /// Whether a method and path that no route rule matches is allowed. Default: allowed.
    pub unlisted: Unlisted,
    /// Whether tokens that are bound to a key of their holder (`cnf`, RFC 7800) are accepted. Default: refused.
    pub bound_tokens: BoundTokens,
}

/// The claims that carry a token's identity.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimNamesSpec {
    /// The user id. Default: `sub`.
    pub user: ClaimSpec,
    /// The organization id. Default: `org_id`.
    pub organization: ClaimSpec,
    /// The permissions; only these may come from several claims. Default: `permissions`.
    pub permissions: ClaimSpec,
}

impl Default for ClaimNamesSpec {
    fn default() -> Self {
        Self { user: "sub".into(), organization: "org_id".into(), permissions: "permissions".into() }
    }
}

/// A path that needs no authentication, matched byte for byte (PUB-1, PUB-2).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicSpec {
    /// The path as it is written in a request, without the query.
    pub path: String,
    /// The methods. Default: every method. GET covers HEAD.
    pub methods: Option<Vec<String>>,
}

/// The permissions that some operations need; a token must have all of them (PERM-1).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteSpec {
    /// The methods. Default: every method. GET covers HEAD.
    pub methods: Option<Vec<String>>,
    /// The pattern of the paths.
    pub path: String,
    /// The permissions.
    pub permissions: Vec<String>,
}

/// The decision for a method and path that no route rule matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unlisted {
    /// Allowed without a permission.
    #[default]
    Allow,
    /// Denied.
    Deny,
}

/// The handling of a token with a `cnf` claim, which is not a bearer token (RFC 7800).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BoundTokens {
    /// Refused (`token_binding_required`), because the engine does not check the proof.
    #[default]
    Refuse,
    /// Accepted as a bearer token. Only for a service that checks the proof itself.
    Accept,
}

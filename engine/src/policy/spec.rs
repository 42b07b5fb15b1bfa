//! A policy as a configuration writes it: plain values, not yet validated.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::claim_spec::{ClaimSpec, RequiredSpec};

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
    /// Further claims that a token must have, each by its name with the values that are accepted (TOK-6).
    pub required: BTreeMap<String, RequiredSpec>,
    /// The paths that need no authentication. Default: the documented one.
    pub public: Option<Vec<PublicSpec>>,
    /// Which permissions a method and path need.
    pub routes: Vec<RouteSpec>,
    /// What becomes of a path and method that no route rule matches.
    pub unlisted: Unlisted,
    /// What becomes of a token that is bound to a key its holder must prove (`cnf`, RFC 7800).
    pub bound_tokens: BoundTokens,
}

/// The claims that a token's identity is read from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimNamesSpec {
    /// The user id. Default: `sub`.
    pub user: ClaimSpec,
    /// The organization id. Default: `org_id`.
    pub organization: ClaimSpec,
    /// The permissions, which alone may come from several claims. Default: `permissions`.
    pub permissions: ClaimSpec,
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

/// What becomes of a token with a `cnf` claim, which is not a bearer token (RFC 7800).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BoundTokens {
    /// It is refused, for nothing here asks for the proof (`token_binding_required`).
    #[default]
    Refuse,
    /// It is taken for a bearer token. Only for a service that checks the proof itself.
    Accept,
}

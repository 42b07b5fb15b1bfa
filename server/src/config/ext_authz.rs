//! `[ext_authz]`: which proxies may request decisions over gRPC, as Envoy does.

use serde::Deserialize;

use super::forward::TrustedProxies;

/// Envoy's `ext_authz` over gRPC, on the main port.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExtAuthz {
    /// `trusted`: the proxies that may request decisions. Default: `127.0.0.1/32` and `::1/128`.
    pub trusted: TrustedProxies,
    /// `trust_resource_org`: the proxy names the owner of the resource in `context_extensions["resource_org"]`.
    /// Default: `false`.
    pub trust_resource_org: bool,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtAuthzSpec {
    trusted: Option<Vec<String>>,
    #[serde(default)]
    trust_resource_org: bool,
}

impl ExtAuthz {
    /// Validates the table. The error names the wrong key and the fix.
    pub(super) fn new(spec: &ExtAuthzSpec) -> Result<Self, (String, String)> {
        let trusted = TrustedProxies::new(spec.trusted.as_deref())
            .map_err(|(index, problem)| (format!("ext_authz.trusted[{index}]"), problem))?;
        Ok(Self { trusted, trust_resource_org: spec.trust_resource_org })
    }
}

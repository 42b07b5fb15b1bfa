//! The file as written: plain values, not yet validated.

use std::path::PathBuf;

use artos_auth_engine::{PolicySpec, ResourceSpec};
use serde::Deserialize;

use super::ext_authz::ExtAuthzSpec;
use super::forward::ForwardSpec;
use super::keys::OneOrMore;
use super::limits::LimitsSpec;
use super::otlp::OtlpSpec;
use super::realms::RealmSpec;
use super::revocations::RevocationsSpec;
use super::tls::TlsSpec;
use super::{AuditOutput, AuditOverflow};

/// The whole file. Missing keys have their defaults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSpec {
    pub(super) listen: Option<String>,
    pub(super) admin_listen: Option<String>,
    pub(super) socket_mode: Option<String>,
    #[serde(default)]
    pub(super) policy: PolicySpec,
    pub(super) keys: Option<OneOrMore>,
    pub(super) revocations: Option<RevocationsSpec>,
    pub(super) realms: Option<Vec<RealmSpec>>,
    pub(super) resources: Option<Vec<ResourceSpec>>,
    pub(super) forward: Option<ForwardSpec>,
    pub(super) ext_authz: Option<ExtAuthzSpec>,
    pub(super) audit: Option<AuditSpec>,
    pub(super) otlp: Option<OtlpSpec>,
    pub(super) tls: Option<TlsSpec>,
    pub(super) limits: Option<LimitsSpec>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuditSpec {
    pub(super) output: AuditOutput,
    pub(super) overflow: AuditOverflow,
    pub(super) file: Option<PathBuf>,
}

//! The settings that a reload does not change.

use crate::config::{self, Config};

/// What a reload does not change.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NeedsRestart {
    listen: config::ListenAddress,
    admin_listen: Option<config::ListenAddress>,
    socket_mode: u32,
    limits: config::Limits,
    audit: config::Audit,
    otlp: Option<config::Otlp>,
    tls: Option<config::TlsFiles>,
}

impl NeedsRestart {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            listen: config.listen.clone(),
            admin_listen: config.admin_listen.clone(),
            socket_mode: config.socket_mode,
            limits: config.limits,
            audit: config.audit.clone(),
            otlp: config.otlp.clone(),
            tls: config.tls.clone(),
        }
    }

    pub(super) fn differences(&self, other: &Self) -> Vec<&'static str> {
        [
            (self.listen != other.listen, "`listen`"),
            (self.admin_listen != other.admin_listen, "`admin_listen`"),
            (self.socket_mode != other.socket_mode, "`socket_mode`"),
            (self.limits != other.limits, "`[limits]`"),
            (self.audit != other.audit, "`[audit]`"),
            (self.otlp != other.otlp, "`[otlp]`"),
            (self.tls != other.tls, "`[tls]`"),
        ]
        .into_iter()
        .filter_map(|(differs, name)| differs.then_some(name))
        .collect()
    }
}

//! `artos-auth`: the operator's command line and the hyper server around `artos-auth-engine`.
//!
//! The binary is a thin wrapper around this library, which tests and other programs use too:
//!
//! * [`Server`]: the server. Configuration, shutdown signal and clock are arguments, so that a test can run it at any time
//!   of day and a proxy can embed it
//! * [`FollowedConfig`]: a configuration file and everything that it names, kept current, for programs that embed decisions
//! * [`config`]: the configuration file and the files that it names, as validated values
//! * [`cli`]: the command line
//! * [`decide_lines`]: decides requests that are lines of JSON
//! * [`signing`]: private keys as JWKs, and tokens signed with them

#[cfg(not(unix))]
compile_error!("artos-auth needs Unix: it uses signals, inodes and limits on open files");

mod admin;
mod audit;
mod calendar;
pub mod cli;
mod clock;
mod commands;
pub mod config;
mod dev;
mod embed;
#[cfg(test)]
mod example;
mod fetch;
mod files;
mod grpc_calls;
mod health;
mod http;
mod metrics;
mod otlp;
mod outcome;
mod process;
mod quote;
mod redis;
mod reload;
mod revocation;
mod server;
mod service;
pub mod signing;
mod snapshot;
mod sources;
mod systemd;
mod text;

/// Only for fuzz targets.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::grpc_calls::{DescribedCheck, described_by};
}

pub use audit::{AuditLog, Format, Level, QueueNumbers, Writer};
pub use clock::{Clock, Reading, SystemClock};
pub use commands::decide::decide_lines;
pub use embed::FollowedConfig;
pub use http::forward::Unclear;
pub use metrics::Metrics;
pub use outcome::{Outcome, Unavailable};
pub use server::{Builder, Server};
pub use snapshot::{Configured, ContextResolver, RequestView, Snapshot};

//! The server over real sockets, over memory, and as a process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admin;
mod audit;
mod clock;
mod dev;
mod ext_authz;
mod forward;
mod full_log;
mod guide;
mod http1;
mod http2;
mod keys_and_sources;
mod keys_by_url;
mod limits;
mod observability;
mod otlp;
mod process;
mod providers;
mod refused;
mod reload;
mod runbook;
mod stale_revocations;
mod stopping;
mod support;
mod systemd;
mod tls;
mod unavailable;
mod unix;

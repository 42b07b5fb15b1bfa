//! `artos-auth serve`: the engine behind HTTP/1.1 and HTTP/2, for Unix.
//!
//! [`Server`] is the whole of it without a configuration file, a signal or a clock of its own: those are
//! arguments, so that a test can ask it at any time and a proxy of one's own can embed it. [`run`] puts them
//! around it.

#[cfg(not(unix))]
compile_error!("artos-auth serves on Unix: it lives by signals, inodes and limits on open files");

mod admin;
mod answer;
mod audit;
mod by_outcome;
mod connections;
mod dev;
#[cfg(test)]
mod example;
mod files;
mod gate;
mod health;
mod identity;
mod judge;
mod metrics;
mod on_wake;
mod outbox;
mod reload;
mod request;
mod run;
mod server;
mod state;
mod stream;

pub use audit::{Format, Level, Record, Trail, Writer};
pub use judge::{Clock, SystemClock};
pub use metrics::Metrics;
pub use run::run;
pub use server::{Builder, Server};
pub use state::{Asked, Configured, ContextResolver, State};

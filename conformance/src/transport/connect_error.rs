//! Why no connection to a deployment could be made.

use std::fmt;
use std::io;
use std::time::Duration;

/// Why no connection could be made. Nothing of a request was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    /// The name in baselines and reports: the same for the same cause.
    pub kind: &'static str,
    message: String,
}

impl ConnectError {
    pub(super) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(super) fn timed_out(limit: Duration) -> Self {
        Self::new("no connection in time", format!("no connection within {} s", limit.as_secs_f32()))
    }

    pub(super) fn io(whom: &str, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused",
            io::ErrorKind::TimedOut => "no connection in time",
            _ => "no connection",
        };
        Self::new(kind, format!("cannot connect to {whom}: {error}"))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConnectError {}

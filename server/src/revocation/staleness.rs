//! How old revocations may be.

use std::time::Duration;

use serde::Deserialize;

/// How long a source may be silent, and what happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staleness {
    /// The longest time since the source last answered.
    pub max: Duration,
    /// What happens after that.
    pub on_stale: OnStale,
}

impl Default for Staleness {
    fn default() -> Self {
        Self { max: Duration::from_secs(10), on_stale: OnStale::default() }
    }
}

/// What happens while revocations are older than they may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStale {
    /// Nothing but public paths is judged: 503 `revocations_stale`.
    #[default]
    Deny,
    /// Requests are judged by the revocations that are known.
    Serve,
}

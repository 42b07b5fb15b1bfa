//! The maximum age of revocations.

use std::time::Duration;

use serde::Deserialize;

/// How long a source may not respond, and what happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Staleness {
    /// The longest time since the last response of the source.
    pub max: Duration,
    /// What happens after that.
    pub on_stale: OnStale,
}

impl Default for Staleness {
    fn default() -> Self {
        Self { max: Duration::from_secs(10), on_stale: OnStale::default() }
    }
}

/// What happens while revocations are too old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnStale {
    /// Everything but public paths is 503 `revocations_stale`.
    #[default]
    Deny,
    /// Requests are decided with the last known revocations.
    Serve,
}

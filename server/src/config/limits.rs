//! `[limits]`: limits of connections, so that slow, large or many requests cannot starve other clients.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

/// The limits of connections. Each field is a key of `[limits]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// `header_bytes`: the longest request head. Default: 16,384, or `max_token_bytes` + 8,192 if that is larger.
    pub header_bytes: usize,
    /// `header_count`: the most field lines of a request. Default: 100.
    pub header_count: usize,
    /// `header_seconds`: how long a request head may take to arrive. Default: 10 seconds.
    pub header_time: Duration,
    /// `idle_seconds`: how long a connection may wait for its next request. Default: 60 seconds.
    pub idle_time: Duration,
    /// `connections`: how many may be open. At the limit, a new one closes the longest idle one. Default: 10,000.
    pub connections: usize,
    /// `cache_bytes`: the size of the cache of verified tokens. Default: 32 MiB; 0: no cache.
    pub cache_bytes: usize,
    /// `shutdown_seconds`: how long answers in flight may take at shutdown. Default: 10 seconds.
    pub shutdown_time: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsSpec {
    header_bytes: Option<u64>,
    header_count: Option<u64>,
    header_seconds: Option<u64>,
    idle_seconds: Option<u64>,
    connections: Option<u64>,
    cache_bytes: Option<u64>,
    shutdown_seconds: Option<u64>,
}

const DEFAULT_HEADER_BYTES: usize = 16_384;
/// Bytes for the rest of a request head, in the default that grows with the token.
const DEFAULT_ROOM: usize = 8_192;
/// The minimum of bytes for the rest of a request head, so that a long token is refused by TOK-1 and not by 431.
const LEAST_ROOM: usize = 4_096;

pub(super) const HEADER_BYTES: RangeInclusive<u64> = 8_192..=1_048_576;
pub(super) const HEADER_COUNT: RangeInclusive<u64> = 16..=4_096;
pub(super) const SECONDS: RangeInclusive<u64> = 1..=86_400;
pub(super) const CONNECTIONS: RangeInclusive<u64> = 1..=1_000_000;
pub(super) const CACHE_BYTES: RangeInclusive<u64> = 0..=1 << 40;
pub(super) const SHUTDOWN_SECONDS: RangeInclusive<u64> = 0..=3_600;

impl Limits {
    /// The default limits for tokens of at most `max_token_bytes`.
    #[must_use]
    pub fn of_tokens(max_token_bytes: usize) -> Self {
        Self {
            header_bytes: DEFAULT_HEADER_BYTES.max(max_token_bytes.saturating_add(DEFAULT_ROOM)),
            header_count: 100,
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(60),
            connections: 10_000,
            cache_bytes: 32 << 20,
            shutdown_time: Duration::from_secs(10),
        }
    }

    /// Validates the table. The error names the wrong key and the fix.
    pub(super) fn new(spec: Option<&LimitsSpec>, max_token_bytes: usize) -> Result<Self, (String, String)> {
        let mut limits = Self::of_tokens(max_token_bytes);
        let Some(spec) = spec else { return Ok(limits) };
        let sizes = [
            (&mut limits.header_bytes, "header_bytes", spec.header_bytes, HEADER_BYTES),
            (&mut limits.header_count, "header_count", spec.header_count, HEADER_COUNT),
            (&mut limits.connections, "connections", spec.connections, CONNECTIONS),
            (&mut limits.cache_bytes, "cache_bytes", spec.cache_bytes, CACHE_BYTES),
        ];
        for (limit, name, value, range) in sizes {
            if let Some(value) = within(name, value, &range)? {
                *limit = usize::try_from(value).unwrap_or(usize::MAX);
            }
        }
        let times = [
            (&mut limits.header_time, "header_seconds", spec.header_seconds, SECONDS),
            (&mut limits.idle_time, "idle_seconds", spec.idle_seconds, SECONDS),
            (&mut limits.shutdown_time, "shutdown_seconds", spec.shutdown_seconds, SHUTDOWN_SECONDS),
        ];
        for (limit, name, value, range) in times {
            if let Some(value) = within(name, value, &range)? {
                *limit = Duration::from_secs(value);
            }
        }
        let least = max_token_bytes.saturating_add(LEAST_ROOM);
        if limits.header_bytes < least {
            let problem = format!(
                "a request of {} bytes has no room for a token of `max_token_bytes` ({max_token_bytes}) and \
                 the rest; expected at least {least}",
                limits.header_bytes
            );
            return Err(("limits.header_bytes".to_owned(), problem));
        }
        Ok(limits)
    }
}

fn within(
    name: &str,
    value: Option<u64>,
    range: &RangeInclusive<u64>,
) -> Result<Option<u64>, (String, String)> {
    match value {
        Some(value) if !range.contains(&value) => {
            let (least, most) = (range.start(), range.end());
            Err((format!("limits.{name}"), format!("must be between {least} and {most}, got {value}")))
        }
        value => Ok(value),
    }
}

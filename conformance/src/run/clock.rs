//! The deployment's time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// This machine's clock, adjusted to the deployment's.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    offset: i64,
}

impl Clock {
    /// Adjusts to a `Date` that was just received. Up to two seconds of difference come from the field's resolution and
    /// the network.
    pub(crate) fn by_date(date: Option<i64>) -> (Self, Option<i64>) {
        let offset = date.map(|date| date - unix_now());
        let trusted = offset.filter(|offset| offset.abs() > 2).unwrap_or(0);
        (Self { offset: trusted }, offset)
    }

    /// Seconds since the Unix epoch.
    pub(crate) fn now(self) -> i64 {
        unix_now() + self.offset
    }
}

fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// The present moment in RFC 3339.
pub(crate) fn timestamp() -> String {
    Timestamp::from_second(unix_now()).map(|now| now.to_string()).unwrap_or_default()
}

/// An HTTP date (RFC 9110 §5.6.7) in seconds since the Unix epoch.
pub(crate) fn http_date(text: &str) -> Option<i64> {
    rfc2822::parse(text).ok().map(|moment| moment.timestamp().as_second())
}

/// How long a `Retry-After` asks to wait (RFC 9110 §10.2.3): seconds, or until a date.
pub(crate) fn retry_after(text: &str) -> Duration {
    let text = text.trim();
    let seconds = text
        .parse::<u64>()
        .ok()
        .or_else(|| http_date(text).map(|date| u64::try_from(date - unix_now()).unwrap_or(0)))
        .unwrap_or(1);
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read() {
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(http_date("soon"), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(" 7 "), Duration::from_secs(7));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Duration::ZERO);
        assert_eq!(retry_after("later"), Duration::from_secs(1));
    }

    #[test]
    fn small_differences_are_ignored() {
        let (clock, offset) = Clock::by_date(Some(unix_now() + 1));
        assert!(offset.is_some_and(|offset| (0..=1).contains(&offset)));
        assert!((clock.now() - unix_now()).abs() <= 1);
        let (clock, _) = Clock::by_date(Some(unix_now() + 1_000));
        assert!(clock.now() - unix_now() >= 998);
    }
}

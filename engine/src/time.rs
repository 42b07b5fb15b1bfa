//! Points in time: of the clock and in claims.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

/// A time in whole seconds since the Unix epoch: the `now` of a decision.
///
/// A bare integer does not compile:
///
/// ```compile_fail,E0308
/// # use artos_auth_engine::{Context, Engine, Request};
/// # fn decide(engine: &Engine, request: &Request<'_>) {
/// let decision = engine.decide(request, &Context::unowned(), 1_700_000_000);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// 2025-01-01T00:00:00Z. A clock that shows an earlier time is not set.
    const EARLIEST_OF_A_CLOCK: Duration = Duration::from_secs(1_735_689_600);

    /// The time of a system clock, in whole seconds. `None` before 2025-01-01T00:00:00Z: the clock is not set, and expired
    /// tokens would be valid. Answer 503 then.
    #[must_use]
    pub fn from_system(time: SystemTime) -> Option<Self> {
        let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        (since_epoch >= Self::EARLIEST_OF_A_CLOCK).then_some(Self(since_epoch.as_secs()))
    }

    /// Any number of seconds since the Unix epoch: for tests, and for callers that have checked the clock themselves.
    #[must_use]
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds)
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.0
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The last second of the year 9999, the largest date in a claim.
pub(crate) const MAX_DATE: f64 = 253_402_300_799.0;

/// A date in a claim: seconds since the Unix epoch, with an optional fraction (RFC 7519 §2, NumericDate).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct NumericDate(f64);

impl NumericDate {
    /// The Unix epoch.
    pub(crate) const EPOCH: Self = Self(0.0);

    /// A date from 0 to the end of the year 9999; -0 is 0.
    pub(crate) fn new(seconds: f64) -> Option<Self> {
        // Adding zero turns -0 into 0.
        (0.0..=MAX_DATE).contains(&seconds).then_some(Self(seconds + 0.0))
    }

    /// Seconds since the Unix epoch, from 0 to 253402300799 (the end of the year 9999); `None` otherwise.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        Self::new(seconds)
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0
    }

    fn whole_seconds(self) -> Option<u64> {
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a date is whole, not negative and far below 2^53 here"
        )]
        (self.0.fract() == 0.0).then_some(self.0 as u64)
    }
}

impl fmt::Display for NumericDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.whole_seconds() {
            Some(seconds) => write!(f, "{seconds}"),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Serialize for NumericDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.whole_seconds() {
            Some(seconds) => serializer.serialize_u64(seconds),
            None => serializer.serialize_f64(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::epoch(0, None)]
    #[case::last_second_of_2024(1_735_689_599, None)]
    #[case::first_second_of_2025(1_735_689_600, Some(1_735_689_600))]
    #[case::end_of_9999(253_402_300_799, Some(253_402_300_799))]
    #[case::year_10000(253_402_300_800, Some(253_402_300_800))]
    #[case::far_future(9_000_000_000_000_000_000, Some(9_000_000_000_000_000_000))]
    fn a_clock_counts_from_2025(#[case] seconds: u64, #[case] expected: Option<u64>) {
        // Not every system can represent the last one.
        let Some(time) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) else { return };
        assert_eq!(UnixTime::from_system(time).map(UnixTime::seconds), expected);
        let later = time.checked_add(Duration::from_millis(999)).unwrap_or(time);
        assert_eq!(UnixTime::from_system(later).map(UnixTime::seconds), expected);
    }

    #[test]
    fn a_clock_before_the_epoch_is_not_set() {
        let time = SystemTime::UNIX_EPOCH.checked_sub(Duration::from_secs(1)).unwrap();
        assert_eq!(UnixTime::from_system(time), None);
    }
}

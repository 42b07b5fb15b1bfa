//! The time, and whether it is usable.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use artos_auth_engine::UnixTime;

use crate::calendar::rfc3339;

/// Returns the time, once for each decision.
pub trait Clock: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> Reading;
}

/// A time read from a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The time since the Unix epoch; zero before it.
    pub since_epoch: Duration,
    /// Whether tokens can be checked with it. If not, only public paths are allowed.
    pub is_usable: bool,
}

impl Reading {
    /// A time that is known to be correct: of a test, or of a clock that was checked.
    #[must_use]
    pub const fn trusted(since_epoch: Duration) -> Self {
        Self { since_epoch, is_usable: true }
    }

    /// A time of the operating system: usable from 2025-01-01T00:00:00Z on.
    #[must_use]
    pub fn of_system(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { since_epoch, is_usable: UnixTime::from_system(time).is_some() }
    }

    /// The problem with the time, in one sentence for the operator; `None` if it is usable.
    pub(crate) fn problem(self) -> Option<String> {
        (!self.is_usable).then(|| {
            let date = rfc3339(self.since_epoch.as_secs());
            let day = date.get(..10).unwrap_or_default();
            format!("the system clock says {day}, which is before 2025-01-01, so tokens cannot be checked; set the clock")
        })
    }
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Reading {
        Reading::of_system(SystemTime::now())
    }
}

/// A function is a clock that is trusted.
impl<F: Fn() -> Duration + Send + Sync + 'static> Clock for F {
    fn now(&self) -> Reading {
        Reading::trusted(self())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::epoch(0, false)]
    #[case::never_set(1_000, false)]
    #[case::last_second_of_2024(1_735_689_599, false)]
    #[case::first_second_of_2025(1_735_689_600, true)]
    #[case::last_second_of_9999(253_402_300_799, true)]
    #[case::year_10000(253_402_300_800, true)]
    #[case::the_latest_that_the_system_can_say(9_223_372_036_854_775_807, true)]
    fn a_clock_is_usable_from_2025_on(#[case] seconds: u64, #[case] usable: bool) {
        let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap();
        let reading = Reading::of_system(time);
        assert_eq!(reading, Reading { since_epoch: Duration::from_secs(seconds), is_usable: usable });
        assert_eq!(reading.problem().is_some(), !usable);
    }

    #[test]
    fn a_time_before_1970_is_not_usable() {
        for earlier in [1, 1_000_000_000, 60_000_000_000] {
            let time = UNIX_EPOCH.checked_sub(Duration::from_secs(earlier)).unwrap();
            assert_eq!(Reading::of_system(time), Reading { since_epoch: Duration::ZERO, is_usable: false });
        }
    }
}

//! Points in time, as claims hold them.

use std::fmt;

use serde::{Serialize, Serializer};

/// The last second of the year 9999, and so the largest date that a claim may hold.
pub(crate) const MAX_DATE: f64 = 253_402_300_799.0;

/// A date of a claim: seconds since the Unix epoch, perhaps with a fraction (RFC 7519 §2, NumericDate).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct NumericDate(f64);

impl NumericDate {
    /// The Unix epoch.
    pub(crate) const EPOCH: Self = Self(0.0);

    /// A date from 0 to the end of the year 9999; -0 is 0.
    pub(crate) fn new(seconds: f64) -> Option<Self> {
        // Adding zero turns the negative zero into the positive one.
        (0.0..=MAX_DATE).contains(&seconds).then_some(Self(seconds + 0.0))
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

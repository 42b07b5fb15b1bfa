//! A positive or negative duration, as written on a command line.

use std::str::FromStr;

use crate::calendar::LAST_SECOND;

/// Seconds from now; negative in the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offset(i64);

impl Offset {
    /// The instant at this distance from `now`, unless it is before 1970 or after the year 9999.
    pub(crate) fn from(self, now: u64) -> Option<u64> {
        now.checked_add_signed(self.0).filter(|instant| *instant <= LAST_SECOND)
    }
}

impl FromStr for Offset {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "expected an integer and s, m, h or d, such as `90s`, `1h` or `-7d`";
        let (number, unit) =
            text.len().checked_sub(1).and_then(|at| text.split_at_checked(at)).ok_or(FORM)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return Err(FORM),
        };
        let digits = number.strip_prefix('-').unwrap_or(number);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(FORM);
        }
        let number: Option<i64> = number.parse().ok();
        number.and_then(|number| number.checked_mul(seconds)).map(Self).ok_or("out of range")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90s", 90)]
    #[case("15m", 900)]
    #[case("1h", 3_600)]
    #[case("7d", 604_800)]
    #[case("-1h", -3_600)]
    #[case("0s", 0)]
    fn reads_a_number_and_a_unit(#[case] text: &str, #[case] seconds: i64) {
        assert_eq!(text.parse(), Ok(Offset(seconds)));
    }

    #[rstest]
    fn refuses_the_rest(
        #[values(
            "",
            "h",
            "1",
            "1w",
            "1.5h",
            "+1h",
            "--1h",
            "-h",
            "1 h",
            "1h30m",
            "1H",
            "1é",
            "99999999999999999999s",
            "9223372036854775807d"
        )]
        text: &str,
    ) {
        assert!(text.parse::<Offset>().is_err());
    }

    #[test]
    fn ends_with_the_dates_that_a_claim_can_hold() {
        assert_eq!(Offset(-1).from(0), None);
        assert_eq!(Offset(1).from(LAST_SECOND), None);
        assert_eq!(Offset(-100).from(100), Some(0));
    }
}

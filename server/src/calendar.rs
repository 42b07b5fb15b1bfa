//! Formats instants by RFC 3339, in UTC. A year after 9999, which RFC 3339 cannot express, is written as 9999.

use std::time::Duration;

/// The last second of the year 9999: the latest date in a claim, and the last one that RFC 3339 can express.
pub(crate) const LAST_SECOND: u64 = 253_402_300_799;

/// Seconds since the Unix epoch, as `2023-11-14T22:13:20Z`.
pub(crate) fn rfc3339(seconds: u64) -> String {
    let mut text = date_and_time(seconds).to_vec();
    text.push(b'Z');
    String::from_utf8_lossy(&text).into_owned()
}

/// A time since the Unix epoch, as `2023-11-14T22:13:20.000000Z`.
pub(crate) fn rfc3339_micros(since_epoch: Duration) -> String {
    let mut text = Vec::new();
    write_rfc3339_micros(since_epoch, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Writes the result of [`rfc3339_micros`]. Every audit line contains it, so `std::fmt` is not used.
pub(crate) fn write_rfc3339_micros(since_epoch: Duration, into: &mut Vec<u8>) {
    into.extend_from_slice(&date_and_time(since_epoch.as_secs()));
    let micros = u64::from(since_epoch.subsec_micros());
    let [u1, u2] = two_digits(micros / 10_000);
    let [u3, u4] = two_digits(micros / 100 % 100);
    let [u5, u6] = two_digits(micros % 100);
    into.extend_from_slice(&[b'.', u1, u2, u3, u4, u5, u6, b'Z']);
}

/// Date and time up to the second.
fn date_and_time(seconds: u64) -> [u8; 19] {
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let year = year.min(9999);
    let [y1, y2] = two_digits(year / 100);
    let [y3, y4] = two_digits(year % 100);
    let [m1, m2] = two_digits(month);
    let [d1, d2] = two_digits(day);
    let [h1, h2] = two_digits(second_of_day / 3600);
    let [n1, n2] = two_digits(second_of_day / 60 % 60);
    let [s1, s2] = two_digits(second_of_day % 60);
    [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2]
}

/// The last two digits of a number.
fn two_digits(value: u64) -> [u8; 2] {
    let digit = |value: u64| b'0' | u8::try_from(value % 10).unwrap_or(0);
    [digit(value / 10), digit(value)]
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01.
///
/// Counts years from March, so that the leap day is the last of its year, in eras of 400 years, all equally long.
const fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_TO_EPOCH: u64 = 719_468;
    const DAYS_OF_ERA: u64 = 146_097;
    let days = days.saturating_add(DAYS_TO_EPOCH);
    let (era, day_of_era) = (days / DAYS_OF_ERA, days % DAYS_OF_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "1970-01-01T00:00:00Z")]
    #[case(951_782_399, "2000-02-28T23:59:59Z")]
    #[case(951_782_400, "2000-02-29T00:00:00Z")]
    #[case(951_868_800, "2000-03-01T00:00:00Z")]
    #[case(1_700_000_000, "2023-11-14T22:13:20Z")]
    #[case(4_107_542_399, "2100-02-28T23:59:59Z")]
    #[case(4_107_542_400, "2100-03-01T00:00:00Z")]
    #[case(LAST_SECOND, "9999-12-31T23:59:59Z")]
    fn times_are_rfc_3339(#[case] seconds: u64, #[case] text: &str) {
        assert_eq!(rfc3339(seconds), text);
        let micros = Duration::from_secs(seconds) + Duration::from_micros(1_203);
        assert_eq!(rfc3339_micros(micros), text.replace('Z', ".001203Z"));
    }

    #[test]
    fn fractions_of_a_microsecond_are_truncated() {
        assert_eq!(rfc3339_micros(Duration::from_nanos(1_023_456_999)), "1970-01-01T00:00:01.023456Z");
    }

    #[test]
    fn years_beyond_9999_are_written_with_four_digits() {
        assert_eq!(rfc3339(253_402_300_800), "9999-01-01T00:00:00Z");
        assert_eq!(rfc3339(u64::MAX).len(), "9999-01-01T00:00:00Z".len());
    }
}

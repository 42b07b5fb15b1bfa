//! Expiry and not-before (TOK-1, TOK-3), compared with the `now` that the caller passes.

use crate::time::{NumericDate, UnixTime};

/// A token is valid only while `now < exp + leeway`: at `exp` itself it has expired (RFC 7519 §4.1.4). The error is the
/// number of seconds since `exp`.
pub(crate) fn not_expired(expires_at: NumericDate, leeway_seconds: u64, now: UnixTime) -> Result<(), f64> {
    let now = seconds(now.seconds());
    if now < expires_at.seconds() + seconds(leeway_seconds) {
        Ok(())
    } else {
        Err(now - expires_at.seconds())
    }
}

/// A token is valid from `nbf - leeway` on (RFC 7519 §4.1.5). The error is the number of seconds until `nbf`.
pub(crate) fn already_valid(
    not_before: Option<NumericDate>,
    leeway_seconds: u64,
    now: UnixTime,
) -> Result<(), f64> {
    let now = seconds(now.seconds());
    match not_before {
        Some(instant) if now + seconds(leeway_seconds) < instant.seconds() => Err(instant.seconds() - now),
        _ => Ok(()),
    }
}

/// The expiry, for people.
pub(crate) fn describe_expiry(expires_at: NumericDate, leeway_seconds: u64, now: UnixTime) -> String {
    let past = seconds(now.seconds()) - expires_at.seconds();
    let when = if past < 0.0 { format!("in {} s", -past) } else { format!("{past} s ago") };
    format!("it expires at {expires_at} ({when} at {now}, leeway {leeway_seconds} s)")
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "dates end at 2^38, where doubles are exact; a larger `now` is later than every date in any case"
)]
fn seconds(whole: u64) -> f64 {
    whole as f64
}

//! Expiry and its opposite (TOK-3): against the caller's `now`, which is the only clock there is.

use crate::time::{NumericDate, UnixTime};

/// A token is valid only while `now < exp + leeway`: at `exp` itself it has expired (RFC 7519 §4.1.4). The error is how
/// many seconds ago that was, the leeway not counted.
pub(crate) fn not_expired(expires_at: NumericDate, leeway_seconds: u64, now: UnixTime) -> Result<(), f64> {
    let now = seconds(now.seconds());
    if now < expires_at.seconds() + seconds(leeway_seconds) {
        Ok(())
    } else {
        Err(now - expires_at.seconds())
    }
}

/// From `nbf - leeway` on (RFC 7519 §4.1.5). The error is how many seconds `nbf` is ahead.
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

/// The expiry, told to a person.
pub(crate) fn describe_expiry(expires_at: NumericDate, leeway_seconds: u64, now: UnixTime) -> String {
    let past = seconds(now.seconds()) - expires_at.seconds();
    let when = if past < 0.0 { format!("in {} s", -past) } else { format!("{past} s ago") };
    format!("it expires at {expires_at} ({when} at {now}, leeway {leeway_seconds} s)")
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "dates end at 2^38, where doubles are exact; a later `now` is past every one of them all the same"
)]
fn seconds(whole: u64) -> f64 {
    whole as f64
}

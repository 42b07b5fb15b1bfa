//! The `Date` field (RFC 9110 section 6.6.1), and the clock values that it cannot express.

use std::time::{SystemTime, UNIX_EPOCH};

use hyper::header::HeaderValue;

/// The value of `Date` (RFC 9110 section 6.6.1), if the time has one.
pub(super) fn http_date(time: SystemTime) -> Option<HeaderValue> {
    let text = has_http_date(time).then(|| httpdate::fmt_http_date(time))?;
    HeaderValue::try_from(text).ok()
}

/// Whether a time is representable as an HTTP date: from 1970 to 9999.
pub(super) fn has_http_date(time: SystemTime) -> bool {
    time.duration_since(UNIX_EPOCH).is_ok_and(|since| since.as_secs() < 253_402_300_800)
}

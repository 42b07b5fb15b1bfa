//! The request id and the trace id, which connect a request with the logs and traces of other programs.

use hyper::header::HeaderMap;

/// The maximum length of a request id in a line, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// The value of `X-Request-Id`, cut; `None` if the field is missing, empty or repeated.
pub(crate) fn request_id(headers: &HeaderMap) -> Option<&[u8]> {
    let value = only_line(headers, "x-request-id").filter(|value| !value.is_empty())?;
    Some(value.get(..MAX_REQUEST_ID_BYTES).unwrap_or(value))
}

/// The span that a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    pub(crate) trace: [u8; 16],
    pub(crate) span: [u8; 8],
    pub(crate) is_sampled: bool,
}

/// The trace id of `traceparent` (W3C Trace Context); `None` if the field is missing, invalid or repeated.
pub(crate) fn trace_id(headers: &HeaderMap) -> Option<&[u8]> {
    parts_of_parent(headers).map(|(trace, _, _)| trace)
}

/// All of `traceparent`, where [`trace_id`] finds one.
pub(crate) fn trace_parent(headers: &HeaderMap) -> Option<TraceParent> {
    let (trace, span, flags) = parts_of_parent(headers)?;
    let number = |hex: &[u8]| u128::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok();
    let span = u64::try_from(number(span)?).ok()?;
    Some(TraceParent {
        trace: number(trace)?.to_be_bytes(),
        span: span.to_be_bytes(),
        is_sampled: number(flags)? & 1 == 1,
    })
}

/// The trace id, span id and flags, in hex.
fn parts_of_parent(headers: &HeaderMap) -> Option<(&[u8], &[u8], &[u8])> {
    let value = only_line(headers, "traceparent")?;
    let is_hex = |part: &[u8], length: usize| {
        part.len() == length && part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |part: &[u8], length| is_hex(part, length) && part.iter().any(|byte| *byte != b'0');
    let mut parts = value.splitn(5, |byte| *byte == b'-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // Later versions may add parts; 255 is not a valid version.
    let is_known = is_hex(version, 2) && version != b"ff" && (version != b"00" || parts.next().is_none());
    (is_known && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2)).then_some((trace, parent, flags))
}

fn only_line<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) => Some(line.as_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use rstest::rstest;

    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[rstest]
    #[case::valid(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"], true)]
    #[case::later_version(&["01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more-to-come"], true)]
    #[case::missing(&[], false)]
    #[case::repeated(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"; 2], false)]
    #[case::more_in_version_0(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x"], false)]
    #[case::not_a_version(&["ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"], false)]
    #[case::upper_case(&["00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"], false)]
    #[case::zero_trace(&["00-00000000000000000000000000000000-00f067aa0ba902b7-01"], false)]
    #[case::zero_parent(&["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"], false)]
    #[case::short(&["00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01"], false)]
    #[case::without_flags(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"], false)]
    #[case::space(&["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 "], false)]
    fn a_trace_id_is_one_of_a_valid_traceparent(#[case] values: &[&str], #[case] valid: bool) {
        assert_eq!(trace_id(&headers("traceparent", values)), valid.then_some(TRACE.as_bytes()));
    }

    #[rstest]
    #[case::plain(&["a-1"], Some("a-1"))]
    #[case::missing(&[], None)]
    #[case::empty(&[""], None)]
    #[case::repeated(&["a", "b"], None)]
    fn a_repeated_request_id_is_ignored(#[case] values: &[&str], #[case] id: Option<&str>) {
        assert_eq!(request_id(&headers("x-request-id", values)), id.map(str::as_bytes));
    }

    #[test]
    fn a_long_request_id_is_cut() {
        let long = "x".repeat(129);
        assert_eq!(request_id(&headers("x-request-id", &[&long])).unwrap().len(), 128);
    }
}

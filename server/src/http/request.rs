//! The received request: what a decision is based on, its host, and requests that are rejected without a decision.

use std::borrow::Cow;

use hyper::header::{CONNECTION, HOST, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Version};

use crate::config::{Forward, host_of_authority};

/// A request that can be decided on.
pub(crate) struct Received<'r> {
    pub(crate) method: &'r str,
    /// The request-target as received, including the query.
    pub(crate) target: Cow<'r, str>,
    /// Without port and trailing dot; `None` for HTTP/1.0 without `Host`.
    pub(crate) host: Option<&'r str>,
}

/// Why a request is rejected without a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No `Host` line, several, or an invalid one.
    Host,
    /// A `Host` line that differs from the authority of the target.
    HostOfTarget,
    /// A `Connection` line that tells an intermediary to remove a field that is read or set here.
    Connection,
    /// CONNECT: tunnels are not supported.
    Connect,
    /// More field lines than the limit, over HTTP/2.
    TooManyLines,
    /// The received bytes are not HTTP. Answered by hyper.
    Malformed,
    /// A head that is longer than the limit, or over HTTP/1 has more field lines. Answered by hyper or h2.
    HeadTooLarge,
    /// A target longer than hyper reads. Answered by hyper.
    TargetTooLong,
    /// A request at the path of a gRPC method that is no gRPC call.
    NotGrpc,
    /// A gRPC call of an unknown method, or without exactly one readable message. Its client gets a gRPC status.
    GrpcCall,
}

impl Refusal {
    /// Every reason.
    pub(crate) const ALL: [Self; 10] = [
        Self::Host,
        Self::HostOfTarget,
        Self::Connection,
        Self::Connect,
        Self::TooManyLines,
        Self::Malformed,
        Self::HeadTooLarge,
        Self::TargetTooLong,
        Self::NotGrpc,
        Self::GrpcCall,
    ];

    /// The status code of the answer. A failed gRPC call counts as 400.
    pub(crate) const fn status(self) -> u16 {
        self.code_and_text().0
    }

    /// The status code as the label of a metric.
    pub(crate) const fn status_text(self) -> &'static str {
        self.code_and_text().1
    }

    const fn code_and_text(self) -> (u16, &'static str) {
        match self {
            Self::Host | Self::HostOfTarget | Self::Connection | Self::Malformed | Self::GrpcCall => {
                (400, "400")
            }
            Self::Connect => (405, "405"),
            Self::TargetTooLong => (414, "414"),
            Self::NotGrpc => (415, "415"),
            Self::TooManyLines | Self::HeadTooLarge => (431, "431"),
        }
    }

    /// The stable code used in logs and metrics.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Host => "host_invalid",
            Self::HostOfTarget => "host_not_of_target",
            Self::Connection => "connection_names_field",
            Self::Connect => "method_connect",
            Self::TooManyLines => "too_many_fields",
            Self::Malformed => "malformed",
            Self::HeadTooLarge => "head_too_large",
            Self::TargetTooLong => "target_too_long",
            Self::NotGrpc => "not_grpc",
            Self::GrpcCall => "grpc_call_invalid",
        }
    }
}

/// The fields that decisions read or that an allow sets, including those of forward authentication.
const OURS: [&str; 14] = [
    "authorization",
    "host",
    "x-auth-user-id",
    "x-auth-org-id",
    "x-auth-permissions",
    "x-auth-token-id",
    "x-forwarded-method",
    "x-forwarded-uri",
    "x-forwarded-host",
    "x-original-method",
    "x-original-uri",
    "x-original-host",
    "x-original-url",
    "x-resource-org",
];

impl<'r> Received<'r> {
    /// Extracts the parts of the request, or says why it is rejected.
    pub(crate) fn new(parts: &'r Parts) -> Result<Self, Refusal> {
        if parts.method == Method::CONNECT {
            return Err(Refusal::Connect);
        }
        let uri = &parts.uri;
        let origin_form = || uri.path_and_query().map_or("", |path| path.as_str());
        let target = match (uri.scheme(), uri.authority()) {
            // HTTP/2 sends the parts of the target separately (RFC 9113 §8.3.1).
            _ if parts.version == Version::HTTP_2 => Cow::Borrowed(origin_form()),
            // The absolute form is decided on as received, so it is never a public path (RFC 9112 §3.2.2).
            (Some(_), _) => Cow::Owned(uri.to_string()),
            // A target of neither form is parsed as an authority; it is decided on as a path.
            (None, Some(text)) => Cow::Borrowed(text.as_str()),
            (None, None) => Cow::Borrowed(origin_form()),
        };
        let host = host_of(parts)?;
        if parts.headers.get_all(CONNECTION).iter().any(names_ours) {
            return Err(Refusal::Connection);
        }
        Ok(Self { method: parts.method.as_str(), target, host })
    }
}

/// The host of a request, without port and trailing dot; `None` for HTTP/1.0 without `Host`.
pub(crate) fn host_of(parts: &Parts) -> Result<Option<&str>, Refusal> {
    let http2 = parts.version == Version::HTTP_2;
    let authority = parts.uri.authority().filter(|_| http2 || parts.uri.scheme().is_some());
    let mut lines = parts.headers.get_all(HOST).iter();
    let line = match (lines.next(), lines.next()) {
        (Some(line), None) => Some(authority_of(line.as_bytes()).ok_or(Refusal::Host)?),
        (None, _) => None,
        (Some(_), Some(_)) => return Err(Refusal::Host),
    };
    let authority = match authority {
        Some(authority) => Some(authority_of(authority.as_str().as_bytes()).ok_or(Refusal::Host)?),
        None => None,
    };
    match (authority, line) {
        (Some(authority), Some(line)) if !authority.eq_ignore_ascii_case(line) => Err(Refusal::HostOfTarget),
        (_, None) if parts.version == Version::HTTP_11 => Err(Refusal::Host),
        (None, None) if http2 => Err(Refusal::Host),
        (authority, line) => Ok(authority.or(line).map(host_of_authority)),
    }
}

/// Whether the path of a request, in any form, is the one for forwarded requests. Such a request is never decided on by
/// its own target.
pub(crate) fn is_forwarded(parts: &Parts, forward: Option<&Forward>) -> bool {
    let path = parts.uri.path();
    path.starts_with("/_auth/") || forward.is_some_and(|forward| path == forward.path)
}

fn names_ours(connection: &HeaderValue) -> bool {
    connection.as_bytes().split(|byte| *byte == b',').any(|option| {
        let option = option.trim_ascii();
        OURS.iter().any(|ours| option.eq_ignore_ascii_case(ours.as_bytes()))
    })
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2), and not empty: an empty host is invalid.
pub(super) fn authority_of(value: &[u8]) -> Option<&str> {
    let first = |wanted: u8| value.iter().position(|byte| *byte == wanted);
    let bracket = if value.starts_with(b"[") { first(b']') } else { None };
    let (host, port) = match bracket {
        Some(bracket) => value.split_at_checked(bracket.checked_add(1)?)?,
        None => value.split_at_checked(first(b':').unwrap_or(value.len()))?,
    };
    let is_port = match port.strip_prefix(b":") {
        Some(digits) => digits.iter().all(u8::is_ascii_digit),
        None => port.is_empty(),
    };
    (is_port && (is_ip_literal(host) || is_name(host))).then(|| std::str::from_utf8(value).ok())?
}

fn is_ip_literal(host: &[u8]) -> bool {
    let inner = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    inner
        .and_then(|inner| std::str::from_utf8(inner).ok())
        .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

/// A registered name (RFC 3986 §3.2.2) with at least one character.
fn is_name(host: &[u8]) -> bool {
    !host.is_empty() && host.iter().all(|byte| OF_NAMES.get(usize::from(*byte)).is_some_and(|is| *is))
}

/// The bytes that a registered name may contain: one table lookup for each byte, on every request.
const OF_NAMES: [bool; 256] = {
    let mut of_names = [false; 256];
    let mut left: &mut [bool] = &mut of_names;
    let mut byte = 0_u8;
    while let [place, after @ ..] = left {
        *place = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+'
            )
            || matches!(byte, b',' | b';' | b'=' | b'%');
        byte = byte.wrapping_add(1);
        left = after;
    }
    of_names
};

/// The values of a field's lines, in order. A single line, the usual case, does not allocate.
pub(crate) enum Lines<'r> {
    None,
    One([&'r [u8]; 1]),
    Several(Vec<&'r [u8]>),
}

impl<'r> Lines<'r> {
    pub(crate) fn of(parts: &'r Parts, name: &HeaderName) -> Self {
        let mut lines = parts.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        match (lines.next(), lines.next()) {
            (None, _) => Self::None,
            (Some(line), None) => Self::One([line]),
            (Some(first), Some(second)) => Self::Several([first, second].into_iter().chain(lines).collect()),
        }
    }

    pub(crate) fn as_slice(&self) -> &[&'r [u8]] {
        match self {
            Self::None => &[],
            Self::One(line) => line,
            Self::Several(lines) => lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::name("acme.example", true)]
    #[case::name_and_port("acme.example:8080", true)]
    #[case::empty_port("acme.example:", true)]
    #[case::trailing_dot("acme.example.", true)]
    #[case::ipv4("127.0.0.1:80", true)]
    #[case::ipv6("[::1]:80", true)]
    #[case::ipv6_without_port("[::1]", true)]
    #[case::empty("", false)]
    #[case::port_alone(":80", false)]
    #[case::letters_in_port("acme.example:http", false)]
    #[case::user_information("user@acme.example", false)]
    #[case::two("acme.example, other.example", false)]
    #[case::path("acme.example/x", false)]
    #[case::space("acme example", false)]
    #[case::open_bracket("[::1", false)]
    #[case::no_address("[acme]", false)]
    #[case::after_the_bracket("[::1]x", false)]
    #[case::bare_ipv6("::1", false)]
    #[case::not_ascii("acm\u{e9}.example", false)]
    fn an_authority_is_a_host_and_an_optional_port(#[case] value: &str, #[case] valid: bool) {
        assert_eq!(authority_of(value.as_bytes()), valid.then_some(value));
    }
}

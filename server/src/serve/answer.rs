//! The answers: their heads and bodies made once, but for the identity of who was allowed.

use artos_auth_engine::{Access, Answer, Denial, Policy, Principal};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY,
    WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde::ser::Serializer;

use super::request::Refusal;

/// What an answer is made of before its head is put together.
pub(super) type Body = Full<Bytes>;

const USER_ID: HeaderName = HeaderName::from_static("x-auth-user-id");
const ORG_ID: HeaderName = HeaderName::from_static("x-auth-org-id");
const PERMISSIONS: HeaderName = HeaderName::from_static("x-auth-permissions");
const TOKEN_ID: HeaderName = HeaderName::from_static("x-auth-token-id");

/// How an answer depends on the request that it is for.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// A HEAD request over HTTP/2, whose body hyper does not cut off by itself.
    pub(super) without_body: bool,
    /// A request with a body, in HTTP/1: nobody will read it, so that nothing can follow on the connection.
    pub(super) close: bool,
}

/// The three denials under one policy.
#[derive(Debug)]
pub(super) struct Denials([Ready; 3]);

#[derive(Debug)]
struct Ready {
    status: StatusCode,
    challenge: HeaderValue,
    body: Bytes,
}

impl Denials {
    pub(super) fn of(policy: &Policy) -> Self {
        let ready = |answer: Answer| Ready {
            status: StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::FORBIDDEN),
            challenge: HeaderValue::from_str(policy.challenge(answer))
                .unwrap_or(const { HeaderValue::from_static("Bearer") }),
            body: detail(answer.detail()),
        };
        Self([
            ready(Answer::NotAuthenticated),
            ready(Answer::InvalidCredentials),
            ready(Answer::NotAuthorized),
        ])
    }

    fn ready(&self, answer: Answer) -> &Ready {
        let [not_authenticated, invalid_credentials, not_authorized] = &self.0;
        match answer {
            Answer::NotAuthenticated => not_authenticated,
            Answer::InvalidCredentials => invalid_credentials,
            Answer::NotAuthorized => not_authorized,
        }
    }

    /// The answer to a denied request.
    pub(super) fn answer(&self, denial: &Denial<'_>, headers: HeaderMap, form: Form) -> Response<Body> {
        let ready = self.ready(denial.answer());
        let mut head = Head::new(ready.status, headers);
        head.headers.insert(WWW_AUTHENTICATE, ready.challenge.clone());
        head.finish(ready.body.clone(), form)
    }

    /// The answer to a request where forwarded ones are judged: without a body, for nginx keeps its connection
    /// only then.
    pub(super) fn forwarded(&self, denial: &Denial<'_>, headers: HeaderMap, form: Form) -> Response<Body> {
        let ready = self.ready(denial.answer());
        let mut head = Head::new(ready.status, headers);
        head.headers.insert(WWW_AUTHENTICATE, ready.challenge.clone());
        head.finish(Bytes::new(), form)
    }
}

/// The answer to an allowed request.
pub(super) fn allowed(access: &Access, headers: HeaderMap, form: Form) -> Response<Body> {
    let mut head = Head::new(StatusCode::OK, headers);
    let body = match access {
        Access::Public(_) => {
            for name in [USER_ID, ORG_ID, PERMISSIONS, TOKEN_ID] {
                head.headers.insert(name, const { HeaderValue::from_static("") });
            }
            const { Bytes::from_static(br#"{"user_id":null,"org_id":null,"permissions":[],"token_id":null}"#) }
        }
        Access::Principal(principal) => identify(&mut head.headers, principal),
    };
    head.finish(body, form)
}

/// The answer to a request that was not judged.
pub(super) fn refused(refusal: Refusal, headers: HeaderMap, form: Form) -> Response<Body> {
    let (status, text) = match refusal {
        Refusal::Host => (StatusCode::BAD_REQUEST, "Host has to be there once and name a host"),
        Refusal::HostOfTarget => (StatusCode::BAD_REQUEST, "Host has to be the authority of the target"),
        Refusal::Connection => (StatusCode::BAD_REQUEST, "Connection names a field that has to arrive"),
        Refusal::Connect => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed"),
        Refusal::TooManyLines => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Too many header fields"),
    };
    let mut head = Head::new(status, headers);
    if refusal == Refusal::Connect {
        let methods = const { HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS") };
        head.headers.insert(ALLOW, methods);
    }
    head.finish(detail(text), form)
}

/// A status and the fields that every answer has, in the map of the request, whose room is used again.
struct Head {
    status: StatusCode,
    headers: HeaderMap,
}

impl Head {
    fn new(status: StatusCode, mut headers: HeaderMap) -> Self {
        headers.clear();
        headers.insert(CACHE_CONTROL, const { HeaderValue::from_static("no-store") });
        headers.insert(VARY, const { HeaderValue::from_static("Authorization") });
        Self { status, headers }
    }

    fn finish(mut self, body: Bytes, form: Form) -> Response<Body> {
        if body.is_empty() {
            // hyper says so itself, but neither to HEAD nor in HTTP/2.
            self.headers.insert(CONTENT_LENGTH, const { HeaderValue::from_static("0") });
        } else {
            self.headers.insert(CONTENT_TYPE, const { HeaderValue::from_static("application/json") });
        }
        if form.close {
            self.headers.insert(CONNECTION, const { HeaderValue::from_static("close") });
        }
        let body = if form.without_body && !body.is_empty() {
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
            Bytes::new()
        } else {
            body
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn detail(text: &str) -> Bytes {
    let mut body = br#"{"detail":"#.to_vec();
    // Text into a vector: neither half of that can fail.
    let _ = serde_json::to_writer(&mut body, text);
    body.push(b'}');
    body.into()
}

/// Puts who was allowed into the fields, and gives the body: all of it written into one buffer.
fn identify(headers: &mut HeaderMap, principal: &Principal) -> Bytes {
    let mut buffer = Vec::with_capacity(512);
    let mut ends = [0; 4];
    let [user, organization, permissions, token] = &mut ends;
    percent_encode(principal.user_id(), &mut buffer);
    *user = buffer.len();
    percent_encode(principal.org_id(), &mut buffer);
    *organization = buffer.len();
    for (index, permission) in principal.permissions().enumerate() {
        if index > 0 {
            buffer.push(b' ');
        }
        percent_encode(permission, &mut buffer);
    }
    *permissions = buffer.len();
    percent_encode(principal.token_id().unwrap_or_default(), &mut buffer);
    *token = buffer.len();
    // Text into a vector: neither half of that can fail.
    let _ = serde_json::to_writer(&mut buffer, &Identity(principal));

    let buffer = Bytes::from(buffer);
    let mut start = 0;
    for (name, end) in [USER_ID, ORG_ID, PERMISSIONS, TOKEN_ID].into_iter().zip(ends) {
        // What was just written is visible ASCII and spaces, which is always a field value.
        let value = HeaderValue::from_maybe_shared(buffer.slice(start..end))
            .unwrap_or(const { HeaderValue::from_static("") });
        headers.insert(name, value);
        start = end;
    }
    buffer.slice(start..)
}

/// Every byte outside `!` to `~`, and `%` and `,`, is escaped: no two values look alike, and none holds what
/// parts values.
fn percent_encode(value: &str, into: &mut Vec<u8>) {
    let stands_for_itself = |byte: u8| matches!(byte, b'!'..=b'~') && byte != b'%' && byte != b',';
    // Without a way out before the end, so that many bytes are looked at in one step.
    if value.bytes().fold(true, |all, byte| all & stands_for_itself(byte)) {
        into.extend_from_slice(value.as_bytes());
        return;
    }
    for byte in value.bytes() {
        if stands_for_itself(byte) {
            into.push(byte);
        } else {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            into.extend([b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// The body of an allow.
struct Identity<'p>(&'p Principal);

impl Serialize for Identity<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        struct Permissions<'p>(&'p Principal);
        impl Serialize for Permissions<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.0.permissions())
            }
        }
        let mut fields = serializer.serialize_struct("Identity", 4)?;
        fields.serialize_field("user_id", self.0.user_id())?;
        fields.serialize_field("org_id", self.0.org_id())?;
        fields.serialize_field("permissions", &Permissions(self.0))?;
        fields.serialize_field("token_id", &self.0.token_id())?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn encoded(value: &str) -> String {
        let mut into = Vec::new();
        percent_encode(value, &mut into);
        String::from_utf8(into).unwrap()
    }

    #[rstest]
    #[case::plain("documents:write", "documents:write")]
    #[case::space("a b", "a%20b")]
    #[case::percent("a%20b", "a%2520b")]
    #[case::comma("a,b", "a%2Cb")]
    #[case::line_end("a\r\nX-Auth-Org-Id: b", "a%0D%0AX-Auth-Org-Id:%20b")]
    #[case::not_ascii("\u{e9}", "%C3%A9")]
    #[case::empty("", "")]
    fn identity_fields_are_percent_encoded(#[case] value: &str, #[case] field: &str) {
        assert_eq!(encoded(value), field);
    }

    proptest! {
        #[test]
        fn decoding_gives_back_the_value(value in any::<String>()) {
            let field = encoded(&value);
            prop_assert!(field.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b','));
            let mut decoded = Vec::new();
            let mut rest = field.as_bytes();
            while let Some((first, after)) = rest.split_first() {
                if *first == b'%' {
                    decoded.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
                    rest = &after[2..];
                } else {
                    decoded.push(*first);
                    rest = after;
                }
            }
            prop_assert_eq!(decoded, value.into_bytes());
        }
    }
}

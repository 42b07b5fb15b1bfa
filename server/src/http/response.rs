//! Responses: heads and bodies are built once, except for the allowed identity.

use artos_auth_engine::{Access, Answer, Policy};
use bytes::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
    VARY, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};

use super::body::Body;
use super::identity::{identify, identify_nobody};
use super::request::Refusal;

/// How a response depends on its request.
#[derive(Clone, Copy)]
pub(crate) struct Form {
    /// A HEAD request over HTTP/2, for which hyper does not drop the body.
    pub(crate) without_body: bool,
    /// An HTTP/1 request with a body: the body is not read, so the connection cannot be reused.
    pub(crate) close: bool,
    /// The response to a proxy that describes a request: without a body, because nginx reuses the connection only then.
    pub(crate) bodiless: bool,
}

/// The three denials of a policy.
#[derive(Debug)]
pub(crate) struct Denials([Ready; 3]);

#[derive(Debug)]
struct Ready {
    status: StatusCode,
    challenge: HeaderValue,
    body: Bytes,
}

impl Denials {
    pub(crate) fn of(policy: &Policy) -> Self {
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

    /// The response to a denied request.
    pub(crate) fn answer(&self, answer: Answer, headers: HeaderMap, form: Form) -> Response<Body> {
        let ready = self.ready(answer);
        let mut head = Head::new(ready.status, headers);
        head.headers.insert(WWW_AUTHENTICATE, ready.challenge.clone());
        head.finish(ready.body.clone(), form)
    }

    /// The response to an unclear forwarded request.
    pub(crate) fn unclear(&self, headers: HeaderMap, form: Form) -> Response<Body> {
        self.answer(Answer::NotAuthorized, headers, form)
    }
}

/// The response while no decision is possible: without a challenge, because the token may be valid.
pub(crate) fn unavailable(headers: HeaderMap, form: Form) -> Response<Body> {
    let mut head = Head::new(StatusCode::SERVICE_UNAVAILABLE, headers);
    head.headers.insert(RETRY_AFTER, const { HeaderValue::from_static("1") });
    head.finish(const { Bytes::from_static(br#"{"detail":"Service unavailable"}"#) }, form)
}

/// The response to an allowed request.
pub(crate) fn allowed(access: &Access<'_>, headers: HeaderMap, form: Form) -> Response<Body> {
    let mut head = Head::new(StatusCode::OK, headers);
    let body = match access {
        Access::Public(_) => identify_nobody(&mut head.headers),
        Access::Principal(principal) => identify(&mut head.headers, principal),
    };
    head.finish(body, form)
}

/// The response to a request that was rejected without a decision.
pub(crate) fn refused(refusal: Refusal, headers: HeaderMap, form: Form) -> Response<Body> {
    let text = match refusal {
        Refusal::Host => "Host must be present exactly once and name a host",
        Refusal::HostOfTarget => "Host must equal the authority of the target",
        Refusal::Connection => "Connection names a required field",
        Refusal::Connect => "Method not allowed",
        Refusal::TooManyLines => "Too many header fields",
        Refusal::Malformed => "Bad request",
        Refusal::HeadTooLarge => "Request head too large",
        Refusal::TargetTooLong => "Request target too long",
        Refusal::NotGrpc => "Not a gRPC call",
        Refusal::GrpcCall => "Invalid gRPC call",
    };
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut head = Head::new(status, headers);
    if refusal == Refusal::Connect {
        let methods = const { HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS") };
        head.headers.insert(ALLOW, methods);
    }
    head.finish(detail(text), form)
}

/// A status and the fields of every response, in the header map of the request, whose capacity is reused.
struct Head {
    status: StatusCode,
    headers: HeaderMap,
}

impl Head {
    fn new(status: StatusCode, mut headers: HeaderMap) -> Self {
        /// A waiting response keeps its map, whose size is not counted, so a larger map is not reused.
        const MAX_REUSED: usize = 24;
        if headers.capacity() > MAX_REUSED {
            headers = HeaderMap::new();
        }
        headers.clear();
        headers.insert(CACHE_CONTROL, const { HeaderValue::from_static("no-store") });
        headers.insert(VARY, const { HeaderValue::from_static("Authorization") });
        Self { status, headers }
    }

    fn finish(mut self, body: Bytes, form: Form) -> Response<Body> {
        let body = if form.bodiless { Bytes::new() } else { body };
        if body.is_empty() {
            // hyper sets it too, but neither for HEAD nor over HTTP/2.
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
        let mut response = Response::new(Body::new(body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn detail(text: &str) -> Bytes {
    let mut body = br#"{"detail":"#.to_vec();
    // Writing text into a vector cannot fail.
    let _ = serde_json::to_writer(&mut body, text);
    body.push(b'}');
    body.into()
}

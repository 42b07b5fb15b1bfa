//! The documented responses.

use std::fmt;
use std::sync::Arc;

use artos_auth_engine::{Answer, Denial, Policy, Reason};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::{HeaderValue, Method, Response, StatusCode};

use crate::body::ResponseBody;

/// A refused request: 401, 403, or 503 if no decision is possible.
#[derive(Clone, Debug)]
pub struct Denied(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Denial(Arc<Denial<'static>>),
    /// The extractor found no caller: the route is public, or the layer is missing.
    NotAuthenticated(Option<PublicChallenge>),
    Unavailable,
}

/// The challenge for a handler on a public path that requires a caller; the layer puts it into the request's extensions.
#[derive(Clone, Debug)]
pub(crate) struct PublicChallenge(Arc<str>);

impl PublicChallenge {
    pub(crate) fn of(policy: &Policy) -> Self {
        Self(policy.challenge(Answer::NotAuthenticated).into())
    }
}

/// The challenge without a layer, whose policy would name the realm.
const BARE_CHALLENGE: &str = "Bearer";

/// The form of a response, which depends on the request.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// The documented response.
    Json,
    /// The same fields without a body, for HEAD.
    Head,
    /// A gRPC status, with the content type of the request.
    Grpc(HeaderValue),
}

impl Form {
    /// The form of the response to a request with this method and these header fields.
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        match headers.get(CONTENT_TYPE) {
            _ if method == Method::HEAD => Self::Head,
            Some(content_type) if content_type.as_bytes().starts_with(b"application/grpc") => {
                Self::Grpc(content_type.clone())
            }
            _ => Self::Json,
        }
    }
}

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

impl Denied {
    pub(crate) fn of(denial: Denial<'static>) -> Self {
        Self(Kind::Denial(Arc::new(denial)))
    }

    /// The 401 of a request without a token, for handlers on a public path that require a caller.
    #[must_use]
    pub const fn not_authenticated() -> Self {
        Self(Kind::NotAuthenticated(None))
    }

    /// The same, with the challenge of the layer's policy.
    #[cfg(feature = "axum")]
    pub(crate) fn not_authenticated_in(parts: &http::request::Parts) -> Self {
        Self(Kind::NotAuthenticated(parts.extensions.get::<PublicChallenge>().cloned()))
    }

    pub(crate) const fn unavailable() -> Self {
        Self(Kind::Unavailable)
    }

    /// The status: 401, 403 or 503.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match &self.0 {
            // The engine's statuses are valid; an invalid number would still be a refusal.
            Kind::Denial(denial) => StatusCode::from_u16(denial.status()).unwrap_or(StatusCode::FORBIDDEN),
            Kind::NotAuthenticated(_) => StatusCode::UNAUTHORIZED,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The documented `detail`. It does not distinguish invalid tokens.
    #[must_use]
    pub fn detail(&self) -> &str {
        match &self.0 {
            Kind::Denial(denial) => denial.detail(),
            Kind::NotAuthenticated(_) => "Not authenticated",
            Kind::Unavailable => "Service unavailable",
        }
    }

    /// The value of `WWW-Authenticate`; `None` for a 503.
    #[must_use]
    pub fn www_authenticate(&self) -> Option<&str> {
        match &self.0 {
            Kind::Denial(denial) => Some(denial.www_authenticate()),
            Kind::NotAuthenticated(Some(PublicChallenge(challenge))) => Some(challenge),
            Kind::NotAuthenticated(None) => Some(BARE_CHALLENGE),
            Kind::Unavailable => None,
        }
    }

    /// The reason, for your log and never for the caller.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match &self.0 {
            Kind::Denial(denial) => denial.reason().code(),
            Kind::NotAuthenticated(_) => Reason::HeaderMissing.code(),
            Kind::Unavailable => "clock_unusable",
        }
    }

    /// The status code of gRPC: 16 (`UNAUTHENTICATED`) for a 401, 7 (`PERMISSION_DENIED`) for a 403, and 14
    /// (`UNAVAILABLE`) for a 503.
    #[must_use]
    pub fn grpc_status(&self) -> i32 {
        match self.status() {
            StatusCode::UNAUTHORIZED => 16,
            StatusCode::FORBIDDEN => 7,
            _ => 14,
        }
    }

    pub(crate) fn into_response_as<B>(self, form: Form) -> Response<ResponseBody<B>> {
        match form {
            Form::Json => self.into_json(true),
            Form::Head => self.into_json(false),
            Form::Grpc(content_type) => self.into_grpc(content_type),
        }
    }

    /// The documented status and challenge without a body, and the gRPC status as a header field.
    ///
    /// Clients that read the HTTP status and clients that read `grpc-status` see the same. A JSON body would be read as
    /// a gRPC message: tonic reports it as `INTERNAL`.
    fn into_grpc<B>(self, content_type: HeaderValue) -> Response<ResponseBody<B>> {
        let (code, message) = (self.grpc_status(), HeaderValue::from_str(self.detail()));
        let mut response = self.into_json(false);
        let headers = response.headers_mut();
        headers.remove(CONTENT_LENGTH);
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(GRPC_STATUS, HeaderValue::from(code));
        if let Ok(message) = message {
            headers.insert(GRPC_MESSAGE, message);
        }
        response
    }

    fn into_json<B>(self, with_body: bool) -> Response<ResponseBody<B>> {
        let bytes = Bytes::from(format!(r#"{{"detail":"{}"}}"#, self.detail()));
        let length = HeaderValue::from(bytes.len());
        let body = ResponseBody::answer(with_body.then_some(bytes));
        let mut response = Response::new(body);
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_LENGTH, length);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("Authorization"));
        match self.www_authenticate().map(HeaderValue::from_str) {
            Some(Ok(challenge)) => drop(headers.insert(WWW_AUTHENTICATE, challenge)),
            Some(Err(_)) => {}
            None => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))),
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.status().as_u16(), self.detail())
    }
}

impl std::error::Error for Denied {}

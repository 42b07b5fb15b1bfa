//! Requests to be written, and responses that were read.

use std::fmt;

use serde_json::Value;

use super::connect_error::ConnectError;

/// Text that contains tokens: can be sent as bytes, and displayed with the tokens redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenText(Vec<Piece>);

/// A part of a [`TokenText`].
#[derive(Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes that may be shown.
    Plain(Vec<u8>),
    /// A token, or a modified token.
    Token(Vec<u8>),
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(bytes) => write!(f, "{:?}", String::from_utf8_lossy(bytes)),
            Self::Token(_) => f.write_str("[redacted]"),
        }
    }
}

impl TokenText {
    /// Adds bytes that may be shown.
    #[must_use]
    pub fn plain(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.push(Piece::Plain(bytes.as_ref().to_vec()));
        self
    }

    /// Adds a token.
    #[must_use]
    pub fn token(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.push(Piece::Token(bytes.as_ref().to_vec()));
        self
    }

    /// Its parts.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The bytes to send.
    pub fn bytes(&self) -> Vec<u8> {
        let parts = self.0.iter().map(|piece| match piece {
            Piece::Plain(bytes) | Piece::Token(bytes) => bytes.as_slice(),
        });
        parts.collect::<Vec<_>>().concat()
    }

    /// The same text with each token replaced.
    #[must_use]
    pub fn with_tokens(self, token: &[u8]) -> Self {
        let replaced = |piece| match piece {
            Piece::Token(_) => Piece::Token(token.to_vec()),
            plain @ Piece::Plain(_) => plain,
        };
        Self(self.0.into_iter().map(replaced).collect())
    }

    /// The tokens in the text.
    pub fn tokens(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Token(bytes) => Some(bytes.as_slice()),
            Piece::Plain(_) => None,
        })
    }
}

impl From<&str> for TokenText {
    fn from(text: &str) -> Self {
        Self::default().plain(text)
    }
}

impl From<String> for TokenText {
    fn from(text: String) -> Self {
        Self::default().plain(text)
    }
}

/// A header field of a request, written unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name, as written.
    pub name: String,
    /// The value: the bytes between `: ` and CR LF.
    pub value: TokenText,
}

/// A request, to be written byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The request-target.
    pub target: TokenText,
    /// HTTP/1.0 instead of HTTP/1.1.
    pub http10: bool,
    /// The fields of the case, in order. Sent after `Host` (unless it is among them), `User-Agent`, `Accept`,
    /// `Accept-Encoding` and `X-Request-Id`, and before `Content-Length`.
    pub fields: Vec<Field>,
    /// The body, sent with a `Content-Length`.
    pub body: Option<TokenText>,
    /// The id to search for in the server's logs.
    pub request_id: String,
}

impl Request {
    /// A request without additional fields.
    pub fn new(method: &str, target: impl Into<TokenText>) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            http10: false,
            fields: Vec::new(),
            body: None,
            request_id: String::new(),
        }
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Into<TokenText>) -> Self {
        self.fields.push(Field { name: name.into(), value: value.into() });
        self
    }

    /// Adds an `Authorization` field.
    #[must_use]
    pub fn authorization(self, value: impl Into<TokenText>) -> Self {
        self.field("Authorization", value)
    }

    /// Adds `Authorization: Bearer` with this token.
    #[must_use]
    pub fn bearer(self, token: impl AsRef<[u8]>) -> Self {
        self.authorization(TokenText::default().plain("Bearer ").token(token))
    }

    /// Sets the body and its media type.
    #[must_use]
    pub fn with_body(mut self, media_type: &str, body: impl Into<TokenText>) -> Self {
        self.body = Some(body.into());
        self.field("Content-Type", media_type)
    }

    /// The same request without `Authorization` fields.
    #[must_use]
    pub fn without_authorization(mut self) -> Self {
        self.fields.retain(|field| !field.name.eq_ignore_ascii_case("authorization"));
        self
    }

    /// The same request with each token replaced.
    #[must_use]
    pub fn with_tokens(mut self, token: &[u8]) -> Self {
        self.target = self.target.with_tokens(token);
        for field in &mut self.fields {
            field.value = std::mem::take(&mut field.value).with_tokens(token);
        }
        self.body = self.body.map(|body| body.with_tokens(token));
        self
    }

    /// The values of the `Authorization` fields.
    pub fn authorizations(&self) -> impl Iterator<Item = &TokenText> {
        self.fields
            .iter()
            .filter(|field| field.name.eq_ignore_ascii_case("authorization"))
            .map(|field| &field.value)
    }

    /// All parts that may contain a token.
    pub fn texts(&self) -> impl Iterator<Item = &TokenText> {
        [&self.target].into_iter().chain(self.fields.iter().map(|field| &field.value)).chain(&self.body)
    }
}

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// A response.
    Response(Response),
    /// No connection could be made; nothing was sent.
    Unreachable(ConnectError),
    /// The connection was closed or reset before a complete response had arrived.
    Closed,
    /// No complete response arrived in time.
    TimedOut,
    /// The received bytes are not HTTP.
    Garbled(String),
    /// HTTP/2 cannot carry the request.
    NotCarried(String),
}

/// A response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields, names as received, values as bytes.
    pub fields: Vec<(String, Vec<u8>)>,
    /// The body, decoded from its transfer and content codings, at most one mebibyte.
    pub body: Vec<u8>,
}

impl Response {
    /// The values of a field, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        self.fields
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    }

    /// The first value of a field.
    pub fn value(&self, name: &str) -> Option<String> {
        self.values(name).next()
    }

    /// The body as JSON, if it is valid JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The string `detail` of a body that is a JSON object.
    pub fn detail(&self) -> Option<String> {
        Some(self.json()?.as_object()?.get("detail")?.as_str()?.to_owned())
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_text_is_sent_completely_and_lists_its_tokens() {
        let text = TokenText::from("a ").token("b.c").plain(" d").token("e");
        assert_eq!(text.bytes(), b"a b.c de");
        assert_eq!(text.tokens().collect::<Vec<_>>(), [&b"b.c"[..], b"e"]);
        assert_eq!(text.pieces().len(), 4);
        assert_eq!(text.pieces()[1], Piece::Token(b"b.c".to_vec()));
        assert_eq!(TokenText::from("a".to_owned()), TokenText::from("a"));
        assert_eq!(format!("{text:?}"), r#"TokenText(["a ", [redacted], " d", [redacted]])"#);
    }

    #[test]
    fn a_request_lists_parts_that_may_contain_tokens() {
        let request =
            Request::new("POST", "/a").bearer("t").with_body("text/plain", "b").field("AUTHORIZATION", "u");
        let texts: Vec<_> = request.texts().map(TokenText::bytes).collect();
        assert_eq!(texts, [&b"/a"[..], b"Bearer t", b"text/plain", b"u", b"b"]);
        let authorizations: Vec<_> = request.authorizations().map(TokenText::bytes).collect();
        assert_eq!(authorizations, [&b"Bearer t"[..], b"u"], "a field's name in any case");
        let without = request.without_authorization();
        assert_eq!(without.authorizations().count(), 0);
        let left: Vec<_> = without.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(left, ["Content-Type"]);
    }

    #[test]
    fn response_fields_are_case_insensitive_and_ordered() {
        let field = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let fields = vec![field("Vary", "a"), field("Via", "x"), field("vary", "b")];
        let response = Response { fields, ..Response::default() };
        assert_eq!(response.values("VARY").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(response.value("VARY").as_deref(), Some("a"));
        assert_eq!(response.value("Date"), None);
    }

    #[rstest]
    #[case::detail(r#"{"detail":"No"}"#, Some("No"))]
    #[case::empty(r#"{"detail":""}"#, Some(""))]
    #[case::list(r#"["detail"]"#, None)]
    #[case::number(r#"{"detail":1}"#, None)]
    #[case::none("{}", None)]
    #[case::no_json("detail", None)]
    fn detail_is_a_string_in_an_object(#[case] body: &str, #[case] detail: Option<&str>) {
        let response = Response { body: body.into(), ..Response::default() };
        assert_eq!(response.detail().as_deref(), detail);
        assert_eq!(response.json(), serde_json::from_str(body).ok());
    }

    #[rstest]
    #[case(199, false)]
    #[case(200, true)]
    #[case(299, true)]
    #[case(300, false)]
    fn success_is_2xx(#[case] status: u16, #[case] success: bool) {
        assert_eq!(Response { status, ..Response::default() }.is_success(), success);
    }
}

//! One HTTP GET with a deadline and a size limit: https, or http on loopback only, and no redirects.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body, Bytes};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONNECTION, ETAG, HOST, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, USER_AGENT,
};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::files::{self, DEADLINE};

/// The result of a fetch, as in the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok,
    Unchanged,
    Unreachable,
    Timeout,
    Status,
    TooLarge,
    Malformed,
    Refused,
}

impl Outcome {
    pub(crate) const ALL: [Self; 8] = [
        Self::Ok,
        Self::Unchanged,
        Self::Unreachable,
        Self::Timeout,
        Self::Status,
        Self::TooLarge,
        Self::Malformed,
        Self::Refused,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unchanged => "unchanged",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Refused => "refused",
        }
    }
}

/// Why a fetch failed.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) outcome: Outcome,
    pub(crate) problem: String,
    pub(crate) status: Option<StatusCode>,
}

impl Failed {
    pub(crate) fn new(outcome: Outcome, problem: impl Into<String>) -> Self {
        Self { outcome, problem: problem.into(), status: None }
    }

    /// The set is valid alone, but conflicts with the others.
    pub(crate) fn refused(problem: String) -> Self {
        Self::new(Outcome::Refused, problem)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

/// The limits of a GET, and the trusted certification authorities.
#[derive(Debug)]
pub(crate) struct Get {
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) timeout: Duration,
    pub(crate) max_bytes: usize,
    /// The value of `Accept`.
    pub(crate) accept: &'static str,
}

impl Get {
    /// Sends a request with these conditional fields, and reads the whole response.
    pub(crate) async fn get(&self, url: &str, validators: &HeaderMap) -> Result<Response, Failed> {
        let seconds = self.timeout.as_secs();
        tokio::time::timeout(self.timeout, self.exchange(url, validators)).await.unwrap_or_else(|_| {
            Err(Failed::new(Outcome::Timeout, format!("no complete answer within {seconds} s")))
        })
    }

    async fn exchange(&self, url: &str, validators: &HeaderMap) -> Result<Response, Failed> {
        let unreachable = |error: &dyn fmt::Display| {
            Failed::new(Outcome::Unreachable, format!("cannot be reached: {error}"))
        };
        let uri: Uri = url.parse().map_err(|error| unreachable(&error))?;
        let stream = connect(&self.tls, &uri).await?;
        let request = request(&uri, validators, self.accept).map_err(|error| unreachable(&error))?;
        self.send(stream, request).await
    }

    async fn send(&self, stream: Stream, request: Request<Empty<Bytes>>) -> Result<Response, Failed> {
        let unreachable =
            |error: hyper::Error| Failed::new(Outcome::Unreachable, format!("cannot be reached: {error}"));
        let (mut sender, _connection) = open(stream).await.map_err(unreachable)?;
        let response = sender.send_request(request).await.map_err(unreachable)?;
        let (head, mut body) = response.into_parts();
        match head.status {
            StatusCode::NOT_MODIFIED => return Ok(Response { headers: head.headers, body: None }),
            StatusCode::OK => {}
            status => {
                let hint = if status.is_redirection() { "; redirects are not followed" } else { "" };
                let problem = format!("answers {}, not 200{hint}", status.as_u16());
                return Err(Failed { outcome: Outcome::Status, problem, status: Some(status) });
            }
        }
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(unreachable)?.into_data() {
                if bytes.len().saturating_add(data.len()) > self.max_bytes {
                    let problem = format!("has more than {} bytes", self.max_bytes);
                    return Err(Failed::new(Outcome::TooLarge, problem));
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(Response { headers: head.headers, body: Some(bytes) })
    }
}

/// A connection, with or without TLS.
pub(super) type Stream = Box<dyn ReadWrite>;

pub(super) trait ReadWrite: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ReadWrite for S {}

/// Connects to the host of a URL.
pub(super) async fn connect(tls: &Arc<ClientConfig>, uri: &Uri) -> Result<Stream, Failed> {
    let unreachable =
        |error: &dyn fmt::Display| Failed::new(Outcome::Unreachable, format!("cannot be reached: {error}"));
    let host = uri.host().unwrap_or_default();
    let plain = uri.scheme_str() == Some("http");
    let port = uri.port_u16().unwrap_or(if plain { 80 } else { 443 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((bare, port)).await.map_err(|error| unreachable(&error))?;
    if plain {
        return Ok(Box::new(stream));
    }
    let name = ServerName::try_from(bare.to_owned()).map_err(|error| unreachable(&error))?;
    let connector = TlsConnector::from(Arc::clone(tls));
    let stream = connector.connect(name, stream).await.map_err(|error| unreachable(&error))?;
    Ok(Box::new(stream))
}

/// Speaks HTTP/1 on a connection, for one request: it ends when the second value is dropped.
pub(super) async fn open<B>(stream: Stream) -> hyper::Result<(SendRequest<B>, AbortOnDrop)>
where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = AbortOnDrop(tokio::spawn(async move {
        // Errors of the connection also fail the response.
        let _ = connection.await;
    }));
    Ok((sender, connection))
}

/// The validators for a conditional request.
#[derive(Debug, Default)]
pub(crate) struct Validators {
    fields: HeaderMap,
    /// Their URL.
    url: String,
}

impl Validators {
    /// The conditional fields for a request to this URL.
    pub(crate) fn of(&mut self, url: &str) -> &HeaderMap {
        if self.url != url {
            self.fields.clear();
            url.clone_into(&mut self.url);
        }
        &self.fields
    }

    /// Stores the validators of a response whose body is now in use.
    pub(crate) fn remember(&mut self, response: &HeaderMap) {
        self.fields.clear();
        for (from, to) in [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)] {
            if let Some(value) = response.get(from) {
                self.fields.insert(to, value.clone());
            }
        }
    }
}

/// A response with the status 200, or 304 to a conditional request.
pub(crate) struct Response {
    pub(crate) headers: HeaderMap,
    /// Not modified.
    pub(crate) body: Option<Vec<u8>>,
}

pub(super) struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn request(
    uri: &Uri,
    validators: &HeaderMap,
    accept: &'static str,
) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::get(path).header(HOST, authority).body(Empty::new())?;
    let headers = request.headers_mut();
    let fields: [(HeaderName, &'static str); 3] = [
        (ACCEPT, accept),
        (USER_AGENT, concat!("artos-auth/", env!("CARGO_PKG_VERSION"))),
        (CONNECTION, "close"),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.extend(validators.clone());
    Ok(request)
}

/// `max-age` of a response.
pub(crate) fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    directives
        .flat_map(|value| value.split(','))
        .filter_map(|directive| directive.trim().to_ascii_lowercase().strip_prefix("max-age=")?.parse().ok())
        .map(Duration::from_secs)
        .next()
}

/// The problem of a URL to fetch, as the end of a sentence.
pub(crate) fn url_problem(url: &str) -> Option<String> {
    problem(url, false)
}

/// The problem of a URL that may be plain http, because its service may be in the operator's own network.
pub(crate) fn endpoint_problem(url: &str) -> Option<String> {
    let has_query = url.contains('?').then(|| "has a query; leave it out".to_owned());
    problem(url, true).or(has_query)
}

fn problem(url: &str, allows_plaintext: bool) -> Option<String> {
    if url.contains('#') {
        return Some("has a fragment; leave it out".to_owned());
    }
    let Ok(uri) = url.parse::<Uri>() else { return Some("is not a URL".to_owned()) };
    let Some(authority) = uri.authority() else {
        return Some("is not an absolute URL such as `https://issuer.example/jwks.json`".to_owned());
    };
    if authority.as_str().contains('@') {
        return Some("has user information; leave it out".to_owned());
    }
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let is_loopback = host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        _ if host.is_empty() => Some("has no host".to_owned()),
        Some("https") => None,
        Some("http") if is_loopback || allows_plaintext => None,
        Some("http") => Some("is plain http; use https (http is only for loopback)".to_owned()),
        _ if allows_plaintext => Some("is not an http or https URL".to_owned()),
        _ => Some("is not an https URL".to_owned()),
    }
}

/// The trusted roots: those of a file, or the system's.
pub(crate) fn tls(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(file) => {
            let contents = files::read(file, 1 << 20)
                .map_err(|problem| format!("`ca_file`: {}: {problem}", file.display()))?;
            let wrong = |problem: &dyn fmt::Display| format!("`ca_file`: {}: {problem}", file.display());
            for certificate in CertificateDer::pem_slice_iter(&contents.bytes) {
                let certificate = certificate.map_err(|error| wrong(&error))?;
                roots.add(certificate).map_err(|error| wrong(&error))?;
            }
            if roots.is_empty() {
                return Err(wrong(&"holds no certificate (PEM)"));
            }
        }
        None => {
            roots.add_parsable_certificates(system_roots()?);
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The system's root certificates. `SSL_CERT_FILE` may name a file that never opens.
fn system_roots() -> Result<Vec<CertificateDer<'static>>, String> {
    let name = "the system's root certificates";
    let loaded = files::alone(Path::new(name), DEADLINE, |_| rustls_native_certs::load_native_certs().certs);
    loaded.map_err(|problem| format!("{name}: {problem}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://issuer.example/jwks.json?x=1", None)]
    #[case("http://127.0.0.1:8080/jwks", None)]
    #[case("http://127.9.9.9/jwks", None)]
    #[case("http://[::1]:8080/jwks", None)]
    #[case("http://localhost/jwks", None)]
    #[case("http://issuer.example/jwks", Some("plain http"))]
    #[case("http://localhost.example/jwks", Some("plain http"))]
    #[case("https://user:secret@issuer.example/jwks", Some("user information"))]
    #[case("https://issuer.example/jwks#x", Some("fragment"))]
    #[case("file:///etc/passwd", Some("not"))]
    #[case("ftp://issuer.example/jwks", Some("not an https URL"))]
    #[case("/jwks", Some("not an absolute URL"))]
    #[case("", Some("not"))]
    fn only_https_and_loopback_are_fetched(#[case] url: &str, #[case] problem: Option<&str>) {
        match (url_problem(url), problem) {
            (None, None) => {}
            (Some(said), Some(problem)) => assert!(said.contains(problem), "{said}"),
            (said, _) => panic!("{url}: {said:?}"),
        }
    }

    #[rstest]
    #[case("public, max-age=60", Some(60))]
    #[case("Max-Age=5", Some(5))]
    #[case("s-maxage=5", None)]
    #[case("max-age=x", None)]
    fn max_age_is_read(#[case] value: &str, #[case] seconds: Option<u64>) {
        let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_str(value).unwrap())]);
        assert_eq!(max_age(&headers), seconds.map(Duration::from_secs));
    }
}

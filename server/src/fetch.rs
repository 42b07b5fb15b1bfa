//! A JWK Set from an identity provider: one HTTP request with a deadline and a size limit, and no redirects.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use artos_auth_engine::KeySet;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONNECTION, ETAG, HOST, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, USER_AGENT,
};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where a set is fetched from, and at what cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where it is.
    pub location: Location,
    /// The longest time between two fetches.
    pub refresh: Duration,
    /// The shortest time between two fetches that an unknown key id asks for.
    pub cooldown: Duration,
    /// How long one request may take: connecting, TLS and the body together.
    pub timeout: Duration,
    /// The largest response body.
    pub max_bytes: usize,
    /// How long the last good set is used while it cannot be fetched.
    pub stale: Duration,
    /// The certification authorities to trust instead of the system's (PEM).
    pub ca_file: Option<PathBuf>,
    /// A JWK Set to use until the first fetch succeeds.
    pub fallback_file: Option<PathBuf>,
}

/// Where a set is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// The URL of the set itself.
    Url(String),
    /// An issuer whose metadata names it (OpenID Connect Discovery 1.0, RFC 8414).
    Discover(String),
}

impl Location {
    /// The host, as messages and metrics name the source: without credentials, path or query.
    #[must_use]
    pub fn host(&self) -> String {
        let (Self::Url(url) | Self::Discover(url)) = self;
        url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
    }
}

/// How a fetch ended, as the metric has it.
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

/// Why there is no set.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) outcome: Outcome,
    pub(crate) problem: String,
    status: Option<StatusCode>,
}

impl Failed {
    fn new(outcome: Outcome, problem: impl Into<String>) -> Self {
        Self { outcome, problem: problem.into(), status: None }
    }

    /// The set loads by itself, but not beside the others.
    pub(crate) fn refused(problem: String) -> Self {
        Self::new(Outcome::Refused, problem)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

/// What a fetch brought.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The set; nothing if it is the one that was fetched before.
    pub(crate) set: Option<UsableKeys>,
    /// `max-age` of the response.
    pub(crate) max_age: Option<Duration>,
}

/// The usable keys of a set.
#[derive(Debug)]
pub(crate) struct UsableKeys {
    /// A JWK Set that loads.
    pub(crate) jwks: Vec<u8>,
    pub(crate) count: usize,
    /// The other keys, one sentence each.
    pub(crate) ignored: Vec<String>,
}

/// Fetches one set, and remembers by what to ask whether it changed.
#[derive(Debug)]
pub(crate) struct Fetcher {
    remote: Remote,
    tls: Arc<ClientConfig>,
    validators: HeaderMap,
    /// What the validators are about.
    validated: String,
}

impl Fetcher {
    /// # Errors
    ///
    /// The certification authorities cannot be loaded.
    pub(crate) fn new(remote: Remote) -> Result<Self, String> {
        let tls = tls(remote.ca_file.as_deref())?;
        Ok(Self { remote, tls, validators: HeaderMap::new(), validated: String::new() })
    }

    /// Fetches the set.
    pub(crate) async fn fetch(&mut self) -> Result<Fetched, Failed> {
        let url = match &self.remote.location {
            Location::Url(url) => url.clone(),
            Location::Discover(issuer) => self.discover(issuer).await?,
        };
        if self.validated != url {
            self.validators.clear();
            self.validated.clone_from(&url);
        }
        let response = self.get(&url, &self.validators).await?;
        let max_age = max_age(&response.headers);
        let Some(body) = response.body else { return Ok(Fetched { set: None, max_age }) };
        let set = usable_keys(&body)?;
        self.validators.clear();
        for (from, to) in [(ETAG, IF_NONE_MATCH), (LAST_MODIFIED, IF_MODIFIED_SINCE)] {
            if let Some(value) = response.headers.get(from) {
                self.validators.insert(to, value.clone());
            }
        }
        Ok(Fetched { set: Some(set), max_age })
    }

    /// The `jwks_uri` of an issuer's metadata.
    async fn discover(&self, issuer: &str) -> Result<String, Failed> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            jwks_uri: String,
        }
        let none = HeaderMap::new();
        let openid = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let response = match self.get(&openid, &none).await {
            Err(failed) if failed.status == Some(StatusCode::NOT_FOUND) => {
                self.get(&oauth_metadata(issuer), &none).await
            }
            response => response,
        }?;
        let body = response.body.unwrap_or_default();
        let metadata: Metadata = serde_json::from_slice(&body).map_err(|_| {
            Failed::new(
                Outcome::Malformed,
                "the issuer's metadata is not a JSON object with `issuer` and `jwks_uri`",
            )
        })?;
        if metadata.issuer != issuer {
            return Err(Failed::new(
                Outcome::Refused,
                "the `issuer` of the metadata is not the configured one; set `discover` to exactly what it says",
            ));
        }
        let may_be_plain = issuer.starts_with("http://");
        if let Some(problem) = url_problem(&metadata.jwks_uri) {
            return Err(Failed::new(Outcome::Refused, format!("the `jwks_uri` of the metadata {problem}")));
        }
        if !may_be_plain && !metadata.jwks_uri.starts_with("https://") {
            return Err(Failed::new(Outcome::Refused, "the `jwks_uri` of the metadata is not an https URL"));
        }
        Ok(metadata.jwks_uri)
    }

    async fn get(&self, url: &str, validators: &HeaderMap) -> Result<Response, Failed> {
        let seconds = self.remote.timeout.as_secs();
        tokio::time::timeout(self.remote.timeout, self.exchange(url, validators)).await.unwrap_or_else(|_| {
            Err(Failed::new(Outcome::Timeout, format!("no complete answer within {seconds} s")))
        })
    }

    async fn exchange(&self, url: &str, validators: &HeaderMap) -> Result<Response, Failed> {
        let unreachable = |error: &dyn fmt::Display| {
            Failed::new(Outcome::Unreachable, format!("cannot be reached: {error}"))
        };
        let uri: Uri = url.parse().map_err(|error| unreachable(&error))?;
        let host = uri.host().unwrap_or_default();
        let plain = uri.scheme_str() == Some("http");
        let port = uri.port_u16().unwrap_or(if plain { 80 } else { 443 });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, port)).await.map_err(|error| unreachable(&error))?;
        let request = request(&uri, validators).map_err(|error| unreachable(&error))?;
        if plain {
            return self.send(stream, request).await;
        }
        let name = ServerName::try_from(bare.to_owned()).map_err(|error| unreachable(&error))?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let stream = connector.connect(name, stream).await.map_err(|error| unreachable(&error))?;
        self.send(stream, request).await
    }

    async fn send<S>(&self, stream: S, request: Request<Empty<Bytes>>) -> Result<Response, Failed>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let unreachable =
            |error: hyper::Error| Failed::new(Outcome::Unreachable, format!("cannot be reached: {error}"));
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
        // Dropped with this request, whatever becomes of it.
        let _connection = AbortOnDrop(tokio::spawn(async move {
            // What goes wrong here shows in the response.
            let _ = connection.await;
        }));
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
                if bytes.len().saturating_add(data.len()) > self.remote.max_bytes {
                    let problem = format!("has more than {} bytes", self.remote.max_bytes);
                    return Err(Failed::new(Outcome::TooLarge, problem));
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(Response { headers: head.headers, body: Some(bytes) })
    }
}

struct Response {
    headers: HeaderMap,
    /// Nothing: it did not change.
    body: Option<Vec<u8>>,
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn request(uri: &Uri, validators: &HeaderMap) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::get(path).header(HOST, authority).body(Empty::new())?;
    let headers = request.headers_mut();
    let fields: [(HeaderName, &'static str); 3] = [
        (ACCEPT, "application/jwk-set+json, application/json"),
        (USER_AGENT, concat!("artos-auth/", env!("CARGO_PKG_VERSION"))),
        (CONNECTION, "close"),
    ];
    for (name, value) in fields {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.extend(validators.clone());
    Ok(request)
}

/// RFC 8414 §3: the well-known segment goes between the host and the path.
fn oauth_metadata(issuer: &str) -> String {
    let after_scheme = issuer.find("://").map_or(0, |at| at.saturating_add(3));
    let at =
        issuer.get(after_scheme..).and_then(|rest| rest.find('/')).map(|at| at.saturating_add(after_scheme));
    let (origin, path) = at.and_then(|at| issuer.split_at_checked(at)).unwrap_or((issuer, ""));
    format!("{origin}/.well-known/oauth-authorization-server{}", path.trim_end_matches('/'))
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    directives
        .flat_map(|value| value.split(','))
        .filter_map(|directive| directive.trim().to_ascii_lowercase().strip_prefix("max-age=")?.parse().ok())
        .map(Duration::from_secs)
        .next()
}

/// What is wrong with a URL to fetch from, as the end of a sentence.
pub(crate) fn url_problem(url: &str) -> Option<String> {
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
        Some("http") if is_loopback => None,
        Some("http") => Some("is plain http; use https, or http for loopback alone".to_owned()),
        _ => Some("is not an https URL".to_owned()),
    }
}

/// The keys of a fetched set that can be used. A key that a file could not hold is ignored; two keys of one id and
/// algorithm, or no usable key, refuse the whole set.
pub(crate) fn usable_keys(text: &[u8]) -> Result<UsableKeys, Failed> {
    let malformed =
        || Failed::new(Outcome::Malformed, "is not a JWK Set: a JSON object with the array `keys`");
    let set: Value = serde_json::from_slice(text).map_err(|_| malformed())?;
    let keys = set.get("keys").and_then(Value::as_array).ok_or_else(malformed)?;
    let (mut usable, mut ignored) = (Vec::new(), Vec::new());
    for (index, key) in keys.iter().enumerate() {
        match KeySet::from_jwks(json!({ "keys": [key] }).to_string().as_bytes()) {
            Ok(_) => usable.push(key),
            Err(error) => ignored.push(format!("key {index} of the set is ignored: {}", error.problem)),
        }
    }
    let jwks = json!({ "keys": usable }).to_string().into_bytes();
    let set = KeySet::from_jwks(&jwks).map_err(|error| {
        let problem =
            if usable.is_empty() { "no key of the set is usable".to_owned() } else { error.problem };
        Failed::new(Outcome::Refused, problem)
    })?;
    Ok(UsableKeys { jwks, count: set.len(), ignored })
}

/// The roots to trust: those of a file, or the system's.
fn tls(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(file) => {
            let contents = crate::files::read(file, 1 << 20)
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
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
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
    #[case("https://a.example", "https://a.example/.well-known/oauth-authorization-server")]
    #[case("https://a.example/", "https://a.example/.well-known/oauth-authorization-server")]
    #[case("https://a.example/t/1", "https://a.example/.well-known/oauth-authorization-server/t/1")]
    fn rfc_8414_puts_the_path_last(#[case] issuer: &str, #[case] expected: &str) {
        assert_eq!(oauth_metadata(issuer), expected);
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

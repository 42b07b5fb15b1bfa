//! A small service of a dozen operations: correct, with a fault of one operation, or with a lawful variation.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64_simd::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const SECRET: &[u8] = b"conformance-test-secret-of-32-bytes!";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Open,
    NoSignature,
    NoExpiry,
    NoRevocation,
    NoOrganization,
    NoPermission,
    NoMembership,
    OnlyFirstParameter,
    OnlyLastParameter,
    ContentInRefusal,
    ListsAll,
    Closed,
    Error,
    Login,
    RefusesOwner,
    OtherStatus,
    Cut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    NotFoundForForeign,
    ValidatesFirst,
    MethodFirst,
    MissingFirst,
    MediaTypeFirst,
    Problem,
    Gzip,
    Slow,
    RedirectsWithSlash,
    RedirectsWithHost,
    HtmlAnd401,
    Text,
    NoBodies,
    OtherIds,
    CreatedTwice,
    CloseEach,
    EmptyLists,
    ChallengeList,
    Throttles,
    LargeBodies,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Service {
    pub(crate) fault: Option<(&'static str, Kind)>,
    pub(crate) manner: Option<Manner>,
}

struct Claims {
    organization: String,
    permissions: Vec<String>,
    user: String,
}

struct Called {
    operation: &'static str,
    named: Vec<String>,
    needs: Option<&'static str>,
}

impl Service {
    /// Serves on an ephemeral port of loopback until the test ends.
    pub(crate) async fn start(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let count = Arc::clone(&count);
                        async move {
                            let nth = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            self.answer(request, address, nth).await
                        }
                    });
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
                });
            }
        });
        address
    }

    fn has(&self, operation: &str, kind: Kind) -> bool {
        self.fault == Some((named(operation), kind))
    }

    async fn answer(
        self,
        request: Request<Incoming>,
        address: SocketAddr,
        nth: usize,
    ) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        let path = parts.uri.path().to_owned();
        let slash = path.ends_with('/');
        if path == "/openapi.json" {
            return Ok(Response::new(Full::new(Bytes::from_static(super::OPENAPI.as_bytes()))));
        }
        match self.manner {
            Some(Manner::Slow) => tokio::time::sleep(Duration::from_millis(20)).await,
            Some(Manner::RedirectsWithSlash) if !slash => {
                let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
                return Ok(redirect(307, &format!("{path}/{query}")));
            }
            Some(Manner::RedirectsWithHost) if !slash => {
                let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
                return Ok(redirect(308, &format!("http://{address}{path}/{query}")));
            }
            Some(Manner::Throttles) if nth % 40 == 39 => {
                let answer = Response::builder().status(429).header("retry-after", "0");
                return answer.body(Full::default()).map_err(std::io::Error::other);
            }
            _ => {}
        }
        let authorization = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
        let body: Option<Value> = serde_json::from_slice(&body).ok();
        let path = path.trim_end_matches('/');
        let called = route(parts.method.as_str(), path, parts.uri.query().unwrap_or_default(), body.as_ref());
        let (status, mut value) = match called {
            Some(called) => {
                if self.has(called.operation, Kind::Cut) && authorization.is_some() {
                    return Err(std::io::Error::other("cut"));
                }
                if self.has(called.operation, Kind::Login) && authorization.is_none() {
                    return Ok(redirect(302, "/login"));
                }
                self.serve(&called, authorization, body.as_ref())
            }
            None => (404, json!({"detail": "Not Found"})),
        };
        let refused = status == 401 || status == 403;
        let mut content_type = "application/json";
        let mut answer = Response::builder().status(status);
        match self.manner {
            Some(Manner::Problem) if refused => {
                content_type = "application/problem+json";
                value = json!({"type": "about:blank", "status": status, "title": "Refused"});
            }
            Some(Manner::HtmlAnd401) if status == 404 => content_type = "text/html",
            Some(Manner::ChallengeList) if status == 401 => {
                answer = answer.header("www-authenticate", "Basic realm=\"a\", Bearer realm=\"a\"");
            }
            _ => {}
        }
        if status == 401 && self.manner != Some(Manner::ChallengeList) {
            answer = answer.header("www-authenticate", "Bearer");
        }
        if self.manner == Some(Manner::CloseEach) {
            answer = answer.header("connection", "close");
        }
        let mut bytes = value.to_string().into_bytes();
        if self.manner == Some(Manner::Text) && !refused {
            content_type = "text/plain";
            bytes = b"done".to_vec();
        }
        if self.manner == Some(Manner::NoBodies) && !refused {
            bytes = Vec::new();
        }
        if self.manner == Some(Manner::Gzip) {
            answer = answer.header("content-encoding", "gzip");
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&bytes)?;
            bytes = encoder.finish()?;
        }
        answer
            .header("content-type", content_type)
            .body(Full::new(Bytes::from(bytes)))
            .map_err(std::io::Error::other)
    }

    fn serve(&self, called: &Called, authorization: Option<&str>, body: Option<&Value>) -> (u16, Value) {
        let operation = called.operation;
        let content = self.content(called);
        if operation == "status" {
            return match self.has(operation, Kind::Closed) {
                true => detail(401, "Not authenticated"),
                false if self.has(operation, Kind::Error) => (500, json!({})),
                false => (200, content),
            };
        }
        let writes = matches!(operation, "create" | "update" | "generate" | "settings");
        match self.manner {
            Some(Manner::ValidatesFirst) if writes => return (422, json!({"detail": [{"loc": ["body"]}]})),
            Some(Manner::MediaTypeFirst) if writes => return (415, json!({})),
            Some(Manner::MethodFirst) if operation == "remove" => return (405, json!({})),
            Some(Manner::MissingFirst) if operation == "remove" => return (404, json!({})),
            _ => {}
        }
        if !self.has(operation, Kind::Open) {
            let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
                return detail(401, "Not authenticated");
            };
            let Some(claims) = self.claims(operation, token) else {
                return detail(401, "Invalid authentication credentials");
            };
            let forbidden = self.refuses(called, &claims);
            if forbidden {
                let other = self.manner == Some(Manner::NotFoundForForeign)
                    && claims.user != "outsider"
                    && called.named.iter().any(|name| owner(name) != claims.organization);
                if self.has(operation, Kind::ContentInRefusal) {
                    return (
                        403,
                        json!({"detail": "User has no organization or not authorized", "of": content}),
                    );
                }
                if self.has(operation, Kind::OtherStatus) {
                    return (422, json!({}));
                }
                return match other {
                    true => detail(404, "Not Found"),
                    false => detail(403, "User has no organization or not authorized"),
                };
            }
            if self.has(operation, Kind::RefusesOwner) {
                return detail(403, "User has no organization or not authorized");
            }
        }
        if self.has(operation, Kind::Error) {
            return (500, json!({}));
        }
        if writes && body.is_none() {
            return (422, json!({}));
        }
        (if self.manner == Some(Manner::CreatedTwice) && operation == "create" { 409 } else { 200 }, content)
    }

    fn refuses(&self, called: &Called, claims: &Claims) -> bool {
        let operation = called.operation;
        let mut named: Vec<&String> = called.named.iter().collect();
        if self.has(operation, Kind::OnlyFirstParameter) {
            named.truncate(1);
        }
        if self.has(operation, Kind::OnlyLastParameter) && named.len() > 1 {
            named.remove(0);
        }
        let foreign = !self.has(operation, Kind::NoOrganization)
            && named.iter().any(|name| owner(name) != claims.organization);
        let outsider = !self.has(operation, Kind::NoMembership) && claims.user == "outsider";
        let lacks = !self.has(operation, Kind::NoPermission)
            && called.needs.is_some_and(|needed| !claims.permissions.iter().any(|name| name == needed));
        foreign || outsider || lacks
    }

    fn content(&self, called: &Called) -> Value {
        match called.operation {
            "status" => json!({"status": "ok"}),
            "documents" | "templates" => {
                let mut rows = vec![json!({"id": "doc-a"})];
                if self.has(called.operation, Kind::ListsAll) {
                    rows.push(json!({"id": "doc-b"}));
                }
                if self.manner == Some(Manner::EmptyLists) {
                    rows.clear();
                }
                Value::Array(rows)
            }
            _ if self.manner == Some(Manner::OtherIds) => json!({"id": 7, "title": "Quarterly numbers"}),
            _ if self.manner == Some(Manner::LargeBodies) => {
                json!({"id": called.named, "title": "Quarterly numbers", "more": "x".repeat(300_000)})
            }
            _ => json!({"id": called.named, "title": "Quarterly numbers"}),
        }
    }

    fn claims(&self, operation: &str, token: &str) -> Option<Claims> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode_to_vec(signature).ok()?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
        if hmac::verify(&key, signed.as_bytes(), &signature).is_err()
            && !self.has(operation, Kind::NoSignature)
        {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode_to_vec(signed.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        if claims["exp"].as_u64()? <= now && !self.has(operation, Kind::NoExpiry) {
            return None;
        }
        if claims["jti"] == "revoked" && !self.has(operation, Kind::NoRevocation) {
            return None;
        }
        Some(Claims {
            organization: claims["org_id"].as_str()?.to_owned(),
            permissions: serde_json::from_value(claims["permissions"].clone()).ok()?,
            user: claims["sub"].as_str()?.to_owned(),
        })
    }
}

fn named(operation: &str) -> &'static str {
    OPERATIONS.into_iter().find(|known| *known == operation).unwrap_or("")
}

pub(crate) const OPERATIONS: [&str; 12] = [
    "status",
    "documents",
    "templates",
    "me",
    "read",
    "file",
    "page",
    "create",
    "update",
    "generate",
    "settings",
    "remove",
];

fn route(method: &str, path: &str, query: &str, body: Option<&Value>) -> Option<Called> {
    let path = path.strip_prefix("/api/v1/")?;
    let parts: Vec<&str> = path.split('/').collect();
    let member = |name: &str| body.and_then(|body| body[name].as_str()).map(ToOwned::to_owned);
    let (operation, named, needs) = match (method, parts.as_slice()) {
        ("GET", ["status"]) => ("status", vec![], None),
        ("GET", ["documents"]) => ("documents", vec![], Some("documents:read")),
        ("GET", ["templates"]) => ("templates", vec![], None),
        ("GET", ["me"]) => ("me", vec![], None),
        ("GET", ["documents", id]) => ("read", vec![(*id).to_owned()], Some("documents:read")),
        ("GET", ["files"]) => {
            ("file", vec![query.strip_prefix("path=")?.replace("%2F", "/")], Some("documents:read"))
        }
        ("GET", ["organizations", organization, "documents", id]) => {
            ("page", vec![(*organization).to_owned(), (*id).to_owned()], None)
        }
        ("POST", ["documents"]) => ("create", vec![], Some("documents:write")),
        ("PUT", ["documents", id]) => ("update", vec![(*id).to_owned()], Some("documents:write")),
        ("POST", ["generate"]) => {
            ("generate", member("source").into_iter().collect(), Some("documents:write"))
        }
        ("PATCH", ["settings"]) => ("settings", vec![], None),
        ("DELETE", ["documents", id]) => ("remove", vec![(*id).to_owned()], Some("documents:write")),
        _ => return None,
    };
    Some(Called { operation, named, needs })
}

fn owner(name: &str) -> &'static str {
    match name {
        "doc-a" | "org-a" | "org-a/in.docx" => "org-a",
        "doc-b" | "org-b" | "org-b/in.docx" => "org-b",
        _ => "nobody",
    }
}

fn detail(status: u16, text: &str) -> (u16, Value) {
    (status, json!({"detail": text}))
}

fn redirect(status: u16, location: &str) -> Response<Full<Bytes>> {
    let answer = Response::builder().status(status).header("location", location);
    answer.body(Full::default()).unwrap_or_default()
}

/// A signed token.
pub(crate) fn token(claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode_to_string(value.to_string());
    let signed = format!("{}.{}", encode(&json!({"alg": "HS256", "typ": "JWT"})), encode(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(signature.as_ref()))
}

/// Good claims for a user.
pub(crate) fn claims(user: &str, jti: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    json!({
        "sub": user, "org_id": "org-a", "permissions": ["documents:read", "documents:write"],
        "exp": now + 1_800, "jti": jti,
    })
}

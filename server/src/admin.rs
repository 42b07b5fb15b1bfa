//! The admin port: liveness, readiness and metrics. Never served on the main port.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::Service;
use hyper::{Method, Request, Response, StatusCode};

use crate::audit::{AuditLog, Trouble};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Limits;
use crate::health::{Effect, Health};
use crate::http::body::Body;
use crate::http::connection::{ConnectionNumbers, Slot};
use crate::http::handler::Handler;
use crate::http::listener::Listener;
use crate::http::port::Port;
use crate::metrics::Metrics;

/// Answers `GET /healthz`, `GET /readyz` and `GET /metrics`.
#[derive(Clone)]
pub(crate) struct Admin {
    health: Health,
    metrics: Metrics,
    audit: Option<AuditLog>,
    listener: Listener,
}

/// For a scraper, a probe and a few people: far fewer than on the main port.
const CONNECTIONS: usize = 64;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

impl Admin {
    /// An admin port that reports this health and these metrics.
    pub(crate) fn new(health: Health, metrics: Metrics) -> Self {
        metrics.show_readiness(health.clone());
        let limits = Limits {
            connections: CONNECTIONS,
            header_time: Duration::from_secs(5),
            shutdown_time: Duration::from_millis(500),
            ..Limits::of_tokens(0)
        };
        Self { health, metrics, audit: None, listener: Listener::new(limits, ConnectionNumbers::default()) }
    }

    /// The same admin port; `/readyz` also reports whether decisions wait for this log.
    pub(crate) fn with_audit(self, audit: AuditLog) -> Self {
        Self { audit: Some(audit), ..self }
    }

    /// Names the audit log in `/readyz` while it cannot be written. Once a decision has waited for a second, the server is
    /// not ready.
    fn check_audit(&self) {
        const TOO_LONG: Duration = Duration::from_secs(1);
        let Some(audit) = &self.audit else { return };
        let Some(Trouble { waited, failure }) = audit.trouble() else {
            self.health.works("audit");
            return;
        };
        let waits_long = waited.is_some_and(|waited| waited >= TOO_LONG);
        let error = match (failure, waits_long) {
            (Some(error), true) => format!("cannot be written: {error}; decisions wait"),
            (Some(error), false) => format!("cannot be written: {error}"),
            (None, true) => "its reader is not reading; decisions wait".to_owned(),
            // A reader that is slow for a moment is not reported.
            (None, false) => return,
        };
        let effect = if waits_long { Effect::Unready } else { Effect::Degraded };
        self.health.failed("audit", SystemClock.now().since_epoch, effect, &error);
    }

    /// Serves connections until `stop` is done.
    pub(crate) async fn serve(&self, port: Port, stop: impl Future<Output = ()>) {
        // Accept errors are not reported here: the client sees that its connection fails.
        self.listener.serve(port, stop, |slot, _| Desk { admin: self.clone(), slot }, |_| {}).await;
    }

    fn answer(&self, method: &Method, path: &str, accept: Accepted) -> Response<Body> {
        let (status, kind, body) = match path {
            _ if !matches!(path, "/healthz" | "/readyz" | "/metrics") => {
                (StatusCode::NOT_FOUND, JSON, r#"{"detail":"Not found"}"#.to_owned())
            }
            _ if method != Method::GET && method != Method::HEAD => {
                (StatusCode::METHOD_NOT_ALLOWED, JSON, r#"{"detail":"Method not allowed"}"#.to_owned())
            }
            "/healthz" => (StatusCode::OK, JSON, r#"{"status":"ok"}"#.to_owned()),
            "/readyz" => {
                self.check_audit();
                let (is_ready, report) = self.health.report();
                let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
                (status, JSON, report)
            }
            _ => {
                self.check_audit();
                match accept.encode(&self.metrics) {
                    Ok(text) => (StatusCode::OK, accept.content_type(), text),
                    Err(_) => {
                        let detail = r#"{"detail":"The metrics cannot be encoded"}"#;
                        (StatusCode::INTERNAL_SERVER_ERROR, JSON, detail.to_owned())
                    }
                }
            }
        };
        let mut response = Response::new(Body::new(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, kind);
        headers.insert(CACHE_CONTROL, const { HeaderValue::from_static("no-store") });
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, const { HeaderValue::from_static("GET, HEAD") });
        }
        response
    }
}

/// The format of `/metrics` that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepted {
    /// Prometheus text, version 0.0.4: for a client that does not name OpenMetrics.
    Plain,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Accepted {
    /// The preferred one by quality (RFC 9110 section 12.5.1); OpenMetrics if both are equally good.
    fn of(headers: &HeaderMap) -> Self {
        let (mut plain, mut openmetrics) = (0.0, 0.0);
        let lines = headers.get_all(ACCEPT).iter().filter_map(|line| line.to_str().ok());
        for range in lines.flat_map(|line| line.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
            let quality = quality.unwrap_or(0.0);
            match kind.as_str() {
                "application/openmetrics-text" => openmetrics = quality.max(openmetrics),
                "text/plain" | "text/*" => plain = quality.max(plain),
                _ => {}
            }
        }
        if openmetrics > 0.0 && openmetrics >= plain { Self::OpenMetrics } else { Self::Plain }
    }

    fn encode(self, metrics: &Metrics) -> Result<String, fmt::Error> {
        match self {
            Self::Plain => metrics.encode_plain(),
            Self::OpenMetrics => metrics.encode(),
        }
    }

    fn content_type(self) -> HeaderValue {
        match self {
            Self::Plain => PLAIN,
            Self::OpenMetrics => OPENMETRICS,
        }
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("health", &self.health).finish_non_exhaustive()
    }
}

/// The admin port's service for one connection.
struct Desk {
    admin: Admin,
    slot: Slot,
}

impl Handler for Desk {}

impl Service<Request<Incoming>> for Desk {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.slot.request_arrived(Instant::now());
        let accept = Accepted::of(request.headers());
        let mut response = self.admin.answer(request.method(), request.uri().path(), accept);
        if !request.body().is_end_stream() {
            self.slot.rest_is_unread();
            response.headers_mut().insert(CONNECTION, const { HeaderValue::from_static("close") });
        }
        if request.method() == Method::HEAD {
            let length = response.body().size_hint().exact().unwrap_or_default();
            response.headers_mut().insert(hyper::header::CONTENT_LENGTH, length.into());
            *response.body_mut() = Body::default();
        }
        ready(Ok(response))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::curl(&["*/*"], Accepted::Plain)]
    #[case::nothing(&[], Accepted::Plain)]
    #[case::plain(&["text/plain;version=0.0.4"], Accepted::Plain)]
    #[case::openmetrics(&["application/openmetrics-text; version=1.0.0"], Accepted::OpenMetrics)]
    #[case::prometheus(
        &["application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"],
        Accepted::OpenMetrics
    )]
    #[case::rather_plain(&["application/openmetrics-text;q=0.2", "text/plain"], Accepted::Plain)]
    #[case::no_openmetrics(&["application/openmetrics-text;q=0"], Accepted::Plain)]
    fn the_format_follows_the_accept_field(#[case] accept: &[&str], #[case] expected: Accepted) {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(ACCEPT, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(Accepted::of(&headers), expected);
    }

    /// In the older format, a counter has its type under its own name.
    #[test]
    fn plain_text_has_the_types_of_counters() {
        let text = Metrics::new().encode_plain().unwrap();
        assert!(
            text.contains(
                "# TYPE artos_auth_audit_dropped_total counter\nartos_auth_audit_dropped_total 0\n"
            ),
            "{text}"
        );
        assert!(text.contains("# TYPE artos_auth_decision_duration_seconds histogram\n"));
        assert!(!text.contains("# EOF"));
        let counters = text.lines().filter(|line| line.ends_with(" counter"));
        assert!(
            counters.clone().count() > 3 && counters.clone().all(|line| line.ends_with("_total counter"))
        );
    }

    #[test]
    fn the_server_is_ready_from_the_first_load_until_shutdown() {
        let health = Health::new();
        let admin = Admin::new(health.clone(), Metrics::new());
        let status = |path| admin.answer(&Method::GET, path, Accepted::Plain).status().as_u16();
        assert_eq!((status("/readyz"), status("/healthz"), status("/metrics")), (503, 200, 200));
        assert_eq!(health.report(), (false, r#"{"status":"unready","failed":[]}"#.to_owned()));
        health.is_ready();
        assert_eq!(status("/readyz"), 200);

        let failed = |seconds, effect, error| {
            health.failed("keys[0] keys.jwks.json", Duration::from_secs(seconds), effect, error)
        };
        assert!(failed(1_700_000_000, Effect::Degraded, "broken"));
        assert!(!failed(1_700_000_001, Effect::Degraded, "broken"), "the same failure is no news");
        assert!(failed(1_800_000_000, Effect::Degraded, "worse"));
        assert_eq!(status("/readyz"), 200, "the last good keys serve on");
        let expected = concat!(
            r#"{"status":"ready","failed":[{"source":"keys[0] keys.jwks.json","error":"worse","#,
            r#""since":"2023-11-14T22:13:20.000000Z"}]}"#,
        );
        assert_eq!(health.report().1, expected, "since the first of the failures in a row");
        failed(1_800_000_000, Effect::Unready, "worse");
        assert_eq!(status("/readyz"), 503);
        assert!(health.works("keys[0] keys.jwks.json"));
        assert!(!health.works("keys[0] keys.jwks.json"));
        assert_eq!(health.report(), (true, r#"{"status":"ready","failed":[]}"#.to_owned()));
        health.is_stopping();
        assert_eq!((status("/readyz"), status("/healthz")), (503, 200));
    }

    #[test]
    fn the_metrics_show_the_state_in_readyz() {
        let health = Health::new();
        let metrics = Metrics::new();
        let _admin = Admin::new(health.clone(), metrics.clone());
        let has = |line: &str| metrics.encode().unwrap().lines().any(|other| other == line);
        assert!(has("artos_auth_ready 0"));
        health.is_ready();
        assert!(has("artos_auth_ready 1"));
        let failing = "artos_auth_source_failing{source=\"keys[0] a\"} 1";
        health.failed("keys[0] a", Duration::ZERO, Effect::Degraded, "broken");
        assert!(has("artos_auth_ready 1") && has(failing));
        health.failed("keys[0] a", Duration::ZERO, Effect::Unready, "too old");
        assert!(has("artos_auth_ready 0") && has(failing));
        health.works("keys[0] a");
        assert!(has("artos_auth_ready 1") && !has(failing));
        health.is_stopping();
        assert!(has("artos_auth_ready 0"));
    }
}

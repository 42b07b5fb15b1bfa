//! The server, built from its arguments.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::audit::{AuditLog, Level};
use crate::clock::{Clock, SystemClock};
use crate::config::Limits;
use crate::health::Health;
use crate::http::listener::Listener;
use crate::http::port::Port;
use crate::http::tls::Tls;
use crate::metrics::Metrics;
use crate::otlp::Tracer;
use crate::service::{ConnectionService, DecisionService};
use crate::snapshot::{Configured, ContextResolver, Snapshot};

/// Answers requests with decisions. Clones share one server.
///
/// It needs a tokio runtime with I/O and time.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use arc_swap::ArcSwap;
/// use artos_auth_engine::{Engine, KeySet, Policy, PolicySpec, Resources, Revocations};
/// use artos_auth_server::config::Realms;
/// use artos_auth_server::{Server, Snapshot};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let keys = KeySet::from_jwks(br#"{"kty": "oct", "k": "dGhpcyBpcyBhIGRvY3VtZW50YXRpb24ta2V5LCBub3QgYSByZWFsIG9uZQ"}"#)?;
/// let engine = Engine::new(Policy::new(&PolicySpec::default())?, keys, Revocations::none());
/// let state = Snapshot::new(engine, Realms::default(), Resources::default());
///
/// let server = Server::builder(Arc::new(ArcSwap::from_pointee(state)))
///     .clock(|| Duration::from_secs(1_700_000_000))
///     .build();
///
/// let (mut client, stream) = tokio::io::duplex(4096);
/// tokio::spawn(async move { server.serve_stream(stream).await });
/// client.write_all(b"GET /api/v1/templates/ HTTP/1.0\r\n\r\n").await?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer).await?;
/// assert!(answer.starts_with("HTTP/1.0 401 Unauthorized\r\n"));
/// assert!(answer.ends_with(r#"{"detail":"Not authenticated"}"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Server {
    service: Arc<DecisionService>,
    listener: Listener,
}

/// Builds a [`Server`]. The defaults are those of `artos-auth serve`, except that without an audit log decisions are
/// only counted.
#[must_use = "a builder serves nothing"]
pub struct Builder {
    state: Arc<ArcSwap<Snapshot>>,
    clock: Box<dyn Clock>,
    resolver: Box<dyn ContextResolver>,
    limits: Limits,
    tls: Option<Tls>,
    audit: Option<AuditLog>,
    metrics: Metrics,
    tracer: Option<Tracer>,
    health: Option<Health>,
}

impl Server {
    /// Starts building a server with this state, which can be swapped at any time.
    pub fn builder(state: Arc<ArcSwap<Snapshot>>) -> Builder {
        let limits = Limits::of_tokens(state.load().engine().policy().max_token_bytes());
        Builder {
            state,
            clock: Box::new(SystemClock),
            resolver: Box::new(Configured),
            limits,
            tls: None,
            audit: None,
            metrics: Metrics::new(),
            tracer: None,
            health: None,
        }
    }

    /// Serves connections until `stop` completes, then finishes the answers in flight within the time limit.
    pub async fn serve(&self, listener: TcpListener, stop: impl Future<Output = ()>) {
        self.serve_port(Port::Tcp(listener), stop).await;
    }

    /// The same for any kind of port.
    pub(crate) async fn serve_port(&self, port: Port, stop: impl Future<Output = ()>) {
        let answers = |slot, peer| ConnectionService::new(Arc::clone(&self.service), slot, peer);
        let failed = |error: &std::io::Error| {
            if let Some(audit) = &self.service.audit {
                audit.note(Level::Error, &format!("a connection cannot be accepted: {error}"));
            }
        };
        self.listener.serve(port, stop, answers, failed).await;
    }

    /// Serves one stream until its end: any socket, or memory.
    pub async fn serve_stream<I>(&self, stream: I)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.listener
            .serve_stream(stream, |slot, peer| ConnectionService::new(Arc::clone(&self.service), slot, peer))
            .await;
    }

    /// The metrics of this server.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.service.metrics
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl Builder {
    /// Uses `clock` instead of the machine's clock. A function that returns the duration since the Unix epoch is a trusted
    /// clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Uses `resolver` for the context of requests, instead of the state's realms and resources.
    pub fn resolver(mut self, resolver: impl ContextResolver) -> Self {
        self.resolver = Box::new(resolver);
        self
    }

    /// Uses TLS on accepted connections, with the current configuration of `tls`.
    pub(crate) fn tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// Sets the limits of connections.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the audit log of decisions.
    pub fn audit(mut self, audit: AuditLog) -> Self {
        self.audit = Some(audit);
        self
    }

    /// Uses these metrics, which can be shared.
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Makes a span of each decision that is sampled.
    pub(crate) fn tracer(mut self, tracer: Option<Tracer>) -> Self {
        self.tracer = tracer;
        self
    }

    /// Reports this health to gRPC health checks.
    pub(crate) fn health(mut self, health: Health) -> Self {
        self.health = Some(health);
        self
    }

    /// Builds the server.
    #[must_use]
    pub fn build(self) -> Server {
        let listener = Listener::new(self.limits, self.metrics.connections.clone()).with_tls(self.tls);
        let service = DecisionService {
            state: self.state,
            clock: self.clock,
            resolver: self.resolver,
            audit: self.audit,
            metrics: self.metrics,
            tracer: self.tracer,
            header_count: self.limits.header_count,
            message_time: self.limits.header_time,
            health: self.health,
        };
        Server { service: Arc::new(service), listener }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("limits", &self.limits).finish_non_exhaustive()
    }
}

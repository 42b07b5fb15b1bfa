//! The server, put together from its arguments.

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
use crate::service::{ConnectionService, DecisionService};
use crate::snapshot::{Configured, ContextResolver, Snapshot};

/// Answers requests with decisions. Cloning gives another handle to the same server.
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
    judge: Arc<DecisionService>,
    gate: Listener,
}

/// Puts a [`Server`] together. What is not said is as `artos-auth serve` has it, but for the audit trail: without
/// one, decisions are only counted.
#[must_use = "a builder serves nothing"]
pub struct Builder {
    state: Arc<ArcSwap<Snapshot>>,
    clock: Box<dyn Clock>,
    resolver: Box<dyn ContextResolver>,
    limits: Limits,
    tls: Option<Tls>,
    trail: Option<AuditLog>,
    metrics: Metrics,
    health: Option<Health>,
}

impl Server {
    /// A server of this state, which may be swapped for another at any time.
    pub fn builder(state: Arc<ArcSwap<Snapshot>>) -> Builder {
        let limits = Limits::of_tokens(state.load().engine().policy().max_token_bytes());
        Builder {
            state,
            clock: Box::new(SystemClock),
            resolver: Box::new(Configured),
            limits,
            tls: None,
            trail: None,
            metrics: Metrics::new(),
            health: None,
        }
    }

    /// Serves connections until `stop` is done, and then for as long as answers in flight take, within the limit.
    pub async fn serve(&self, listener: TcpListener, stop: impl Future<Output = ()>) {
        self.serve_port(Port::Tcp(listener), stop).await;
    }

    /// The same for a port of any kind.
    pub(crate) async fn serve_port(&self, port: Port, stop: impl Future<Output = ()>) {
        let answers = |slot, peer| ConnectionService::new(Arc::clone(&self.judge), slot, peer);
        let failed = |error: &std::io::Error| {
            if let Some(trail) = &self.judge.trail {
                trail.note(Level::Error, &format!("a connection cannot be taken: {error}"));
            }
        };
        self.gate.serve(port, stop, answers, failed).await;
    }

    /// Serves one stream until its end: a socket of any kind, or memory.
    pub async fn serve_stream<I>(&self, stream: I)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        self.gate
            .serve_stream(stream, |slot, peer| ConnectionService::new(Arc::clone(&self.judge), slot, peer))
            .await;
    }

    /// What this server counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.judge.metrics
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl Builder {
    /// Tells the time by `clock` instead of the machine's own. A function from nothing to a duration since the Unix epoch is
    /// a clock that is trusted.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Finds the context of requests by `resolver` instead of the state's realms and resources.
    pub fn resolver(mut self, resolver: impl ContextResolver) -> Self {
        self.resolver = Box::new(resolver);
        self
    }

    /// Speaks TLS on the connections that it accepts, with what this holds at the time.
    pub(crate) fn tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// What a connection may cost.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes decisions down.
    pub fn trail(mut self, trail: AuditLog) -> Self {
        self.trail = Some(trail);
        self
    }

    /// Counts with these numbers, which others may read.
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Tells this health to gRPC clients that ask.
    pub(crate) fn health(mut self, health: Health) -> Self {
        self.health = Some(health);
        self
    }

    /// The server.
    #[must_use]
    pub fn build(self) -> Server {
        let gate = Listener::new(self.limits, self.metrics.connections.clone()).with_tls(self.tls);
        let judge = DecisionService {
            state: self.state,
            clock: self.clock,
            resolver: self.resolver,
            trail: self.trail,
            metrics: self.metrics,
            header_count: self.limits.header_count,
            message_time: self.limits.header_time,
            health: self.health,
        };
        Server { judge: Arc::new(judge), gate }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("limits", &self.limits).finish_non_exhaustive()
    }
}

//! From a request to its answer: the hot path.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use artos_auth_engine::{Decision, Request};
use hyper::body::{Body as _, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::service::Service;
use hyper::{Method, Response, Version};

use crate::audit::{AuditLog, Record};
use crate::http::connection::Slot;
use crate::http::request::{Lines, Received, Refusal, is_forwarded};
use crate::http::response::{self, Body, Form};
use crate::metrics::Metrics;
use crate::snapshot::{Asked, ContextResolver, Snapshot};

/// Tells the time, once for each decision.
pub trait Clock: Send + Sync + 'static {
    /// The time that has passed since the Unix epoch.
    fn now(&self) -> Duration;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// Before 1970 it is 1970: every token that may be used later only is refused then.
    fn now(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}

impl<F: Fn() -> Duration + Send + Sync + 'static> Clock for F {
    fn now(&self) -> Duration {
        self()
    }
}

/// What all connections judge by.
pub(crate) struct DecisionService {
    pub(crate) state: Arc<ArcSwap<Snapshot>>,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) resolver: Box<dyn ContextResolver>,
    pub(crate) trail: Option<AuditLog>,
    pub(crate) metrics: Metrics,
    pub(crate) header_count: usize,
}

/// The judge at one connection.
pub(crate) struct ConnectionService {
    pub(crate) judge: Arc<DecisionService>,
    pub(crate) slot: Slot,
}

impl Service<hyper::Request<Incoming>> for ConnectionService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let started = Instant::now();
        let has_body = !request.body().is_end_stream();
        // Without its body, which goes away unread: the answer does not depend on it.
        let (parts, _) = request.into_parts();
        self.slot.request_arrived(started);
        if has_body {
            self.slot.nothing_follows();
        }
        ready(Ok(self.judge.answer(parts, has_body, started, &self.slot)))
    }
}

impl DecisionService {
    fn answer(
        &self,
        mut parts: hyper::http::request::Parts,
        has_body: bool,
        started: Instant,
        slot: &Slot,
    ) -> Response<Body> {
        let http2 = parts.version == Version::HTTP_2;
        let form = Form { without_body: http2 && parts.method == Method::HEAD, close: has_body && !http2 };
        let state = self.state.load();
        let decision = match self.decide(&parts, &state, started) {
            Ok(decision) => decision,
            Err(refusal) => {
                // Whoever sends such a request may mean something else by the rest of what it sends.
                slot.nothing_follows();
                let form = Form { close: !http2, ..form };
                return response::refused(refusal, std::mem::take(&mut parts.headers), form);
            }
        };
        let headers = std::mem::take(&mut parts.headers);
        match &decision {
            Decision::Allow(access) => response::allowed(access, headers, form),
            Decision::Deny(denial) if is_forwarded(&parts) => {
                state.denials().forwarded(denial, headers, form)
            }
            Decision::Deny(denial) => state.denials().answer(denial, headers, form),
        }
    }

    /// Decides, and takes the decision down before anybody sees its answer.
    fn decide<'s>(
        &self,
        parts: &hyper::http::request::Parts,
        state: &'s Snapshot,
        started: Instant,
    ) -> Result<Decision<'s>, Refusal> {
        if parts.headers.len() > self.header_count {
            return Err(Refusal::TooManyLines);
        }
        let received = Received::new(parts)?;
        let time = self.clock.now();
        let decision = if is_forwarded(parts) {
            state.engine().forwarded_request_unclear()
        } else {
            let lines = Lines::of(parts, &AUTHORIZATION);
            let request = Request::new(received.method, &*received.target, lines.as_slice());
            let asked = Asked {
                host: received.host,
                method: received.method,
                target: &received.target,
                headers: &parts.headers,
            };
            let context = self.resolver.resolve(&asked, state);
            state.engine().decide(&request, &context, time.as_secs())
        };
        let duration = started.elapsed();
        self.metrics.decided(&decision, duration);
        if let Some(trail) = &self.trail {
            trail.record(&Record {
                time,
                method: received.method.as_bytes(),
                target: received.target.as_bytes(),
                decision: &decision,
                duration,
            });
        }
        Ok(decision)
    }
}

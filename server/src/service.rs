//! From a request to its answer: the hot path.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use artos_auth_engine::{Access, Decision, Request, ResourceOrg, UnixTime};
use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::service::Service;
use hyper::{Method, Response, Version};

use crate::audit::{self, AuditLog, Record, WaitingLine};
use crate::clock::{Clock, Reading};
use crate::health::Health;
use crate::http::body::Body;
use crate::http::connection::Slot;
use crate::http::forward::{self, Unclear};
use crate::http::handler::Handler;
use crate::http::peer::Peer;
use crate::http::request::{Lines, Received, Refusal, host_of, is_forwarded};
use crate::http::response::{self, Form};
use crate::metrics::Metrics;
use crate::otlp::Tracer;
use crate::outcome::{Outcome, Unavailable};
use crate::snapshot::{ContextResolver, RequestView, Snapshot};

/// The state that all connections share.
pub(crate) struct DecisionService {
    pub(crate) state: Arc<ArcSwap<Snapshot>>,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) resolver: Box<dyn ContextResolver>,
    pub(crate) audit: Option<AuditLog>,
    pub(crate) metrics: Metrics,
    pub(crate) tracer: Option<Tracer>,
    pub(crate) header_count: usize,
    /// How long the message of a gRPC call may take to arrive.
    pub(crate) message_time: Duration,
    /// The health that `grpc.health.v1` reports; without it, always SERVING.
    pub(crate) health: Option<Health>,
}

/// The service of one connection.
pub(crate) struct ConnectionService {
    service: Arc<DecisionService>,
    slot: Slot,
    peer: Peer,
    /// The peer, as shown in the audit log.
    peer_text: Option<Box<str>>,
}

impl ConnectionService {
    pub(crate) fn new(service: Arc<DecisionService>, slot: Slot, peer: Peer) -> Self {
        Self { service, slot, peer, peer_text: peer.text() }
    }
}

impl Service<hyper::Request<Incoming>> for ConnectionService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn call(&self, request: hyper::Request<Incoming>) -> Answering {
        let started = Instant::now();
        if let Some(call) = self.service.grpc_call(&request) {
            self.slot.request_arrived(started);
            let service = Arc::clone(&self.service);
            let peer = (self.peer, self.peer_text.clone());
            return Answering::Waiting(Box::pin(async move {
                service.answer_call(call, request, started, peer).await
            }));
        }
        let has_body = !request.body().is_end_stream();
        // Drops the body unread: the answer does not depend on it.
        let (parts, _) = request.into_parts();
        self.slot.request_arrived(started);
        if has_body {
            self.slot.rest_is_unread();
        }
        let (response, line) = self.answer(parts, has_body, started);
        match line {
            None => Answering::Ready(Some(response)),
            Some(line) => Answering::Waiting(Box::pin(async move {
                line.queued().await;
                response
            })),
        }
    }
}

impl Handler for ConnectionService {
    fn refused(&self, refusal: Refusal) {
        self.service.record_refusal(refusal, None, self.peer_text.as_deref(), Instant::now());
    }
}

/// An answer that is ready, or one that waits until its audit line is queued, or for the message of a gRPC
/// call.
pub(crate) enum Answering {
    Ready(Option<Response<Body>>),
    Waiting(Pin<Box<dyn Future<Output = Response<Body>> + Send>>),
}

impl Future for Answering {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Ready(response) => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
            Self::Waiting(waiting) => waiting.as_mut().poll(context).map(Ok),
        }
    }
}

impl ConnectionService {
    fn answer(
        &self,
        mut parts: hyper::http::request::Parts,
        has_body: bool,
        started: Instant,
    ) -> (Response<Body>, Option<WaitingLine>) {
        let http2 = parts.version == Version::HTTP_2;
        let state = self.service.state.load();
        let form = Form {
            without_body: http2 && parts.method == Method::HEAD,
            close: has_body && !http2,
            bodiless: is_forwarded(&parts, state.forward()),
        };
        let (outcome, line) = match self.decide_and_record(&parts, &state, started) {
            Ok(judged) => judged,
            Err(refusal) => {
                self.service.record_refusal(refusal, Some(&parts), self.peer_text.as_deref(), started);
                // The next bytes of such a client may be misread as another request.
                self.slot.rest_is_unread();
                let form = Form { close: !http2, bodiless: false, ..form };
                return (response::refused(refusal, std::mem::take(&mut parts.headers), form), None);
            }
        };
        let headers = std::mem::take(&mut parts.headers);
        let response = respond(&outcome, &state, headers, form);
        (response, line)
    }

    /// Decides the request, and records the outcome before the client sees it: a returned line must be queued
    /// first.
    fn decide_and_record<'s>(
        &self,
        parts: &hyper::http::request::Parts,
        state: &'s Snapshot,
        started: Instant,
    ) -> Result<(Outcome<'s>, Option<WaitingLine>), Refusal> {
        let service = &*self.service;
        if parts.headers.len() > service.header_count {
            return Err(Refusal::TooManyLines);
        }
        let mut received = Received::new(parts)?;
        let reading = service.clock.now();
        let subject = if is_forwarded(parts, state.forward()) {
            describe(&received, parts, state, self.peer).map(|(described, owner)| {
                received = described;
                owner
            })
        } else {
            Ok(None)
        };
        let outcome = match subject {
            Err(unclear) => Outcome::ForwardedRequestUnclear(unclear),
            Ok(owner) => {
                let lines = Lines::of(parts, &AUTHORIZATION);
                let asked = RequestView {
                    host: received.host,
                    method: received.method,
                    target: &received.target,
                    headers: &parts.headers,
                };
                service.decide(&asked, lines.as_slice(), owner, state, reading)
            }
        };
        let duration = started.elapsed();
        if let Outcome::Decided(Decision::Deny(denial)) = &outcome
            && let Some(value) = parts.headers.get(AUTHORIZATION)
        {
            state.fetch_keys_after(denial.reason(), value.as_bytes());
        }
        service.metrics.decided(&outcome, duration);
        service.trace(&parts.headers, received.method, &outcome, duration);
        let line = service.audit.as_ref().and_then(|audit| {
            audit.record(&Record {
                time: reading.since_epoch,
                method: Some(received.method.as_bytes()),
                target: Some(received.target.as_bytes()),
                result: audit::Result::Outcome(&outcome),
                peer: self.peer_text.as_deref(),
                host: received.host.map(str::as_bytes),
                request_id: audit::request_id(&parts.headers),
                trace_id: audit::trace_id(&parts.headers),
                duration,
            })
        });
        Ok((outcome, line))
    }
}

impl DecisionService {
    /// Counts and records an answer without a decision. Without `parts`, no request could be read.
    pub(crate) fn record_refusal(
        &self,
        refusal: Refusal,
        parts: Option<&hyper::http::request::Parts>,
        peer: Option<&str>,
        started: Instant,
    ) {
        self.metrics.refused(refusal);
        let Some(audit) = &self.audit else { return };
        let waiting = audit.record(&Record {
            time: self.clock.now().since_epoch,
            method: parts.map(|parts| parts.method.as_str().as_bytes()),
            target: parts.map(|parts| parts.uri.path().as_bytes()),
            result: audit::Result::Refused(refusal),
            peer,
            host: parts.and_then(|parts| host_of(parts).ok().flatten()).map(str::as_bytes),
            request_id: parts.and_then(|parts| audit::request_id(&parts.headers)),
            trace_id: parts.and_then(|parts| audit::trace_id(&parts.headers)),
            duration: started.elapsed(),
        });
        debug_assert!(waiting.is_none(), "a refusal never waits for the log");
    }

    /// Queues the span of a decision, if there is to be one.
    pub(crate) fn trace(&self, headers: &HeaderMap, method: &str, outcome: &Outcome<'_>, duration: Duration) {
        if let Some(tracer) = &self.tracer {
            tracer.record(headers, method, outcome, self.clock.now().since_epoch, duration);
        }
    }

    /// Decides a request with these `Authorization` lines. `claimed` is the owner that a trusted proxy names.
    pub(crate) fn decide<'s>(
        &self,
        asked: &RequestView<'_>,
        lines: &[&[u8]],
        claimed: Option<ResourceOrg<'_>>,
        state: &'s Snapshot,
        reading: Reading,
    ) -> Outcome<'s> {
        let request = Request::new(asked.method, asked.target, lines);
        let clock = (!reading.is_usable).then_some(Unavailable::ClockUnusable);
        if let Some(why) = clock.or_else(|| state.unavailable()) {
            return match state.engine().public_access(&request) {
                Some(public) => Outcome::Decided(Decision::Allow(Access::Public(public))),
                None => Outcome::Unavailable(why),
            };
        }
        let mut context = self.resolver.resolve(asked, state);
        if let Some(claimed) = claimed {
            context.resource_org = forward::agreed_owner(claimed, context.resource_org, state.resources());
        }
        let now = UnixTime::from_seconds(reading.since_epoch.as_secs());
        state.engine().decide(&request, &context, now).into()
    }
}

/// The documented answer for an outcome.
pub(crate) fn respond(
    outcome: &Outcome<'_>,
    state: &Snapshot,
    headers: HeaderMap,
    form: Form,
) -> Response<Body> {
    match outcome {
        Outcome::Decided(Decision::Allow(access)) => response::allowed(access, headers, form),
        Outcome::Decided(Decision::Deny(denial)) => state.denials().answer(denial.answer(), headers, form),
        Outcome::ForwardedRequestUnclear(_) => state.denials().unclear(headers, form),
        Outcome::Unavailable(_) => response::unavailable(headers, form),
    }
}

/// The request that a proxy describes, and the owner that it names, if it is trusted with owners.
fn describe<'r>(
    received: &Received<'_>,
    parts: &'r hyper::http::request::Parts,
    state: &Snapshot,
    peer: Peer,
) -> Result<(Received<'r>, Option<ResourceOrg<'r>>), Unclear> {
    let forward = state.forward().filter(|forward| forward::without_query(&received.target) == forward.path);
    let forward = forward.ok_or(Unclear::NotServed)?;
    let described = forward::describe(forward, &parts.headers, peer.is_trusted(&forward.trusted))?;
    let owner = forward.trust_resource_org.then(|| forward::claimed_owner(&parts.headers));
    let described =
        Received { method: described.method, target: described.target.into(), host: Some(described.host) };
    Ok((described, owner))
}

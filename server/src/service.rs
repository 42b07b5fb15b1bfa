//! From a request to its answer: the hot path.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use artos_auth_engine::{Access, Decision, Request, ResourceOrg, UnixTime};
use hyper::body::{Body as _, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::service::Service;
use hyper::{Method, Response, Version};

use crate::audit::{AuditLog, Record};
use crate::clock::{Clock, Reading};
use crate::http::connection::Slot;
use crate::http::forward::{self, Unclear};
use crate::http::peer::Peer;
use crate::http::request::{Lines, Received, Refusal, is_forwarded};
use crate::http::response::{self, Body, Form};
use crate::metrics::Metrics;
use crate::outcome::{Outcome, Unavailable};
use crate::snapshot::{Asked, ContextResolver, Snapshot};

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
    pub(crate) peer: Peer,
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
        ready(Ok(self.judge.answer(parts, has_body, started, &self.slot, self.peer)))
    }
}

impl DecisionService {
    fn answer(
        &self,
        mut parts: hyper::http::request::Parts,
        has_body: bool,
        started: Instant,
        slot: &Slot,
        peer: Peer,
    ) -> Response<Body> {
        let http2 = parts.version == Version::HTTP_2;
        let state = self.state.load();
        let form = Form {
            without_body: http2 && parts.method == Method::HEAD,
            close: has_body && !http2,
            bodiless: is_forwarded(&parts, state.forward()),
        };
        let outcome = match self.judge(&parts, &state, started, peer) {
            Ok(outcome) => outcome,
            Err(refusal) => {
                // Whoever sends such a request may mean something else by the rest of what it sends.
                slot.nothing_follows();
                let form = Form { close: !http2, bodiless: false, ..form };
                return response::refused(refusal, std::mem::take(&mut parts.headers), form);
            }
        };
        let headers = std::mem::take(&mut parts.headers);
        match &outcome {
            Outcome::Decided(Decision::Allow(access)) => response::allowed(access, headers, form),
            Outcome::Decided(Decision::Deny(denial)) => {
                state.denials().answer(denial.answer(), headers, form)
            }
            Outcome::ForwardedRequestUnclear => state.denials().unclear(headers, form),
            Outcome::Unavailable(_) => response::unavailable(headers, form),
        }
    }

    /// Judges the request, and records the outcome before the client sees it.
    fn judge<'s>(
        &self,
        parts: &hyper::http::request::Parts,
        state: &'s Snapshot,
        started: Instant,
        peer: Peer,
    ) -> Result<Outcome<'s>, Refusal> {
        if parts.headers.len() > self.header_count {
            return Err(Refusal::TooManyLines);
        }
        let mut received = Received::new(parts)?;
        let reading = self.clock.now();
        let subject = if is_forwarded(parts, state.forward()) {
            describe(&received, parts, state, peer).map(|(described, owner)| {
                received = described;
                owner
            })
        } else {
            Ok(None)
        };
        let outcome = match subject {
            Err(_) => Outcome::ForwardedRequestUnclear,
            Ok(owner) => {
                let lines = Lines::of(parts, &AUTHORIZATION);
                let asked = Asked {
                    host: received.host,
                    method: received.method,
                    target: &received.target,
                    headers: &parts.headers,
                };
                self.decide(&asked, lines.as_slice(), owner, state, reading)
            }
        };
        let duration = started.elapsed();
        self.metrics.decided(&outcome, duration);
        if let Some(trail) = &self.trail {
            trail.record(&Record {
                time: reading.since_epoch,
                method: received.method.as_bytes(),
                target: received.target.as_bytes(),
                outcome: &outcome,
                duration,
            });
        }
        Ok(outcome)
    }

    /// Decides what is asked, with these `Authorization` lines. `claimed` is the owner that a trusted proxy names.
    fn decide<'s>(
        &self,
        asked: &Asked<'_>,
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

/// The request that a proxy describes, and the owner that it claims for what is addressed, where it is to claim one.
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

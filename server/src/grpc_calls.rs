//! Answers gRPC calls: `envoy.service.auth.v3.Authorization/Check` and `grpc.health.v1.Health/Check`.

use std::time::Instant;

use artos_auth_engine::{Access, Decision};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response, Version};
use prost::Message;
use tokio::time::timeout;

use crate::audit::{self, Record, WaitingLine};
use crate::health::Health;
use crate::http::body::Body;
use crate::http::ext_authz::messages::{CheckRequest, CheckResponse};
use crate::http::ext_authz::{self, Call};
use crate::http::forward::Unclear;
use crate::http::grpc::{self, Failure};
use crate::http::peer::Peer;
use crate::http::request::Refusal;
use crate::http::response::Form;
use crate::outcome::Outcome;
use crate::service::{DecisionService, respond};
use crate::snapshot::RequestView;

impl DecisionService {
    /// The gRPC call in a request, if `[ext_authz]` is configured.
    pub(crate) fn grpc_call(&self, request: &Request<Incoming>) -> Option<Call> {
        if request.version() != Version::HTTP_2 {
            return None;
        }
        let call = Call::at(request.uri().path())?;
        self.state.load().ext_authz().map(|_| call)
    }

    /// Answers a gRPC call. Only a message of `check` can be allowed.
    pub(crate) async fn answer_call(
        &self,
        call: Call,
        request: Request<Incoming>,
        started: Instant,
        (peer, peer_text): (Peer, Option<Box<str>>),
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let refused = |refusal| self.record_refusal(refusal, Some(&parts), peer_text.as_deref(), started);
        if parts.method != Method::POST || !grpc::is_grpc(&parts.headers) {
            refused(Refusal::NotGrpc);
            return grpc::not_grpc();
        }
        let answer = match call {
            Call::Check if !self.trusts(peer) => {
                // Its message is not read: it cannot be allowed, and would take memory.
                let message = CheckRequest::default();
                Ok(self.answer_check(&message, started, peer, peer_text.as_deref()).await)
            }
            Call::Check => match self.message(&parts.headers, body, grpc::MAX_CHECK_BYTES).await {
                Ok(message) => Ok(self.answer_check(&message, started, peer, peer_text.as_deref()).await),
                Err(failure) => Err(failure),
            },
            Call::Health => {
                let is_ready = self.health.as_ref().is_none_or(Health::serves);
                let message = self.message(&parts.headers, body, grpc::MAX_HEALTH_BYTES).await;
                message
                    .and_then(|message| ext_authz::health(&message, is_ready))
                    .map(|answer| grpc::answer(&answer))
            }
            Call::Unknown => Err(Failure::Unimplemented),
        };
        answer.unwrap_or_else(|failure| {
            refused(Refusal::GrpcCall);
            grpc::failed(failure)
        })
    }

    /// The call's only message, of at most `max_bytes`.
    async fn message<M: Message + Default>(
        &self,
        headers: &HeaderMap,
        body: Incoming,
        max_bytes: usize,
    ) -> Result<M, Failure> {
        let message = timeout(self.message_time, grpc::read(headers, body, max_bytes)).await;
        message.unwrap_or(Err(Failure::DeadlineExceeded))
    }

    /// Answers a check after its audit line is queued.
    async fn answer_check(
        &self,
        message: &CheckRequest,
        started: Instant,
        peer: Peer,
        peer_text: Option<&str>,
    ) -> Response<Body> {
        let (response, line) = self.check(message, started, peer, peer_text);
        if let Some(line) = line {
            line.queued().await;
        }
        grpc::answer(&response)
    }

    /// Whether `[ext_authz]` trusts the peer.
    fn trusts(&self, peer: Peer) -> bool {
        self.state.load().ext_authz().is_some_and(|config| peer.is_trusted(&config.trusted))
    }

    /// Decides the request that Envoy describes, and records the outcome. Queue the returned line before
    /// sending the answer.
    fn check(
        &self,
        message: &CheckRequest,
        started: Instant,
        peer: Peer,
        peer_text: Option<&str>,
    ) -> (CheckResponse, Option<WaitingLine>) {
        let state = self.state.load();
        let reading = self.clock.now();
        // A reload may have removed `[ext_authz]` while the message arrived.
        let described = match state.ext_authz() {
            None => Err(Unclear::NotServed),
            Some(config) if !peer.is_trusted(&config.trusted) => Err(Unclear::UntrustedPeer),
            Some(config) => ext_authz::describe(message).map(|described| (config, described)),
        };
        let fields =
            described.as_ref().map_or_else(|_| HeaderMap::new(), |_| ext_authz::recorded_fields(message));
        let outcome = match &described {
            Err(unclear) => Outcome::ForwardedRequestUnclear(unclear.clone()),
            Ok((ext_authz, described)) => {
                let asked = RequestView {
                    host: Some(described.host),
                    method: described.method,
                    target: described.target,
                    headers: &fields,
                };
                let owner = ext_authz.trust_resource_org.then(|| ext_authz::claimed_owner(message));
                self.decide(&asked, &described.lines, owner, &state, reading)
            }
        };
        let duration = started.elapsed();
        self.metrics.decided(&outcome, duration);
        let described = described.as_ref().ok().map(|(_, described)| described);
        self.trace(&fields, described.map_or("POST", |described| described.method), &outcome, duration);
        let line = self.audit.as_ref().and_then(|audit| {
            audit.record(&Record {
                time: reading.since_epoch,
                method: Some(described.map_or("POST", |described| described.method).as_bytes()),
                target: Some(described.map_or(ext_authz::CHECK, |described| described.target).as_bytes()),
                result: audit::Result::Outcome(&outcome),
                peer: peer_text,
                host: described.map(|described| described.host.as_bytes()),
                request_id: audit::request_id(&fields),
                trace_id: audit::trace_id(&fields),
                duration,
            })
        });
        let form = Form { without_body: false, close: false, bodiless: false };
        let answer = respond(&outcome, &state, HeaderMap::new(), form);
        let principal = match &outcome {
            Outcome::Decided(Decision::Allow(Access::Principal(principal))) => Some(principal),
            _ => None,
        };
        (ext_authz::response(answer, principal), line)
    }
}

/// The request that a `CheckRequest` describes.
#[derive(Debug)]
pub struct DescribedCheck {
    /// The method.
    pub method: String,
    /// The request-target.
    pub target: String,
    /// The host, without port and one trailing dot.
    pub host: String,
    /// The values of the `Authorization` lines.
    pub lines: Vec<Vec<u8>>,
}

/// Parses the body of a call of `Check`: one message that describes a request clearly.
#[must_use]
pub fn described_by(body: &[u8]) -> Option<DescribedCheck> {
    let message: CheckRequest = grpc::message(body).ok()?;
    let described = ext_authz::describe(&message).ok()?;
    Some(DescribedCheck {
        method: described.method.to_owned(),
        target: described.target.to_owned(),
        host: described.host.to_owned(),
        lines: described.lines.iter().map(|line| line.to_vec()).collect(),
    })
}

//! Serves one connection: TLS handshake, timeouts, and the choice between HTTP/1 and HTTP/2.
//!
//! Responses are produced immediately, so that a connection is always waiting for the rest of a head or for the next
//! request. Both waits have a timeout. Bytes that do not complete a request do not count as activity.

use std::io;
use std::pin::pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::connection::{Closed, Connections, Open, Slot};
use super::handler::Handler;
use super::poll_when_woken::PollWhenWoken;
use super::stopping::Stopping;
use super::stream::{Observed, PREFACE, read_preface};
use super::{http1, http2};
use crate::config::Limits;

/// What all connections of a listener share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: Limits,
    pub(super) connections: Arc<Connections>,
    /// Whether the listener is shutting down.
    pub(super) stopping: Stopping,
}

impl Shared {
    /// Serves one connection that starts with a TLS handshake, which has the same timeout as a request head.
    pub(super) async fn serve_encrypted<I, S>(
        self: Arc<Self>,
        acceptor: TlsAcceptor,
        stream: I,
        open: Open,
        service: S,
    ) where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Handler,
    {
        let slot = open.slot().clone();
        slot.bytes_arrived();
        slot.waits();
        let handshake = tokio::select! {
            biased;
            () = slot.evicted() => return,
            () = self.expire(&slot) => return,
            handshake = acceptor.accept(stream) => handshake,
            () = self.stopping.handshake_is_over(&slot) => return,
        };
        match handshake {
            Ok(stream) => {
                slot.no_head_arrives();
                self.serve(stream, open, service).await;
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => slot.closes(Closed::ProtocolError),
            Err(_) => {}
        }
    }

    /// Serves one connection without TLS, or after its handshake.
    pub(super) async fn serve<I, S>(self: Arc<Self>, stream: I, open: Open, service: S)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Handler,
    {
        let slot = open.slot().clone();
        let closed = pin!(async {
            tokio::select! {
                biased;
                () = slot.evicted() => {}
                () = self.expire(&slot) => {}
            }
        });
        tokio::select! {
            // In this order: a response that is ready is sent before the connection is closed for another reason.
            biased;
            () = self.serve_protocol(stream, &slot, service) => {}
            () = PollWhenWoken::new(closed) => {}
        }
    }

    /// Completes when the connection has timed out.
    async fn expire(&self, slot: &Slot) {
        let limits = &self.limits;
        loop {
            // A head that starts right after this is not overdue at the next check.
            let next_check = Instant::now() + limits.header_time;
            let deadline = slot.deadline(limits.header_time, limits.idle_time);
            if deadline <= Instant::now() {
                slot.closes(slot.overdue());
                return;
            }
            tokio::time::sleep_until(deadline.min(next_check)).await;
        }
    }

    /// Serves HTTP/2 if the connection starts with its preface, otherwise HTTP/1.
    async fn serve_protocol<I, S>(&self, mut stream: I, slot: &Slot, service: S)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Handler,
    {
        let quiet = pin!(self.stopping.is_quiet(slot, Instant::now()));
        let mut quiet = PollWhenWoken::new(quiet);
        let mut first = [0; PREFACE.len()];
        let read = tokio::select! {
            biased;
            read = read_preface(&mut stream, &mut first, slot) => read,
            () = &mut quiet => return,
        };
        let Ok(length) = read else { return };
        let stream = Observed::new(stream, first, length, slot.clone(), Arc::clone(&self.connections));
        if first == PREFACE {
            // HTTP/2 has frames that belong to no head, so only complete requests count from here on.
            slot.no_head_arrives();
            // Clients do not send a first request after GOAWAY; others that are on their way are answered all the same.
            let used = pin!(self.stopping.has_been_used(slot, Instant::now()));
            http2::serve(stream, &self.limits, &self.connections, slot, service, PollWhenWoken::new(used))
                .await;
        } else {
            let service = self.stopping.last_response(slot.clone(), service);
            http1::serve(stream, &self.limits, slot, service, quiet).await;
        }
    }
}

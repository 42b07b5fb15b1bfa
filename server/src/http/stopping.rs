//! Ends connections when the listener stops, without losing requests that are on their way.
//!
//! A client with a new or idle connection may have sent a request that has not arrived
//! yet. Each connection is therefore served until it has been quiet for a while, and is closed after its next response.
//! Later clients reach the next server, if another process keeps the socket open.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::service::Service;
use hyper::{Request, Response};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use super::body::Body;
use super::connection::{Closed, Slot};
use super::handler::Handler;
use super::request::Refusal;

/// How long a connection must be quiet before it is closed: much longer than a request takes from its
/// connection's accept, or than a busy client waits between two.
pub(super) const QUIET_TIME: Duration = Duration::from_secs(1);
/// How often a connection with an incomplete first head is checked.
const INTERVAL: Duration = Duration::from_millis(50);

/// Whether the listener is stopping.
#[derive(Debug)]
pub(super) struct Stopping {
    sender: watch::Sender<bool>,
    /// The same flag, cheap enough to read for each response.
    has_started: Arc<AtomicBool>,
}

impl Default for Stopping {
    fn default() -> Self {
        Self { sender: watch::Sender::new(false), has_started: Arc::default() }
    }
}

impl Stopping {
    /// The listener accepts no more connections.
    pub(super) fn start(&self) {
        self.has_started.store(true, Ordering::Relaxed);
        self.sender.send_replace(true);
    }

    /// Completes when the listener stops.
    pub(super) async fn started(&self) {
        // The sender lives as long as the listener, so this completes only on a signal.
        let _ = self.sender.subscribe().wait_for(|started| *started).await;
    }

    /// Completes when the listener stops and the connection has had time for a handshake.
    pub(super) async fn handshake_is_over(&self, slot: &Slot) {
        self.started().await;
        sleep_until(slot.last_request() + QUIET_TIME).await;
        slot.closes(Closed::Shutdown);
    }

    /// Completes when the listener stops and the connection, which began at `since`, has been quiet for a while.
    pub(super) async fn is_quiet(&self, slot: &Slot, since: Instant) {
        self.started().await;
        loop {
            let is_quiet_at = slot.last_request().max(since) + QUIET_TIME;
            if Instant::now() < is_quiet_at {
                sleep_until(is_quiet_at).await;
            } else if slot.head_arrives() {
                // It has its own time limit.
                sleep(INTERVAL).await;
            } else {
                slot.closes(Closed::Shutdown);
                return;
            }
        }
    }

    /// Completes when the listener stops and the connection, which began at `since`, has had a request or has been quiet
    /// for a while.
    pub(super) async fn has_been_used(&self, slot: &Slot, since: Instant) {
        self.started().await;
        while !slot.has_requested() && since.elapsed() < QUIET_TIME {
            sleep(INTERVAL).await;
        }
    }

    /// The same service; once the listener stops, each response closes its connection.
    pub(super) fn last_response<S>(&self, slot: Slot, service: S) -> LastResponse<S> {
        LastResponse { service, slot, stops: Arc::clone(&self.has_started) }
    }
}

/// Adds `Connection: close` to HTTP/1 responses while the listener stops.
pub(super) struct LastResponse<S> {
    service: S,
    slot: Slot,
    stops: Arc<AtomicBool>,
}

impl<S: Handler> Handler for LastResponse<S> {
    fn refused(&self, refusal: Refusal) {
        self.service.refused(refusal);
    }
}

impl<S: Handler> Service<Request<Incoming>> for LastResponse<S> {
    type Response = S::Response;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let response = self.service.call(request);
        let is_last = self.stops.load(Ordering::Relaxed);
        if is_last {
            self.slot.closes(Closed::Shutdown);
            // The client may have sent the next request already. Closing then would reset the connection, and this response
            // with it.
            self.slot.rest_is_unread();
        }
        Answering { response, is_last }
    }
}

pub(super) struct Answering<F> {
    response: F,
    is_last: bool,
}

impl<F> Future for Answering<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut response = ready!(Pin::new(&mut self.response).poll(context));
        if let Ok(response) = &mut response
            && self.is_last
        {
            response.headers_mut().insert(CONNECTION, const { HeaderValue::from_static("close") });
        }
        Poll::Ready(response)
    }
}

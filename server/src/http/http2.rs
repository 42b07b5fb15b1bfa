//! Serves one HTTP/2 connection, with a count of the responses that wait or that its client does not read.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use hyper::body::Incoming;
use hyper::header::DATE;
use hyper::server::conn::http2;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::Body;
use super::connection::{Closed, Connections, Slot, Unsent};
use super::date::http_date;
use super::frames::{FIELD_OVERHEAD, OwnAnswers, UnfinishedHead, Watched};
use super::handler::Handler;
use super::request::Refusal;
use crate::config::Limits;

/// The initial window of RFC 9113 §6.9.2. It is enough, because bodies are not read.
const HTTP2_WINDOW: u32 = 65_535;
const HTTP2_STREAMS: u32 = 100;

/// Serves the connection until it has ended, or `stop` and its last response have completed.
pub(super) async fn serve<I, S>(
    stream: I,
    limits: &Limits,
    connections: &Arc<Connections>,
    slot: &Slot,
    service: S,
    mut stop: impl Future<Output = ()> + Unpin,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Handler,
{
    let header_bytes = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        // hyper panics if the clock is outside the range of HTTP dates; `CountedResponse` adds the field instead.
        .auto_date_header(false)
        .timer(TokioTimer::new())
        .max_header_list_size(header_bytes)
        .max_concurrent_streams(HTTP2_STREAMS)
        .initial_stream_window_size(HTTP2_WINDOW)
        .initial_connection_window_size(HTTP2_WINDOW);
    let (service, own_answers) = (Arc::new(service), OwnAnswers::default());
    let counted =
        Counted { service: Arc::clone(&service), slot: slot.clone(), connections: Arc::clone(connections) };
    let head = UnfinishedHead {
        connections: Arc::clone(connections),
        slot: slot.clone(),
        bytes: limits.header_bytes.saturating_mul(FIELD_OVERHEAD),
        counted: None,
    };
    let stream = TokioIo::new(Watched::new(stream, head, own_answers.clone()));
    let mut connection = pin!(builder.serve_connection(stream, counted));
    let mut stopped = false;
    let result = poll_fn(|context| {
        if !stopped && Pin::new(&mut stop).poll(context).is_ready() {
            stopped = true;
            connection.as_mut().graceful_shutdown();
        }
        let poll = connection.as_mut().poll(context);
        for _ in 0..own_answers.take() {
            service.refused(Refusal::HeadTooLarge);
        }
        poll
    })
    .await;
    // An error of the underlying stream is not caused by the data that the client sent.
    let by_protocol = |error: &hyper::Error| error.source().is_none_or(|source| !is_of_the_stream(source));
    if result.as_ref().err().is_some_and(by_protocol) {
        slot.closes(Closed::ProtocolError);
    }
}

fn is_of_the_stream(error: &(dyn Error + 'static)) -> bool {
    error.is::<io::Error>() || error.downcast_ref::<h2::Error>().is_some_and(h2::Error::is_io)
}

/// A service that counts its responses from the moment that they wait until they are sent or dropped. For HTTP/2, where
/// each stream may have a response that waits for the audit log, or that the client does not read.
struct Counted<S> {
    service: Arc<S>,
    slot: Slot,
    connections: Arc<Connections>,
}

/// Overhead of a response besides its body, in bytes.
pub(super) const RESPONSE_OVERHEAD: usize = 4096;

impl<S: Handler> Service<Request<Incoming>> for Counted<S> {
    type Response = S::Response;
    type Error = Infallible;
    type Future = CountedResponse<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        CountedResponse {
            response: self.service.call(request),
            slot: self.slot.clone(),
            connections: Arc::clone(&self.connections),
            waiting: None,
        }
    }
}

struct CountedResponse<F> {
    response: F,
    slot: Slot,
    connections: Arc<Connections>,
    waiting: Option<Unsent>,
}

impl<F> Future for CountedResponse<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let Poll::Ready(response) = Pin::new(&mut this.response).poll(context) else {
            this.waiting.get_or_insert_with(|| this.connections.hold(&this.slot, RESPONSE_OVERHEAD));
            return Poll::Pending;
        };
        this.waiting = None;
        Poll::Ready(response.map(|mut response| {
            if let Some(date) = http_date(SystemTime::now()) {
                response.headers_mut().insert(DATE, date);
            }
            response.map(|body| {
                body.map_data(|data| {
                    let bytes = data.len().saturating_add(RESPONSE_OVERHEAD);
                    this.connections.hold(&this.slot, bytes).keep(data)
                })
            })
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::http::connection::ConnectionNumbers;

    /// Answers nothing, as while the audit log cannot be written.
    struct Waits;

    impl Handler for Waits {}

    impl Service<Request<Incoming>> for Waits {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

        fn call(&self, _: Request<Incoming>) -> Self::Future {
            Box::pin(pending())
        }
    }

    #[tokio::test]
    async fn responses_that_wait_are_counted() {
        let (client, stream) = tokio::io::duplex(1 << 16);
        let connections = Arc::new(Connections::new(1, ConnectionNumbers::default()));
        let open = connections.open();
        let (its, limits) = (Arc::clone(&connections), Limits::of_tokens(1 << 10));
        let serving = tokio::spawn(async move {
            serve(stream, &limits, &its, open.slot(), Waits, pending()).await;
        });
        let (mut requests, connection) = h2::client::handshake(client).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = || Request::get("http://a/").body(()).unwrap();
        let waiting: Vec<_> = (0..5).map(|_| requests.send_request(request(), true).unwrap().0).collect();
        let holds = async |bytes: usize| {
            let settled = async {
                while connections.unsent() != bytes {
                    tokio::task::yield_now().await;
                }
            };
            timeout(Duration::from_secs(20), settled).await.expect("in time");
        };
        holds(5 * RESPONSE_OVERHEAD).await;
        drop((requests, waiting));
        connection.abort();
        holds(0).await;
        serving.await.unwrap();
    }
}

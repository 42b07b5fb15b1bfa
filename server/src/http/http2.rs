//! Serves one HTTP/2 connection, with a count of the responses that its client does not read.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use hyper::body::Incoming;
use hyper::header::DATE;
use hyper::server::conn::http2;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::Body;
use super::connection::{Closed, Connections, Slot};
use super::date::http_date;
use super::handler::Handler;
use crate::config::Limits;

/// The smallest initial window that HTTP/2 allows by default: bodies are not read.
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
    let service = Counted { service, slot: slot.clone(), connections: Arc::clone(connections) };
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut stopped = false;
    let result = poll_fn(|context| {
        if !stopped && Pin::new(&mut stop).poll(context).is_ready() {
            stopped = true;
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(context)
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

/// A service that counts its responses until they are sent or dropped. For HTTP/2, where each stream may have a
/// response that the client does not read.
struct Counted<S> {
    service: S,
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
        }
    }
}

struct CountedResponse<F> {
    response: F,
    slot: Slot,
    connections: Arc<Connections>,
}

impl<F> Future for CountedResponse<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let response = ready!(Pin::new(&mut this.response).poll(context));
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

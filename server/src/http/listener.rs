//! The connections of a port: limits, timeouts, protocols and shutdown.
//!
//! Responses are produced immediately, so that a connection is always waiting for the rest of a head or for the next
//! request. Both waits have a timeout. When there are too many connections, the one that has been idle longest is
//! closed. Bytes that do not complete a request do not count as activity.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::body::Incoming;
use hyper::header::{DATE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, join, split};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::body::Body;
use super::connection::{Closed, ConnectionNumbers, Connections, Open, Slot};
use super::on_wake::OnWake;
use super::outbox::Outbox;
use super::peer::Peer;
use super::port::{Accepted, Port};
use super::request::Refusal;
use super::stream::Observed;
use super::tls::Tls;
use crate::config::Limits;

/// The service that handles the requests of a connection.
pub(crate) trait Answers:
    Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future: Send + Unpin>
    + Send
    + Unpin
    + 'static
{
    /// hyper itself answered the received bytes, for this reason.
    fn refused(&self, refusal: Refusal) {
        let _ = refusal;
    }
}

/// Accepts and shuts down connections. Clones share the same listener.
#[derive(Clone, Debug)]
pub(crate) struct Listener(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    tls: Option<Tls>,
    connections: Arc<Connections>,
    stopping: watch::Sender<bool>,
}

/// The HTTP/2 connection preface (RFC 9113 §3.4), which no HTTP/1 request starts with.
const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The smallest initial window that HTTP/2 allows by default: bodies are not read.
const HTTP2_WINDOW: u32 = 65_535;
const HTTP2_STREAMS: u32 = 100;
/// After the last response, received bytes are read and discarded for a while. Closing immediately would reset the
/// connection, and the client might not receive the response (RFC 9112 §9.6).
const LINGER_TIME: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 256 << 10;
/// hyper's default limit on field lines, which needs no allocation.
const HYPER_HEADER_COUNT: usize = 100;

/// The HTTP/1 response while the clock is outside the range of HTTP dates.
const WITHOUT_DATE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
cache-control: no-store\r\nvary: Authorization\r\nretry-after: 1\r\nconnection: close\r\n\
content-length: 32\r\n\r\n{\"detail\":\"Service unavailable\"}";

/// The value of `Date` (RFC 9110 section 6.6.1), if the time has one.
fn http_date(time: SystemTime) -> Option<HeaderValue> {
    let text = has_http_date(time).then(|| httpdate::fmt_http_date(time))?;
    HeaderValue::try_from(text).ok()
}

/// Whether a time is representable as an HTTP date: from 1970 to 9999.
fn has_http_date(time: SystemTime) -> bool {
    time.duration_since(UNIX_EPOCH).is_ok_and(|since| since.as_secs() < 253_402_300_800)
}

/// Answers on an HTTP/1 connection without hyper, and closes it.
async fn answer_without_date(reader: impl AsyncRead + Unpin, mut writer: impl AsyncWrite + Unpin) {
    if writer.write_all(WITHOUT_DATE).await.is_ok() && writer.shutdown().await.is_ok() {
        linger(reader).await;
    }
}

impl Listener {
    pub(crate) fn new(limits: Limits, numbers: ConnectionNumbers) -> Self {
        let connections = Arc::new(Connections::new(limits.connections, numbers));
        Self(Arc::new(Inner { limits, tls: None, connections, stopping: watch::Sender::new(false) }))
    }

    /// The same listener with TLS on accepted connections. Call it before serving.
    pub(crate) fn with_tls(self, tls: Option<Tls>) -> Self {
        let Inner { limits, connections, .. } = &*self.0;
        let connections = Arc::clone(connections);
        Self(Arc::new(Inner { limits: *limits, tls, connections, stopping: watch::Sender::new(false) }))
    }

    /// Accepts connections until `stop` completes; then the open ones have time to finish.
    pub(crate) async fn serve<S: Answers>(
        &self,
        port: Port,
        stop: impl Future<Output = ()>,
        answers: impl Fn(Slot, Peer) -> S,
        failed: impl Fn(&io::Error),
    ) {
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                biased;
                () = &mut stop => break,
                accepted = port.accept() => accepted,
            };
            match accepted {
                Ok(Accepted::Tcp(stream, address)) => {
                    // A response is sent in one piece, so there is nothing to coalesce.
                    let _ = stream.set_nodelay(true);
                    self.start(stream, TcpStream::into_split, Peer::Address(address), &answers);
                }
                Ok(Accepted::Unix(stream)) => {
                    self.start(stream, UnixStream::into_split, Peer::Unix, &answers);
                }
                Err(error) if is_of_the_connection(&error) => {}
                Err(error) => {
                    // Most likely out of file descriptors: closing a connection frees one.
                    failed(&error);
                    self.0.connections.evict_least_used();
                    sleep(Duration::from_millis(50)).await;
                }
            }
            // Let closed connections finish before accepting more.
            if self.0.connections.are_too_many() {
                tokio::task::yield_now().await;
            }
        }
        drop(port);
        self.stop().await;
    }

    /// Spawns a task that serves one connection.
    fn start<I, R, W, S>(
        &self,
        stream: I,
        split: impl FnOnce(I) -> (R, W),
        peer: Peer,
        answers: impl Fn(Slot, Peer) -> S,
    ) where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
        S: Answers,
    {
        let open = self.0.connections.open();
        let service = answers(open.slot().clone(), peer);
        if let Some(tls) = &self.0.tls {
            let acceptor = TlsAcceptor::from(tls.config());
            tokio::spawn(self.clone().keep_encrypted(acceptor, stream, open, service));
        } else {
            let (reader, writer) = split(stream);
            tokio::spawn(self.clone().keep(reader, writer, open, service));
        }
    }

    /// Serves one stream, which does not have to be a socket.
    pub(crate) async fn serve_stream<I, S>(&self, stream: I, answers: impl FnOnce(Slot, Peer) -> S)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Answers,
    {
        let open = self.0.connections.open();
        let service = answers(open.slot().clone(), Peer::Unknown);
        let (reader, writer) = split(stream);
        self.clone().keep(reader, writer, open, service).await;
    }

    /// Lets in-flight responses finish within the time limit, then closes the remaining connections.
    pub(crate) async fn stop(&self) {
        self.0.stopping.send_replace(true);
        if timeout(self.0.limits.shutdown_time, self.0.connections.all_closed()).await.is_err() {
            self.0.connections.evict_all();
            let _ = timeout(LINGER_TIME, self.0.connections.all_closed()).await;
        }
    }

    /// Serves one connection that starts with a TLS handshake, which has the same timeout as a request head.
    async fn keep_encrypted<I, S>(self, acceptor: TlsAcceptor, stream: I, open: Open, service: S)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Answers,
    {
        let slot = open.slot().clone();
        slot.bytes_arrived();
        slot.waits();
        let mut stopping = self.0.stopping.subscribe();
        let handshake = tokio::select! {
            biased;
            () = slot.evicted() => return,
            () = self.expire(&slot) => return,
            handshake = acceptor.accept(stream) => handshake,
            _ = stopping.wait_for(|stopping| *stopping) => return slot.closes(Closed::Shutdown),
        };
        match handshake {
            Ok(stream) => {
                slot.no_head_arrives();
                let (reader, writer) = split(stream);
                self.keep(reader, writer, open, service).await;
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => slot.closes(Closed::ProtocolError),
            Err(_) => {}
        }
    }

    async fn keep<R, W, S>(self, reader: R, writer: W, open: Open, service: S)
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
        S: Answers,
    {
        let slot = open.slot().clone();
        let outbox = Outbox::new(Arc::clone(&self.0.connections), slot.clone());
        let mut conversation = pin!(self.converse(reader, writer, &slot, &outbox, service));
        let given_up = pin!(async {
            tokio::select! {
                biased;
                () = slot.evicted() => {}
                () = self.expire(&slot) => {}
            }
        });
        let mut given_up = OnWake::new(given_up);
        let mut sends_first = false;
        poll_fn(|context| {
            let poll = conversation.as_mut().poll(context);
            // A buffered response is sent before the connection can be closed for another reason. This applies only to
            // the first of several in a row; otherwise a client that sends requests without pause could never be
            // closed.
            sends_first = outbox.holds() && !sends_first;
            if poll.is_ready() || sends_first {
                return poll;
            }
            Pin::new(&mut given_up).poll(context)
        })
        .await;
    }

    /// Completes when the connection has timed out.
    async fn expire(&self, slot: &Slot) {
        let limits = &self.0.limits;
        loop {
            // A head that starts right after this is not overdue at the next check.
            let look_again = Instant::now() + limits.header_time;
            let deadline = slot.deadline(limits.header_time, limits.idle_time);
            if deadline <= Instant::now() {
                slot.closes(slot.overdue());
                return;
            }
            tokio::time::sleep_until(deadline.min(look_again)).await;
        }
    }

    async fn converse<R, W, S>(&self, mut reader: R, writer: W, slot: &Slot, outbox: &Outbox, service: S)
    where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
        S: Answers,
    {
        let mut stopping = self.0.stopping.subscribe();
        let stop = pin!(async move {
            // The sender lives as long as the listener, so this completes only on a signal.
            let _ = stopping.wait_for(|stopping| *stopping).await;
        });
        let mut stop = OnWake::new(stop);
        let mut first = [0; PREFACE.len()];
        let read = tokio::select! {
            biased;
            read = read_preface(&mut reader, &mut first, slot) => read,
            () = &mut stop => return,
        };
        let Ok(length) = read else { return };
        let reader = Observed::new(reader, first, length, slot.clone());
        if first == PREFACE {
            // HTTP/2 has frames that belong to no head, so only complete requests count from here on.
            slot.no_head_arrives();
            self.converse_http2(join(reader, writer), slot, service, stop).await;
        } else {
            self.converse_http1(reader, writer, slot, outbox, service, stop).await;
        }
    }

    async fn converse_http1<R, W, S>(
        &self,
        reader: Observed<R>,
        mut writer: W,
        slot: &Slot,
        outbox: &Outbox,
        service: S,
        mut stop: impl Future<Output = ()> + Unpin,
    ) where
        R: AsyncRead + Unpin + Send + 'static,
        W: AsyncWrite + Unpin + Send + 'static,
        S: Answers,
    {
        if !has_http_date(SystemTime::now()) {
            return answer_without_date(reader, writer).await;
        }
        let limits = &self.0.limits;
        let mut builder = http1::Builder::new();
        // Checks for slow heads here, without a timer for each request.
        builder
            .header_read_timeout(None)
            // A client that stops sending can still receive responses.
            .half_close(true)
            // Head and body are so small that one write is faster than a vectored one.
            .writev(false)
            .max_buf_size(limits.header_bytes.max(8192))
            .max_header_size(limits.header_bytes);
        if limits.header_count != HYPER_HEADER_COUNT {
            builder.max_headers(limits.header_count);
        }
        let stream = TokioIo::new(join(reader, outbox.clone()));
        let mut connection = builder.serve_connection(stream, service);
        let mut stopped = false;
        let conversation = poll_fn(|context| {
            if !stopped && Pin::new(&mut stop).poll(context).is_ready() {
                stopped = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
            // hyper formats the date whenever it is polled, and panics if the clock is outside the range of HTTP dates.
            if !has_http_date(SystemTime::now()) {
                return Poll::Ready(None);
            }
            let poll = connection.poll_without_shutdown(context);
            if poll.is_pending() {
                slot.waits();
            }
            poll.map(Some)
        });
        let Ok(result) = outbox.send_during(conversation, &mut writer).await else { return };
        let parts = connection.into_parts();
        let Some(result) = result else {
            let (reader, _) = parts.io.into_inner().into_inner();
            return answer_without_date(reader, writer).await;
        };
        if let Some(refusal) = result.as_ref().err().and_then(answered_by_hyper) {
            slot.closes(Closed::ProtocolError);
            parts.service.refused(refusal);
        }
        if writer.shutdown().await.is_ok() && (result.is_err() || slot.may_be_sending()) {
            let (reader, _) = parts.io.into_inner().into_inner();
            linger(reader).await;
        }
    }

    async fn converse_http2<I, S>(
        &self,
        stream: I,
        slot: &Slot,
        service: S,
        mut stop: impl Future<Output = ()> + Unpin,
    ) where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Answers,
    {
        let header_bytes = u32::try_from(self.0.limits.header_bytes).unwrap_or(u32::MAX);
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            // hyper panics if the clock is outside the range of HTTP dates; `CountedAnswer` adds the field instead.
            .auto_date_header(false)
            .timer(TokioTimer::new())
            .max_header_list_size(header_bytes)
            .max_concurrent_streams(HTTP2_STREAMS)
            .initial_stream_window_size(HTTP2_WINDOW)
            .initial_connection_window_size(HTTP2_WINDOW);
        let service = Counted { service, slot: slot.clone(), connections: Arc::clone(&self.0.connections) };
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
        let by_protocol =
            |error: &hyper::Error| error.source().is_none_or(|source| !is_of_the_stream(source));
        if result.as_ref().err().is_some_and(by_protocol) {
            slot.closes(Closed::ProtocolError);
        }
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
const ANSWER_BYTES: usize = 4096;

impl<S: Answers> Service<Request<Incoming>> for Counted<S> {
    type Response = S::Response;
    type Error = Infallible;
    type Future = CountedAnswer<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        CountedAnswer {
            answer: self.service.call(request),
            slot: self.slot.clone(),
            connections: Arc::clone(&self.connections),
        }
    }
}

struct CountedAnswer<F> {
    answer: F,
    slot: Slot,
    connections: Arc<Connections>,
}

impl<F> Future for CountedAnswer<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let answer = ready!(Pin::new(&mut this.answer).poll(context));
        Poll::Ready(answer.map(|mut answer| {
            if let Some(date) = http_date(SystemTime::now()) {
                answer.headers_mut().insert(DATE, date);
            }
            answer.map(|body| {
                body.map_data(|data| {
                    let bytes = data.len().saturating_add(ANSWER_BYTES);
                    this.connections.hold(&this.slot, bytes).keep(data)
                })
            })
        }))
    }
}

/// Why hyper itself answered an HTTP/1 request and closed the connection, if it did.
fn answered_by_hyper(error: &hyper::Error) -> Option<Refusal> {
    match error {
        error if error.is_parse_too_large() => Some(Refusal::HeadTooLarge),
        error if error.is_parse() => Some(Refusal::Malformed),
        _ => None,
    }
}

/// Reads until it is clear whether the connection starts with the HTTP/2 preface; returns the number of bytes read.
async fn read_preface<I: AsyncRead + Unpin>(
    stream: &mut I,
    first: &mut [u8; PREFACE.len()],
    slot: &Slot,
) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = first.get_mut(length..).filter(|rest| !rest.is_empty()) {
        slot.waits();
        let read = stream.read(rest).await?;
        slot.bytes_arrived();
        length = length.saturating_add(read);
        if read == 0 || first.get(..length) != PREFACE.get(..length) {
            break;
        }
    }
    Ok(length)
}

/// Reads and discards incoming bytes for a while.
async fn linger<I: AsyncRead + Unpin>(stream: I) {
    let mut left = stream.take(LINGER_BYTES);
    let _ = timeout(LINGER_TIME, tokio::io::copy(&mut left, &mut tokio::io::sink())).await;
}

/// Errors of a connection that was closed before it was accepted; the listener is unaffected.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};
    use std::task::Poll;

    use super::*;

    /// Answers everything with 200 and an empty body.
    struct Yes;

    impl Answers for Yes {}

    impl Service<Request<Incoming>> for Yes {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn call(&self, _: Request<Incoming>) -> Self::Future {
            ready(Ok(Response::default()))
        }
    }

    const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    #[tokio::test]
    async fn a_buffered_response_is_sent_before_its_connection_is_closed() {
        let (mut client, stream) = tokio::io::duplex(1 << 10);
        let gate = Listener::new(Limits::of_tokens(1 << 10), ConnectionNumbers::default());
        let mut serving = pin!(gate.serve_stream(stream, |_, _| Yes));
        let mut look = async || poll_fn(|context| Poll::Ready(serving.as_mut().poll(context))).await;

        assert_eq!(look().await, Poll::Pending, "nothing has arrived");
        gate.0.connections.evict_all();
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        assert_eq!(look().await, Poll::Pending, "there is an answer");
        assert!(timeout(Duration::ZERO, client.read_u8()).await.is_err(), "it is held");
        assert_eq!(look().await, Poll::Ready(()));

        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
    }

    #[tokio::test]
    async fn a_client_that_sends_requests_without_pause_can_be_closed() {
        let (mut client, stream) = tokio::io::duplex(1 << 16);
        let gate = Listener::new(Limits::of_tokens(1 << 10), ConnectionNumbers::default());
        let mut serving = pin!(gate.serve_stream(stream, |_, _| Yes));
        client.write_all(REQUEST.repeat(200).as_bytes()).await.unwrap();
        let mut looks = 0;
        poll_fn(|context| {
            gate.0.connections.evict_all();
            looks += 1;
            serving.as_mut().poll(context)
        })
        .await;
        assert!(looks <= 3, "after {looks} looks");
    }

    /// Answers everything with a body of this many bytes.
    struct Long(usize);

    impl Answers for Long {}

    impl Service<Request<Incoming>> for Long {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn call(&self, _: Request<Incoming>) -> Self::Future {
            ready(Ok(Response::new(Body::new(vec![b'x'; self.0].into()))))
        }
    }

    async fn until(mut holds: impl FnMut() -> bool) {
        let waiting = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), waiting).await.expect("in time");
    }

    #[tokio::test]
    async fn responses_that_an_http2_client_does_not_read_are_counted() {
        let (client, stream) = tokio::io::duplex(1 << 16);
        let gate = Listener::new(Limits::of_tokens(1 << 10), ConnectionNumbers::default());
        let connections = Arc::clone(&gate.0.connections);
        let serving = tokio::spawn(async move { gate.serve_stream(stream, |_, _| Long(10_000)).await });
        let mut builder = h2::client::Builder::new();
        let (mut requests, connection) =
            builder.initial_window_size(0).handshake::<_, bytes::Bytes>(client).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut answers = Vec::new();
        for _ in 0..5 {
            let request = hyper::http::Request::get("http://a/").body(()).unwrap();
            let (answer, _) = requests.send_request(request, true).unwrap();
            answers.push(answer.await.unwrap());
        }
        until(|| connections.unsent() == 5 * (10_000 + ANSWER_BYTES)).await;
        drop((requests, answers));
        connection.abort();
        until(|| connections.unsent() == 0).await;
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn responses_that_an_http1_client_does_not_read_are_counted() {
        let (mut client, stream) = tokio::io::duplex(1 << 10);
        let gate = Listener::new(Limits::of_tokens(1 << 10), ConnectionNumbers::default());
        let connections = Arc::clone(&gate.0.connections);
        let serving = tokio::spawn(async move { gate.serve_stream(stream, |_, _| Long(10_000)).await });
        client.write_all(REQUEST.repeat(5).as_bytes()).await.unwrap();
        until(|| connections.unsent() > 10_000).await;
        let mut received = vec![0; 50_000];
        client.read_exact(&mut received).await.unwrap();
        client.shutdown().await.unwrap();
        client.read_to_end(&mut received).await.unwrap();
        serving.await.unwrap();
        assert_eq!(connections.unsent(), 0);
    }
}

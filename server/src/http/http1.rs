//! Serves one HTTP/1 connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::connection::{Closed, Slot};
use super::date::has_http_date;
use super::handler::Handler;
use super::request::Refusal;
use super::stream::Observed;
use crate::config::Limits;

/// After the last response, received bytes are read and discarded for a while. Closing immediately would reset the
/// connection, and the client might not receive the response (RFC 9112 §9.6).
pub(super) const LINGER_TIME: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 256 << 10;
/// hyper's default limit on field lines, which needs no allocation.
const HYPER_HEADER_COUNT: usize = 100;

/// The HTTP/1 response while the clock is outside the range of HTTP dates.
const WITHOUT_DATE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
cache-control: no-store\r\nvary: Authorization\r\nretry-after: 1\r\nconnection: close\r\n\
content-length: 32\r\n\r\n{\"detail\":\"Service unavailable\"}";

/// Serves the connection until it has ended, or `quiet` and the response in progress have completed.
pub(super) async fn serve<I, S>(
    stream: Observed<I>,
    limits: &Limits,
    slot: &Slot,
    service: S,
    mut quiet: impl Future<Output = ()> + Unpin,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Handler,
{
    if !has_http_date(SystemTime::now()) {
        return answer_without_date(stream).await;
    }
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
    let mut connection = builder.serve_connection(TokioIo::new(stream), service);
    let mut stopped = false;
    let result = poll_fn(|context| {
        // hyper formats the date whenever it is polled, and panics if the clock is outside the range of HTTP dates.
        if !has_http_date(SystemTime::now()) {
            return Poll::Ready(None);
        }
        let mut poll = Pin::new(&mut connection).poll(context);
        // After the connection, which reads what has arrived: hyper closes a connection that has read nothing.
        if poll.is_pending() && !stopped && Pin::new(&mut quiet).poll(context).is_ready() {
            stopped = true;
            Pin::new(&mut connection).graceful_shutdown();
            poll = Pin::new(&mut connection).poll(context);
        }
        if poll.is_pending() {
            slot.waits();
        }
        poll.map(Some)
    })
    .await;
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    let Some(result) = result else { return answer_without_date(stream).await };
    let refusal = |error| answered_by_hyper(error, &parts.read_buf, limits);
    if let Some(refusal) = result.as_ref().err().and_then(refusal) {
        slot.closes(Closed::ProtocolError);
        parts.service.refused(refusal);
    }
    // hyper has sent and shut down everything, except after some errors.
    if (result.is_err() || slot.may_be_sending()) && stream.shutdown().await.is_ok() {
        linger(stream).await;
    }
}

/// Answers on an HTTP/1 connection without hyper, and closes it.
async fn answer_without_date(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    if stream.write_all(WITHOUT_DATE).await.is_ok() && stream.shutdown().await.is_ok() {
        linger(stream).await;
    }
}

/// Why hyper itself answered an HTTP/1 request and closed the connection, if it did. `unread` begins with that request.
fn answered_by_hyper(error: &hyper::Error, unread: &[u8], limits: &Limits) -> Option<Refusal> {
    match error {
        // hyper tells the two apart by its answer only.
        error if error.is_parse_too_large() && has_long_target(unread, limits) => {
            Some(Refusal::TargetTooLong)
        }
        error if error.is_parse_too_large() => Some(Refusal::HeadTooLarge),
        error if error.is_parse() => Some(Refusal::Malformed),
        _ => None,
    }
}

/// Whether the only thing that is too long in a complete head is its target.
fn has_long_target(unread: &[u8], limits: &Limits) -> bool {
    /// The longest target that hyper reads.
    const MAX_TARGET: usize = 65_534;
    let end = unread.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let Some(head) = end.and_then(|end| unread.get(..end.saturating_add(4))) else { return false };
    let target = head.split(|byte| *byte == b' ').nth(1).map_or(0, <[u8]>::len);
    // Besides the lines of the fields, there are the request line and the empty line.
    let lines = head.iter().filter(|byte| **byte == b'\n').count().saturating_sub(2);
    target > MAX_TARGET && head.len() <= limits.header_bytes && lines <= limits.header_count
}

/// Reads and discards incoming bytes for a while.
async fn linger<I: AsyncRead + Unpin>(stream: I) {
    let mut left = stream.take(LINGER_BYTES);
    let _ = timeout(LINGER_TIME, tokio::io::copy(&mut left, &mut tokio::io::sink())).await;
}

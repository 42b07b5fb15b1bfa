//! The stream of a connection: finds out its protocol, replays the bytes read for that, reports when more arrive, and
//! counts what its client does not read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::connection::{Connections, Slot, Unsent};

/// The HTTP/2 connection preface (RFC 9113 §3.4), which no HTTP/1 request starts with.
pub(super) const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that first yields bytes that were already read from it.
pub(super) struct Observed<I> {
    stream: I,
    first: [u8; PREFACE.len()],
    /// The number of first bytes, and how many of them have been yielded.
    length: usize,
    replayed: usize,
    slot: Slot,
    connections: Arc<Connections>,
    /// While the client does not read: the bytes that wait for it.
    unsent: Option<Unsent>,
}

/// Roughly what waits while a client does not read: hyper stops reading requests at such a length, and the socket has a
/// buffer of its own.
const UNSENT_BYTES: usize = 32 << 10;

impl<I> Observed<I> {
    pub(super) fn new(
        stream: I,
        first: [u8; PREFACE.len()],
        length: usize,
        slot: Slot,
        connections: Arc<Connections>,
    ) -> Self {
        Self { stream, first, length, replayed: 0, slot, connections, unsent: None }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Observed<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let waiting = this.first.get(this.replayed..this.length).unwrap_or_default();
        if !waiting.is_empty() {
            let now = waiting.get(..waiting.len().min(buffer.remaining())).unwrap_or_default();
            buffer.put_slice(now);
            this.replayed = this.replayed.saturating_add(now.len());
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let poll = Pin::new(&mut this.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            this.slot.bytes_arrived();
        }
        poll
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Observed<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let poll = Pin::new(&mut this.stream).poll_write(context, bytes);
        if poll.is_ready() {
            this.unsent = None;
        } else if this.unsent.is_none() {
            this.unsent = Some(this.connections.hold(&this.slot, UNSENT_BYTES));
        }
        poll
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Reads until it is clear whether the connection starts with the HTTP/2 preface; returns the number of bytes read.
pub(super) async fn read_preface<I: AsyncRead + Unpin>(
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

//! The read side of a connection: replays the first bytes, which were already read, and reports when more arrive.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use super::connection::Slot;

/// A stream that first yields bytes that were already read from it.
pub(super) struct Observed<I> {
    stream: I,
    first: [u8; 24],
    /// The number of first bytes, and how many of them have been yielded.
    length: usize,
    given: usize,
    slot: Slot,
}

impl<I> Observed<I> {
    pub(super) fn new(stream: I, first: [u8; 24], length: usize, slot: Slot) -> Self {
        Self { stream, first, length, given: 0, slot }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Observed<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let waiting = this.first.get(this.given..this.length).unwrap_or_default();
        if !waiting.is_empty() {
            let now = waiting.get(..waiting.len().min(buffer.remaining())).unwrap_or_default();
            buffer.put_slice(now);
            this.given = this.given.saturating_add(now.len());
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

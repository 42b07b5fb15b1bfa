//! Buffers responses until the connection is next polled.
//!
//! Connections that have data to read are served first. Responses to a client with many connections then go out
//! together and wake the client once; a wake-up costs more than a response.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncWrite;

use super::connection::{Connections, Slot, Unsent};
use super::poll_when_woken::PollWhenWoken;

/// The send buffer of a connection. Clones share the buffer.
#[derive(Clone, Debug, Default)]
pub(super) struct ResponseBuffer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    content: Mutex<Content>,
    /// Counts bytes that the client does not read.
    counted: Option<(Arc<Connections>, Slot)>,
    /// Whether the buffer has content; read without the lock.
    has_bytes: AtomicBool,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// The task that waits for space.
    waiting: Option<Waker>,
    /// While the client does not read: the bytes in this buffer and the socket buffer.
    unsent: Option<Unsent>,
}

/// Capacity for many responses. Bounded, because a client that does not read keeps the whole buffer alive.
const MAX_BYTES: usize = 16 << 10;
/// The capacity that an idle connection keeps, enough for most responses.
const IDLE_BYTES: usize = 1 << 10;

impl ResponseBuffer {
    /// A buffer that counts its bytes while the client of this connection does not read them.
    pub(super) fn new(connections: Arc<Connections>, slot: Slot) -> Self {
        Self(Arc::new(Inner { counted: Some((connections, slot)), ..Inner::default() }))
    }

    /// Whether there are bytes to send.
    pub(super) fn has_bytes(&self) -> bool {
        self.0.has_bytes.load(Ordering::Relaxed)
    }

    /// Drives a connection that writes to this buffer until it has ended and everything is sent. Buffered bytes are
    /// sent at the next poll, before the connection is polled; the connection is polled only after it was woken itself.
    ///
    /// # Errors
    ///
    /// The client does not read.
    pub(super) async fn serve_and_send<F, W>(&self, connection: F, writer: &mut W) -> io::Result<F::Output>
    where
        F: Future + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut connection = PollWhenWoken::new(connection);
        let output = poll_fn(|context| {
            if let Poll::Ready(Err(error)) = self.poll_send(context, writer) {
                return Poll::Ready(Err(error));
            }
            let had_bytes = self.has_bytes();
            let output = Pin::new(&mut connection).poll(context);
            if !had_bytes && self.has_bytes() {
                context.waker().wake_by_ref();
            }
            output.map(Ok)
        })
        .await?;
        poll_fn(|context| self.poll_send(context, writer)).await?;
        Ok(output)
    }

    /// Appends as many bytes as there is space for.
    fn poll_append(&self, context: &Context<'_>, bytes: &[u8]) -> Poll<usize> {
        let mut content = self.lock();
        let room = MAX_BYTES.saturating_sub(content.bytes.len());
        if room == 0 {
            content.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        let appended = bytes.get(..room).unwrap_or(bytes);
        content.bytes.extend_from_slice(appended);
        self.0.has_bytes.store(true, Ordering::Relaxed);
        Poll::Ready(appended.len())
    }

    /// Sends the buffered bytes; completes when the buffer is empty.
    fn poll_send<W: AsyncWrite + Unpin>(
        &self,
        context: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<io::Result<()>> {
        if !self.has_bytes() {
            return Poll::Ready(Ok(()));
        }
        let mut content = self.lock();
        while !content.bytes.is_empty() {
            let Poll::Ready(sent) = Pin::new(&mut *writer).poll_write(context, &content.bytes) else {
                if let (None, Some((connections, slot))) = (&content.unsent, &self.0.counted) {
                    // hyper buffers about this much before it stops reading.
                    content.unsent = Some(connections.hold(slot, MAX_BYTES.saturating_mul(2)));
                }
                return Poll::Pending;
            };
            let sent = sent?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            content.bytes.drain(..sent);
        }
        content.unsent = None;
        content.bytes.shrink_to(IDLE_BYTES);
        self.0.has_bytes.store(false, Ordering::Relaxed);
        if let Some(waiting) = content.waiting.take() {
            waiting.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        // Nothing panics while the lock is held.
        self.0.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncWrite for ResponseBuffer {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_append(context, bytes).map(Ok)
    }

    /// Buffered bytes are always sent.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The caller of `serve_and_send` shuts down the stream.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn buffered_bytes_are_sent_at_the_next_poll_in_one_write() {
        let buffer = ResponseBuffer::default();
        let (mut client, mut writer) = duplex(1 << 10);
        let mut stream = buffer.clone();
        let connection = pin!(async move {
            stream.write_all(b"one, ").await.unwrap();
            stream.write_all(b"two").await.unwrap();
            std::future::pending::<()>().await;
        });
        let mut sending = pin!(buffer.serve_and_send(connection, &mut writer));
        let mut poll = async || poll_fn(|context| Poll::Ready(sending.as_mut().poll(context))).await;
        let mut received = [0; 16];

        assert!(poll().await.is_pending());
        assert!(buffer.has_bytes());
        let nothing = poll_fn(|context| {
            let read = pin!(client.read(&mut received)).poll(context);
            Poll::Ready(read.is_pending())
        });
        assert!(nothing.await, "it is buffered");

        assert!(poll().await.is_pending());
        assert!(!buffer.has_bytes());
        let length = client.read(&mut received).await.unwrap();
        assert_eq!(&received[..length], b"one, two");
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_keeps_at_most_the_capacity() {
        let buffer = ResponseBuffer::default();
        let (mut client, mut writer) = duplex(1);
        let mut stream = buffer.clone();
        let long = vec![b'x'; MAX_BYTES * 3];
        let connection = pin!(async { stream.write_all(&long).await });
        let mut sending = pin!(buffer.serve_and_send(connection, &mut writer));
        for _ in 0..10 {
            let poll = poll_fn(|context| Poll::Ready(sending.as_mut().poll(context)));
            assert!(poll.await.is_pending());
            assert!(buffer.lock().bytes.len() <= MAX_BYTES);
        }
        let mut received = Vec::new();
        let (sent, _) = tokio::join!(sending, async {
            while received.len() < long.len() {
                client.read_buf(&mut received).await.unwrap();
            }
        });
        sent.unwrap().unwrap();
        assert_eq!(received, long);
        assert!(buffer.lock().bytes.capacity() <= IDLE_BYTES);
    }

    #[tokio::test]
    async fn a_disconnected_client_ends_the_connection() {
        let buffer = ResponseBuffer::default();
        let (client, mut writer) = duplex(1 << 10);
        drop(client);
        let mut stream = buffer.clone();
        let connection = pin!(async {
            stream.write_all(b"x").await.unwrap();
            std::future::pending::<()>().await;
        });
        let error = buffer.serve_and_send(connection, &mut writer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    proptest! {
        #[test]
        fn all_bytes_arrive_once_and_in_order(
            parts in proptest::collection::vec(0_usize..40_000, 0..8),
            room in 1_usize..70_000,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let parts: Vec<Vec<u8>> =
                (0_u8..).zip(parts).map(|(index, length)| vec![index; length]).collect();
            let received = runtime.block_on(async {
                let buffer = ResponseBuffer::default();
                let (mut client, mut writer) = duplex(room);
                let mut stream = buffer.clone();
                let connection = pin!(async {
                    for part in &parts {
                        stream.write_all(part).await.unwrap();
                        // Other tasks run in between.
                        tokio::task::yield_now().await;
                    }
                });
                let mut received = Vec::new();
                let (sent, read) = tokio::join!(
                    async {
                        buffer.serve_and_send(connection, &mut writer).await.unwrap();
                        writer.shutdown().await
                    },
                    client.read_to_end(&mut received)
                );
                sent.and(read).map(|_| received)
            });
            prop_assert_eq!(received.unwrap(), parts.concat());
        }
    }
}

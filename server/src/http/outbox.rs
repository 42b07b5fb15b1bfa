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
use super::on_wake::OnWake;

/// The send buffer of a connection. Clones share the buffer.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<Held>,
    /// Counts bytes that the client does not read.
    counted: Option<(Arc<Connections>, Slot)>,
    /// Whether the buffer has content; read without the lock.
    holds: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    /// The task that waits for space.
    waiting: Option<Waker>,
    /// While the client does not read: the bytes in this buffer and the socket buffer.
    unsent: Option<Unsent>,
}

/// Capacity for many responses. Bounded, because a client that does not read keeps the whole buffer alive.
const MOST_BYTES: usize = 16 << 10;
/// The capacity that an idle connection keeps, enough for most responses.
const KEPT_BYTES: usize = 1 << 10;

impl Outbox {
    /// A buffer that counts its bytes while the client of this connection does not read them.
    pub(super) fn new(connections: Arc<Connections>, slot: Slot) -> Self {
        Self(Arc::new(Inner { counted: Some((connections, slot)), ..Inner::default() }))
    }

    /// Whether there are bytes to send.
    pub(super) fn holds(&self) -> bool {
        self.0.holds.load(Ordering::Relaxed)
    }

    /// Drives a connection that writes to this buffer until it has ended and everything is sent. Buffered bytes are
    /// sent at the next poll, before the connection is polled; the connection is polled only after it was woken itself.
    ///
    /// # Errors
    ///
    /// The client does not read.
    pub(super) async fn send_during<F, W>(&self, conversation: F, writer: &mut W) -> io::Result<F::Output>
    where
        F: Future + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut conversation = OnWake::new(conversation);
        let output = poll_fn(|context| {
            if let Poll::Ready(Err(error)) = self.poll_send(context, writer) {
                return Poll::Ready(Err(error));
            }
            let held = self.holds();
            let output = Pin::new(&mut conversation).poll(context);
            if !held && self.holds() {
                context.waker().wake_by_ref();
            }
            output.map(Ok)
        })
        .await?;
        poll_fn(|context| self.poll_send(context, writer)).await?;
        Ok(output)
    }

    /// Appends as many bytes as there is space for.
    fn poll_hold(&self, context: &Context<'_>, bytes: &[u8]) -> Poll<usize> {
        let mut held = self.lock();
        let room = MOST_BYTES.saturating_sub(held.bytes.len());
        if room == 0 {
            held.waiting = Some(context.waker().clone());
            return Poll::Pending;
        }
        let taken = bytes.get(..room).unwrap_or(bytes);
        held.bytes.extend_from_slice(taken);
        self.0.holds.store(true, Ordering::Relaxed);
        Poll::Ready(taken.len())
    }

    /// Sends the buffered bytes; completes when the buffer is empty.
    fn poll_send<W: AsyncWrite + Unpin>(
        &self,
        context: &mut Context<'_>,
        writer: &mut W,
    ) -> Poll<io::Result<()>> {
        if !self.holds() {
            return Poll::Ready(Ok(()));
        }
        let mut held = self.lock();
        while !held.bytes.is_empty() {
            let Poll::Ready(sent) = Pin::new(&mut *writer).poll_write(context, &held.bytes) else {
                if let (None, Some((connections, slot))) = (&held.unsent, &self.0.counted) {
                    // hyper buffers about this much before it stops reading.
                    held.unsent = Some(connections.hold(slot, MOST_BYTES.saturating_mul(2)));
                }
                return Poll::Pending;
            };
            let sent = sent?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            held.bytes.drain(..sent);
        }
        held.unsent = None;
        held.bytes.shrink_to(KEPT_BYTES);
        self.0.holds.store(false, Ordering::Relaxed);
        if let Some(waiting) = held.waiting.take() {
            waiting.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Nothing panics while the lock is held.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncWrite for Outbox {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_hold(context, bytes).map(Ok)
    }

    /// Buffered bytes are always sent.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Whichever side sends the buffer shuts down the stream.
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
        let outbox = Outbox::default();
        let (mut client, mut writer) = duplex(1 << 10);
        let mut stream = outbox.clone();
        let conversation = pin!(async move {
            stream.write_all(b"one, ").await.unwrap();
            stream.write_all(b"two").await.unwrap();
            std::future::pending::<()>().await;
        });
        let mut sending = pin!(outbox.send_during(conversation, &mut writer));
        let mut look = async || poll_fn(|context| Poll::Ready(sending.as_mut().poll(context))).await;
        let mut received = [0; 16];

        assert!(look().await.is_pending());
        assert!(outbox.holds());
        let nothing = poll_fn(|context| {
            let read = pin!(client.read(&mut received)).poll(context);
            Poll::Ready(read.is_pending())
        });
        assert!(nothing.await, "it is held");

        assert!(look().await.is_pending());
        assert!(!outbox.holds());
        let length = client.read(&mut received).await.unwrap();
        assert_eq!(&received[..length], b"one, two");
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_keeps_at_most_the_capacity() {
        let outbox = Outbox::default();
        let (mut client, mut writer) = duplex(1);
        let mut stream = outbox.clone();
        let long = vec![b'x'; MOST_BYTES * 3];
        let conversation = pin!(async { stream.write_all(&long).await });
        let mut sending = pin!(outbox.send_during(conversation, &mut writer));
        for _ in 0..10 {
            let look = poll_fn(|context| Poll::Ready(sending.as_mut().poll(context)));
            assert!(look.await.is_pending());
            assert!(outbox.lock().bytes.len() <= MOST_BYTES);
        }
        let mut received = Vec::new();
        let (sent, _) = tokio::join!(sending, async {
            while received.len() < long.len() {
                client.read_buf(&mut received).await.unwrap();
            }
        });
        sent.unwrap().unwrap();
        assert_eq!(received, long);
        assert!(outbox.lock().bytes.capacity() <= KEPT_BYTES);
    }

    #[tokio::test]
    async fn a_disconnected_client_ends_the_connection() {
        let outbox = Outbox::default();
        let (client, mut writer) = duplex(1 << 10);
        drop(client);
        let mut stream = outbox.clone();
        let conversation = pin!(async {
            stream.write_all(b"x").await.unwrap();
            std::future::pending::<()>().await;
        });
        let error = outbox.send_during(conversation, &mut writer).await.unwrap_err();
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
                let outbox = Outbox::default();
                let (mut client, mut writer) = duplex(room);
                let mut stream = outbox.clone();
                let conversation = pin!(async {
                    for part in &parts {
                        stream.write_all(part).await.unwrap();
                        // Other tasks run in between.
                        tokio::task::yield_now().await;
                    }
                });
                let mut received = Vec::new();
                let (sent, read) = tokio::join!(
                    async {
                        outbox.send_during(conversation, &mut writer).await.unwrap();
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

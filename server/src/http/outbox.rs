//! Answers, held until their connection is looked at next.
//!
//! To hold them lets connections go first that have something to read. Answers to a client of many connections then go
//! out together and wake it once, which takes longer than to make one.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncWrite;

use super::connection::{Connections, Slot, Unsent};
use super::on_wake::OnWake;

/// What is to be sent on a connection. Cloning gives another handle to the same outbox.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<Held>,
    /// Where bytes are counted that a client does not take.
    counted: Option<(Arc<Connections>, Slot)>,
    /// Whether anything is held, which is asked without the lock.
    holds: AtomicBool,
}

#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    /// The task that waits for room.
    waiting: Option<Waker>,
    /// While the client takes nothing: what this and the buffer before it take.
    unsent: Option<Unsent>,
}

/// Room for many answers, and no more: a client that takes none keeps all of it.
const MOST_BYTES: usize = 16 << 10;
/// The room that is left to a connection with nothing to send, enough for most answers.
const KEPT_BYTES: usize = 1 << 10;

impl Outbox {
    /// An outbox whose bytes are counted while the client of this connection does not take them.
    pub(super) fn new(connections: Arc<Connections>, slot: Slot) -> Self {
        Self(Arc::new(Inner { counted: Some((connections, slot)), ..Inner::default() }))
    }

    /// Whether there is something to send.
    pub(super) fn holds(&self) -> bool {
        self.0.holds.load(Ordering::Relaxed)
    }

    /// Follows a conversation that writes to this outbox, until it has ended and everything was sent. What it writes goes
    /// out at the next look, before it goes on; it goes on only when it was woken itself.
    ///
    /// # Errors
    ///
    /// Nobody takes what is sent.
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

    /// Takes as many of the bytes as there is room for.
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

    /// Sends what is held; done when nothing is.
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
                    // hyper holds about as much as fits here, before it stops to read.
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
        // Between taking and giving back the lock nothing panics.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncWrite for Outbox {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_hold(context, bytes).map(Ok)
    }

    /// What is held is sent in any case.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Who sends what is held ends the stream.
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
    async fn what_is_written_goes_out_at_the_next_look_in_one_piece() {
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
    async fn a_client_that_takes_nothing_keeps_no_more_than_the_room() {
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
    async fn a_client_that_has_gone_ends_the_conversation() {
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
        fn everything_arrives_once_and_in_order(
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
                        // Others go on in between.
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

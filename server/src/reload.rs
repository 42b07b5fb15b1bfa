//! Detects the end of a reload: every participant holds a [`Part`] until it has loaded or rejected its file.

use std::convert::Infallible;

use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Held until a file has been loaded or rejected.
#[derive(Clone, Debug)]
pub(crate) struct Part(#[expect(dead_code, reason = "held until it is dropped")] Sender<Infallible>);

/// A reload in progress.
#[derive(Debug)]
pub(crate) struct Reload(Receiver<Infallible>);

impl Reload {
    /// A reload, and a part whose clones are given to the participants.
    pub(crate) fn start() -> (Self, Part) {
        let (sender, receiver) = channel(1);
        (Self(receiver), Part(sender))
    }

    /// Completes when all parts are dropped. Cancel safe.
    pub(crate) async fn done(&mut self) {
        while self.0.recv().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn a_reload_is_done_when_every_part_is() {
        let (mut reload, part) = Reload::start();
        let mut poll = || pin!(reload.done()).poll(&mut Context::from_waker(Waker::noop()));
        let other = part.clone();
        assert_eq!(poll(), Poll::Pending);
        drop(part);
        assert_eq!(poll(), Poll::Pending);
        drop(other);
        assert_eq!(poll(), Poll::Ready(()));
    }
}

//! The signals that the process takes.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// What a signal asks for.
pub(super) enum Event {
    /// SIGHUP: everything is loaded again, and the audit log opened again.
    HangUp,
    /// SIGUSR1: the audit log is opened again, and nothing else happens.
    Rotated,
    End,
}

pub(super) struct Signals {
    hang_up: Signal,
    user_1: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(super) fn new() -> Result<Self, String> {
        let of = |kind| signal(kind).map_err(|error| format!("signals cannot be received: {error}"));
        Ok(Self {
            hang_up: of(SignalKind::hangup())?,
            user_1: of(SignalKind::user_defined1())?,
            interrupt: of(SignalKind::interrupt())?,
            terminate: of(SignalKind::terminate())?,
        })
    }

    pub(super) async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.hang_up.recv() => Event::HangUp,
            _ = self.user_1.recv() => Event::Rotated,
            _ = self.interrupt.recv() => Event::End,
            _ = self.terminate.recv() => Event::End,
        }
    }

    /// The exit status of the next signal that ends the process.
    pub(super) async fn end(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}

/// Runs `work` on a separate thread; `None` if a signal ends the process first. The thread is not waited for,
/// because it may read a file that never ends.
pub(super) async fn unless_ended<T: Send + 'static>(
    signals: &mut Signals,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Option<T>, String> {
    let (send, done) = oneshot::channel();
    std::thread::Builder::new()
        .name("start".to_owned())
        .spawn(move || drop(send.send(work())))
        .map_err(|error| format!("cannot start a thread: {error}"))?;
    tokio::select! {
        done = done => done.map(Some).map_err(|_| "the files cannot be loaded".to_owned()),
        _ = signals.end() => Ok(None),
    }
}

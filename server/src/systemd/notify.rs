//! Messages to systemd about the state of the service (sd_notify(3)), and its watchdog.
//!
//! A separate thread sends them: sending blocks while systemd does not read, and neither decisions nor the
//! admin port may wait for that.

use std::env;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::audit::{AuditLog, Level};

/// Sends messages to systemd, if it asked for them. Clones send in the same order.
#[derive(Clone, Debug)]
pub(crate) struct Notifier(Option<SyncSender<Message>>);

#[derive(Debug)]
enum Message {
    Ready(String),
    Reloading,
    Stopping,
    Alive,
    Status(String),
    /// Everything before is sent once this is dropped.
    Sent(#[expect(dead_code, reason = "held until it is dropped")] SyncSender<()>),
}

/// More messages than ever wait as long as systemd reads them.
const QUEUE: usize = 64;

impl Notifier {
    /// Starts the thread, if `NOTIFY_SOCKET` says where messages go. A failure to send is reported in `log`.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub(crate) fn start(log: AuditLog) -> Result<Self, String> {
        if env::var_os("NOTIFY_SOCKET").is_none_or(|path| path.is_empty()) {
            return Ok(Self(None));
        }
        let (sender, messages) = sync_channel(QUEUE);
        std::thread::Builder::new()
            .name("notify".to_owned())
            .spawn(move || send_all(&messages, &log))
            .map_err(|error| format!("cannot start the thread that notifies systemd: {error}"))?;
        Ok(Self(Some(sender)))
    }

    /// Connections are accepted; or a reload is done.
    pub(crate) fn ready(&self, status: String) {
        self.send(Message::Ready(status));
    }

    /// A reload has begun; [`Self::ready`] ends it.
    pub(crate) fn reloading(&self) {
        self.send(Message::Reloading);
    }

    /// The shutdown has begun.
    pub(crate) fn stopping(&self) {
        self.send(Message::Stopping);
    }

    /// What `systemctl status` shows.
    pub(crate) fn status(&self, status: String) {
        self.send(Message::Status(status));
    }

    /// Waits until everything is sent, at most for `patience`.
    pub(crate) fn flush(&self, patience: Duration) {
        let (held, sent) = sync_channel(0);
        self.send(Message::Sent(held));
        let _ = sent.recv_timeout(patience);
    }

    fn send(&self, message: Message) {
        let Some(sender) = &self.0 else { return };
        // Full: systemd has not read for a long time. Its watchdog then ends the process, if it has one.
        let _ = sender.try_send(message);
    }
}

fn send_all(messages: &Receiver<Message>, log: &AuditLog) {
    let mut works = true;
    for message in messages {
        let sent = match &message {
            Message::Ready(status) => sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(status)]),
            Message::Reloading => NotifyState::monotonic_usec_now()
                .and_then(|now| sd_notify::notify(&[NotifyState::Reloading, now])),
            Message::Stopping => sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status("stopping")]),
            Message::Alive => sd_notify::notify(&[NotifyState::Watchdog]),
            Message::Status(status) => sd_notify::notify(&[NotifyState::Status(status)]),
            Message::Sent(_) => continue,
        };
        if let Err(error) = &sent
            && works
        {
            log.note(Level::Error, &format!("`NOTIFY_SOCKET`: systemd cannot be notified: {error}"));
        }
        works = sent.is_ok();
    }
}

/// Resets systemd's watchdog at half of its time, while both the runtime that answers requests and the caller's runtime
/// run tasks. Returns at once without a watchdog.
pub(crate) async fn feed_watchdog(notifier: Notifier, serving: Handle, log: AuditLog) {
    let Some(time) = sd_notify::watchdog_enabled().filter(|time| !time.is_zero()) else { return };
    feed(time / 2, &serving, &log, || notifier.send(Message::Alive)).await;
}

async fn feed(interval: Duration, serving: &Handle, log: &AuditLog, alive: impl Fn()) {
    let mut next = Instant::now();
    loop {
        let mut task = serving.spawn(async {});
        let mut reported = false;
        // A message that is late is still sent: systemd may not have ended the process yet.
        while timeout(interval, &mut task).await.is_err() {
            if !std::mem::replace(&mut reported, true) {
                log.note(Level::Error, "no worker thread runs tasks; systemd's watchdog is not reset");
            }
        }
        alive();
        next += interval;
        next = next.max(Instant::now());
        sleep_until(next).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use tokio::runtime::Builder;

    use super::*;
    use crate::audit::{Format, QueueNumbers};
    use crate::config::Audit;

    /// While every worker thread is blocked, the watchdog is not reset, and the log says why.
    #[test]
    fn the_watchdog_is_fed_only_while_requests_can_be_answered() {
        #[derive(Clone, Default)]
        struct Output(Arc<Mutex<Vec<u8>>>);

        impl std::io::Write for Output {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        let output = Output::default();
        let (log, writer) =
            AuditLog::start(output.clone(), Format::Text, &Audit::default(), QueueNumbers::default())
                .unwrap();
        let serving = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (release, released) = sync_channel::<()>(0);
        let (blocked, is_blocked) = sync_channel::<()>(0);
        serving.spawn(async move {
            blocked.send(()).unwrap();
            let _ = released.recv();
        });
        is_blocked.recv().unwrap();

        let fed = AtomicUsize::new(0);
        let control = Builder::new_current_thread().enable_time().build().unwrap();
        control.block_on(async {
            let feeding = feed(Duration::from_millis(5), serving.handle(), &log, || {
                fed.fetch_add(1, Ordering::Relaxed);
            });
            tokio::pin!(feeding);
            let said =
                || String::from_utf8_lossy(&output.0.lock().unwrap()).contains("no worker thread runs tasks");
            while !said() {
                let _ = timeout(Duration::from_millis(1), &mut feeding).await;
            }
            assert_eq!(fed.load(Ordering::Relaxed), 0);
            drop(release);
            while fed.load(Ordering::Relaxed) < 3 {
                let _ = timeout(Duration::from_millis(1), &mut feeding).await;
            }
        });
        assert!(writer.close(Duration::from_secs(5)));
        let said = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
        assert_eq!(said.matches("no worker thread runs tasks").count(), 1, "once: {said}");
    }
}

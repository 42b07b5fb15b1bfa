//! The running process: the worker threads, signals, the clock and systemd, until the end.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::signals::{Event, Signals};
use crate::audit::{AuditLog, Level, Writer};
use crate::clock::{Clock as _, SystemClock};
use crate::config::Limits;
use crate::health::{Effect, Health};
use crate::http::port::Bound;
use crate::otlp::Exporter;
use crate::reload::Reload;
use crate::server::Server;
use crate::sources::watch::Bells;
use crate::systemd::notify::{Notifier, feed_watchdog};

/// The parts of the running process.
pub(super) struct Process {
    pub(super) server: Server,
    /// The address, as the first line of output has it.
    pub(super) url: String,
    pub(super) exporter: Option<Exporter>,
    pub(super) limits: Limits,
    pub(super) health: Health,
    pub(super) audit: AuditLog,
    pub(super) writer: Writer,
    pub(super) signals: Signals,
    /// Wakes the threads that follow files, on SIGHUP.
    pub(super) bells: Bells,
}

/// How long writing the remaining audit lines may take at shutdown.
const LAST_LINES: Duration = Duration::from_secs(5);
/// How long the last messages to systemd may take.
const LAST_MESSAGES: Duration = Duration::from_millis(500);
/// The timeout of a reload. A file that is written to all the time is never loaded.
const RELOAD_TIME: Duration = Duration::from_secs(60);

impl Process {
    pub(super) async fn run(self, bound: Bound) -> Result<ExitCode, String> {
        let mut signals = self.signals;
        let notifier = Notifier::start(self.audit.clone())?;
        let serving = Builder::new_multi_thread()
            .enable_io()
            .enable_time()
            .thread_name("serve")
            .build()
            .map_err(|error| format!("cannot start the worker threads: {error}"))?;
        let (stop, stopped) = oneshot::channel::<()>();
        let server = self.server.clone();
        let Bound { file, port, .. } = bound;
        let port = port.detach().map_err(|error| format!("the port cannot be used: {error}"))?;
        let answering = serving.spawn(async move {
            let port = port.attach()?;
            server.serve_port(port, async { drop(stopped.await) }).await;
            Ok::<(), io::Error>(())
        });

        let status = Status { url: self.url, health: self.health.clone() };
        notifier.ready(status.text());
        let watching = [
            tokio::spawn(watch_clock(self.health.clone(), self.audit.clone())),
            tokio::spawn(feed_watchdog(notifier.clone(), serving.handle().clone(), self.audit.clone())),
            tokio::spawn(show_status(notifier.clone(), status.clone())),
        ];
        let mut reload = None;
        loop {
            tokio::select! {
                event = signals.next() => match event {
                    Event::HangUp => {
                        notifier.reloading();
                        let (started, part) = Reload::start();
                        self.bells.hang_up(&part);
                        self.audit.reopen(part);
                        // A follower that still handles an earlier reload holds parts of both, so only this
                        // one is awaited.
                        reload = Some((started, Instant::now() + RELOAD_TIME));
                    }
                    Event::Rotated => self.audit.reopen(Reload::start().1),
                    Event::End => break,
                },
                in_time = done(&mut reload) => {
                    reload = None;
                    if !in_time {
                        let seconds = RELOAD_TIME.as_secs();
                        let message = format!("the reload has not finished after {seconds} seconds: a file keeps \
                                               changing, or the audit log cannot be written");
                        self.audit.note(Level::Error, &message);
                    }
                    notifier.ready(status.text());
                }
            }
        }
        notifier.stopping();
        self.health.is_stopping();
        self.audit.note(Level::Info, "shutting down: answers in flight may finish");
        // Removed while the port is open, so that no other socket file can be mistaken for it.
        drop(file);
        let _ = stop.send(());

        // A little more than the server's own limit, in case decisions that wait for the audit log delay it.
        let patience = self.limits.shutdown_time + Duration::from_secs(2);
        let at_once = tokio::select! {
            _ = timeout(patience, answering) => None,
            signal = signals.end() => Some(signal),
        };
        if let (Some(exporter), None) = (self.exporter, at_once) {
            exporter.finish().await;
        }
        watching.iter().for_each(tokio::task::JoinHandle::abort);
        let written = at_once.is_none() && self.writer.close(LAST_LINES);
        serving.shutdown_background();
        notifier.flush(LAST_MESSAGES);
        Ok(match at_once {
            // As a shell reports a process that a signal ended.
            Some(signal) => ExitCode::from(signal),
            None if written => ExitCode::SUCCESS,
            // Lines were lost. If standard error did not take them, it cannot be reported there.
            None => ExitCode::from(2),
        })
    }
}

/// Whether the reload ended in time; never, without a reload.
async fn done(reload: &mut Option<(Reload, Instant)>) -> bool {
    let Some((reload, deadline)) = reload else { return std::future::pending().await };
    tokio::select! {
        () = reload.done() => true,
        () = sleep_until(*deadline) => false,
    }
}

/// What `systemctl status` shows.
#[derive(Clone, Debug)]
struct Status {
    url: String,
    health: Health,
}

impl Status {
    fn text(&self) -> String {
        let text = format!("listening on {}: {}", self.url, self.health.description());
        // A line end would begin another message.
        text.replace(|char: char| char.is_control(), " ")
    }
}

/// How often the status and the system clock are checked.
const INTERVAL: Duration = Duration::from_secs(1);

/// Sends the status to systemd whenever it changes.
async fn show_status(notifier: Notifier, status: Status) {
    let mut shown = status.text();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let text = status.text();
        if text != shown {
            notifier.status(text.clone());
            shown = text;
        }
    }
}

/// Reports when the system clock becomes unusable, and when it is usable again. Each decision also checks its
/// own reading of the clock.
async fn watch_clock(health: Health, audit: AuditLog) {
    loop {
        check_clock(&health, &audit);
        tokio::time::sleep(INTERVAL).await;
    }
}

pub(super) fn check_clock(health: &Health, audit: &AuditLog) {
    let reading = SystemClock.now();
    match reading.problem() {
        Some(problem) if health.failed("clock", reading.since_epoch, Effect::Unready, &problem) => {
            audit.note(Level::Error, &problem);
        }
        Some(_) => {}
        None if health.works("clock") => audit.note(Level::Info, "the system clock is usable again"),
        None => {}
    }
}

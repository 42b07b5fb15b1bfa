//! The task that sends spans to the collector.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::json;
use super::span::{Queue, Span, SpanNumbers, Tracer};
use crate::audit::{AuditLog, Level};
use crate::config::Otlp;
use crate::fetch;

/// How long spans are gathered.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long a collector may take for a message. If no other message waits, a span is sent or dropped within
/// 5 s, including the interval.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How long sending the last spans may take at shutdown.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// A running export; without [`Self::finish`], what is queued is lost.
#[derive(Debug)]
pub(crate) struct Exporter {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    queue: Arc<Queue>,
}

impl Exporter {
    /// Starts to send spans to a collector, in the current runtime.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub(crate) fn start(otlp: &Otlp, numbers: SpanNumbers, log: AuditLog) -> Result<(Self, Tracer), String> {
        let queue = Arc::new(Queue::new(numbers));
        let export = Export {
            url: otlp.url(),
            host: otlp.host(),
            tls: fetch::tls(None)?,
            queue: Arc::clone(&queue),
            log,
            problem: None,
        };
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(export.run(stopped));
        Ok((Self { stop, task, queue: Arc::clone(&queue) }, Tracer::new(otlp.sample_ratio, queue)))
    }

    /// Sends the queued spans for at most `LAST_SPANS`, and drops the rest.
    pub(crate) async fn finish(self) {
        let _ = self.stop.send(());
        let mut task = self.task;
        if timeout(LAST_SPANS, &mut task).await.is_err() {
            task.abort();
        }
        self.queue.give_up();
    }
}

struct Export {
    url: String,
    host: String,
    tls: Arc<ClientConfig>,
    queue: Arc<Queue>,
    log: AuditLog,
    /// Why the last message could not be sent. A repeated problem is logged once.
    problem: Option<String>,
}

impl Export {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        loop {
            if !self.queue.is_filled() {
                tokio::select! {
                    () = sleep(INTERVAL) => {}
                    () = self.queue.filled() => {}
                    _ = &mut stopped => break,
                }
            }
            self.send(self.queue.take()).await;
        }
        loop {
            let spans = self.queue.take();
            if spans.is_empty() {
                return;
            }
            self.send(spans).await;
        }
    }

    async fn send(&mut self, spans: Vec<Span>) {
        if spans.is_empty() {
            return;
        }
        // Counted as dropped, too, if the task is ended while it sends.
        let mut sending = Sending { count: spans.len(), queue: Arc::clone(&self.queue), sent: false };
        let sent = match json::request(&spans) {
            Ok(body) => fetch::post_json(&self.tls, &self.url, body, TIMEOUT).await,
            Err(error) => Err(error.to_string()),
        };
        sending.sent = sent.is_ok();
        match sent {
            Ok(()) => {
                if self.problem.take().is_some() {
                    self.log.note(Level::Info, &format!("otlp {}: works again", self.host));
                }
            }
            Err(problem) if self.problem.as_ref() == Some(&problem) => {}
            Err(problem) => {
                self.log.note(Level::Warning, &format!("otlp {}: spans are dropped: {problem}", self.host));
                self.problem = Some(problem);
            }
        }
    }
}

/// Spans that are being sent. On drop, they are counted as sent or as dropped.
struct Sending {
    count: usize,
    queue: Arc<Queue>,
    sent: bool,
}

impl Drop for Sending {
    fn drop(&mut self) {
        if self.sent {
            self.queue.sent(self.count);
        } else {
            self.queue.dropped(self.count);
        }
    }
}

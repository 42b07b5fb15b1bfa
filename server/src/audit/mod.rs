//! The trail: one line for each decision, and what else the operator should know, on standard error.
//!
//! Lines are put together where they come up and written by a thread of their own, from a queue of bounded size.
//! What happens when it is full is the operator's choice, and whatever is lost is counted.

mod line;

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

use line::Said;
pub(crate) use line::rfc3339;
pub use line::{Format, Record};

use crate::config::{AuditOutput, AuditOverflow};
use crate::quote::redact;

/// Where lines go before they are written. Cloning gives another handle to the same queue.
#[derive(Clone, Debug)]
pub struct AuditLog {
    queue: Arc<Queue>,
    format: Format,
    said: Arc<Said>,
    decisions: AuditOutput,
    overflow: AuditOverflow,
}

/// Writes what a [`AuditLog`] takes, until it is closed.
#[derive(Debug)]
pub struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Queue {
    pending: Mutex<Pending>,
    /// Something to write, or the end.
    filled: Condvar,
    /// Room for more, or everything written.
    emptied: Condvar,
    capacity: usize,
    dropped: Counter,
}

#[derive(Debug, Default)]
struct Pending {
    /// Whole lines, each with its end.
    lines: Vec<u8>,
    /// The writer waits for the first line, and has to be told of it.
    asleep: bool,
    closed: bool,
    /// The writer has written everything and ends.
    finished: bool,
}

/// Some seconds of lines at a rate that one core can decide.
const CAPACITY: usize = 4 << 20;
/// How long the writer lets lines gather, so that a busy server wakes it for many at once.
const GATHER: Duration = Duration::from_millis(5);

impl AuditLog {
    /// A trail that `sink` receives, from a thread that ends when the writer is closed.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub fn start(
        sink: impl Write + Send + 'static,
        format: Format,
        decisions: AuditOutput,
        overflow: AuditOverflow,
        dropped: Counter,
    ) -> std::io::Result<(Self, Writer)> {
        Self::with_capacity(CAPACITY, sink, format, decisions, overflow, dropped)
    }

    fn with_capacity(
        capacity: usize,
        sink: impl Write + Send + 'static,
        format: Format,
        decisions: AuditOutput,
        overflow: AuditOverflow,
        dropped: Counter,
    ) -> std::io::Result<(Self, Writer)> {
        let queue = Arc::new(Queue {
            pending: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            capacity,
            dropped,
        });
        let for_thread = Arc::clone(&queue);
        let thread =
            std::thread::Builder::new().name("audit".to_owned()).spawn(move || for_thread.write_to(sink))?;
        let writer = Writer { queue: Arc::clone(&queue), thread: Some(thread) };
        Ok((Self { queue, format, said: Arc::default(), decisions, overflow }, writer))
    }

    /// Takes down a decision.
    pub fn record(&self, record: &Record<'_>) {
        if self.decisions == AuditOutput::Off {
            return;
        }
        self.line(Some(self.overflow), |line| record.write(self.format, &self.said, line));
    }

    /// Tells the operator something that is no decision. It never waits, for whoever writes it has signals to look
    /// after, and finds room where decisions find none.
    pub fn note(&self, level: Level, message: &str) {
        let time = std::time::SystemTime::now();
        let time = time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        self.line(None, |line| {
            line::write_note(self.format, time, level.name(), &redact(message), line);
        });
    }

    /// Puts a line together where its thread always does, and queues it whole.
    fn line(&self, overflow: Option<AuditOverflow>, write: impl FnOnce(&mut Vec<u8>)) {
        thread_local! {
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            write(line);
            line.push(b'\n');
            self.queue.push(line, overflow);
        });
    }
}

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// The operator should look at it.
    Warning,
    /// Something did not work.
    Error,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Writer {
    /// Has every line written that was taken so far, and ends the thread. `false`: it took longer than `patience`,
    /// and what is left is lost.
    #[must_use = "lines may be lost"]
    pub fn close(mut self, patience: Duration) -> bool {
        self.finish(patience)
    }

    fn finish(&mut self, patience: Duration) -> bool {
        let Some(thread) = self.thread.take() else { return true };
        self.queue.lock().closed = true;
        self.queue.filled.notify_all();
        self.queue.emptied.notify_all();
        let (pending, _) = self
            .queue
            .emptied
            .wait_timeout_while(self.queue.lock(), patience, |pending| !pending.finished)
            .unwrap_or_else(PoisonError::into_inner);
        let finished = pending.finished;
        drop(pending);
        finished && thread.join().is_ok()
    }
}

/// Whoever forgets to close loses nothing for that, unless nobody takes the lines.
impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.finish(Duration::from_secs(1));
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        // A panic elsewhere leaves whole lines behind, for a line goes in at once.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line; without an `overflow`, beyond the capacity too, but not without end.
    fn push(&self, line: &[u8], overflow: Option<AuditOverflow>) {
        let mut pending = self.lock();
        let is_full = |pending: &Pending| {
            !pending.lines.is_empty() && pending.lines.len().saturating_add(line.len()) > self.capacity
        };
        if is_full(&pending) {
            match overflow {
                None if pending.lines.len() < self.capacity.saturating_mul(2) => {}
                None | Some(AuditOverflow::Drop) => {
                    self.dropped.inc();
                    return;
                }
                Some(AuditOverflow::Block) => {
                    self.filled.notify_one();
                    pending = self
                        .emptied
                        .wait_while(pending, |pending| !pending.closed && is_full(pending))
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        if pending.closed {
            self.dropped.inc();
            return;
        }
        pending.lines.extend_from_slice(line);
        let wake = std::mem::take(&mut pending.asleep);
        drop(pending);
        if wake {
            self.filled.notify_one();
        }
    }

    fn write_to(&self, mut sink: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut pending = self.lock();
            pending.asleep = true;
            pending = self
                .filled
                .wait_while(pending, |pending| pending.lines.is_empty() && !pending.closed)
                .unwrap_or_else(PoisonError::into_inner);
            pending.asleep = false;
            if !pending.closed {
                let half = self.capacity / 2;
                let gathering = |pending: &mut Pending| !pending.closed && pending.lines.len() < half;
                (pending, _) = self
                    .filled
                    .wait_timeout_while(pending, GATHER, gathering)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            let closed = pending.closed;
            lines.clear();
            std::mem::swap(&mut lines, &mut pending.lines);
            drop(pending);
            self.emptied.notify_all();
            if sink.write_all(&lines).and_then(|()| sink.flush()).is_err() {
                // Nobody can be told where nobody listens; but the count can be asked for.
                let lost = lines.iter().filter(|byte| **byte == b'\n').count();
                self.dropped.inc_by(u64::try_from(lost).unwrap_or(u64::MAX));
            }
            if closed {
                // Nothing goes in after the end.
                self.lock().finished = true;
                self.emptied.notify_all();
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;

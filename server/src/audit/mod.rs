//! The audit log: one line for each decision, and messages for the operator.
//!
//! The deciding thread formats a line and puts it into a queue of bounded size; a separate thread writes it. With
//! `overflow = "block"`, a decision whose line can be neither written nor queued is not answered: its line waits, without
//! a thread. With `"drop"` the line is lost and counted.

mod line;
mod queue;
mod trace;
mod writer;

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use line::Format;
use line::OutcomeTexts;
pub(crate) use line::{Record, Result};
pub use queue::QueueNumbers;
use queue::{Queue, WhenFull};
pub(crate) use queue::{Trouble, WaitingLine};
pub(crate) use trace::{request_id, trace_id, trace_parent};
use writer::{AppendFile, Event, Sink, Stream};

use crate::config::{Audit, AuditOutput, AuditOverflow};
use crate::quote::redact;
use crate::reload::Part;

/// Queues lines to be written. Clones share the queues.
#[derive(Clone, Debug)]
pub struct AuditLog {
    /// Lines of decisions; `None` if decisions are not recorded.
    decisions: Option<Lines>,
    /// Lines about the server itself; the same queue if both go to standard error.
    notes: Lines,
    texts: Arc<OutcomeTexts>,
    when_full: WhenFull,
}

/// Lines of one format in one queue.
#[derive(Clone, Debug)]
struct Lines {
    queue: Arc<Queue>,
    format: Format,
}

/// Writes the lines of an [`AuditLog`] until it is closed.
#[derive(Debug)]
pub struct Writer {
    /// The queue of decisions first, if it is separate, so that messages about its end are still written.
    threads: Vec<(Arc<Queue>, Option<JoinHandle<()>>)>,
}

/// A few seconds of lines at the rate that one core can decide.
const CAPACITY: usize = 4 << 20;

impl AuditLog {
    /// A log with this configuration. `stderr` receives messages about the server, and decisions unless they go to a file
    /// or nowhere; `format` is its format, and a file has JSON.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or a thread cannot be started.
    pub fn start(
        stderr: impl Write + Send + 'static,
        format: Format,
        audit: &Audit,
        numbers: QueueNumbers,
    ) -> std::result::Result<(Self, Writer), String> {
        Self::with_capacity(CAPACITY, stderr, format, audit, numbers)
    }

    fn with_capacity(
        capacity: usize,
        stderr: impl Write + Send + 'static,
        format: Format,
        audit: &Audit,
        numbers: QueueNumbers,
    ) -> std::result::Result<(Self, Writer), String> {
        let reopen_failures = numbers.reopen_failures.clone();
        let dropped = numbers.dropped.clone();
        let to_stderr = audit.output == AuditOutput::Stderr;
        let own_numbers =
            if to_stderr { numbers.clone() } else { QueueNumbers { dropped, ..QueueNumbers::default() } };
        let notes = Lines { queue: Arc::new(Queue::new(capacity, own_numbers)), format };
        let told = notes.clone();
        let tell = move |event: Event<'_>| {
            // While standard error cannot be written, only `/readyz` can report it.
            if let Event::Recovered = event {
                told.note(
                    Level::Warning,
                    "standard error could not be written for a while; no line was lost",
                );
            }
        };
        let thread = start(&notes.queue, Stream(stderr), tell)?;
        let mut threads = vec![(Arc::clone(&notes.queue), Some(thread))];
        let decisions = match (audit.output, &audit.file) {
            (AuditOutput::Off, _) => None,
            (AuditOutput::Stderr, _) | (AuditOutput::File, None) => Some(notes.clone()),
            (AuditOutput::File, Some(path)) => {
                let file = AppendFile::open(path).map_err(|error| cannot_be_opened(path, &error))?;
                let lines = Lines { queue: Arc::new(Queue::new(capacity, numbers)), format: Format::Json };
                let told = notes.clone();
                let (path, waits) = (path.clone(), audit.overflow == AuditOverflow::Block);
                let tell = move |event: Event<'_>| {
                    if let Event::NotReopened(_) = event {
                        reopen_failures.inc();
                    }
                    tell_of_file(&told, &path, waits, &event);
                };
                let thread = start(&lines.queue, file, tell)?;
                threads.insert(0, (Arc::clone(&lines.queue), Some(thread)));
                Some(lines)
            }
        };
        let when_full = match audit.overflow {
            AuditOverflow::Block => WhenFull::Wait,
            AuditOverflow::Drop => WhenFull::Drop,
        };
        Ok((Self { decisions, notes, texts: Arc::default(), when_full }, Writer { threads }))
    }

    /// Records the outcome of a request. If a line is returned, queue it before sending the answer.
    #[must_use = "an answer must not go out before its line is queued"]
    pub(crate) fn record(&self, record: &Record<'_>) -> Option<WaitingLine> {
        let lines = self.decisions.as_ref()?;
        // An answer without a decision does not wait for the log.
        let when_full = if record.result.waits_for_log() { self.when_full } else { WhenFull::Exceed };
        lines.add(when_full, |line| record.write(lines.format, &self.texts, line))
    }

    /// Logs a message for the operator. It never waits, and is queued even if there is no room for decisions.
    pub fn note(&self, level: Level, message: &str) {
        self.notes.note(level, message);
    }

    /// Reopens the file of decisions, if there is one, because another program has renamed it. Holds `part` until then.
    pub(crate) fn reopen(&self, part: Part) {
        // Standard error cannot be reopened, and its reader may be slow.
        if let Some(lines) =
            self.decisions.as_ref().filter(|lines| !Arc::ptr_eq(&lines.queue, &self.notes.queue))
        {
            lines.queue.reopen(part);
        }
    }

    /// Whether decisions cannot be recorded, or wait for it.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.decisions.as_ref()?.queue.trouble()
    }
}

impl Lines {
    fn note(&self, level: Level, message: &str) {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let waiting = self.add(WhenFull::Exceed, |line| {
            line::write_note(self.format, time, level.name(), &redact(message), line);
        });
        debug_assert!(waiting.is_none(), "a note never waits");
    }

    /// Formats a line in memory that its thread reuses, and queues it whole.
    fn add(&self, when_full: WhenFull, write: impl FnOnce(&mut Vec<u8>)) -> Option<WaitingLine> {
        thread_local! {
            static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            write(line);
            line.push(b'\n');
            self.queue.push(line, when_full)
        })
    }
}

fn cannot_be_opened(path: &Path, error: &io::Error) -> String {
    format!("`audit.file`: {} cannot be opened: {error}", path.display())
}

/// Why the audit file cannot be used, as far as it can be told without opening or creating it.
pub(crate) fn problem_of_file(audit: &Audit) -> Option<String> {
    let path = audit.file.as_ref()?;
    writer::check(path).err().map(|error| cannot_be_opened(path, &error))
}

fn start(
    queue: &Arc<Queue>,
    sink: impl Sink,
    tell: impl Fn(Event<'_>) + Send + 'static,
) -> std::result::Result<JoinHandle<()>, String> {
    writer::start(Arc::clone(queue), sink, tell)
        .map_err(|error: io::Error| format!("cannot start the thread that writes the log: {error}"))
}

fn tell_of_file(notes: &Lines, path: &Path, waits: bool, event: &Event<'_>) {
    let path = path.display();
    let meanwhile =
        if waits { "decisions wait until it can" } else { "lines are dropped once the queue is full" };
    match event {
        Event::Failed(error) => {
            notes.note(
                Level::Error,
                &format!("{path}: the audit log cannot be written: {error}; {meanwhile}"),
            );
        }
        Event::Recovered => notes.note(Level::Info, &format!("{path}: the audit log can be written again")),
        Event::NotReopened(error) => {
            let message =
                format!("{path}: the audit log cannot be reopened: {error}; the old file stays in use");
            notes.note(Level::Error, &message);
        }
    }
}

/// The severity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Normal operation.
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
    /// Writes every queued line and ends the threads. `false`: it took longer than `patience`, or
    /// lines were lost.
    #[must_use = "lines may be lost"]
    pub fn close(mut self, patience: Duration) -> bool {
        self.finish(patience)
    }

    fn finish(&mut self, patience: Duration) -> bool {
        let mut all = true;
        for (queue, thread) in &mut self.threads {
            let Some(thread) = thread.take() else { continue };
            all &= queue.close(patience) && thread.join().is_ok();
        }
        all
    }
}

/// Without a call of `close`, lines are only lost if they cannot be written.
impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.finish(Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests;

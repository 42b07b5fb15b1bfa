//! A queue of bounded size for whole lines, between the threads that decide and the thread that writes.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

use crate::reload::Part;

/// What happens to a line if the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// It waits for room.
    Wait,
    /// It is dropped, and counted.
    Drop,
    /// It is queued beyond the capacity; beyond twice the capacity it is dropped and counted.
    Exceed,
}

/// The metrics of a queue.
#[derive(Clone, Debug, Default)]
pub struct QueueNumbers {
    /// Lines that were dropped.
    pub dropped: Counter,
    /// Bytes that are queued and not written yet.
    pub queued_bytes: Gauge,
    /// Decisions whose lines wait for room.
    pub waiting: Gauge,
    /// Failed attempts to reopen a file.
    pub reopen_failures: Counter,
}

#[derive(Debug)]
pub(super) struct Queue {
    pending: Mutex<Pending>,
    /// There is something to write, or the queue is closed.
    filled: Condvar,
    /// The queue is closed and everything has been written.
    finished: Condvar,
    /// There may be room again.
    room: Notify,
    capacity: usize,
    numbers: QueueNumbers,
}

#[derive(Debug, Default)]
struct Pending {
    /// Whole lines, each with its end.
    lines: Vec<u8>,
    /// The bytes that the writer has taken and not written yet.
    unwritten: usize,
    /// Why the last write failed, until one succeeds. Until then, lines wait as if the queue were full.
    failure: Option<String>,
    /// The waiting lines, each with the time since when; the oldest first.
    waiting: BTreeMap<u64, Instant>,
    next_id: u64,
    /// The writer sleeps until the first line, and must be woken.
    asleep: bool,
    /// The reloads that wait for the sink to be reopened.
    reopen: Vec<Part>,
    closed: bool,
    /// The time to write the last lines is over.
    given_up: bool,
    finished: bool,
}

/// The writer's next work.
pub(super) struct Work {
    /// The reloads for which the sink is reopened first; each waits until its part is dropped.
    pub(super) reopen: Vec<Part>,
    /// These are the last lines.
    pub(super) last: bool,
    /// The time for retries is over.
    pub(super) given_up: bool,
}

/// Lines cannot be written, or not fast enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// How long the oldest waiting decision has waited, if any.
    pub(crate) waited: Option<Duration>,
    /// Why the last write failed; `None` if the reader is too slow.
    pub(crate) failure: Option<String>,
}

/// How long the writer collects lines, so that a busy server wakes it once for many lines.
const GATHER: Duration = Duration::from_millis(5);

impl Pending {
    fn work(&mut self) -> Work {
        Work { reopen: std::mem::take(&mut self.reopen), last: self.closed, given_up: self.given_up }
    }
}

impl Queue {
    pub(super) fn new(capacity: usize, numbers: QueueNumbers) -> Self {
        Self {
            pending: Mutex::default(),
            filled: Condvar::new(),
            finished: Condvar::new(),
            room: Notify::new(),
            capacity,
            numbers,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        // A panic elsewhere leaves only whole lines: a line is appended at once.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a line, or returns it to wait with.
    pub(super) fn push(self: &Arc<Self>, line: &[u8], when_full: WhenFull) -> Option<WaitingLine> {
        let mut pending = self.lock();
        if self.take(&mut pending, line, when_full) {
            return None;
        }
        let id = pending.next_id;
        pending.next_id = id.saturating_add(1);
        pending.waiting.insert(id, Instant::now());
        drop(pending);
        self.numbers.waiting.inc();
        Some(WaitingLine { id, line: line.to_vec(), queue: Arc::clone(self) })
    }

    /// `false`: the line has to wait.
    fn take(&self, pending: &mut Pending, line: &[u8], when_full: WhenFull) -> bool {
        let queued = pending.lines.len().saturating_add(pending.unwritten);
        let fits = queued == 0 || queued.saturating_add(line.len()) <= self.capacity;
        let drops = match when_full {
            // After closing, nothing is written: the answer waits until its connection ends.
            WhenFull::Wait if pending.closed || !fits || pending.failure.is_some() => return false,
            WhenFull::Wait => false,
            WhenFull::Drop => pending.closed || !fits,
            WhenFull::Exceed => pending.closed || queued > self.capacity.saturating_mul(2),
        };
        if drops {
            self.numbers.dropped.inc();
            return true;
        }
        pending.lines.extend_from_slice(line);
        self.numbers.queued_bytes.set(as_gauge(queued.saturating_add(line.len())));
        if std::mem::take(&mut pending.asleep) {
            self.filled.notify_one();
        }
        true
    }

    /// Whether lines cannot be written, or decisions wait for the log.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let pending = self.lock();
        let waited = pending.waiting.first_key_value().map(|(_, since)| since.elapsed());
        let failure = pending.failure.clone();
        (waited.is_some() || failure.is_some()).then_some(Trouble { waited, failure })
    }

    /// Reopens the sink before the next line.
    pub(super) fn reopen(&self, part: Part) {
        self.lock().reopen.push(part);
        self.filled.notify_all();
    }

    /// Closes the queue; `false`: writing the last lines took longer than `patience`.
    pub(super) fn close(&self, patience: Duration) -> bool {
        self.lock().closed = true;
        self.filled.notify_all();
        let (pending, _) = self
            .finished
            .wait_timeout_while(self.lock(), patience, |pending| !pending.finished)
            .unwrap_or_else(PoisonError::into_inner);
        let finished = pending.finished;
        drop(pending);
        self.lock().given_up = true;
        finished
    }

    /// For the writer: waits for work, and takes the lines.
    pub(super) fn next(&self, lines: &mut Vec<u8>) -> Work {
        let idle =
            |pending: &mut Pending| pending.lines.is_empty() && !pending.closed && pending.reopen.is_empty();
        let mut pending = self.lock();
        pending.asleep = true;
        pending = self.filled.wait_while(pending, idle).unwrap_or_else(PoisonError::into_inner);
        pending.asleep = false;
        if !pending.closed && pending.reopen.is_empty() {
            let half = self.capacity / 2;
            let gathering = |pending: &mut Pending| {
                !pending.closed && pending.reopen.is_empty() && pending.lines.len() < half
            };
            (pending, _) = self
                .filled
                .wait_timeout_while(pending, GATHER, gathering)
                .unwrap_or_else(PoisonError::into_inner);
        }
        lines.clear();
        std::mem::swap(lines, &mut pending.lines);
        pending.unwritten = lines.len();
        pending.work()
    }

    /// For the writer: some of the taken bytes are written.
    pub(super) fn wrote(&self, bytes: usize) {
        let mut pending = self.lock();
        pending.unwritten = pending.unwritten.saturating_sub(bytes);
        pending.failure = None;
        self.numbers.queued_bytes.set(as_gauge(pending.lines.len().saturating_add(pending.unwritten)));
        drop(pending);
        self.room.notify_waiters();
    }

    /// For the writer: a write failed. Returns whether the error is new.
    pub(super) fn failed(&self, error: &std::io::Error) -> bool {
        let error = error.to_string();
        let mut pending = self.lock();
        let is_news = pending.failure.as_ref() != Some(&error);
        pending.failure = Some(error);
        is_news
    }

    /// For the writer: waits before the next attempt, but not if there is other work.
    pub(super) fn pause(&self, time: Duration) -> Work {
        let waiting = |pending: &mut Pending| !pending.closed && pending.reopen.is_empty();
        let (mut pending, _) = self
            .filled
            .wait_timeout_while(self.lock(), time, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        pending.work()
    }

    /// For the writer: it ends without writing these lines.
    pub(super) fn finish(&self, lost: &[u8]) {
        let mut pending = self.lock();
        let lines = lost.iter().chain(&pending.lines).filter(|byte| **byte == b'\n').count();
        self.numbers.dropped.inc_by(u64::try_from(lines).unwrap_or(u64::MAX));
        pending.lines.clear();
        pending.unwritten = 0;
        pending.finished = true;
        self.finished.notify_all();
    }
}

/// A line that waits for room. If it is dropped, it is not written: its answer was not sent.
#[derive(Debug)]
pub(crate) struct WaitingLine {
    id: u64,
    line: Vec<u8>,
    queue: Arc<Queue>,
}

impl WaitingLine {
    /// Completes when the line is queued.
    pub(crate) async fn queued(self) {
        loop {
            let room = self.queue.room.notified();
            {
                let mut pending = self.queue.lock();
                if self.queue.take(&mut pending, &self.line, WhenFull::Wait) {
                    return;
                }
            }
            room.await;
        }
    }
}

impl Drop for WaitingLine {
    fn drop(&mut self) {
        self.queue.lock().waiting.remove(&self.id);
        self.queue.numbers.waiting.dec();
    }
}

fn as_gauge(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

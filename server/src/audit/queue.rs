//! Lines between the threads that decide and the thread that writes: whole lines, in a queue of bounded size.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

use crate::reload::Part;

/// What becomes of a line that finds the queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenFull {
    /// It waits for room.
    Wait,
    /// It is dropped, and counted.
    Drop,
    /// It goes in beyond the capacity; beyond twice the capacity it is dropped and counted.
    Exceed,
}

/// The numbers of a queue, which `/metrics` shows.
#[derive(Clone, Debug, Default)]
pub struct QueueNumbers {
    /// Lines that were dropped.
    pub dropped: Counter,
    /// Bytes that were queued and are not written yet.
    pub queued_bytes: Gauge,
    /// Decisions whose line waits for room.
    pub waiting: Gauge,
    /// Files that could not be opened again.
    pub reopen_failures: Counter,
}

#[derive(Debug)]
pub(super) struct Queue {
    pending: Mutex<Pending>,
    /// There is something to write, or the queue is closed.
    filled: Condvar,
    /// Everything has been written after the end.
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
    /// Why the last write failed, until one succeeds. Lines then wait as if the queue were full.
    failure: Option<String>,
    /// The lines that wait, and since when; the oldest first.
    waiting: BTreeMap<u64, Instant>,
    next_id: u64,
    /// The writer waits for the first line and must be woken.
    asleep: bool,
    /// The reloads that have the sink opened again.
    reopen: Vec<Part>,
    closed: bool,
    /// Nobody waits for the last lines any more.
    given_up: bool,
    finished: bool,
}

/// What the writer has to do next.
pub(super) struct Work {
    /// The reloads that have the sink opened again first; each waits until its part is dropped.
    pub(super) reopen: Vec<Part>,
    /// Nothing more follows these lines.
    pub(super) last: bool,
    /// It is too late to try again.
    pub(super) given_up: bool,
}

/// Lines cannot be written, or not fast enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// How long a decision has been waiting, if one does.
    pub(crate) waited: Option<Duration>,
    /// Why the last write failed; none: the reader is too slow.
    pub(crate) failure: Option<String>,
}

/// How long the writer lets lines gather, so that a busy server wakes it once for many.
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
        // A panic elsewhere leaves whole lines behind: a line goes in at once.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line, or gives it back to wait with.
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
            // Once closed, nothing is written any more: the answer waits for the end of its connection.
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

    /// Whether lines cannot be written, or decisions wait for it.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        let pending = self.lock();
        let waited = pending.waiting.first_key_value().map(|(_, since)| since.elapsed());
        let failure = pending.failure.clone();
        (waited.is_some() || failure.is_some()).then_some(Trouble { waited, failure })
    }

    /// Has the sink opened again before the next line.
    pub(super) fn reopen(&self, part: Part) {
        self.lock().reopen.push(part);
        self.filled.notify_all();
    }

    /// No more lines; `false`: writing the last ones took longer than `patience`.
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

    /// For the writer: waits until there is something to do, and takes the lines.
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

    /// For the writer: some of what it took is written.
    pub(super) fn wrote(&self, bytes: usize) {
        let mut pending = self.lock();
        pending.unwritten = pending.unwritten.saturating_sub(bytes);
        pending.failure = None;
        self.numbers.queued_bytes.set(as_gauge(pending.lines.len().saturating_add(pending.unwritten)));
        drop(pending);
        self.room.notify_waiters();
    }

    /// For the writer: a write failed. Returns whether that is news.
    pub(super) fn failed(&self, error: &std::io::Error) -> bool {
        let error = error.to_string();
        let mut pending = self.lock();
        let is_news = pending.failure.as_ref() != Some(&error);
        pending.failure = Some(error);
        is_news
    }

    /// For the writer: waits a while before it tries again, shorter if there is something else to do.
    pub(super) fn pause(&self, time: Duration) -> Work {
        let waiting = |pending: &mut Pending| !pending.closed && pending.reopen.is_empty();
        let (mut pending, _) = self
            .filled
            .wait_timeout_while(self.lock(), time, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        pending.work()
    }

    /// For the writer: it ends, without these lines.
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

/// A line that waits for room. Dropped, it is gone: nobody saw the answer that it is about.
#[derive(Debug)]
pub(crate) struct WaitingLine {
    id: u64,
    line: Vec<u8>,
    queue: Arc<Queue>,
}

impl WaitingLine {
    /// Done when the line is queued.
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

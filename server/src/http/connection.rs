//! Who is connected, and who has been idle longest.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The open connections of a port.
#[derive(Debug)]
pub(crate) struct Connections {
    open: Mutex<HashMap<u64, Slot>>,
    next: AtomicU64,
    limit: usize,
    /// Those that end, too, until they have ended.
    alive: AtomicU64,
    closed: Notify,
    gauge: Gauge,
    /// What the times of the slots are counted from.
    start: Instant,
}

/// What is known of a connection. Cloning gives another handle to the same one.
#[derive(Clone, Debug)]
pub(crate) struct Slot(Arc<State>);

#[derive(Debug)]
struct State {
    start: Instant,
    /// Milliseconds from `start` to the last request whose head was whole, or to the beginning.
    last_request: AtomicU64,
    /// Bytes came in since the last whole head.
    arrived: AtomicBool,
    /// One more than the milliseconds from `start` to when the head that is arriving was first waited for; 0: none is.
    head_since: AtomicU64,
    unread: AtomicBool,
    evict: Notify,
}

/// An open connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct Open {
    id: u64,
    slot: Slot,
    connections: Arc<Connections>,
}

impl Connections {
    pub(crate) fn new(limit: usize, gauge: Gauge) -> Self {
        Self {
            open: Mutex::default(),
            next: AtomicU64::default(),
            limit,
            alive: AtomicU64::default(),
            closed: Notify::new(),
            gauge,
            start: Instant::now(),
        }
    }

    /// One more. At the limit, the longest idle one gives way.
    pub(crate) fn open(self: &Arc<Self>) -> Open {
        let slot = Slot::new(self.start);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut open = self.lock();
        while open.len() >= self.limit && evict_longest_idle(&mut open) {}
        open.insert(id, slot.clone());
        drop(open);
        self.alive.fetch_add(1, Ordering::AcqRel);
        self.gauge.inc();
        Open { id, slot, connections: Arc::clone(self) }
    }

    pub(crate) fn evict_longest_idle(&self) {
        evict_longest_idle(&mut self.lock());
    }

    pub(crate) fn evict_all(&self) {
        for (_, slot) in self.lock().drain() {
            slot.0.evict.notify_one();
        }
    }

    /// Whether some that gave way have not ended yet.
    pub(crate) fn are_too_many(&self) -> bool {
        self.alive.load(Ordering::Acquire) > u64::try_from(self.limit).unwrap_or(u64::MAX)
    }

    /// Done when none is open.
    pub(crate) async fn all_closed(&self) {
        loop {
            let closed = self.closed.notified();
            if self.alive.load(Ordering::Acquire) == 0 {
                return;
            }
            closed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Slot>> {
        // Nothing between taking and giving back the lock can leave the map half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at all of them: only at the limit, and ten thousand take some ten microseconds.
fn evict_longest_idle(open: &mut HashMap<u64, Slot>) -> bool {
    let longest = open.iter().min_by_key(|(id, slot)| (slot.0.last_request.load(Ordering::Relaxed), **id));
    let Some(id) = longest.map(|(id, _)| *id) else { return false };
    if let Some(slot) = open.remove(&id) {
        slot.0.evict.notify_one();
    }
    true
}

impl Open {
    pub(crate) fn slot(&self) -> &Slot {
        &self.slot
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let connections = &self.connections;
        connections.lock().remove(&self.id);
        connections.gauge.dec();
        if connections.alive.fetch_sub(1, Ordering::AcqRel) == 1 {
            connections.closed.notify_waiters();
        }
    }
}

impl Slot {
    fn new(start: Instant) -> Self {
        let slot = Self(Arc::new(State {
            start,
            last_request: AtomicU64::default(),
            arrived: AtomicBool::default(),
            head_since: AtomicU64::default(),
            unread: AtomicBool::default(),
            evict: Notify::new(),
        }));
        slot.0.last_request.store(slot.now(), Ordering::Relaxed);
        slot
    }

    /// Bytes came in. Mostly they are a whole head, so that no clock is asked yet.
    pub(crate) fn bytes_arrived(&self) {
        self.0.arrived.store(true, Ordering::Relaxed);
    }

    /// Nothing can be done until more bytes come in: where some have, it is for the rest of a head.
    pub(crate) fn waits(&self) {
        let state = &*self.0;
        if state.arrived.load(Ordering::Relaxed) && state.head_since.load(Ordering::Relaxed) == 0 {
            state.head_since.store(self.now().saturating_add(1), Ordering::Relaxed);
        }
    }

    /// A request's head was whole.
    pub(crate) fn request_arrived(&self, at: std::time::Instant) {
        let state = &*self.0;
        let elapsed = Instant::from_std(at).saturating_duration_since(state.start);
        state.last_request.store(milliseconds(elapsed), Ordering::Relaxed);
        self.no_head_arrives();
    }

    /// What follows the request will not be read: the connection ends with its answer.
    pub(crate) fn nothing_follows(&self) {
        self.0.unread.store(true, Ordering::Relaxed);
    }

    /// What has arrived so far is the beginning of no head.
    pub(crate) fn no_head_arrives(&self) {
        self.0.arrived.store(false, Ordering::Relaxed);
        self.0.head_since.store(0, Ordering::Relaxed);
    }

    /// Whether the client may still be sending what nobody will read.
    pub(crate) fn may_be_sending(&self) -> bool {
        self.0.unread.load(Ordering::Relaxed)
    }

    /// When the connection has waited too long, if nothing happens before.
    pub(crate) fn deadline(&self, header_time: Duration, idle_time: Duration) -> Instant {
        let at = |milliseconds: u64| self.0.start + Duration::from_millis(milliseconds);
        let idle = at(self.0.last_request.load(Ordering::Relaxed)) + idle_time;
        match self.0.head_since.load(Ordering::Relaxed).checked_sub(1) {
            Some(since) => idle.min(at(since) + header_time),
            None => idle,
        }
    }

    /// Done when the connection has to give way.
    pub(crate) async fn evicted(&self) {
        self.0.evict.notified().await;
    }

    fn now(&self) -> u64 {
        milliseconds(self.0.start.elapsed())
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

//! Tracks open connections and closes some when there are too many, or when unsent responses use too much memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The open connections of a port.
#[derive(Debug)]
pub(crate) struct Connections {
    open: Mutex<HashMap<u64, Slot>>,
    next: AtomicU64,
    limit: usize,
    /// Includes connections that are being closed.
    alive: AtomicU64,
    closed: Notify,
    numbers: ConnectionNumbers,
    /// Bytes of unsent responses over all connections.
    unsent: Mutex<usize>,
    /// Origin of the slots' times.
    start: Instant,
}

/// Connection counters of a port, shown by `/metrics`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionNumbers {
    pub(crate) open: Gauge,
    pub(crate) closed: Family<[(&'static str, &'static str); 1], Counter>,
}

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Closed {
    /// Closed by the client or its network, or after the last response that the client requested.
    ByClient,
    /// It waited too long for its next request.
    Idle,
    /// A request head or a TLS handshake took too long.
    HeaderTimeout,
    /// The received bytes are not HTTP, or not TLS.
    ProtocolError,
    /// There were too many connections.
    Evicted,
    /// Unsent responses used too much memory, and this connection's the most.
    Unsent,
    /// The server is shutting down.
    Shutdown,
}

impl Closed {
    pub(crate) const ALL: [Self; 7] = [
        Self::ByClient,
        Self::Idle,
        Self::HeaderTimeout,
        Self::ProtocolError,
        Self::Evicted,
        Self::Unsent,
        Self::Shutdown,
    ];

    /// The stable code used in metrics.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::ByClient => "client",
            Self::Idle => "idle",
            Self::HeaderTimeout => "header_timeout",
            Self::ProtocolError => "protocol_error",
            Self::Evicted => "evicted",
            Self::Unsent => "unsent_answers",
            Self::Shutdown => "shutdown",
        }
    }
}

/// Maximum bytes of unsent responses over all connections of a port.
pub(crate) const MAX_UNSENT_BYTES: usize = 64 << 20;

/// State of a connection. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Slot(Arc<State>);

#[derive(Debug)]
struct State {
    start: Instant,
    /// Milliseconds from `start` to the last complete request head, or to the accept.
    last_request: AtomicU64,
    /// Bytes have arrived since the last complete head.
    arrived: AtomicBool,
    /// Milliseconds from `start` to the beginning of the wait for the current head, plus one; 0 if no head is pending.
    head_since: AtomicU64,
    unread: AtomicBool,
    /// A complete request has arrived.
    has_requested: AtomicBool,
    /// Bytes of its unsent responses, included in the total of all connections. Changed under the lock of that total.
    unsent: AtomicUsize,
    /// Its responses are no longer counted, because it is being closed. Changed under the same lock.
    discounted: AtomicBool,
    /// Index in [`Closed::ALL`] of the reason for closing.
    closed: AtomicU8,
    evict: Notify,
}

/// An open connection, registered until it is dropped.
#[derive(Debug)]
pub(crate) struct Open {
    id: u64,
    slot: Slot,
    connections: Arc<Connections>,
}

impl Connections {
    pub(crate) fn new(limit: usize, numbers: ConnectionNumbers) -> Self {
        Self {
            open: Mutex::default(),
            next: AtomicU64::default(),
            limit,
            alive: AtomicU64::default(),
            closed: Notify::new(),
            numbers,
            unsent: Mutex::default(),
            start: Instant::now(),
        }
    }

    /// Registers a connection. At the limit, closes the oldest connection that has never sent a complete request, or
    /// else the one that has been idle longest.
    pub(crate) fn open(self: &Arc<Self>) -> Open {
        let slot = Slot::new(self.start);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut open = self.lock();
        while open.len() >= self.limit && evict_least_used(&mut open) {}
        open.insert(id, slot.clone());
        drop(open);
        self.alive.fetch_add(1, Ordering::AcqRel);
        self.numbers.open.inc();
        Open { id, slot, connections: Arc::clone(self) }
    }

    pub(crate) fn evict_least_used(&self) {
        evict_least_used(&mut self.lock());
    }

    /// Closes all connections at shutdown.
    pub(crate) fn evict_all(&self) {
        for (_, slot) in self.lock().drain() {
            slot.evict(Closed::Shutdown);
        }
    }

    /// Counts bytes of unsent responses until the result is dropped. If the total is too large, closes the connection
    /// with the most unsent bytes.
    pub(crate) fn hold(self: &Arc<Self>, slot: &Slot, bytes: usize) -> Unsent {
        let mut all = self.lock_unsent();
        if slot.0.discounted.load(Ordering::Relaxed) {
            return Unsent { bytes: 0, slot: slot.clone(), connections: Arc::clone(self) };
        }
        slot.0.unsent.fetch_add(bytes, Ordering::Relaxed);
        *all = all.saturating_add(bytes);
        if *all > MAX_UNSENT_BYTES {
            let mut open = self.lock();
            let most = open.iter().max_by_key(|(id, slot)| (slot.0.unsent.load(Ordering::Relaxed), **id));
            if let Some(slot) = most.map(|(id, _)| *id).and_then(|id| open.remove(&id)) {
                // Its bytes are about to be freed; until then no other connection is closed for them.
                *all = all.saturating_sub(slot.0.unsent.swap(0, Ordering::Relaxed));
                slot.0.discounted.store(true, Ordering::Relaxed);
                slot.evict(Closed::Unsent);
            }
        }
        Unsent { bytes, slot: slot.clone(), connections: Arc::clone(self) }
    }

    /// Bytes of unsent responses.
    #[cfg(test)]
    pub(super) fn unsent(&self) -> usize {
        *self.lock_unsent()
    }

    fn lock_unsent(&self) -> MutexGuard<'_, usize> {
        // Nothing panics while the lock is held.
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether connections that are being closed are still open.
    pub(crate) fn are_too_many(&self) -> bool {
        self.alive.load(Ordering::Acquire) > u64::try_from(self.limit).unwrap_or(u64::MAX)
    }

    /// Completes when no connection is open.
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
        // Nothing can leave the map in an inconsistent state while the lock is held.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Linear scan: runs only at the limit, and takes some ten microseconds for ten thousand connections.
fn evict_least_used(open: &mut HashMap<u64, Slot>) -> bool {
    let use_of = |(id, slot): &(&u64, &Slot)| {
        let state = &slot.0;
        (state.has_requested.load(Ordering::Relaxed), state.last_request.load(Ordering::Relaxed), **id)
    };
    let Some(id) = open.iter().min_by_key(use_of).map(|(id, _)| *id) else { return false };
    if let Some(slot) = open.remove(&id) {
        slot.evict(Closed::Evicted);
    }
    true
}

/// Bytes of unsent responses, counted until they are dropped.
#[derive(Debug)]
pub(crate) struct Unsent {
    bytes: usize,
    slot: Slot,
    connections: Arc<Connections>,
}

impl Unsent {
    /// The same bytes, counted until the last clone is dropped.
    pub(crate) fn keep(self, bytes: Bytes) -> Bytes {
        struct Kept(Bytes, #[expect(dead_code, reason = "counted until it is dropped")] Unsent);

        impl AsRef<[u8]> for Kept {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        Bytes::from_owner(Kept(bytes, self))
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        let mut all = self.connections.lock_unsent();
        if !self.slot.0.discounted.load(Ordering::Relaxed) {
            self.slot.0.unsent.fetch_sub(self.bytes, Ordering::Relaxed);
            *all = all.saturating_sub(self.bytes);
        }
    }
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
        connections.numbers.open.dec();
        connections.numbers.closed.get_or_create(&[("reason", self.slot.why_closed().code())]).inc();
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
            has_requested: AtomicBool::default(),
            unsent: AtomicUsize::default(),
            discounted: AtomicBool::default(),
            closed: AtomicU8::default(),
            evict: Notify::new(),
        }));
        slot.0.last_request.store(slot.now(), Ordering::Relaxed);
        slot
    }

    /// Bytes arrived. They usually form a complete head, so the clock is not read yet.
    pub(crate) fn bytes_arrived(&self) {
        self.0.arrived.store(true, Ordering::Relaxed);
    }

    /// The connection waits for more bytes. If some have arrived, it waits for the rest of a head.
    pub(crate) fn waits(&self) {
        let state = &*self.0;
        if state.arrived.load(Ordering::Relaxed) && state.head_since.load(Ordering::Relaxed) == 0 {
            state.head_since.store(self.now().saturating_add(1), Ordering::Relaxed);
        }
    }

    /// A request head was complete.
    pub(crate) fn request_arrived(&self, at: std::time::Instant) {
        let state = &*self.0;
        let elapsed = Instant::from_std(at).saturating_duration_since(state.start);
        state.last_request.store(milliseconds(elapsed), Ordering::Relaxed);
        state.has_requested.store(true, Ordering::Relaxed);
        self.no_head_arrives();
    }

    /// The rest of the request will not be read: the connection closes after its response.
    pub(crate) fn rest_is_unread(&self) {
        self.0.unread.store(true, Ordering::Relaxed);
    }

    /// The bytes received so far do not start a head.
    pub(crate) fn no_head_arrives(&self) {
        self.0.arrived.store(false, Ordering::Relaxed);
        self.0.head_since.store(0, Ordering::Relaxed);
    }

    /// Whether the client may still be sending data that will not be read.
    pub(crate) fn may_be_sending(&self) -> bool {
        self.0.unread.load(Ordering::Relaxed)
    }

    /// When the connection times out if nothing else happens.
    pub(crate) fn deadline(&self, header_time: Duration, idle_time: Duration) -> Instant {
        let at = |milliseconds: u64| self.0.start + Duration::from_millis(milliseconds);
        let idle = at(self.0.last_request.load(Ordering::Relaxed)) + idle_time;
        match self.0.head_since.load(Ordering::Relaxed).checked_sub(1) {
            Some(since) => idle.min(at(since) + header_time),
            None => idle,
        }
    }

    /// When its last request arrived, or when it was accepted.
    pub(crate) fn last_request(&self) -> Instant {
        self.0.start + Duration::from_millis(self.0.last_request.load(Ordering::Relaxed))
    }

    /// Whether a complete request has arrived.
    pub(crate) fn has_requested(&self) -> bool {
        self.0.has_requested.load(Ordering::Relaxed)
    }

    /// Whether bytes have arrived that are no complete head yet.
    pub(crate) fn head_arrives(&self) -> bool {
        self.0.arrived.load(Ordering::Relaxed)
    }

    /// Records why the connection is closed; the first reason is kept.
    pub(crate) fn closes(&self, why: Closed) {
        let _ = self.0.closed.compare_exchange(0, why as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn why_closed(&self) -> Closed {
        let index = usize::from(self.0.closed.load(Ordering::Relaxed));
        Closed::ALL.get(index).copied().unwrap_or(Closed::ByClient)
    }

    fn evict(&self, why: Closed) {
        self.closes(why);
        self.0.evict.notify_one();
    }

    /// The timeout that has expired, if any.
    pub(crate) fn overdue(&self) -> Closed {
        if self.0.head_since.load(Ordering::Relaxed) == 0 { Closed::Idle } else { Closed::HeaderTimeout }
    }

    /// Completes when the connection should be closed.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn port(limit: usize) -> Arc<Connections> {
        Arc::new(Connections::new(limit, ConnectionNumbers::default()))
    }

    fn asks(open: &Open, after: Duration) {
        open.slot().request_arrived((open.connections.start + after).into_std());
    }

    fn closed(connections: &Connections, why: Closed) -> u64 {
        connections.numbers.closed.get_or_create(&[("reason", why.code())]).get()
    }

    #[test]
    fn the_oldest_connection_without_a_request_is_closed_first() {
        let connections = port(4);
        let seconds = Duration::from_secs;
        let (used, silent, silent_later, used_long_ago) =
            (connections.open(), connections.open(), connections.open(), connections.open());
        asks(&used_long_ago, seconds(1));
        asks(&used, seconds(2));
        let is_evicted = |open: &Open| open.slot().why_closed() == Closed::Evicted;

        let _first = connections.open();
        assert!(is_evicted(&silent) && !is_evicted(&silent_later));
        let second = connections.open();
        assert!(is_evicted(&silent_later) && !is_evicted(&used) && !is_evicted(&used_long_ago));

        let third = connections.open();
        asks(&second, seconds(3));
        asks(&third, seconds(4));
        let fourth = connections.open();
        asks(&fourth, seconds(5));
        assert!(
            is_evicted(&used_long_ago) && !is_evicted(&used),
            "of those that asked, the one idle longest"
        );
        drop(silent);
        assert_eq!((closed(&connections, Closed::Evicted), closed(&connections, Closed::ByClient)), (1, 0));
    }

    #[test]
    fn the_connection_with_most_unsent_bytes_is_closed() {
        let connections = port(10);
        let (few, most, other) = (connections.open(), connections.open(), connections.open());
        let _few = connections.hold(few.slot(), 1000);
        let held = connections.hold(most.slot(), MAX_UNSENT_BYTES - 1000);
        assert_eq!(most.slot().why_closed(), Closed::ByClient, "as much as may be held");
        let kept = connections.hold(other.slot(), 1).keep(Bytes::from_static(b"an answer"));
        assert_eq!(most.slot().why_closed(), Closed::Unsent);
        assert_eq!(
            (few.slot().why_closed(), other.slot().why_closed()),
            (Closed::ByClient, Closed::ByClient)
        );
        drop(held);
        let part = kept.slice(3..);
        drop(kept);
        assert_eq!(connections.unsent(), 1001, "as long as a part is held");
        assert_eq!(part, "answer");
        drop(part);
        assert_eq!(connections.unsent(), 1000);
    }

    #[test]
    fn the_first_reason_for_closing_counts() {
        let connections = port(1);
        let open = connections.open();
        connections.evict_all();
        open.slot().closes(Closed::Idle);
        drop(open);
        assert_eq!((closed(&connections, Closed::Shutdown), closed(&connections, Closed::Idle)), (1, 0));
        for (index, why) in Closed::ALL.iter().enumerate() {
            assert_eq!(*why as usize, index);
        }
    }
}

//! Spans of decisions, from the decision to the queue.

use std::cell::Cell;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::header::HeaderMap;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;

use crate::audit::trace_parent;
use crate::config::SampleRatio;
use crate::outcome::Outcome;

/// The span of one decision.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) trace: [u8; 16],
    pub(super) id: [u8; 8],
    pub(super) parent: Option<[u8; 8]>,
    /// Since the Unix epoch.
    pub(super) start: Duration,
    pub(super) end: Duration,
    pub(super) method: &'static str,
    pub(super) outcome: &'static str,
    pub(super) status: u16,
    pub(super) reason: &'static str,
    pub(super) clause: &'static str,
}

/// The numbers of spans, which `/metrics` shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct SpanNumbers {
    pub(crate) sent: Counter,
    pub(crate) dropped: Counter,
}

/// Makes spans. Clones share the queue.
#[derive(Clone, Debug)]
pub(crate) struct Tracer {
    ratio: SampleRatio,
    queue: Arc<Queue>,
}

/// Spans that are not sent yet.
#[derive(Debug)]
pub(super) struct Queue {
    spans: Mutex<Vec<Span>>,
    /// There is enough for a message.
    filled: Notify,
    numbers: SpanNumbers,
}

/// About a megabyte of spans.
pub(super) const CAPACITY: usize = 8192;
/// How many spans one message has at the most.
pub(super) const BATCH: usize = 512;

impl Tracer {
    pub(super) fn new(ratio: SampleRatio, queue: Arc<Queue>) -> Self {
        Self { ratio, queue }
    }

    /// Queues the span of a decision that ended at `end`, if it is sampled. The parent in `headers` decides
    /// that; without a parent, the ratio does.
    pub(crate) fn record(
        &self,
        headers: &HeaderMap,
        method: &str,
        outcome: &Outcome<'_>,
        end: Duration,
        duration: Duration,
    ) {
        let parent = trace_parent(headers);
        let is_sampled = match &parent {
            Some(parent) => parent.is_sampled,
            None => self.ratio.contains(random()),
        };
        if !is_sampled {
            return;
        }
        let new_trace = || (u128::from(random()) << 64 | u128::from(random())).to_be_bytes();
        self.queue.push(Span {
            trace: parent.as_ref().map_or_else(new_trace, |parent| parent.trace),
            // An id of zero is invalid.
            id: random().max(1).to_be_bytes(),
            parent: parent.map(|parent| parent.span),
            start: end.saturating_sub(duration),
            end,
            method: known_method(method),
            outcome: outcome.name(),
            status: outcome.status(),
            reason: outcome.reason_code(),
            clause: outcome.clause(),
        });
    }
}

/// A method, unless it is one that the client made up: OpenTelemetry's conventions then say `_OTHER`.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 10] =
        ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("_OTHER")
}

/// A random number for ids and sampling. It need not be unpredictable, so it takes no system call.
fn random() -> u64 {
    thread_local! {
        static STATE: (RandomState, Cell<u64>) = (RandomState::new(), Cell::new(0));
    }
    STATE.with(|(keys, count)| {
        count.set(count.get().wrapping_add(1));
        keys.hash_one(count.get())
    })
}

impl Queue {
    pub(super) fn new(numbers: SpanNumbers) -> Self {
        Self { spans: Mutex::default(), filled: Notify::new(), numbers }
    }

    pub(super) fn push(&self, span: Span) {
        let mut spans = self.lock();
        if spans.len() >= CAPACITY {
            self.numbers.dropped.inc();
            return;
        }
        spans.push(span);
        if spans.len() == BATCH {
            self.filled.notify_one();
        }
    }

    /// The oldest spans: as many as a message has.
    pub(super) fn take(&self) -> Vec<Span> {
        let mut spans = self.lock();
        let count = spans.len().min(BATCH);
        spans.drain(..count).collect()
    }

    /// Whether there is enough for another message.
    pub(super) fn is_filled(&self) -> bool {
        self.lock().len() >= BATCH
    }

    /// Completes when there may be enough for a message.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    pub(super) fn sent(&self, spans: usize) {
        self.numbers.sent.inc_by(u64::try_from(spans).unwrap_or(u64::MAX));
    }

    pub(super) fn dropped(&self, spans: usize) {
        self.numbers.dropped.inc_by(u64::try_from(spans).unwrap_or(u64::MAX));
    }

    /// Drops everything that is left.
    pub(super) fn give_up(&self) {
        let left = std::mem::take(&mut *self.lock());
        self.dropped(left.len());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Span>> {
        // A panic elsewhere leaves only whole spans: each is added or removed at once.
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use rstest::rstest;

    use super::*;
    use crate::outcome::Unavailable;

    fn tracer(ratio: f64) -> Tracer {
        let queue = Arc::new(Queue::new(SpanNumbers::default()));
        Tracer::new(SampleRatio::new(ratio).unwrap(), queue)
    }

    fn recorded(ratio: f64, traceparent: Option<&'static str>, method: &str) -> Vec<Span> {
        let tracer = tracer(ratio);
        let fields =
            traceparent.map(|value| ("traceparent".parse().unwrap(), HeaderValue::from_static(value)));
        let outcome = Outcome::Unavailable(Unavailable::KeysUnavailable);
        let headers = HeaderMap::from_iter(fields);
        tracer.record(&headers, method, &outcome, Duration::from_secs(10), Duration::from_micros(7));
        tracer.queue.take()
    }

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02";

    #[rstest]
    #[case::as_the_parent_says(0.0, Some(SAMPLED), true)]
    #[case::as_the_parent_says_whatever_the_ratio(1.0, Some(NOT_SAMPLED), false)]
    #[case::no_parent(0.0, None, false)]
    #[case::no_parent_and_all_of_them(1.0, None, true)]
    #[case::an_invalid_parent(0.0, Some("00-x-y-01"), false)]
    #[case::an_invalid_parent_and_all_of_them(1.0, Some("00-x-y-01"), true)]
    fn a_decision_is_sampled(
        #[case] ratio: f64,
        #[case] parent: Option<&'static str>,
        #[case] expected: bool,
    ) {
        assert_eq!(recorded(ratio, parent, "GET").len(), usize::from(expected));
    }

    #[test]
    fn a_span_continues_the_trace_of_its_parent() {
        let spans = recorded(0.0, Some(SAMPLED), "GET");
        let [span] = &spans[..] else { panic!("one span") };
        assert_eq!(u128::from_be_bytes(span.trace), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(span.parent.map(u64::from_be_bytes), Some(0x00f0_67aa_0ba9_02b7));
        assert_eq!((span.start, span.end), (Duration::from_micros(9_999_993), Duration::from_secs(10)));
        assert_eq!((span.status, span.reason, span.clause), (503, "keys_unavailable", "ROT-1"));
    }

    #[test]
    fn a_span_without_a_parent_begins_a_trace() {
        let spans: Vec<Span> = (0..100).flat_map(|_| recorded(1.0, None, "GET")).collect();
        assert!(spans.iter().all(|span| span.parent.is_none()));
        let traces: std::collections::HashSet<_> = spans.iter().map(|span| (span.trace, span.id)).collect();
        assert_eq!(traces.len(), 100);
    }

    #[test]
    fn a_part_of_the_decisions_is_sampled() {
        let tracer = tracer(0.5);
        let outcome = Outcome::Unavailable(Unavailable::KeysUnavailable);
        for _ in 0..400 {
            tracer.record(&HeaderMap::new(), "GET", &outcome, Duration::ZERO, Duration::ZERO);
        }
        let count = tracer.queue.take().len();
        assert!((100..300).contains(&count), "{count} of 400");
    }

    /// A method may be anything that a client sends, a token too.
    #[rstest]
    #[case("PATCH", "PATCH")]
    #[case("get", "_OTHER")]
    #[case("eyJhbGciOiJFUzI1NiJ9", "_OTHER")]
    fn unknown_methods_are_other(#[case] method: &str, #[case] expected: &str) {
        assert_eq!(recorded(1.0, None, method)[0].method, expected);
    }

    #[test]
    fn spans_beyond_the_capacity_are_dropped_and_counted() {
        let tracer = tracer(1.0);
        let outcome = Outcome::Unavailable(Unavailable::KeysUnavailable);
        for _ in 0..CAPACITY + 3 {
            tracer.record(&HeaderMap::new(), "GET", &outcome, Duration::ZERO, Duration::ZERO);
        }
        assert_eq!(tracer.queue.numbers.dropped.get(), 3);
        assert_eq!(tracer.queue.take().len(), BATCH);
        tracer.queue.give_up();
        assert_eq!(tracer.queue.numbers.dropped.get(), u64::try_from(CAPACITY - BATCH + 3).unwrap());
    }
}

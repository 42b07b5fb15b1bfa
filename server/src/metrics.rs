//! Metrics. No label contains a value from a request, so clients cannot add series.

mod readiness;
mod revocations;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use artos_auth_engine::Decision;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use crate::audit::QueueNumbers;
use crate::health::Health;
use crate::http::connection::{Closed, ConnectionNumbers};
use crate::http::request::Refusal;
use crate::otlp::SpanNumbers;
use crate::outcome::{ByOutcome, Outcome};
use readiness::Readiness;
pub(crate) use revocations::RevocationNumbers;

/// The metrics of `GET /metrics`. Clones share them.
#[derive(Clone)]
pub struct Metrics {
    decisions: Arc<Decisions>,
    pub(crate) connections: ConnectionNumbers,
    pub(crate) reload_failures: Family<FileLabel, Counter>,
    pub(crate) key_fetches: Family<[(&'static str, String); 2], Counter>,
    pub(crate) keys_ignored: Family<[(&'static str, String); 1], Gauge>,
    pub(crate) snapshots: Family<FileLabel, Gauge<f64, AtomicU64>>,
    /// The audit log's queue.
    pub audit: QueueNumbers,
    refused: Family<RefusalLabels, Counter>,
    certificate_expiry: Arc<CertificateExpiry>,
    pub(crate) revocations: RevocationNumbers,
    pub(crate) spans: SpanNumbers,
    readiness: Arc<Readiness>,
    registry: Arc<Registry>,
}

/// A file that the server reads, by its role, not its path.
pub(crate) type FileLabel = [(&'static str, &'static str); 1];

type RefusalLabels = [(&'static str, &'static str); 2];

const fn refusal_labels(refusal: Refusal) -> RefusalLabels {
    [("status", refusal.status_text()), ("reason", refusal.code())]
}

/// The label of a file.
pub(crate) const fn file_label(file: &'static str) -> FileLabel {
    [("file", file)]
}

/// The labels of a fetch: the source, by its position and host, and the result.
pub(crate) fn fetch_labels(source: &str, result: &'static str) -> [(&'static str, String); 2] {
    [("source", source.to_owned()), ("result", result.to_owned())]
}

/// The label of a source of keys.
pub(crate) fn source_label(source: &str) -> [(&'static str, String); 1] {
    [("source", source.to_owned())]
}

impl Metrics {
    /// Metrics that all start at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let decisions = Arc::<Decisions>::default();
        let connections = ConnectionNumbers::default();
        for why in Closed::ALL {
            drop(connections.closed.get_or_create(&[("reason", why.code())]));
        }
        let reload_failures = Family::default();
        let (key_fetches, keys_ignored) = (Family::default(), Family::default());
        let snapshots = Family::default();
        let audit = QueueNumbers {
            reopen_failures: reload_failures.get_or_create_owned(&file_label("audit")),
            ..QueueNumbers::default()
        };
        let refused = Family::default();
        let certificate_expiry = Arc::<CertificateExpiry>::default();
        registry.register_collector(Box::new(Arc::clone(&certificate_expiry)));
        for refusal in Refusal::ALL {
            // Creates the series before the first refusal, so that alerts on increases work.
            drop(refused.get_or_create(&refusal_labels(refusal)));
        }
        registry.register_collector(Box::new(Arc::clone(&decisions)));
        registry.register(
            "artos_auth_connections",
            "Connections open on the main port",
            connections.open.clone(),
        );
        registry.register(
            "artos_auth_connections_closed",
            "Closed connections of the main port, by reason",
            connections.closed.clone(),
        );
        registry.register(
            "artos_auth_key_fetches",
            "Fetches of key sets, by source and result",
            key_fetches.clone(),
        );
        registry.register("artos_auth_keys_ignored", "Ignored keys of the current set", keys_ignored.clone());
        registry.register("artos_auth_reload_failures", "Failed reloads, by file", reload_failures.clone());
        registry.register(
            "artos_auth_snapshot_timestamp_seconds",
            "Time when the current file was loaded, in seconds since the Unix epoch",
            snapshots.clone(),
        );
        registry.register(
            "artos_auth_audit_dropped",
            "Audit lines that were not written",
            audit.dropped.clone(),
        );
        registry.register(
            "artos_auth_audit_queue_bytes",
            "Bytes of audit lines that are queued and not written yet",
            audit.queued_bytes.clone(),
        );
        registry.register(
            "artos_auth_decisions_waiting",
            "Decisions whose answer waits until its audit line is queued",
            audit.waiting.clone(),
        );
        registry.register(
            "artos_auth_refused",
            "Requests refused without a decision, by status and reason",
            refused.clone(),
        );
        let spans = SpanNumbers::default();
        registry.register("artos_auth_spans_sent", "Spans that the collector has taken", spans.sent.clone());
        registry.register("artos_auth_spans_dropped", "Spans that were not sent", spans.dropped.clone());
        let revocations = RevocationNumbers::register(&mut registry);
        let readiness = Arc::<Readiness>::default();
        registry.register_collector(Box::new(Arc::clone(&readiness)));
        let registry = Arc::new(registry);
        Self {
            decisions,
            connections,
            key_fetches,
            keys_ignored,
            reload_failures,
            snapshots,
            audit,
            refused,
            certificate_expiry,
            revocations,
            spans,
            readiness,
            registry,
        }
    }

    /// Counts an outcome.
    pub fn decided(&self, outcome: &Outcome<'_>, duration: Duration) {
        self.decisions.count(outcome, duration);
    }

    /// Exports whether `/readyz` is 200, and the sources that it names.
    pub(crate) fn show_readiness(&self, health: Health) {
        self.readiness.show(health);
    }

    /// Sets the expiry of the current certificate, in seconds since the Unix epoch.
    pub(crate) fn certificate_expires(&self, not_after: u64) {
        self.certificate_expiry.0.store(not_after, Ordering::Relaxed);
    }

    /// Counts an answer without a decision.
    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refused.get_or_create(&refusal_labels(refusal)).inc();
    }

    /// The metrics in the OpenMetrics format.
    ///
    /// # Errors
    ///
    /// A metric cannot be written.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// The metrics in the Prometheus text format 0.0.4.
    ///
    /// # Errors
    ///
    /// A metric cannot be written.
    pub fn encode_plain(&self) -> Result<String, fmt::Error> {
        self.encode().map(|openmetrics| to_plain_text(&openmetrics))
    }
}

/// Converts OpenMetrics to the older format, in which the metadata of a counter has the name of its series.
fn to_plain_text(openmetrics: &str) -> String {
    let mut plain = String::with_capacity(openmetrics.len());
    let counters: HashSet<&str> = openmetrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    for line in openmetrics.lines().filter(|line| *line != "# EOF") {
        let metadata = ["# HELP ", "# TYPE "].iter().find_map(|kind| Some((kind, line.strip_prefix(*kind)?)));
        match metadata.and_then(|(kind, rest)| Some((kind, rest.split_once(' ')?))) {
            Some((kind, (name, rest))) if counters.contains(name) => {
                plain.extend([*kind, name, "_total ", rest, "\n"]);
            }
            _ => plain.extend([line, "\n"]),
        }
    }
    plain
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The expiry of the current certificate, in seconds since the Unix epoch; 0 without a certificate, which has no series.
#[derive(Debug, Default)]
struct CertificateExpiry(AtomicU64);

impl Collector for CertificateExpiry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let seconds = self.0.load(Ordering::Relaxed);
        if seconds == 0 {
            return Ok(());
        }
        let gauge = ConstGauge::new(seconds);
        let encoder = encoder.encode_descriptor(
            "artos_auth_tls_certificate_expiry_timestamp_seconds",
            "Expiry of the current certificate, in seconds since the Unix epoch",
            None,
            gauge.metric_type(),
        )?;
        gauge.encode(encoder)
    }
}

/// Upper bounds of the histogram's buckets, in microseconds: a decision without a signature takes less than one, one with
/// the slowest signature a few hundred.
const BUCKETS_US: [u32; 14] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 20_000, 100_000, 1_000_000];

/// Decisions by outcome and reason, and their durations. All counters are preallocated and incremented without
/// a lock or a lookup.
#[derive(Debug, Default)]
struct Decisions {
    remembered: AtomicU64,
    verified: AtomicU64,
    outcomes: ByOutcome<AtomicU64>,
    buckets: [AtomicU64; BUCKETS_US.len()],
    slower: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Decisions {
    fn count(&self, outcome: &Outcome<'_>, duration: Duration) {
        if let Some(count) = self.outcomes.of(outcome) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        match outcome.decision().and_then(Decision::from_cache) {
            Some(true) => _ = self.remembered.fetch_add(1, Ordering::Relaxed),
            Some(false) => _ = self.verified.fetch_add(1, Ordering::Relaxed),
            None => {}
        }
        let bucket = BUCKETS_US.iter().position(|bound| duration <= Duration::from_micros((*bound).into()));
        let bucket = bucket.and_then(|index| self.buckets.get(index)).unwrap_or(&self.slower);
        bucket.fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl Collector for Decisions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut family = encoder.encode_descriptor(
            "artos_auth_decisions",
            "Decisions by outcome and reason",
            None,
            MetricType::Counter,
        )?;
        for (outcome, reason, counter) in self.outcomes.iter() {
            let labels = [("outcome", outcome), ("reason", reason)];
            ConstCounter::new(count(counter)).encode(family.encode_family(&labels)?)?;
        }

        let mut family = encoder.encode_descriptor(
            "artos_auth_cache_requests",
            "Valid tokens, by whether they were cached (hit) or not (miss)",
            None,
            MetricType::Counter,
        )?;
        for (result, counter) in [("hit", &self.remembered), ("miss", &self.verified)] {
            ConstCounter::new(count(counter)).encode(family.encode_family(&[("result", result)])?)?;
        }

        let slower = (f64::INFINITY, count(&self.slower));
        let buckets =
            BUCKETS_US.iter().map(|bound| f64::from(*bound) / 1e6).zip(self.buckets.iter().map(count));
        let buckets: Vec<(f64, u64)> = buckets.chain([slower]).collect();
        let total = buckets.iter().map(|(_, count)| count).sum();
        let seconds = Duration::from_nanos(count(&self.nanoseconds)).as_secs_f64();
        encoder
            .encode_descriptor(
                "artos_auth_decision_duration_seconds",
                "Duration of decisions, from the request's head on",
                None,
                MetricType::Histogram,
            )?
            .encode_histogram::<NoLabelSet>(seconds, total, &buckets, None)
    }
}

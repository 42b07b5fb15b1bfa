//! Metrics of revocations: their number, their age, and the delay until they arrived.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use artos_auth_engine::Revocations;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// Upper bounds of the histogram's buckets, in seconds.
const BUCKETS: [f64; 13] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 20.0, 60.0];

/// The metrics of revocations. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct RevocationNumbers {
    current: Arc<Mutex<Current>>,
    applied: Family<[(&'static str, &'static str); 1], Counter>,
    unreadable: Counter,
    delay: Histogram,
}

#[derive(Debug, Default)]
struct Current {
    /// The revocations in use; their numbers are read when the metrics are.
    set: Option<Revocations>,
    answered: Option<Instant>,
}

impl RevocationNumbers {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let numbers = Self {
            current: Arc::default(),
            applied: Family::default(),
            unreadable: Counter::default(),
            delay: Histogram::new(BUCKETS),
        };
        registry.register_collector(Box::new(Ages(Arc::clone(&numbers.current))));
        registry.register(
            "artos_auth_revocations_applied",
            "Entries of the log, snapshots and lists that were put in use, by the kind of their source",
            numbers.applied.clone(),
        );
        registry.register(
            "artos_auth_revocations_unreadable",
            "Entries of the log that cannot be read",
            numbers.unreadable.clone(),
        );
        registry.register(
            "artos_auth_revocation_delay_seconds",
            "Time from appending an entry of the log to applying it",
            numbers.delay.clone(),
        );
        numbers
    }

    /// Sets the revocations in use.
    pub(crate) fn holds(&self, set: Revocations) {
        self.lock().set = Some(set);
    }

    /// Records that the source responded now.
    pub(crate) fn answered(&self) {
        self.lock().answered = Some(Instant::now());
    }

    /// Records that there is no source, or that its revocations have no age.
    pub(crate) fn forget(&self) {
        *self.lock() = Current::default();
    }

    /// Counts revocations that were put in use, by the kind of their source.
    pub(crate) fn applied(&self, source: &'static str, number: usize) {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        self.applied.get_or_create(&[("source", source)]).inc_by(number);
    }

    /// Counts an unreadable entry.
    pub(crate) fn unreadable(&self) {
        self.unreadable.inc();
    }

    /// Records the delay of an entry.
    pub(crate) fn delayed(&self, delay: Duration) {
        self.delay.observe(delay.as_secs_f64());
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Ages(Arc<Mutex<Current>>);

impl Collector for Ages {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (set, answered) = {
            let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (current.set.clone(), current.answered)
        };
        if let Some(set) = set {
            let mut family = encoder.encode_descriptor(
                "artos_auth_revocations",
                "Revocations in use, by kind",
                None,
                MetricType::Gauge,
            )?;
            let kinds = [
                ("token", set.token_ids()),
                ("signed_sha256", set.signed_sha256()),
                ("user", set.users()),
                ("organization", set.organizations()),
            ];
            for (kind, number) in kinds {
                let number = u64::try_from(number).unwrap_or(u64::MAX);
                ConstGauge::new(number).encode(family.encode_family(&[("kind", kind)])?)?;
            }
        }
        if let Some(answered) = answered {
            let gauge = ConstGauge::new(answered.elapsed().as_secs_f64());
            let encoder = encoder.encode_descriptor(
                "artos_auth_revocations_age_seconds",
                "Time since the last answer of the source of revocations",
                None,
                gauge.metric_type(),
            )?;
            gauge.encode(encoder)?;
        }
        Ok(())
    }
}

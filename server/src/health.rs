//! The readiness of the server, and its failing sources.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::calendar::rfc3339_micros;
use crate::quote::redact;

/// The state behind `GET /readyz`. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    phase: AtomicU8,
    /// Whether every source has been loaded at least once.
    loaded: AtomicBool,
    failures: Mutex<BTreeMap<String, Failure>>,
}

/// The phase of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not everything is loaded yet.
    Starting,
    /// It answers requests.
    Ready,
    /// It finishes the answers in flight, and accepts no new requests.
    Stopping,
}

/// The effect of a failing source on requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The last good value is used: `/readyz` names the source and stays 200.
    Degraded,
    /// Requests cannot be decided as configured: `/readyz` is 503.
    Unready,
    /// The same, and the source has never been loaded.
    NotLoaded,
}

/// A failing source.
#[derive(Clone, Debug)]
struct Failure {
    since: Duration,
    effect: Effect,
    error: String,
}

/// The body of `GET /readyz`.
#[derive(Serialize)]
struct Report<'h> {
    status: &'static str,
    failed: Vec<ReportedFailure<'h>>,
}

#[derive(Serialize)]
struct ReportedFailure<'h> {
    source: &'h str,
    error: &'h str,
    since: String,
}

impl Health {
    /// A server that has not loaded anything yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The phase of the server.
    pub(crate) fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Stopping,
        }
    }

    /// Everything that is needed before the first answer is loaded.
    pub(crate) fn is_ready(&self) {
        self.0.phase.store(1, Ordering::Release);
        self.note_first_load(&self.failures());
    }

    /// Whether a load balancer should send requests: not before the first load, and not while the server stops. A source
    /// that is added later and not loaded yet changes nothing, because the others are used.
    pub(crate) fn serves(&self) -> bool {
        self.phase() == Phase::Ready && self.0.loaded.load(Ordering::Acquire)
    }

    fn note_first_load(&self, failures: &BTreeMap<String, Failure>) {
        let is_loaded = failures.values().all(|failure| failure.effect != Effect::NotLoaded);
        if is_loaded && self.phase() == Phase::Ready {
            self.0.loaded.store(true, Ordering::Release);
        }
    }

    /// The server accepts no new requests.
    pub(crate) fn is_stopping(&self) {
        self.0.phase.store(2, Ordering::Release);
    }

    /// Records a failure at a time since the Unix epoch; `since` stays that of the first of several failures in a row.
    /// Returns whether the failure is new, because the log reports it once until it changes.
    pub(crate) fn failed(&self, source: &str, now: Duration, effect: Effect, error: &str) -> bool {
        let (source, error) = (redact(source), redact(error));
        match self.failures().entry(source.into_owned()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Failure { since: now, effect, error: error.into_owned() });
                true
            }
            Entry::Occupied(mut occupied) => {
                let failure = occupied.get_mut();
                failure.effect = effect;
                let is_news = failure.error != error;
                if is_news {
                    failure.error = error.into_owned();
                }
                is_news
            }
        }
    }

    /// Records that a source works. Returns whether it failed before.
    pub(crate) fn works(&self, source: &str) -> bool {
        let mut failures = self.failures();
        let failed = failures.remove(&*redact(source)).is_some();
        self.note_first_load(&failures);
        failed
    }

    /// Whether `GET /readyz` is 200, and its body: a JSON object.
    pub(crate) fn report(&self) -> (bool, String) {
        let failures = self.failures();
        let status = self.status(&failures);
        let failed = failures.iter().map(|(source, failure)| ReportedFailure {
            source,
            error: &failure.error,
            since: rfc3339_micros(failure.since),
        });
        let report = Report { status, failed: failed.collect() };
        let body = serde_json::to_string(&report).unwrap_or_else(|_| r#"{"status":"unready"}"#.to_owned());
        (status == "ready", body)
    }

    /// Whether `GET /readyz` is 200, and the sources that it names.
    pub(crate) fn summary(&self) -> (bool, Vec<String>) {
        let failures = self.failures();
        (self.status(&failures) == "ready", failures.keys().cloned().collect())
    }

    fn status(&self, failures: &BTreeMap<String, Failure>) -> &'static str {
        let unready = failures.values().any(|failure| failure.effect != Effect::Degraded);
        match self.phase() {
            Phase::Ready if !unready => "ready",
            Phase::Ready | Phase::Starting => "unready",
            Phase::Stopping => "stopping",
        }
    }

    /// A short summary for people: whether the server is ready and what fails.
    pub(crate) fn description(&self) -> String {
        let failures = self.failures();
        let sources = |unready: bool| {
            let its =
                failures.iter().filter(move |(_, failure)| unready == (failure.effect != Effect::Degraded));
            its.map(|(source, _)| source.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (unready, degraded) = (sources(true), sources(false));
        match self.phase() {
            Phase::Starting => "starting".to_owned(),
            Phase::Stopping => "stopping".to_owned(),
            Phase::Ready if !unready.is_empty() => format!("not ready: {unready}"),
            Phase::Ready if !degraded.is_empty() => format!("ready, with failures: {degraded}"),
            Phase::Ready => "ready".to_owned(),
        }
    }

    fn failures(&self) -> MutexGuard<'_, BTreeMap<String, Failure>> {
        self.0.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_serving_from_the_first_load_until_shutdown() {
        let health = Health::new();
        let fails = |source, effect| health.failed(source, Duration::ZERO, effect, "not fetched yet");
        assert!(!health.serves());
        fails("keys[0] a", Effect::NotLoaded);
        fails("keys[1] b", Effect::NotLoaded);
        health.is_ready();
        assert!(!health.serves(), "no key set has been loaded");
        health.works("keys[0] a");
        assert!(!health.serves(), "the other has not");
        health.works("keys[1] b");
        assert!(health.serves());
        fails("keys[0] a", Effect::Unready);
        fails("keys[2] c", Effect::NotLoaded);
        assert!(health.serves() && !health.report().0, "this is no first load, and `/readyz` tells it");
        health.is_stopping();
        assert!(!health.serves());
    }

    #[test]
    fn the_description_names_failing_sources() {
        let health = Health::new();
        assert_eq!(health.description(), "starting");
        health.is_ready();
        assert_eq!(health.description(), "ready");
        health.failed("config", Duration::ZERO, Effect::Degraded, "broken");
        assert_eq!(health.description(), "ready, with failures: config");
        health.failed("keys[0] a", Duration::ZERO, Effect::NotLoaded, "not fetched yet");
        health.failed("keys[1] b", Duration::ZERO, Effect::Unready, "too old");
        assert_eq!(health.description(), "not ready: keys[0] a, keys[1] b");
        health.is_stopping();
        assert_eq!(health.description(), "stopping");
    }

    #[test]
    fn a_degraded_source_does_not_change_the_health_status() {
        let health = Health::new();
        health.failed("clock", Duration::ZERO, Effect::Unready, "before 2025");
        health.is_ready();
        assert!(health.serves() && !health.report().0);
    }
}

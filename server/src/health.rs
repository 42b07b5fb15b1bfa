//! Whether the server is ready, and which files in force are older than those on disk.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::audit::rfc3339;
use crate::quote::redact;

/// What `GET /readyz` tells. Cloning gives another handle to the same state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    phase: AtomicU8,
    failures: Mutex<BTreeMap<&'static str, Failure>>,
}

/// Where the server is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It has not loaded everything yet.
    Starting,
    /// It answers.
    Ready,
    /// It lets answers in flight finish, and takes no more.
    Stopping,
}

/// A file that did not load, while an older one stays in force.
#[derive(Clone, Debug)]
struct Failure {
    path: PathBuf,
    since: Duration,
    problem: String,
}

/// The body of `GET /readyz`.
#[derive(Serialize)]
struct Report<'h> {
    status: &'static str,
    failed: Vec<ReportedFailure<'h>>,
}

#[derive(Serialize)]
struct ReportedFailure<'h> {
    file: &'static str,
    path: std::borrow::Cow<'h, str>,
    since: String,
    problem: &'h str,
}

impl Health {
    /// A server that has not loaded anything yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Where the server is in its life.
    pub(crate) fn phase(&self) -> Phase {
        match self.0.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Stopping,
        }
    }

    /// Everything is loaded.
    pub(crate) fn is_ready(&self) {
        self.0.phase.store(1, Ordering::Release);
    }

    /// The server takes no more requests.
    pub(crate) fn is_stopping(&self) {
        self.0.phase.store(2, Ordering::Release);
    }

    /// A file did not load, at a time since the Unix epoch. The first of several failures in a row counts.
    pub(crate) fn failed(&self, file: &'static str, path: PathBuf, now: Duration, problem: String) {
        let mut failures = self.failures();
        let since = failures.get(file).map_or(now, |earlier| earlier.since);
        let problem = redact(&problem).into_owned();
        failures.insert(file, Failure { path, since, problem });
    }

    /// A file did load.
    pub(crate) fn loaded(&self, file: &'static str) {
        self.failures().remove(file);
    }

    /// The body of `GET /readyz`: a JSON object.
    pub(crate) fn report(&self) -> String {
        let failures = self.failures();
        let status = match self.phase() {
            Phase::Starting => "starting",
            Phase::Ready => "ready",
            Phase::Stopping => "stopping",
        };
        let failed = failures.iter().map(|(file, failure)| ReportedFailure {
            file,
            path: redact(&failure.path.to_string_lossy()).into_owned().into(),
            since: rfc3339(failure.since),
            problem: &failure.problem,
        });
        let report = Report { status, failed: failed.collect() };
        serde_json::to_string(&report).unwrap_or_else(|_| r#"{"status":"unknown"}"#.to_owned())
    }

    fn failures(&self) -> MutexGuard<'_, BTreeMap<&'static str, Failure>> {
        self.0.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

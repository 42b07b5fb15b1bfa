//! Reports the state of a source: a log line on each change, a metric, and `/readyz`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::audit::{AuditLog, Level};
use crate::clock::{Clock as _, SystemClock};
use crate::health::{Effect, Health};
use crate::metrics::{Metrics, file_label};

/// Receives the status of all sources. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    pub(crate) health: Health,
    pub(crate) metrics: Metrics,
    pub(crate) log: AuditLog,
}

impl Reporter {
    /// The status of one source: `name` is used in `/readyz` and the log, `label` is the `file` label of the metrics.
    pub(crate) fn source(&self, name: impl Into<String>, label: &'static str) -> Status {
        // Creates the metric series before the first failure, so that alerts on increases work.
        drop(self.metrics.reload_failures.get_or_create(&file_label(label)));
        Status { reporter: self.clone(), name: name.into(), label, loaded: Arc::default() }
    }
}

/// The status of one source.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    reporter: Reporter,
    name: String,
    label: &'static str,
    /// Whether it has ever been loaded.
    loaded: Arc<AtomicBool>,
}

impl Status {
    /// The name of the source in `/readyz` and the log.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The first value is in use.
    pub(crate) fn starts(&self) {
        self.loaded.store(true, Ordering::Relaxed);
        let now = now().as_secs_f64();
        self.reporter.metrics.snapshots.get_or_create(&file_label(self.label)).set(now);
        self.reporter.health.works(&self.name);
    }

    /// A new value is in use.
    pub(crate) fn loaded(&self, message: &str) {
        self.starts();
        self.note(Level::Info, message);
    }

    /// The source works, and its value is the one in use.
    pub(crate) fn works(&self) {
        if self.reporter.health.works(&self.name) {
            self.note(Level::Info, "works again");
        }
    }

    /// The source fails; `effect` is the consequence for requests. A repeated error is logged once.
    pub(crate) fn fails(&self, effect: Effect, error: &str) {
        let effect = match effect {
            Effect::Unready if !self.loaded.load(Ordering::Relaxed) => Effect::NotLoaded,
            effect => effect,
        };
        if self.reporter.health.failed(&self.name, now(), effect, error) {
            self.reporter.metrics.reload_failures.get_or_create(&file_label(self.label)).inc();
            let consequence = match effect {
                Effect::Degraded => "not loaded; the previous version stays in use",
                Effect::Unready | Effect::NotLoaded => "not usable",
            };
            self.reporter.log.note(Level::Error, &format!("{}: {consequence}: {error}", self.name));
        }
    }

    /// Logs a message about the source for the operator.
    pub(crate) fn note(&self, level: Level, message: &str) {
        self.reporter.log.note(level, &format!("{}: {message}", self.name));
    }

    /// The source is no longer configured.
    pub(crate) fn forget(&self) {
        self.reporter.health.works(&self.name);
    }
}

fn now() -> Duration {
    SystemClock.now().since_epoch
}

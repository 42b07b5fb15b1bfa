//! Tracks when a source last responded, and the effect of stale revocations.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use artos_auth_engine::Revocations;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::health::Effect;
use crate::metrics::Metrics;
use crate::revocation::{OnStale, Staleness};
use crate::sources::publisher::{Publisher, RevocationsSlot};
use crate::sources::status::Status;
use crate::text::seconds;

/// Reports the freshness of one source's revocations to the snapshot, `/readyz`, the log and the metrics.
pub(crate) struct Freshness {
    pub(crate) publisher: Publisher,
    pub(crate) slot: RevocationsSlot,
    pub(crate) status: Status,
    pub(crate) metrics: Metrics,
    max: Duration,
    state: Mutex<State>,
    answered: Notify,
}

#[derive(Default)]
struct State {
    on_stale: OnStale,
    /// When the source last responded; `None` before the first load.
    last: Option<Instant>,
    is_stale: bool,
    /// Why the last attempt failed.
    failure: Option<String>,
    /// A problem that exists although the source responds.
    concern: Option<String>,
}

impl Freshness {
    pub(crate) fn new(
        publisher: Publisher,
        slot: RevocationsSlot,
        status: Status,
        metrics: Metrics,
        staleness: Staleness,
    ) -> Self {
        status.fails(Effect::Unready, "not loaded yet");
        let Staleness { max, on_stale } = staleness;
        let (state, answered) = (Mutex::new(State { on_stale, ..State::default() }), Notify::new());
        Self { publisher, slot, status, metrics, max, state, answered }
    }

    /// Another `on_stale` counts from now on; the set stays, so that an operator can change it while the source is down.
    pub(crate) fn set_on_stale(&self, on_stale: OnStale) {
        let mut state = self.lock();
        state.on_stale = on_stale;
        if state.is_stale {
            self.publisher.set_revocations_stale(&self.slot, on_stale == OnStale::Deny);
            self.report(&state);
        }
    }

    /// Publishes a new set.
    pub(crate) fn publish(&self, revocations: &Revocations) {
        self.publisher.set_revocations(&self.slot, revocations.clone());
        self.metrics.revocations.holds(revocations.clone());
    }

    /// The source responded and the current set is up to date; `concern`: a problem that exists nevertheless.
    pub(crate) fn answered(&self, concern: Option<String>) {
        let mut state = self.lock();
        let is_first = state.last.replace(Instant::now()).is_none();
        self.metrics.revocations.answered();
        if std::mem::take(&mut state.is_stale) || is_first {
            self.publisher.set_revocations_stale(&self.slot, false);
        }
        (state.failure, state.concern) = (None, concern);
        self.report(&state);
        drop(state);
        self.answered.notify_one();
    }

    /// The source did not respond, or responded with an error.
    pub(crate) fn failed(&self, problem: String) {
        let mut state = self.lock();
        state.failure = Some(problem);
        self.report(&state);
    }

    /// Checks the age until it is dropped.
    pub(crate) async fn watch(&self) {
        loop {
            let last = self.lock().last;
            if let Some(last) = last {
                sleep_until(last + self.max).await;
                if !self.is_stale_since(last) {
                    continue;
                }
            }
            self.answered.notified().await;
        }
    }

    /// Marks the revocations as stale unless the source has responded since `last`.
    fn is_stale_since(&self, last: Instant) -> bool {
        let mut state = self.lock();
        if state.last != Some(last) {
            return false;
        }
        state.is_stale = true;
        if state.on_stale == OnStale::Deny {
            self.publisher.set_revocations_stale(&self.slot, true);
        }
        self.report(&state);
        true
    }

    fn report(&self, state: &State) {
        let failure = state.failure.as_deref();
        let (effect, problem) = match state {
            State { last: None, .. } => (Effect::Unready, failure.unwrap_or("not loaded yet").to_owned()),
            State { is_stale: true, .. } => {
                let effect = match state.on_stale {
                    OnStale::Deny => Effect::Unready,
                    OnStale::Serve => Effect::Degraded,
                };
                let cause = failure.map(|failure| format!(": {failure}")).unwrap_or_default();
                (effect, format!("no answer for more than {}{cause}", seconds(self.max)))
            }
            State { failure: Some(failure), .. } => (Effect::Degraded, failure.clone()),
            State { concern: Some(concern), .. } => (Effect::Degraded, concern.clone()),
            State { failure: None, concern: None, .. } => return self.status.works(),
        };
        self.status.fails(effect, &problem);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

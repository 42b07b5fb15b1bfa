//! Keys from an identity provider: one task for each set fetches and publishes them. Decisions never wait for it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::publisher::{KeySlot, Publisher};
use super::status::Status;
use crate::audit::Level;
use crate::fetch::{Failed, Fetched, Fetcher, Outcome, Remote};
use crate::health::Effect;
use crate::metrics::{Metrics, fetch_labels, source_label};
use crate::text::{count, seconds};

/// A running task; stopped on drop.
#[derive(Debug)]
pub(crate) struct Task(JoinHandle<()>);

impl Task {
    pub(crate) fn spawn(runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(runtime.spawn(work))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The keys in the slot before the first fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// No keys.
    Nothing,
    /// A `fallback_file`.
    Fallback,
    /// Keys from an earlier fetch of the same URL.
    Fetched,
}

/// Starts fetching: immediately, then at the interval in `remote`.
///
/// # Errors
///
/// The certification authorities cannot be loaded.
pub(crate) fn start(
    remote: Remote,
    slot: KeySlot,
    before: Before,
    publisher: Publisher,
    status: Status,
    metrics: Metrics,
    runtime: &Handle,
) -> Result<Task, String> {
    let fetcher = Fetcher::new(remote.clone())?;
    let wanted = Arc::<Notify>::default();
    publisher.unknown_keys().add(&wanted);
    // Creates the metric series before the first failure, so that alerts on increases work.
    for outcome in Outcome::ALL {
        drop(metrics.key_fetches.get_or_create(&fetch_labels(status.name(), outcome.name())));
    }
    drop(metrics.keys_ignored.get_or_create(&source_label(status.name())));
    match before {
        Before::Nothing => status.fails(Effect::Unready, "not fetched yet"),
        Before::Fallback => status.fails(Effect::Degraded, "not fetched yet; the fallback file is used"),
        Before::Fetched => status.starts(),
    }
    let keys = Keys { remote, slot, before, publisher, status, metrics, last_success: Instant::now() };
    Ok(Task(runtime.spawn(keys.run(fetcher, wanted))))
}

struct Keys {
    remote: Remote,
    slot: KeySlot,
    before: Before,
    publisher: Publisher,
    status: Status,
    metrics: Metrics,
    /// Or the start time, from which the age of a fallback is measured.
    last_success: Instant,
}

/// Minimum time between two fetches, regardless of `max-age`.
const SHORTEST: Duration = Duration::from_secs(30);

/// The time from one successful fetch to the next. `max_age` of the response only shortens it.
fn next_after_success(refresh: Duration, max_age: Option<Duration>) -> Duration {
    max_age.map_or(refresh, |age| refresh.min(age.max(SHORTEST)))
}

impl Keys {
    async fn run(mut self, mut fetcher: Fetcher, wanted: Arc<Notify>) {
        loop {
            let begun = Instant::now();
            let next = match self.fetch(&mut fetcher).await {
                Ok(fetched) => self.fetched(fetched),
                Err(failed) => self.failed(&failed),
            };
            self.wait(begun, begun + next, &wanted).await;
        }
    }

    /// Fetches the set. The last good one may become too old while an issuer does not answer.
    async fn fetch(&mut self, fetcher: &mut Fetcher) -> Result<Fetched, Failed> {
        let mut fetch = pin!(fetcher.fetch());
        loop {
            let stale_at = self.last_success + self.remote.stale;
            tokio::select! {
                biased;
                fetched = &mut fetch => return fetched,
                () = sleep_until(stale_at), if self.slot.is_filled() => self.drop_stale(),
            }
        }
    }

    /// Waits until the next fetch is due: after the interval, or because of an unknown key but not within the cooldown.
    async fn wait(&mut self, begun: Instant, due: Instant, wanted: &Notify) {
        let mut due = due;
        loop {
            let stale_at = self.last_success + self.remote.stale;
            let is_stale = !self.slot.is_filled();
            tokio::select! {
                () = sleep_until(due) => return,
                () = wanted.notified() => due = due.min(begun + self.remote.cooldown),
                () = sleep_until(stale_at), if !is_stale => self.drop_stale(),
            }
        }
    }

    fn fetched(&mut self, Fetched { set, max_age }: Fetched) -> Duration {
        let outcome = match set {
            None => Outcome::Unchanged,
            Some(set) => {
                if let Err(problem) = self.publisher.set_keys(&self.slot, Some(set.jwks)) {
                    return self.failed(&Failed::refused(problem));
                }
                let ignored = i64::try_from(set.ignored.len()).unwrap_or(i64::MAX);
                self.metrics.keys_ignored.get_or_create(&source_label(self.status.name())).set(ignored);
                if self.before != Before::Fetched || ignored > 0 {
                    for warning in &set.ignored {
                        self.status.note(Level::Warning, warning);
                    }
                }
                self.status.loaded(&format!("fetched: {}", count(set.count, "key")));
                Outcome::Ok
            }
        };
        self.count(outcome);
        (self.before, self.last_success) = (Before::Fetched, Instant::now());
        self.status.works();
        next_after_success(self.remote.refresh, max_age)
    }

    fn failed(&mut self, failed: &Failed) -> Duration {
        self.count(failed.outcome);
        if self.slot.is_filled() && self.last_success.elapsed() >= self.remote.stale {
            self.drop_stale();
        }
        let (effect, consequence) = match (self.slot.is_filled(), self.before) {
            (true, Before::Fallback) => (Effect::Degraded, "; the fallback file is used"),
            (true, _) => (Effect::Degraded, ""),
            (false, _) => (Effect::Unready, ""),
        };
        self.status.fails(effect, &format!("{failed}{consequence}"));
        self.remote.cooldown.min(self.remote.refresh)
    }

    /// The last good set is too old to use.
    fn drop_stale(&mut self) {
        let problem =
            format!("not fetched for {}, so its keys are no longer used", seconds(self.remote.stale));
        // Without keys there is nothing to check.
        let _ = self.publisher.set_keys(&self.slot, None);
        self.status.fails(Effect::Unready, &problem);
    }

    fn count(&self, outcome: Outcome) {
        self.metrics.key_fetches.get_or_create(&fetch_labels(self.status.name(), outcome.name())).inc();
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::not_said(300, None, 300)]
    #[case::sooner(300, Some(60), 60)]
    #[case::not_below_30_seconds(300, Some(1), 30)]
    #[case::not_at_all(300, Some(0), 30)]
    #[case::not_later(300, Some(86_400), 300)]
    #[case::a_short_interval_stays(5, Some(1), 5)]
    fn max_age_only_shortens_the_interval(
        #[case] refresh: u64,
        #[case] max_age: Option<u64>,
        #[case] expected: u64,
    ) {
        let next = next_after_success(Duration::from_secs(refresh), max_age.map(Duration::from_secs));
        assert_eq!(next, Duration::from_secs(expected));
    }
}

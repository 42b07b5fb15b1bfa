//! A snapshot and a log in Redis or Valkey: read completely after every connect, then followed.

use std::sync::Arc;
use std::time::Duration;

use artos_auth_engine::Revocations;
use redis::{Value, cmd};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep, sleep_until};

use super::tracker::{Applied, Loading, Step, Tracker};
use super::{Freshness, report_loaded};
use crate::audit::Level;
use crate::clock::{Clock as _, SystemClock};
use crate::redis::{
    ATTEMPTS, Beginning, CHANGES_TOO_FAST, Connection, Connector, More, Position, Snapshot, eviction_warning,
    read_beginning, read_page,
};
use crate::sources::remote::Task;

/// Initial and maximum delay before the next attempt after a failure.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Response timeout, in addition to the time for which the server may block.
const PATIENCE: Duration = Duration::from_secs(2);
/// The time between two sets while entries stream in. The first decisions after a new set take a few microseconds more,
/// because its memory is not in their processor's cache.
const SET_INTERVAL: Duration = Duration::from_millis(50);

/// Follows the server until the returned value is dropped.
pub(crate) fn follow_redis(connector: Connector, freshness: Arc<Freshness>, runtime: &Handle) -> Task {
    Task::spawn(runtime, async move {
        let source = Source {
            connector,
            freshness: &freshness,
            tracker: Tracker::default(),
            fold: None,
            published: None,
            warned: None,
        };
        tokio::join!(source.run(), freshness.watch());
    })
}

struct Source<'f> {
    connector: Connector,
    freshness: &'f Freshness,
    tracker: Tracker,
    /// A fold of the set, on another thread.
    fold: Option<JoinHandle<Revocations>>,
    /// When the set was last published while the log was followed.
    published: Option<Instant>,
    warned: Option<String>,
}

impl Source<'_> {
    async fn run(mut self) {
        let mut pause = RETRY.0;
        loop {
            let mut answered = false;
            if let Err(problem) = self.session(&mut answered).await {
                self.freshness.failed(problem);
            }
            pause = if answered { RETRY.0 } else { RETRY.1.min(pause * 2) };
            sleep(pause).await;
        }
    }

    /// Runs one connection until it fails; always returns an error.
    async fn session(&mut self, answered: &mut bool) -> Result<(), String> {
        let redis = self.connector.redis().clone();
        let mut connection = self.connector.connect().await?;
        let warning = eviction_warning(&mut connection).await;
        if warning != self.warned {
            if let Some(warning) = &warning {
                self.freshness.status.note(Level::Warning, warning);
            }
            self.warned = warning;
        }
        self.reload(&mut connection).await?;
        *answered = true;
        let mut has_news = false;
        loop {
            if !has_news {
                let milliseconds = u64::try_from(redis.block().as_millis()).unwrap_or(u64::MAX);
                let position = self.tracker.position().to_string();
                let mut question = cmd("XREAD");
                question.arg("BLOCK").arg(milliseconds).arg("COUNT").arg(1);
                question.arg("STREAMS").arg(redis.log()).arg(position);
                let _: Value = connection.ask(&question, redis.block() + PATIENCE).await?;
            }
            // An entry after a quiet time counts at once, and entries of a stream together.
            if let Some(published) = self.published {
                sleep_until(published + SET_INTERVAL).await;
            }
            let page = read_page(&mut connection, &redis, self.tracker.position()).await?;
            has_news = page.is_full;
            match self.tracker.take(page) {
                Step::Reload => self.reload(&mut connection).await?,
                Step::Applied(applied) => {
                    if self.fold().await || applied.entries > 0 {
                        self.freshness.publish(self.tracker.set());
                        self.published = Some(Instant::now());
                    }
                    self.observe(&applied);
                    self.tell(applied);
                }
            }
        }
    }

    /// Folds what was added one at a time into the compact list when that is due. Returns whether the set was replaced.
    async fn fold(&mut self) -> bool {
        let is_folded = match self.fold.take_if(|fold| fold.is_finished()) {
            Some(fold) => self.tracker.folded(fold.await.ok()),
            None => false,
        };
        if let Some(set) = self.tracker.begin_fold() {
            self.fold = Some(spawn_blocking(move || set.folded()));
        }
        is_folded
    }

    /// Reads the snapshot and the log.
    async fn reload(&mut self, connection: &mut Connection) -> Result<(), String> {
        let redis = self.connector.redis().clone();
        for _ in 0..ATTEMPTS {
            let Beginning { text, entries, mut rest } = read_beginning(connection, &redis).await?;
            let list = on_a_thread(move || list_in(&text)).await??;
            let has_snapshot = list.is_some();
            let (position, list) = list.unzip();
            let mut loading = self.tracker.begin(&rest.id, position.unwrap_or_default(), list);
            loading = applied(loading, entries).await?;
            loop {
                match rest.next(connection, &redis).await? {
                    More::Entries(entries) => loading = applied(loading, entries).await?,
                    More::Changed => break,
                    More::End => {
                        let applied = self.tracker.finish(loading, rest);
                        self.freshness.publish(self.tracker.set());
                        self.freshness.metrics.revocations.applied("redis", usize::from(has_snapshot));
                        report_loaded(&self.freshness.status, self.tracker.set());
                        self.tell(applied);
                        return Ok(());
                    }
                }
            }
        }
        Err(CHANGES_TOO_FAST.to_owned())
    }

    /// Records the delay of entries that arrived while the log was followed.
    fn observe(&self, applied: &Applied) {
        let now = SystemClock.now().since_epoch;
        for position in &applied.positions {
            let appended = Duration::from_millis(position.milliseconds);
            self.freshness.metrics.revocations.delayed(now.saturating_sub(appended));
        }
    }

    fn tell(&self, Applied { entries, unreadable, .. }: Applied) {
        self.freshness.metrics.revocations.applied("redis", entries);
        for problem in unreadable {
            self.freshness.metrics.revocations.unreadable();
            self.freshness.status.note(Level::Error, &problem);
        }
        self.freshness.answered(self.tracker.concern());
    }
}

/// The list in the text of a snapshot, and its position; `None` without a snapshot.
fn list_in(text: &[u8]) -> Result<Option<(Position, Revocations)>, String> {
    let Some(snapshot) = Snapshot::parse(text)? else { return Ok(None) };
    Ok(Some((snapshot.position, snapshot.list()?)))
}

/// Applies entries of the log.
async fn applied(mut loading: Loading, entries: Vec<crate::redis::LogEntry>) -> Result<Loading, String> {
    on_a_thread(move || {
        loading.apply(entries);
        loading
    })
    .await
}

/// Work that takes too long for the thread of the sources, which also answers `/readyz`.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    spawn_blocking(work).await.map_err(|_| "the snapshot and the log cannot be read".to_owned())
}

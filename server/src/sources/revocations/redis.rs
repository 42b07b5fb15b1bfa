//! A snapshot and a log in Redis or Valkey: read completely after every connect, then followed.

use std::sync::Arc;
use std::time::Duration;

use artos_auth_engine::Revocations;
use redis::{Value, cmd};
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::Freshness;
use super::tracker::{Applied, Step, Tracker};
use super::url::loaded;
use crate::audit::Level;
use crate::clock::{Clock as _, SystemClock};
use crate::redis::{Connection, Connector, eviction_warning, read_all, read_page};
use crate::sources::remote::Task;

/// Initial and maximum delay before the next attempt after a failure.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Response timeout, in addition to the time for which the server may block.
const PATIENCE: Duration = Duration::from_secs(2);

/// Follows the server until the returned value is dropped.
pub(crate) fn follow_redis(connector: Connector, freshness: Arc<Freshness>, runtime: &Handle) -> Task {
    Task::spawn(runtime, async move {
        let source = Source { connector, freshness: &freshness, tracker: Tracker::default(), warned: None };
        tokio::join!(source.run(), freshness.watch());
    })
}

struct Source<'f> {
    connector: Connector,
    freshness: &'f Freshness,
    tracker: Tracker,
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
            let page = read_page(&mut connection, &redis, self.tracker.position()).await?;
            has_news = page.is_full;
            match self.tracker.take(page) {
                Step::Reload => self.reload(&mut connection).await?,
                Step::Applied(applied) => {
                    if !applied.entries.is_empty() {
                        self.freshness.publish(self.tracker.set());
                    }
                    self.observe(&applied);
                    self.tell(applied);
                }
            }
        }
    }

    /// Reads the snapshot and the log.
    async fn reload(&mut self, connection: &mut Connection) -> Result<(), String> {
        let whole = read_all(connection, self.connector.redis()).await?;
        // Parsing a large snapshot takes a while; do it on a blocking thread.
        let parse = move || {
            let text = whole.snapshot.as_ref().map(|snapshot| snapshot.revocations.get().as_bytes());
            let base = text.map(Revocations::from_json).transpose();
            (whole, base)
        };
        let parsed = tokio::task::spawn_blocking(parse).await;
        let (whole, base) = parsed.map_err(|_| "the snapshot cannot be read".to_owned())?;
        let base = base.map_err(|error| format!("the `revocations` of the snapshot: {error}"))?;
        let has_snapshot = base.is_some();
        let applied = self.tracker.load(whole, base);
        self.freshness.publish(self.tracker.set());
        self.freshness.metrics.revocations.applied("redis", usize::from(has_snapshot));
        self.freshness.status.loaded(&loaded(self.tracker.set()));
        self.tell(applied);
        Ok(())
    }

    /// Records the delay of entries that arrived while the log was followed.
    fn observe(&self, applied: &Applied) {
        let now = SystemClock.now().since_epoch;
        for position in &applied.entries {
            let appended = Duration::from_millis(position.milliseconds);
            self.freshness.metrics.revocations.delayed(now.saturating_sub(appended));
        }
    }

    fn tell(&self, Applied { entries, unreadable }: Applied) {
        self.freshness.metrics.revocations.applied("redis", entries.len());
        for problem in unreadable {
            self.freshness.metrics.revocations.unreadable();
            self.freshness.status.note(Level::Error, &problem);
        }
        self.freshness.answered(self.tracker.concern());
    }
}

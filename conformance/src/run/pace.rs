//! How fast requests may go out.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Hands out moments at which a request may be sent, evenly spaced; everything that sends shares one.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(crate) fn new(per_second: f64) -> Self {
        Self { interval: Duration::from_secs_f64(1.0 / per_second), next: Mutex::new(Instant::now()) }
    }

    /// Waits for the next moment.
    pub(crate) async fn wait(&self) {
        let moment = {
            let mut next = self.next.lock().await;
            let moment = (*next).max(Instant::now());
            *next = moment + self.interval;
            moment
        };
        sleep_until(moment).await;
    }

    /// Lets nobody send before this much time has passed: the deployment asked for it.
    pub(crate) async fn pause(&self, duration: Duration) {
        let mut next = self.next.lock().await;
        *next = (*next).max(Instant::now() + duration);
    }
}

/// What a run may cost the deployment: requests and time.
#[derive(Debug)]
pub(crate) struct Budget {
    requests: u64,
    seconds: u64,
    begun: Instant,
}

impl Budget {
    pub(crate) fn new(requests: u64, seconds: u64) -> Self {
        Self { requests, seconds, begun: Instant::now() }
    }

    /// Why nothing more may be sent after so many requests; `None` while something may.
    pub(crate) fn exhausted(&self, sent: u64) -> Option<String> {
        if sent >= self.requests {
            return Some(format!("the run has sent {} requests, which is its limit", self.requests));
        }
        (self.begun.elapsed() >= Duration::from_secs(self.seconds))
            .then(|| format!("the run has taken {} s, which is its limit (--max-seconds)", self.seconds))
    }

    /// Whether waiting so long would end after the limit.
    pub(crate) fn outlasts(&self, wait: Duration) -> bool {
        self.begun.elapsed() + wait >= Duration::from_secs(self.seconds)
    }
}

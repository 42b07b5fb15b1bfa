//! Limits the rate of requests.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Schedules requests at even intervals; shared by everything that sends.
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

    /// Delays all requests by this much time, as the deployment asked.
    pub(crate) async fn pause(&self, duration: Duration) {
        let mut next = self.next.lock().await;
        *next = (*next).max(Instant::now() + duration);
    }
}

/// The limits of a run: requests and time.
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

    /// Why no more may be sent after this many requests; `None` while more may be sent.
    pub(crate) fn exhausted(&self, sent: u64) -> Option<String> {
        if sent >= self.requests {
            return Some(format!("the run has sent {} requests, which is its limit", self.requests));
        }
        (self.begun.elapsed() >= Duration::from_secs(self.seconds))
            .then(|| format!("the run has taken {} s, which is its limit (--max-seconds)", self.seconds))
    }

    /// Whether this wait would exceed the time limit.
    pub(crate) fn outlasts(&self, wait: Duration) -> bool {
        self.begun.elapsed() + wait >= Duration::from_secs(self.seconds)
    }
}

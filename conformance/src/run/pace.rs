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

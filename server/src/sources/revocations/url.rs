//! A revocation list by URL, fetched at an interval.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use super::{Freshness, report_loaded};
use crate::config::RemoteRevocations;
use crate::fetch::{Get, Validators, list_of, tls};
use crate::sources::remote::Task;

/// Follows the list until the returned value is dropped.
///
/// # Errors
///
/// The certification authorities cannot be loaded.
pub(crate) fn follow_url(
    remote: RemoteRevocations,
    freshness: Arc<Freshness>,
    runtime: &Handle,
) -> Result<Task, String> {
    let get = Get::of_list(tls(remote.ca_file.as_deref())?, remote.max_bytes);
    Ok(Task::spawn(runtime, async move {
        tokio::join!(fetch(&remote.url, remote.poll, get, &freshness), freshness.watch());
    }))
}

async fn fetch(url: &str, poll: Duration, get: Get, freshness: &Freshness) {
    let mut validators = Validators::default();
    loop {
        let due = Instant::now() + poll;
        match list_of(&get, url, &mut validators).await {
            Ok(list) => {
                if let Some(list) = list {
                    freshness.publish(&list);
                    freshness.metrics.revocations.applied("url", 1);
                    report_loaded(&freshness.status, &list);
                }
                freshness.answered(None);
            }
            Err(failed) => freshness.failed(failed.to_string()),
        }
        sleep_until(due).await;
    }
}

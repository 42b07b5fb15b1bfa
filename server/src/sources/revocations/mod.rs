//! Revocations from a URL, Redis or Valkey. Each source has its own task, and decisions never wait for it.

use artos_auth_engine::Revocations;

use super::status::Status;
use crate::audit::Level;
use crate::text::count;

mod freshness;
mod redis;
mod tracker;
mod url;

pub(super) use freshness::Freshness;
pub(super) use redis::follow_redis;
pub(super) use url::follow_url;

/// Logs that the list is in use, and its warnings.
pub(super) fn report_loaded(status: &Status, list: &Revocations) {
    status.loaded(&format!(
        "loaded: {}, {}, {}",
        count(list.tokens(), "token"),
        count(list.users(), "user"),
        count(list.organizations(), "organization")
    ));
    report_warnings(status, list);
}

/// Logs the warnings of the list.
pub(super) fn report_warnings(status: &Status, list: &Revocations) {
    for warning in list.warnings() {
        status.note(Level::Warning, &warning.to_string());
    }
}

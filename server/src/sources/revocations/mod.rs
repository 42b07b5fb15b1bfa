//! Revocations from a URL, Redis or Valkey. Each has a task of its own, and decisions never wait for it.

mod freshness;
mod redis;
mod tracker;
mod url;

pub(super) use freshness::Freshness;
pub(super) use redis::follow_redis;
pub(super) use url::follow_url;

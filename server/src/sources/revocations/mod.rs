//! Revocations from a URL, Redis or Valkey. Each source has its own task, and decisions never wait for it.

mod freshness;
mod redis;
mod tracker;
mod url;

pub(super) use freshness::Freshness;
pub(super) use redis::follow_redis;
pub(super) use url::follow_url;

//! Revocations in Redis or Valkey: a snapshot under one key and a log in a stream.

mod address;
mod connect;
mod log;
mod snapshot;

pub(crate) use address::host_and_port;
pub use address::{Address, Password, RedisRevocations};
pub(crate) use connect::{Connection, Connector, eviction_warning};
pub(crate) use log::{LogEntry, Position};
#[cfg(test)]
pub(crate) use snapshot::Snapshot;
pub(crate) use snapshot::{Page, SnapshotAndLog, SnapshotId, append, list_of, read_all, read_page, write};

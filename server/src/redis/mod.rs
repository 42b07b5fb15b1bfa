//! Revocations in Redis or Valkey: a snapshot under one key and a log in a stream.

mod address;
mod connect;
mod log;
mod snapshot;

pub(crate) use address::host_and_port;
pub use address::{Address, Password, RedisRevocations};
pub(crate) use connect::{Connection, Connector, eviction_warning};
pub(crate) use log::{LogEntry, Position};
pub(crate) use snapshot::{
    ATTEMPTS, Beginning, CHANGES_TOO_FAST, Contents, More, Page, Rest, Snapshot, SnapshotId, append, list_of,
    read_all, read_beginning, read_page, write,
};

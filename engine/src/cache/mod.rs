//! The cache of verified tokens.

mod entry;
mod table;

pub(crate) use entry::{Entry, SharedEntry, SnapshotNumber, shared};
pub(crate) use table::{Cache, CacheHit};
pub use table::{CacheBytes, HashKey};

//! Revocations as data that can be listed, changed and stored, for the commands and for servers that share revocations.
//!
//! The engine's `Revocations` only looks tokens up, and keeps no ids. These types keep every entry as it was
//! written, so that nothing is lost when a list is rewritten.

pub(crate) mod entry;
pub(crate) mod list;
mod staleness;

pub use staleness::{OnStale, Staleness};

//! Revocations as data that can be listed, changed and stored: what the commands write and a fleet shares.
//!
//! The engine's `Revocations` answers one question fast and keeps no ids. What is here keeps every entry as it was
//! written, so that nothing is lost when a list is rewritten.

pub(crate) mod entry;
pub(crate) mod list;
mod staleness;

pub use staleness::{OnStale, Staleness};

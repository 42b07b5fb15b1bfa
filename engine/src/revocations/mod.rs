//! Revocations of single tokens, users and organizations (TOK-5, REV-1).

mod added;
mod file;
mod sets;
mod snapshot;

pub use snapshot::Revocations;

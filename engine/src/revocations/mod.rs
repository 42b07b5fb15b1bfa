//! Revocations (TOK-5, REV-1): of single tokens, of users and of organizations.

mod added;
mod file;
mod sets;
mod snapshot;

pub use snapshot::Revocations;

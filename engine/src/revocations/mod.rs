//! Revocations of single tokens, users and organizations (TOK-5, REV-1).

mod added;
mod base;
mod file;
mod sets;
mod snapshot;
mod visitors;
mod warnings;

pub use snapshot::Revocations;

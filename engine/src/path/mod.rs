//! Paths for route rules and resources: decoded if unambiguous, refused if servers read them differently.
//!
//! Public paths do not use this module: they match byte for byte (PUB-2).

mod ambiguity;
mod dialect;
mod matcher;
mod pattern;
mod plain_path;

pub use ambiguity::Ambiguity;
pub(crate) use dialect::foreign_syntax;
pub(crate) use matcher::Matcher;
pub use pattern::{Pattern, PatternError};
pub(crate) use plain_path::{PlainPath, without_query};

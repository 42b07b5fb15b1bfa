//! Paths, for route rules and resources: what a server behind would serve, or nothing where servers differ.
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

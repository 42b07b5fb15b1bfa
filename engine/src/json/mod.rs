//! A strict reader of JSON objects (RFC 8259) that takes the members that a rule needs and skips the rest.

mod fast_path;
mod grammar;
mod names;
mod number;
mod reader;
mod strings;
mod structure;
mod text;

pub(crate) use names::Names;
pub(crate) use reader::{JsonString, JsonType, Object, ReadValue, Value};
pub(crate) use text::Text;

#[cfg(test)]
mod tests;

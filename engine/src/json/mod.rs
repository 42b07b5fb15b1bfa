//! A strict reader of JSON objects (RFC 8259) that takes the members that a rule needs and skips the rest.

mod document;
mod fast_path;
mod grammar;
mod names;
mod number;
mod reader;
mod strings;
mod structure;

pub(crate) use document::Document;
pub(crate) use names::Names;
pub(crate) use reader::{JsonString, JsonType, Object, ReadValue, Value};

#[cfg(test)]
mod tests;

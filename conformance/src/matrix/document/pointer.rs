//! Values of a document with their JSON pointers, and local references between them.

use serde_json::{Map, Value};

use super::DocumentError;

/// A value and its position.
#[derive(Clone, Debug)]
pub(super) struct At<'a> {
    root: &'a Value,
    pub(super) value: &'a Value,
    pointer: String,
}

/// Longest chain of references. A longer one is a cycle.
const CHAIN: usize = 32;

impl<'a> At<'a> {
    pub(super) fn root(root: &'a Value) -> Self {
        Self { root, value: root, pointer: String::new() }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> DocumentError {
        DocumentError { pointer: self.pointer.clone(), message: message.into() }
    }

    pub(super) fn object(&self) -> Result<&'a Map<String, Value>, DocumentError> {
        self.value
            .as_object()
            .ok_or_else(|| self.error(format!("expected an object, found {}", kind(self.value))))
    }

    pub(super) fn text(&self) -> Result<&'a str, DocumentError> {
        self.value
            .as_str()
            .ok_or_else(|| self.error(format!("expected a string, found {}", kind(self.value))))
    }

    pub(super) fn boolean(&self) -> Result<bool, DocumentError> {
        self.value
            .as_bool()
            .ok_or_else(|| self.error(format!("expected true or false, found {}", kind(self.value))))
    }

    fn step(&self, token: &str, value: &'a Value) -> Self {
        let token = token.replace('~', "~0").replace('/', "~1");
        Self { root: self.root, value, pointer: format!("{}/{token}", self.pointer) }
    }

    /// A member that may be absent.
    pub(super) fn get(&self, name: &str) -> Result<Option<Self>, DocumentError> {
        Ok(self.object()?.get(name).map(|value| self.step(name, value)))
    }

    /// A member that must be present.
    pub(super) fn require(&self, name: &str) -> Result<Self, DocumentError> {
        self.get(name)?.ok_or_else(|| self.error(format!("lacks `{name}`")))
    }

    /// The members, in order.
    pub(super) fn members(&self) -> Result<Vec<(&'a str, Self)>, DocumentError> {
        Ok(self.object()?.iter().map(|(name, value)| (name.as_str(), self.step(name, value))).collect())
    }

    /// The items of an array.
    pub(super) fn items(&self) -> Result<Vec<Self>, DocumentError> {
        let items = self.value.as_array();
        let items =
            items.ok_or_else(|| self.error(format!("expected an array, found {}", kind(self.value))))?;
        Ok(items.iter().enumerate().map(|(at, item)| self.step(&at.to_string(), item)).collect())
    }

    /// The value that a local `$ref` names, or the value itself.
    pub(super) fn resolved(self) -> Result<Self, DocumentError> {
        let mut at = self;
        for _ in 0..CHAIN {
            let Some(Value::String(reference)) = at.value.as_object().and_then(|object| object.get("$ref"))
            else {
                return Ok(at);
            };
            let here = at.step("$ref", at.value);
            let Some(pointer) = reference.strip_prefix('#') else {
                return Err(here.error(format!(
                    "`{reference}` is outside the document; only references within it (`#/…`) are followed: bundle the \
                     document first"
                )));
            };
            let decoded = percent_encoding::percent_decode_str(pointer).decode_utf8_lossy().into_owned();
            let value = at
                .root
                .pointer(&decoded)
                .ok_or_else(|| here.error(format!("`{reference}` names nothing in the document")))?;
            at = Self { root: at.root, value, pointer: decoded };
        }
        Err(at.error("is a circular reference"))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

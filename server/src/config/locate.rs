//! The TOML text and where each key stands in it, so that every error can name its line.

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// A file's text, parsed, with the place of every key.
pub(super) struct Document<'t> {
    path: &'t Path,
    text: &'t str,
    table: Spanned<DeTable<'t>>,
}

impl<'t> Document<'t> {
    pub(super) fn parse(path: &'t Path, text: &'t str) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            let problem = format!("this is not TOML: {}", error.message());
            ConfigError { file: path.to_owned(), line, key: quoted_key(text, error.span()), problem }
        })?;
        Ok(Self { path, text, table })
    }

    pub(super) fn path(&self) -> &Path {
        self.path
    }

    pub(super) fn deserialize<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.refuse_arrays_for_tables()?;
        T::deserialize(toml::Deserializer::from(self.table.clone())).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let key = key_at(self.table.get_ref(), &span).unwrap_or_default();
            let line = Some(line_of(self.text, span.start));
            ConfigError { file: self.path.to_owned(), line, key, problem: in_our_words(error.message()) }
        })
    }

    /// A derived reader takes an array for a table, its elements for keys in their order: nobody means that.
    fn refuse_arrays_for_tables(&self) -> Result<(), ConfigError> {
        let tables = ["policy", "policy.claims", "keys", "revocations", "audit", "limits"];
        let arrays = ["policy.public", "policy.routes", "realms", "resources"];
        let elements = arrays.into_iter().flat_map(|key| {
            let elements = match self.value(key) {
                Some(DeValue::Array(elements)) => elements.len(),
                _ => 0,
            };
            (0..elements).map(move |index| format!("{key}[{index}]"))
        });
        let mut tables = tables.into_iter().map(str::to_owned).chain(elements);
        match tables.find(|key| matches!(self.value(key), Some(DeValue::Array(_)))) {
            Some(key) => Err(self.error(&key, "this has to be a table, not an array")),
            None => Ok(()),
        }
    }

    /// Whether the file has this key, `keys.url` for instance.
    pub(super) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    pub(super) fn top_level_keys(&self) -> impl Iterator<Item = &str> {
        self.table.get_ref().keys().map(|key| &**key.get_ref())
    }

    /// An error about a key (`policy.routes[2].path`), with the line of as much of it as the file has.
    pub(super) fn error(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        let line = self.offset_of(key).map(|offset| line_of(self.text, offset));
        ConfigError { file: self.path.to_owned(), line, key: key.to_owned(), problem: problem.into() }
    }

    fn offset_of(&self, key: &str) -> Option<usize> {
        self.steps(key).last().map(|(offset, _)| offset)
    }

    fn value(&self, key: &str) -> Option<&DeValue<'t>> {
        let (_, value) = self.steps(key).nth(names(key).count().checked_sub(1)?)?;
        Some(value)
    }

    /// Each part of a key that the file has: where it stands, and its value.
    fn steps(&self, key: &str) -> impl Iterator<Item = (usize, &DeValue<'t>)> {
        let mut parent: Option<&DeValue<'t>> = None;
        names(key).map_while(move |name| {
            let step = match parent {
                None => member(self.table.get_ref(), name),
                Some(DeValue::Table(table)) => member(table, name),
                Some(DeValue::Array(elements)) => {
                    let element = name.parse::<usize>().ok().and_then(|index| elements.get(index));
                    element.map(|element| (element.span().start, element.get_ref()))
                }
                Some(_) => None,
            };
            parent = step.map(|(_, value)| value);
            step
        })
    }
}

/// The parts of a key: `policy`, `routes`, `2` and `path` of `policy.routes[2].path`.
fn names(key: &str) -> impl Iterator<Item = &str> {
    key.split(['.', '[', ']']).filter(|name| !name.is_empty())
}

fn member<'d, 't>(table: &'d DeTable<'t>, name: &str) -> Option<(usize, &'d DeValue<'t>)> {
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    Some((key.span().start, value.get_ref()))
}

/// The innermost key whose name or value stands at `span`.
fn key_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    let covers = |its: &Range<usize>| its.start <= span.start && span.end <= its.end;
    let mut by_value = None;
    for (key, value) in table {
        let name = key.get_ref();
        if covers(&key.span()) && key.span() == *span {
            return Some(name.to_string());
        }
        if let Some(inner) = key_in(value, span) {
            return Some(if inner.starts_with('[') {
                format!("{name}{inner}")
            } else {
                format!("{name}.{inner}")
            });
        }
        if covers(&value.span()) {
            by_value = Some(name.to_string());
        }
    }
    by_value
}

fn key_in(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<String> {
    match value.get_ref() {
        DeValue::Table(table) => key_at(table, span),
        DeValue::Array(elements) => elements.iter().enumerate().find_map(|(index, element)| {
            let inner = key_in(element, span).map(|inner| {
                if inner.starts_with('[') {
                    format!("[{index}]{inner}")
                } else {
                    format!("[{index}].{inner}")
                }
            });
            let its = element.span();
            inner.or_else(|| (its.start <= span.start && span.end <= its.end).then(|| format!("[{index}]")))
        }),
        _ => None,
    }
}

/// A key that the parser points at, if that is what it points at.
fn quoted_key(text: &str, span: Option<Range<usize>>) -> String {
    let quoted = span.and_then(|span| text.get(span)).unwrap_or_default();
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if quoted.bytes().all(bare) && quoted.len() <= 32 { quoted.to_owned() } else { String::new() }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
}

/// What serde says, without its names for types, and without values: somebody may have put a key there.
pub(super) fn in_our_words(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let expected = rest.rsplit_once(", expected ").map_or("none at all", |(_, expected)| expected);
        return format!("an unknown key; the ones known here are {}", expected.trim_start_matches("one of "));
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return format!("the key {rest} is missing here");
    }
    for wrong in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((found, expected)) =
            message.strip_prefix(wrong).and_then(|rest| rest.rsplit_once(", expected "))
        {
            return format!("this has to be {}, not {}", type_words(expected), found_words(found));
        }
    }
    if let Some((_, expected)) =
        message.strip_prefix("unknown variant ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        return format!("this has to be {}", expected.trim_start_matches("one of "));
    }
    message.to_owned()
}

fn type_words(expected: &str) -> &str {
    match expected {
        "u64" | "usize" => "a whole number that is not negative",
        "a sequence" => "an array",
        "path string" => "a string",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn found_words(found: &str) -> &str {
    match found.split(' ').next() {
        Some("string") => "a string",
        Some("integer") => "this number",
        Some("floating") => "a number with a fraction",
        Some("boolean") => "a boolean",
        Some("sequence") => "an array",
        Some("map") => "a table",
        _ => "what it is",
    }
}

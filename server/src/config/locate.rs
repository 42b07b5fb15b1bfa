//! A TOML text and the position of each key in it, so that every error names its line.

use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::reader::Root;
use crate::text::visible;

/// The parsed text of a file, with the position of every key.
pub(super) struct Document<'t> {
    path: &'t Path,
    text: &'t str,
    table: Spanned<DeTable<'t>>,
}

impl<'t> Document<'t> {
    pub(super) fn parse(path: &'t Path, text: &'t str) -> Result<Self, ConfigError> {
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            let problem = format!("invalid TOML: {}", error.message());
            ConfigError { file: path.to_owned(), line, key: quoted_key(text, error.span()), problem }
        })?;
        Ok(Self { path, text, table })
    }

    pub(super) fn path(&self) -> &Path {
        self.path
    }

    pub(super) fn deserialize<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        T::deserialize(Root(self.table.get_ref())).map_err(|problem| {
            let line = problem.start().map(|start| line_of(self.text, start));
            let (key, problem) = (visible(&problem.key()), problem.what().to_owned());
            ConfigError { file: self.path.to_owned(), line, key, problem }
        })
    }

    /// An error about a key (`policy.routes[2].path`), with the line of its longest existing part.
    pub(super) fn error(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        let line = self.offset_of(key).map(|offset| line_of(self.text, offset));
        ConfigError { file: self.path.to_owned(), line, key: key.to_owned(), problem: problem.into() }
    }

    fn offset_of(&self, key: &str) -> Option<usize> {
        self.steps(key).last().map(|(offset, _)| offset)
    }

    /// The existing parts of a key, each with its position and value.
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

/// The key at the position of a parse error, if there is one.
fn quoted_key(text: &str, span: Option<Range<usize>>) -> String {
    let quoted = span.and_then(|span| text.get(span)).unwrap_or_default();
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if quoted.bytes().all(bare) && quoted.len() <= 32 { quoted.to_owned() } else { String::new() }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
}

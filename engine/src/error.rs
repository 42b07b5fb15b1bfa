//! Errors of loading a policy, a key set or a list of revocations.

use std::fmt;

/// Why a policy, key set or list of revocations did not load. The message never holds a token or key material.
///
/// `non_exhaustive`, so that details can be added. Deciding a request never returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadError {
    /// The wrong key, as a path into the document (`routes[2].path`); empty for the whole document.
    pub key: String,
    /// Its position, if the document was parsed here.
    pub position: Option<Position>,
    /// The problem and the fix: lower-case, one sentence, no full stop.
    pub problem: String,
}

/// A position in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in bytes, counted from 1.
    pub column: usize,
}

impl LoadError {
    pub(crate) fn new(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { key: key.into(), position: None, problem: one_line(problem.into()) }
    }

    pub(crate) fn at(mut self, position: Position) -> Self {
        self.position = Some(position);
        self
    }

    /// An error of serde_json, without the text that it quotes, which may be key material.
    pub(crate) fn json(error: &serde_json::Error, expected: &str) -> Self {
        let problem = match error.classify() {
            serde_json::error::Category::Eof => "unexpected end of JSON".to_owned(),
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
                "invalid JSON".to_owned()
            }
            serde_json::error::Category::Data => format!("this is not {expected}"),
        };
        let error_at = Position { line: error.line(), column: error.column() };
        let located = Self::new("", problem);
        if error_at.line == 0 { located } else { located.at(error_at) }
    }
}

/// The text without a leading byte order mark, which some editors add.
pub(crate) fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// The text with its control characters escaped, so that a quoted value cannot forge a second line in a log.
pub(crate) fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    text.chars().fold(String::new(), |mut line, character| {
        if character.is_control() {
            line.extend(character.escape_debug());
        } else {
            line.push(character);
        }
        line
    })
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Position { line, column }) = self.position {
            write!(f, "line {line}, column {column}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for LoadError {}

impl Position {
    /// The position of `part`, a slice of `text`, in it.
    pub(crate) fn of(part: &str, text: &str) -> Option<Self> {
        let offset = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
        let before = text.get(..offset)?;
        let line = before.bytes().filter(|byte| *byte == b'\n').count().checked_add(1)?;
        let column = before.len().checked_sub(before.rfind('\n').map_or(0, |at| at.saturating_add(1)))?;
        Some(Self { line, column: column.checked_add(1)? })
    }
}

//! What is wrong with a policy, a key set or a list of revocations, where, and what would be right.

use std::fmt;

/// Why something did not load. The message never holds a token or key material.
///
/// Open for more detail later; it is never a matter of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadError {
    /// The key that is wrong, as a path into the document (`routes[2].path`); empty for the whole of it.
    pub key: String,
    /// Where it stands, if the document is text that was read here.
    pub position: Option<Position>,
    /// What is wrong and what would be right: lower-case, one sentence, no full stop.
    pub problem: String,
}

/// A place in a text.
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

    /// What serde_json says of a text, without what it quotes of it: that may be key material.
    pub(crate) fn json(error: &serde_json::Error, expected: &str) -> Self {
        let problem = match error.classify() {
            serde_json::error::Category::Eof => "the JSON text ends too early".to_owned(),
            serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
                "this is not JSON".to_owned()
            }
            serde_json::error::Category::Data => format!("this is not {expected}"),
        };
        let error_at = Position { line: error.line(), column: error.column() };
        let located = Self::new("", problem);
        if error_at.line == 0 { located } else { located.at(error_at) }
    }
}

/// The text without a byte order mark in front, which editors add and TOML ignores as well.
pub(crate) fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// The text with its control characters escaped: what is quoted of a document forges no second line in a log.
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
    /// Where `part`, a slice of `text`, begins in it.
    pub(crate) fn of(part: &str, text: &str) -> Option<Self> {
        let offset = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
        let before = text.get(..offset)?;
        let line = before.bytes().filter(|byte| *byte == b'\n').count().checked_add(1)?;
        let column = before.len().checked_sub(before.rfind('\n').map_or(0, |at| at.saturating_add(1)))?;
        Some(Self { line, column: column.checked_add(1)? })
    }
}

//! Errors in a profile, with their position.

use std::fmt;
use std::path::{Path, PathBuf};

/// A profile that cannot be used. Displayed as one lower-case sentence that names the file, the line and the key, and
/// never a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileError {
    path: PathBuf,
    line: Option<usize>,
    message: String,
}

impl ProfileError {
    pub(crate) fn file(path: &Path, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, message: one_line(message.into()) }
    }

    pub(crate) fn at(path: &Path, text: &str, offset: usize, message: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        Self { path: path.to_owned(), line: Some(line), message: one_line(message.into()) }
    }
}

/// The text with its control characters escaped, so that quoted text of a file cannot forge a line.
fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |character: char| match character.is_control() {
        true => character.escape_debug().collect(),
        false => String::from(character),
    };
    text.chars().map(escaped).collect()
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for ProfileError {}

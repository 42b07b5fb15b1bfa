//! Errors of configuration files: the problem, its position and the fix.

use std::fmt;
use std::path::{Path, PathBuf};

use artos_auth_engine::LoadError;

use crate::quote::redact;
use crate::text::visible;

/// Why a file did not load: `FILE:LINE: `KEY`: problem`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1, if known.
    pub line: Option<usize>,
    /// The key, as a path into the file (`policy.routes[2].path`); empty for the whole file.
    pub key: String,
    /// The problem and the fix: lower-case, one sentence, no full stop, no key material.
    pub problem: String,
}

impl ConfigError {
    pub(crate) fn of_file(file: &Path, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, key: String::new(), problem: problem.into() }
    }

    /// Adds the key of the configuration that names the file, if the file cannot be read.
    pub(crate) fn named_by(mut self, key: &str) -> Self {
        self.problem.push_str(&format!("; the file is named by `{key}`"));
        self
    }

    /// The engine's error about a JSON file.
    pub(super) fn of_json(file: &Path, error: LoadError) -> Self {
        let line = error.position.map(|position| position.line);
        Self { file: file.to_owned(), line, key: error.key, problem: error.problem }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|line| format!("{line}:")).unwrap_or_default();
        let key = if self.key.is_empty() { String::new() } else { format!("`{}`: ", self.key) };
        let file = visible(&self.file.to_string_lossy());
        // A misplaced token or key may be in the name of a file, in a key or in a value.
        f.write_str(&redact(&format!("{file}:{line} {key}{}", self.problem)))
    }
}

impl std::error::Error for ConfigError {}

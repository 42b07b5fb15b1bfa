//! Warnings about documents that load.

use std::fmt;

use crate::error::one_line;

/// A warning about something that loads but is probably not intended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The key, as a path into the document (`routes[2].path`); empty for the whole document.
    pub key: String,
    /// The effect, and what to write instead.
    pub text: String,
}

impl Warning {
    pub(crate) fn new(key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { key: key.into(), text: one_line(text.into()) }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(f, "`{}`: ", self.key)?;
        }
        f.write_str(&self.text)
    }
}

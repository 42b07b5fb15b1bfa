//! The commands of `artos-auth`, one module each, and their exit statuses.

pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod decide;
pub(crate) mod explain;
pub(crate) mod health;
pub(crate) mod keys;
pub(crate) mod revocations;
pub(crate) mod serve;
pub(crate) mod token;

use std::io;
use std::path::Path;

use crate::config::ConfigError;
use crate::signing::KeyError;

/// The exit statuses, as documented in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// A negative result.
    No,
    /// Bad usage, file or data.
    Bad,
}

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad usage, file or data, with the message.
    Bad(String),
    /// The reader of the output has closed it.
    OutputClosed,
}

impl Failure {
    /// An error while writing the output.
    pub(crate) fn output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Bad(format!("standard output cannot be written: {error}")),
        }
    }

    /// An invalid key in `file`.
    pub(crate) fn key(file: &Path, error: &KeyError) -> Self {
        let line = error.line.map(|line| format!("{line}:")).unwrap_or_default();
        let member = if error.member.is_empty() { String::new() } else { format!("`{}`: ", error.member) };
        Self::Bad(format!("{}:{line} {member}{}", file.display(), error.problem))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Bad(error.to_string())
    }
}

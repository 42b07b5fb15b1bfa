//! Progress on a terminal: one line that is overwritten.

use std::io::{self, IsTerminal, Write};

use crate::report::Outcome;
use crate::run::suite::Progress;

/// Writes to standard error, and only where that is a terminal.
pub(super) struct ProgressLine {
    shown: bool,
    failed: usize,
}

impl ProgressLine {
    pub(super) fn new() -> Self {
        Self { shown: io::stderr().is_terminal(), failed: 0 }
    }

    pub(super) fn show(&mut self, progress: &Progress<'_>) {
        self.failed += usize::from(progress.case.outcome == Outcome::Failed);
        if self.shown {
            let Progress { case, done, total } = progress;
            let failed = match self.failed {
                0 => String::new(),
                failed => format!(", {failed} failed"),
            };
            let line: String = format!("{done}/{total}{failed}  {}", case.id).chars().take(78).collect();
            drop(write!(io::stderr(), "\r\x1b[2K{line}"));
            drop(io::stderr().flush());
        }
    }

    pub(super) fn clear(&self) {
        if self.shown {
            drop(write!(io::stderr(), "\r\x1b[2K"));
        }
    }
}

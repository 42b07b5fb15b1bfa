//! The exit status of the process.

use std::process::ExitCode;

use crate::commands::Exit;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::No => Self::from(1),
            Exit::Bad => Self::from(2),
        }
    }
}

//! `artos-conformance completions` and `artos-conformance man`.

use std::path::Path;

use clap::CommandFactory;

use super::{Cli, Failure, Status, write};

/// Writes completions for a shell to standard output.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<Status, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "artos-conformance", &mut script);
    write(None, &String::from_utf8_lossy(&script))?;
    Ok(Status::Done)
}

/// Writes the manual pages into a folder.
pub(super) fn manual(folder: &Path) -> Result<Status, Failure> {
    clap_mangen::generate_to(Cli::command(), folder).map_err(|error| {
        Failure::usage(format!("{}: the pages cannot be written: {error}", folder.display()))
    })?;
    Ok(Status::Done)
}

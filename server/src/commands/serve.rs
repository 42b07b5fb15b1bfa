//! `serve`: runs the server until a signal ends it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{ArgGroup, Args};

use crate::config::ListenAddress;
use crate::dev::Output;
use crate::process;

/// The arguments of `serve`.
#[derive(Clone, Debug, Args)]
#[command(
    group = ArgGroup::new("source").required(true).args(["dev", "config"]))]
pub(crate) struct ServeArgs {
    /// Serve a demonstration: fresh keys, two organizations, a few documents, and `curl` lines to paste
    #[arg(long)]
    pub(crate) dev: bool,

    /// Serve with this configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The address to listen on, instead of `listen` of the file: an IP address and a port (0: a free one), or `unix:PATH`
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) listen: Option<ListenAddress>,

    /// Write the demonstration's private key here, a new file that only its owner can read
    #[arg(long, value_name = "FILE", requires = "dev", conflicts_with = "config")]
    pub(crate) dev_key: Option<PathBuf>,

    /// Write the demonstration's key, tokens and checker profile into this folder, and print ten lines
    #[arg(long, value_name = "DIR", requires = "dev", conflicts_with_all = ["config", "dev_key"])]
    pub(crate) dev_dir: Option<PathBuf>,
}

fn address(text: &str) -> Result<ListenAddress, String> {
    ListenAddress::read(text, Path::new(""))
}

/// Runs the server until a signal ends it.
pub(crate) fn run(args: &ServeArgs) -> ExitCode {
    match &args.config {
        Some(file) => process::run(file, args.listen.as_ref()),
        None => {
            let output = match (&args.dev_key, &args.dev_dir) {
                (Some(file), _) => Output::Key(file),
                (None, Some(folder)) => Output::Folder(folder),
                (None, None) => Output::Printed,
            };
            process::run_dev(output, args.listen.as_ref())
        }
    }
}

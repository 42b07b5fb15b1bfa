//! `serve`: the server, until a signal ends it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args};

use crate::dev::Output;
use crate::process;

/// What `serve` was asked to do.
#[derive(Clone, Debug, Args)]
#[command(
    group = ArgGroup::new("source").required(true).args(["dev", "config"]))]
pub(crate) struct ServeArgs {
    /// Serve a demonstration: fresh keys, two organizations, a few documents, and `curl` lines to paste
    #[arg(long)]
    pub(crate) dev: bool,

    /// Serve by this configuration file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Listen here, whatever the file says; port 0 takes a free one
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,

    /// Write the demonstration's private key here, a new file that only its owner can read
    #[arg(long, value_name = "FILE", requires = "dev", conflicts_with = "config")]
    pub(crate) dev_key: Option<PathBuf>,

    /// Write the demonstration's key, tokens and checker profile into this folder, and print ten lines
    #[arg(long, value_name = "DIR", requires = "dev", conflicts_with_all = ["config", "dev_key"])]
    pub(crate) dev_dir: Option<PathBuf>,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "say an IP address and a port, such as `127.0.0.1:8080`")
}

/// Runs the server until a signal ends it.
pub(crate) fn run(args: &ServeArgs) -> ExitCode {
    match &args.config {
        Some(file) => process::run(file, args.listen),
        None => {
            let output = match (&args.dev_key, &args.dev_dir) {
                (Some(file), _) => Output::Key(file),
                (None, Some(folder)) => Output::Folder(folder),
                (None, None) => Output::Printed,
            };
            process::run_dev(output, args.listen)
        }
    }
}

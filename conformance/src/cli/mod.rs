//! The command line.

mod catalogue;
mod compare;
mod matrix;
mod output;
mod progress;
mod render;
mod revocation;
mod run;
mod shell;
mod sign;
mod signals;
mod token;

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::case::clause::Level;
use crate::case::filter::Filter;
use crate::report::Format;
use crate::run::suite::RunError;
use crate::transport::TransportOptions;

/// Tests any deployment of the documented API from outside and says which clause it breaks.
#[derive(Parser, Debug)]
#[command(name = "artos-conformance", version, args_override_self = true, max_term_width = 100, after_help = EXIT_STATUSES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUSES: &str = "\
Exit status, the same in every format:
  0  no case of the selected level failed (what was skipped does not count, unless --complete)
  1  at least one case failed, or an entry of the baseline is stale
  2  bad usage, profile, baseline or key, or no case selected
  3  the target cannot be tested: unreachable, no longer answering, or it refuses its own
     good token; or the run was interrupted

Tokens and keys come from files and environment variables that the profile names, never from the
command line, and show in no report. `token` prints one on purpose.";

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the cases against a deployment and report
    Run(run::RunArgs),
    /// Request every operation of an OpenAPI document as every kind of caller
    #[command(after_help = matrix::HELP)]
    Matrix(matrix::MatrixArgs),
    /// List the cases as a tree by clause, with the number of requests they send
    List(catalogue::ListArgs),
    /// Say what a case sends, what a deployment must answer, and why
    Explain(catalogue::ExplainArgs),
    /// Print the token of a case, for the shell lines of a report
    Token(token::TokenArgs),
    /// Send the same probes to two deployments and show where their answers differ
    Compare(compare::CompareArgs),
    /// Measure how long a revocation takes to reach every instance
    Revocation(revocation::RevocationArgs),
    /// Write a report of `run` or `matrix` in another format
    Render(render::RenderArgs),
    /// Verify a report that was signed with --sign
    Verify(sign::VerifyArgs),
    /// Write completions for a shell to standard output
    #[command(after_help = "\
Example:
  artos-conformance completions bash > /etc/bash_completion.d/artos-conformance")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder: one for the program and one for each command
    #[command(after_help = "\
Example:
  artos-conformance man /usr/local/share/man/man1")]
    Man {
        /// The folder, which must exist
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// How to connect to a deployment.
#[derive(Args, Debug)]
struct ReachArgs {
    /// Requests a second, at most
    #[arg(long, value_name = "N", default_value_t = 50.0, value_parser = positive)]
    rate: f64,
    /// Cases at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// How often to repeat a failed attempt to connect
    #[arg(long, value_name = "N", default_value_t = 2)]
    retries: u32,
    #[command(flatten)]
    connect: ConnectArgs,
}

impl ReachArgs {
    fn options(&self) -> TransportOptions {
        TransportOptions { retries: self.retries, ..self.connect.options() }
    }
}

/// The options of connections.
#[derive(Args, Debug)]
struct ConnectArgs {
    /// Seconds for one request, from connecting to the last byte
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = positive)]
    timeout: f64,
    /// Trust the certificates of this PEM file too
    #[arg(long, value_name = "FILE")]
    ca_cert: Option<PathBuf>,
    /// Accept any certificate
    #[arg(long)]
    insecure: bool,
    /// Speak HTTP/2; cases that need HTTP/1.1 are skipped
    #[arg(long)]
    http2: bool,
}

impl ConnectArgs {
    fn options(&self) -> TransportOptions {
        TransportOptions {
            http2: self.http2,
            timeout: Duration::from_secs_f64(self.timeout),
            ca_cert: self.ca_cert.clone(),
            insecure: self.insecure,
            ..TransportOptions::default()
        }
    }
}

/// The selection of cases.
#[derive(Args, Debug)]
struct ChoiceArgs {
    /// Only these cases: a glob over ids (`time/*`, `*none*`), a group (`header`) or a clause (`TOK-3`); may
    /// be given several times
    #[arg(long = "filter", value_name = "PATTERN")]
    filters: Vec<Filter>,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 1e6 => Ok(number),
        _ => Err("must be a number above 0".into()),
    }
}

fn level(text: &str) -> Result<Level, String> {
    match text {
        "must" => Ok(Level::Must),
        "should" => Ok(Level::Should),
        _ => Err("must be `must` or `should`".into()),
    }
}

fn format(text: &str) -> Result<Format, String> {
    text.parse().map_err(|error: crate::report::UnknownFormat| error.to_string())
}

/// The exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Untestable = 3,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Done => 0,
            Status::Failed => 1,
            Status::Usage => 2,
            Status::Untestable => 3,
        })
    }
}

/// An error message and its exit status.
struct Failure {
    status: Status,
    message: String,
}

impl Failure {
    fn usage(error: impl fmt::Display) -> Self {
        Self { status: Status::Usage, message: error.to_string() }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let status = match error {
            RunError::Usage(_) => Status::Usage,
            RunError::Untestable(_) => Status::Untestable,
        };
        Self { status, message: error.to_string() }
    }
}

/// Runs the command line and returns the exit status.
pub async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not errors; everything else is status 2, as in clap.
            drop(error.print());
            return if error.use_stderr() { Status::Usage.into() } else { Status::Done.into() };
        }
    };
    let done = match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Matrix(args) => matrix::run(args).await,
        Command::List(args) => catalogue::list(&args),
        Command::Explain(args) => catalogue::explain(&args),
        Command::Token(args) => token::run(&args).await,
        Command::Compare(args) => compare::run(args).await,
        Command::Revocation(args) => revocation::run(args).await,
        Command::Render(args) => render::run(&args),
        Command::Verify(args) => sign::verify(&args),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { folder } => shell::manual(&folder),
    };
    match done {
        Ok(status) => status.into(),
        Err(failure) => {
            say(&format!("artos-conformance: {}", failure.message));
            failure.status.into()
        }
    }
}

/// A message on standard error. An error there cannot be reported anywhere.
fn say(message: &str) {
    drop(writeln!(io::stderr(), "{message}"));
}

/// Writes the output to a file or to standard output.
fn write(output: Option<&Path>, text: &str) -> Result<(), Failure> {
    let written = match output {
        Some(path) => std::fs::write(path, text)
            .map_err(|error| format!("{}: cannot be written: {error}", path.display())),
        None => match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
            // The reader has closed the pipe: `list | head`.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(format!("standard output cannot be written: {error}"))
            }
            _ => Ok(()),
        },
    };
    written.map_err(Failure::usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}

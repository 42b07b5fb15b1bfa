//! The command line: which command runs, and how it ends.

mod args;
mod exit;
mod redact;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, ConfigArg, KeysCommand, TokenCommand};
use redact::{is_no_word_of_ours, looks_like_token, redact, suspicious};

use crate::commands::{Exit, Failure, check, decide, explain, keys, serve, token};

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let command = match Cli::try_parse_from(&arguments) {
        Ok(Cli { command }) => command,
        Err(error) => return refuse(&error, &arguments),
    };
    let done = match command {
        Command::Serve(args) => return serve::run(&args),
        Command::Decide(ConfigArg { config }) => decide::run(&config),
        Command::Explain(args) => explain::run(&args),
        Command::Check(ConfigArg { config }) => check::run(&config),
        Command::Keys { command: KeysCommand::Generate(args) } => keys::generate(&args),
        Command::Keys { command: KeysCommand::Public { from } } => keys::public(&from),
        Command::Token { command: TokenCommand::Mint(args) } => token::mint(&args),
        Command::Token { command: TokenCommand::Inspect } => token::inspect(),
    };
    match done {
        Ok(exit) => exit.into(),
        // Whoever read the output has seen enough.
        Err(Failure::OutputClosed) => Exit::Done.into(),
        Err(Failure::Bad(problem)) => {
            let tokens = suspicious(&arguments, looks_like_token);
            eprintln!("error: {}", redact(&problem, &tokens));
            Exit::Bad.into()
        }
    }
}

/// Prints what clap says, help included, but for arguments that could be a token or a key: who forgets the quotes
/// around `Bearer TOKEN` must not find it in a log.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let status = if error.use_stderr() { Exit::Bad } else { Exit::Done };
    let plain = error.render().to_string();
    let redacted = redact(&plain, &suspicious(arguments, is_no_word_of_ours));
    if redacted == plain {
        // Nobody is left to be told that this cannot be printed.
        let _ = error.print();
    } else {
        eprint!("{redacted}");
    }
    status.into()
}

//! The command line: runs a command and returns its exit status.

mod args;
mod exit;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::commands::{
    Exit, Failure, check, config, decide, explain, health, keys, revocations, serve, token,
};
use crate::config::Access;
use crate::quote::redact;
use args::{Cli, Command, ConfigArg, ConfigCommand, KeysCommand, RevocationsCommand, TokenCommand};

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(Cli { command }) => command,
        Err(error) => return refuse(&error),
    };
    let done = match command {
        Command::Serve(args) => return serve::run(&args),
        Command::Decide(ConfigArg { config, offline }) => decide::run(&config, Access::of(offline)),
        Command::Explain(args) => explain::run(&args),
        Command::Check(ConfigArg { config, offline }) => check::run(&config, Access::of(offline)),
        Command::Config { command: ConfigCommand::Schema } => config::schema(),
        Command::Config { command: ConfigCommand::Example } => config::example(),
        Command::Keys { command: KeysCommand::Generate(args) } => keys::generate(&args),
        Command::Keys { command: KeysCommand::Public(args) } => keys::public(&args),
        Command::Revoke(args) => revocations::revoke(&args),
        Command::Revocations { command: RevocationsCommand::List { config } } => revocations::list(&config),
        Command::Revocations { command: RevocationsCommand::Compact { config } } => {
            revocations::compact(&config)
        }
        Command::Health { admin } => health::run(&admin),
        Command::Completions { shell } => completions(shell),
        Command::Man { folder } => manual(&folder),
        Command::Token { command: TokenCommand::Mint(args) } => token::mint(&args),
        Command::Token { command: TokenCommand::Inspect } => token::inspect(),
    };
    match done {
        Ok(exit) => exit.into(),
        // The reader has closed the output.
        Err(Failure::OutputClosed) => Exit::Done.into(),
        Err(Failure::Bad(problem)) => {
            eprintln!("error: {}", redact(&problem));
            Exit::Bad.into()
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "artos-auth", &mut script);
    let mut output = io::stdout().lock();
    output.write_all(&script).and_then(|()| output.flush()).map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}

fn manual(folder: &Path) -> Result<Exit, Failure> {
    clap_mangen::generate_to(Cli::command(), folder).map_err(|error| {
        Failure::Bad(format!("{}: the pages cannot be written: {error}", folder.display()))
    })?;
    Ok(Exit::Done)
}

/// Prints clap's messages and help without tokens and keys: missing quotes around `Bearer TOKEN` must not put the
/// token into a log.
fn refuse(error: &clap::Error) -> ExitCode {
    let status = if error.use_stderr() { Exit::Bad } else { Exit::Done };
    let plain = error.render().to_string();
    let redacted = redact(&plain);
    if redacted == plain {
        // There is no other place to report a failed write.
        let _ = error.print();
    } else {
        eprint!("{redacted}");
    }
    status.into()
}

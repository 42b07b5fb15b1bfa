//! `artos-conformance token`: the token of a case.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Status, write};
use crate::matrix::callers::{Caller, token_of};
use crate::profile::Profile;
use crate::report::words::counted;
use crate::run::suite::Suite;

#[derive(Args, Debug)]
pub(super) struct TokenArgs {
    /// The case's id, as `list` and reports print it; `matrix/CALLER` for a caller of `matrix`
    #[arg(value_name = "CASE")]
    case: String,
    /// The profile: which tokens or key
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// Which of its tokens, where it sends several: TOKEN_2 in a report is number 2
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    nth: u16,
    /// Of `matrix/no_permission`: all of signing.permissions but this one; may be given several times
    #[arg(long, value_name = "PERMISSION")]
    without: Vec<String>,
}

pub(super) async fn run(args: &TokenArgs) -> Result<Status, Failure> {
    let profile = Profile::load_for_tokens(&args.profile).map_err(Failure::usage)?;
    if let Some(caller) = args.case.strip_prefix("matrix/") {
        return of_caller(profile, caller, &args.without);
    }
    if !args.without.is_empty() {
        return Err(Failure::usage(format!("--without is for matrix/no_permission, not {}", args.case)));
    }
    let tokens = Suite::new(profile).tokens_of(&args.case).await.map_err(Failure::usage)?;
    let Some(token) = tokens.get(usize::from(args.nth) - 1) else {
        return Err(Failure::usage(match tokens.len() {
            0 => format!("{} sends no token", args.case),
            count => format!(
                "{} sends {}; there is no number {}",
                args.case,
                counted(count, "token", "tokens"),
                args.nth
            ),
        }));
    };
    write(None, &format!("{}\n", String::from_utf8_lossy(token)))?;
    Ok(Status::Done)
}

/// The token of a caller of `matrix`.
fn of_caller(profile: Profile, name: &str, without: &[String]) -> Result<Status, Failure> {
    let Some(caller) = Caller::ALL.into_iter().find(|caller| caller.key() == name) else {
        let known: Vec<&str> = Caller::ALL.iter().map(|caller| caller.key()).collect();
        return Err(Failure::usage(format!("unknown caller `{name}`; expected one of {}", known.join(", "))));
    };
    match token_of(profile, caller, without)? {
        Some(token) => write(None, &format!("{token}\n"))?,
        None => return Err(Failure::usage(format!("the caller `{name}` sends no token"))),
    }
    Ok(Status::Done)
}

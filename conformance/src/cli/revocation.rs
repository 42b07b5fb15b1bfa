//! `artos-conformance revocation`.

use std::path::PathBuf;

use clap::Args;

use super::signals::interrupted;
use super::{ConnectArgs, Failure, Status, write};
use crate::profile::Profile;
use crate::report::Verdict;
use crate::revocation::Probe;

#[derive(Args, Debug)]
#[command(after_help = "\
[revocation] in the profile names the command that revokes a token, run without a shell, and the
instances. {token_id}, {user}, {organization} and {token_file} in it are replaced:

  [revocation]
  command = [\"artos-auth\", \"revoke\", \"--config\", \"artos-auth.toml\", \"--token-id\", \"{token_id}\"]
  addresses = [\"10.0.0.11:8443\", \"10.0.0.12:8443\"]

Exit status: 0 when every instance refused, 1 when one still accepted the token at the end, accepted
it again after a refusal or gave another answer, 2 for bad usage or a command that failed, 3 when an instance cannot be tested.")]
pub(super) struct RevocationArgs {
    /// The profile: which deployment, which tokens or key, and how to revoke
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// How often to revoke, each time a new token; more than once needs [signing]
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
    /// Seconds within which every instance must refuse
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    max_seconds: u64,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human", value_parser = ["human", "json"])]
    format: String,
    #[command(flatten)]
    connect: ConnectArgs,
}

pub(super) async fn run(args: RevocationArgs) -> Result<Status, Failure> {
    let profile = Profile::load(&args.profile, None).map_err(Failure::usage)?;
    let probe =
        Probe::new(profile).transport(args.connect.options()).runs(args.runs).max_seconds(args.max_seconds);
    let report = tokio::select! {
        report = probe.run() => report?,
        // Dropping the measurement ends the command and removes its token file.
        signal = interrupted() => {
            let message = format!("the measurement was interrupted by {signal}");
            return Err(Failure { status: Status::Untestable, message });
        }
    };
    let text = match args.format.as_str() {
        "json" => report.to_json(),
        _ => report.to_string(),
    };
    write(None, &text)?;
    Ok(match report.verdict {
        Verdict::Conforms => Status::Done,
        Verdict::Violates => Status::Failed,
        Verdict::Partial => Status::Untestable,
    })
}

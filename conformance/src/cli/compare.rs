//! `artos-conformance compare`: the same probes against two deployments.

use std::path::PathBuf;

use clap::Args;

use super::progress::ProgressLine;
use super::{ChoiceArgs, Failure, ReachArgs, Status, write};
use crate::profile::Profile;
use crate::report::comparison::Comparison;
use crate::run::suite::Suite;

#[derive(Args, Debug)]
pub(super) struct CompareArgs {
    /// The two profiles, `--profile A --profile B`
    #[arg(long = "profile", value_name = "FILE", required = true)]
    profiles: Vec<PathBuf>,
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human", value_parser = ["human", "json"])]
    format: String,
    /// Write the comparison to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    choice: ChoiceArgs,
    #[command(flatten)]
    reach: ReachArgs,
}

pub(super) async fn run(args: CompareArgs) -> Result<Status, Failure> {
    let [one, other] = args.profiles.as_slice() else {
        return Err(Failure::usage("compare needs exactly two profiles: --profile A --profile B"));
    };
    let profiles = [Profile::load(one, None), Profile::load(other, None)];
    let mut reports = Vec::new();
    for profile in profiles {
        let suite = Suite::new(profile.map_err(Failure::usage)?)
            .transport(args.reach.options())
            .filters(args.choice.filters.clone())
            .concurrency(usize::from(args.reach.concurrency))
            .rate(args.reach.rate);
        let mut line = ProgressLine::new();
        let report = suite.run_with(|progress| line.show(&progress)).await;
        line.clear();
        reports.push(report?);
    }
    let [one, other] = reports.as_slice() else { return Err(Failure::usage("two reports are wanted")) };
    let comparison = Comparison::of(one, other);
    let text = match args.format.as_str() {
        "json" => comparison.to_json(),
        _ => comparison.to_string(),
    };
    write(args.output.as_deref(), &text)?;
    Ok(match (one.interrupted.is_some() || other.interrupted.is_some(), comparison.differences.is_empty()) {
        (true, _) => Status::Untestable,
        (false, true) => Status::Done,
        (false, false) => Status::Failed,
    })
}

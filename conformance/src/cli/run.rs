//! `artos-conformance run`.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;

use super::progress::ProgressLine;
use super::{ChoiceArgs, Failure, ReachArgs, Status, format, level, say, write};
use crate::case::clause::Level;
use crate::profile::Profile;
use crate::report::baseline::Baseline;
use crate::report::{Format, Report, Verdict};
use crate::run::suite::{RunError, Suite};

#[derive(Args, Debug)]
pub(super) struct RunArgs {
    /// The profile: which deployment, which endpoints, which tokens or key
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// The deployment's URL; wins over the profile's
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// human, json, junit, markdown, html or sarif
    #[arg(long, value_name = "FORMAT", default_value = "human", value_parser = format)]
    format: Format,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// The level that counts for the exit status: must, or should for warnings too
    #[arg(long, value_name = "LEVEL", default_value = "must", value_parser = level)]
    level: Level,
    /// Known failures: [[known]] with case, observed and reason
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// End the run after so many seconds, the rest skipped
    #[arg(long, value_name = "S", default_value = "900", value_parser = clap::value_parser!(u64).range(1..))]
    max_seconds: u64,
    /// A `must` that was skipped counts as failed: exit status 1 unless all could be tested
    #[arg(long)]
    complete: bool,
    #[command(flatten)]
    reach: ReachArgs,
}

pub(super) async fn run(args: RunArgs) -> Result<Status, Failure> {
    let profile = Profile::load(&args.profile, args.target.as_deref()).map_err(Failure::usage)?;
    let baseline = match &args.baseline {
        Some(path) => Baseline::load(path).map_err(Failure::usage)?,
        None => Baseline::default(),
    };
    let suite = Suite::new(profile)
        .transport(args.reach.options())
        .filters(args.choice.filters.clone())
        .level(args.level)
        .concurrency(usize::from(args.reach.concurrency))
        .rate(args.reach.rate)
        .max_seconds(args.max_seconds)
        .baseline(baseline);
    let mut line = ProgressLine::new();
    let report = suite.run_with(|progress| line.show(&progress)).await;
    line.clear();
    let report = report.map_err(|error| match error {
        RunError::Usage(_) => Failure::usage(error),
        RunError::Untestable(_) => Failure { status: Status::Untestable, message: error.to_string() },
    })?;
    if args.output.is_some() || args.format != Format::Human {
        report.notices.iter().for_each(|notice| say(&format!("artos-conformance: {notice}")));
    }
    let color = args.output.is_none() && io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    write(args.output.as_deref(), &args.format.render(&report, color))?;
    if let Some(why) = &report.interrupted {
        say(&format!("artos-conformance: the run stopped before its end: {why}"));
    }
    Ok(status(&report, args.complete))
}

fn status(report: &Report, complete: bool) -> Status {
    if report.interrupted.is_some() {
        Status::Untestable
    } else if report.has_failures() || (complete && report.verdict == Verdict::Partial) {
        Status::Failed
    } else {
        Status::Done
    }
}

//! `artos-conformance run`.

use std::path::PathBuf;

use clap::Args;

use super::output::{ReportArgs, summarize};
use super::progress::ProgressLine;
use super::signals::signals;
use super::{ChoiceArgs, Failure, ReachArgs, Status, level, say};
use crate::case::clause::Level;
use crate::report::baseline::Baseline;
use crate::report::{Format, Report, Verdict, verdict_line};
use crate::run::suite::Suite;

#[derive(Args, Debug)]
pub(super) struct RunArgs {
    #[command(flatten)]
    report: ReportArgs,
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
    let profile = args.report.load_profile()?;
    let baseline = match &args.baseline {
        Some(path) => Baseline::load(path).map_err(Failure::usage)?,
        None => Baseline::default(),
    };
    let destination = args.report.destination()?;
    let suite = Suite::new(profile)
        .transport(args.reach.options())
        .filters(args.choice.filters.clone())
        .level(args.level)
        .concurrency(usize::from(args.reach.concurrency))
        .rate(args.reach.rate)
        .max_seconds(args.max_seconds)
        .baseline(baseline)
        .stop_on(signals());
    let mut line = ProgressLine::new();
    let report = suite.run_with(|progress| line.show(&progress)).await;
    line.clear();
    let report = report?;
    let to_file = args.report.output.is_some();
    if to_file || args.report.format != Format::Human {
        report.notices.iter().for_each(|notice| say(&format!("artos-conformance: {notice}")));
    }
    destination.write(&args.report.format.render(&report, destination.shows_color()))?;
    if to_file {
        summarize(&report, report.level == Level::Should, &verdict_line(&report));
    }
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

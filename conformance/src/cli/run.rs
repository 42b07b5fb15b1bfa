//! `artos-conformance run`.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use tokio::sync::watch;

use super::progress::ProgressLine;
use super::{ChoiceArgs, Failure, ReachArgs, Status, format, level, say, sign, write};
use crate::case::clause::Level;
use crate::profile::Profile;
use crate::report::baseline::Baseline;
use crate::report::{Format, Outcome, Report, Verdict, verdict_line};
use crate::run::suite::{RunError, Suite};

#[derive(Args, Debug)]
pub(super) struct RunArgs {
    /// The profile: which deployment, which endpoints, which tokens or key
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// The deployment's URL; wins over the profile's
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// human, json, junit, markdown, html, sarif or badge
    #[arg(long, value_name = "FORMAT", default_value = "human", value_parser = format)]
    format: Format,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Sign the report with this private JWK: a detached JWS beside it, in FILE.jws
    #[arg(long, value_name = "JWK", requires = "output")]
    sign: Option<PathBuf>,
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
    let key = args.sign.as_deref().map(sign::key).transpose()?;
    // Before the first request: a report that cannot be written would be found out after the run.
    if let Some(path) = &args.output {
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .map_err(|error| Failure::usage(format!("{}: cannot be written: {error}", path.display())))?;
    }
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
    let report = report.map_err(|error| match error {
        RunError::Usage(_) => Failure::usage(error),
        RunError::Untestable(_) => Failure { status: Status::Untestable, message: error.to_string() },
    })?;
    if args.output.is_some() || args.format != Format::Human {
        report.notices.iter().for_each(|notice| say(&format!("artos-conformance: {notice}")));
    }
    let color = args.output.is_none() && io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    write(args.output.as_deref(), &args.format.render(&report, color))?;
    if let (Some(key), Some(output)) = (&key, &args.output) {
        sign::sign(key, output)?;
    }
    if args.output.is_some() {
        summarize(&report);
    }
    if let Some(why) = &report.interrupted {
        say(&format!("artos-conformance: the run stopped before its end: {why}"));
    }
    Ok(status(&report, args.complete))
}

/// What a log shows of a report that went to a file: the failed cases, and the verdict.
fn summarize(report: &Report) {
    for case in report.with_outcome(Outcome::Failed).filter(|case| case.known.is_none()) {
        let observed = case.observed.as_deref().unwrap_or("nothing");
        let allowed = if case.wrongly_allowed { "wrongly allowed" } else { "failed" };
        say(&format!("{allowed}: {}: expected {}, observed {observed}", case.id, case.expected));
    }
    if report.level == Level::Should {
        for case in report.with_outcome(Outcome::Warned).filter(|case| case.known.is_none()) {
            let observed = case.observed.as_deref().unwrap_or("nothing");
            say(&format!("warning: {}: expected {}, observed {observed}", case.id, case.expected));
        }
    }
    say(&format!("{} {}", report.target, verdict_line(report)));
}

/// SIGINT and SIGTERM end a run, and the report so far is written.
pub(super) fn signals() -> watch::Receiver<Option<String>> {
    let (sender, receiver) = watch::channel(None);
    tokio::spawn(async move {
        let why = interrupted().await;
        drop(sender.send(Some(format!("the run was interrupted by {why}"))));
        // The receiver must not see a closed channel before the reason.
        std::future::pending::<()>().await;
    });
    receiver
}

#[cfg(unix)]
pub(super) async fn interrupted() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        ended = tokio::signal::ctrl_c() => match ended {
            Ok(()) => "SIGINT",
            Err(_) => std::future::pending().await,
        },
        _ = terminate.recv() => "SIGTERM",
    }
}

#[cfg(not(unix))]
pub(super) async fn interrupted() -> &'static str {
    match tokio::signal::ctrl_c().await {
        Ok(()) => "SIGINT",
        Err(_) => std::future::pending().await,
    }
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

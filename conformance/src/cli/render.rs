//! `artos-conformance render`.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Status, format, write};
use crate::report::{Format, Report};

#[derive(Args, Debug)]
pub(super) struct RenderArgs {
    /// The report of a run, written with --format json
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// human, json, junit, markdown, html, sarif or badge
    #[arg(long, value_name = "FORMAT", value_parser = format)]
    format: Format,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(args: &RenderArgs) -> Result<Status, Failure> {
    let fault = |what: String| Failure::usage(format!("{}: {what}", args.report.display()));
    let text = std::fs::read(&args.report).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let report: Report = serde_json::from_slice(&text)
        .map_err(|error| fault(format!("not a report that was written with --format json: {error}")))?;
    write(args.output.as_deref(), &args.format.render(&report, false))?;
    Ok(Status::Done)
}

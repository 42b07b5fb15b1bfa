//! `artos-conformance render`.

use std::path::PathBuf;

use clap::Args;

use serde_json::Value;

use super::{Failure, Status, format, write};
use crate::matrix::report::MatrixReport;
use crate::report::{Format, Report};

#[derive(Args, Debug)]
pub(super) struct RenderArgs {
    /// The report of `run` or `matrix`, written with --format json
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
    let unreadable = |error: serde_json::Error| {
        fault(format!("not a report that was written with --format json: {error}"))
    };
    let report: Value = serde_json::from_slice(&text).map_err(unreadable)?;
    // The lists of `matrix` and `revocation`; a report of `run` has `cases`.
    let rendered = if report.get("operations").is_some() {
        let report: MatrixReport = serde_json::from_slice(&text).map_err(unreadable)?;
        report.render(args.format, false)
    } else if report.get("runs").is_some() {
        return Err(fault(
            "a report of `revocation` has no other format; expected one of `run` or `matrix`".into(),
        ));
    } else {
        let report: Report = serde_json::from_slice(&text).map_err(unreadable)?;
        args.format.render(&report, false)
    };
    write(args.output.as_deref(), &rendered)?;
    Ok(Status::Done)
}

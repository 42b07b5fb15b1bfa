//! The JSON of a badge endpoint (shields.io): one line for a README.

use serde_json::json;

use super::words::counted;
use super::{Outcome, Report, Verdict};
use crate::case::clause::Level;

/// The badge: label, message and color.
pub fn render(report: &Report) -> String {
    let untested = report.with_outcome(Outcome::Skipped).filter(|case| case.level == Level::Must).count();
    let (message, color) = match (&report.interrupted, report.verdict) {
        (Some(why), _) => (format!("stopped: {why}"), "lightgrey"),
        (None, Verdict::Conforms) => ("conforms".to_owned(), "brightgreen"),
        (None, Verdict::Partial) => {
            (format!("partial: {} not tested", counted(untested, "requirement", "requirements")), "yellow")
        }
        (None, Verdict::Violates) => {
            (format!("violates {}", counted(report.summary.failed, "requirement", "requirements")), "red")
        }
    };
    let badge = json!({"schemaVersion": 1, "label": "authentication", "message": message, "color": color});
    format!("{badge}\n")
}

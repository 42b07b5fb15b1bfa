//! JUnit XML: one testcase for each case, in report order.
//!
//! A known failure in the baseline, and a warning if only `must` counts, are passed testcases with a note in their
//! output: the status shown by a CI server is the run's exit status.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::words;
use super::{CaseReport, Outcome, Report};
use crate::case::clause::Level;

/// The report as XML.
pub fn render(report: &Report) -> String {
    let mut document = quick_junit::Report::new("artos-conformance");
    document.set_time(Duration::from_millis(report.duration_ms));
    let started = chrono::DateTime::parse_from_rfc3339(&report.started_at);
    if let Ok(started) = started {
        document.set_timestamp(started);
    }
    let mut suite = TestSuite::new("cases");
    suite.add_property(Property::new("target", report.target.as_str()));
    suite.add_property(Property::new("suite_version", report.suite_version.as_str()));
    suite.add_property(Property::new("verdict", words::verdict_line(report)));
    for cause in &report.causes {
        suite.add_property(Property::new("cause", format!("{cause}: {}", cause.cases.join(", "))));
    }
    suite.set_time(Duration::from_millis(report.duration_ms));
    suite.add_test_cases(report.cases.iter().map(|case| testcase(report, case)));
    document.add_test_suite(suite);
    if !report.stale_baseline.is_empty() {
        document.add_test_suite(baseline(report));
    }
    if let Some(why) = &report.interrupted {
        let mut suite = TestSuite::new("run");
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(why.as_str()).set_type("interrupted");
        suite.add_test_case(TestCase::new("the run reaches its end", status));
        document.add_test_suite(suite);
    }
    let mut text = document.to_string().unwrap_or_else(|error| format!("<!-- not written: {error} -->"));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn testcase(report: &Report, case: &CaseReport) -> TestCase {
    let observed = case.observed.as_deref().unwrap_or("nothing");
    let counts =
        case.outcome == Outcome::Failed || (case.outcome == Outcome::Warned && report.level == Level::Should);
    let mut output = None;
    let status = match case.outcome {
        Outcome::Skipped => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(case.skipped_because.as_deref().unwrap_or_default());
            status
        }
        _ if counts && case.known.is_none() => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_type(kind(case))
                .set_message(format!("expected {}, observed {observed}", case.expected))
                .set_description(description(case));
            status
        }
        Outcome::Failed | Outcome::Warned => {
            let why = case.known.as_ref().map_or("warning".to_owned(), |reason| format!("known: {reason}"));
            output = Some(format!("{why}\nexpected: {}\nobserved: {observed}", case.expected));
            TestCaseStatus::success()
        }
        Outcome::Passed => TestCaseStatus::success(),
    };
    let mut testcase = TestCase::new(case.id.as_str(), status);
    testcase.set_classname(format!("artos-conformance.{}", words::clauses(case).replace(' ', ".")));
    testcase.set_time(Duration::from_millis(case.duration_ms));
    if let Some(output) = output {
        testcase.set_system_out(output);
    }
    testcase
}

/// The type of a failure.
fn kind(case: &CaseReport) -> &'static str {
    match (case.wrongly_allowed, case.outcome) {
        (true, _) => "wrongly-allowed",
        (false, Outcome::Warned) => "should",
        (false, _) => "not-as-documented",
    }
}

fn description(case: &CaseReport) -> String {
    let mut lines = vec![
        case.title.clone(),
        format!("clauses: {}", words::clauses(case)),
        format!("requirement: {}", case.requirement),
        format!("because: {}: \u{201c}{}\u{201d}", case.source.document, case.source.text),
        format!("sends: {}", case.sends),
    ];
    if let Some(evidence) = &case.evidence {
        lines.extend(evidence.remarks.iter().map(|remark| format!("note: {remark}")));
        lines.extend(evidence.response_head.first().map(|head| format!("answer: {head}")));
        lines.extend(evidence.response_body.as_ref().map(|body| format!("body: {body}")));
        lines.extend(evidence.request_id.as_ref().map(|id| format!("request id: {id}")));
        lines.extend(evidence.curl.as_ref().map(|curl| format!("reproduce:\n{curl}")));
    }
    lines.join("\n")
}

fn baseline(report: &Report) -> TestSuite {
    let mut suite = TestSuite::new("baseline");
    for entry in &report.stale_baseline {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(words::stale(entry)).set_type("stale-baseline");
        suite.add_test_case(TestCase::new(entry.case.as_str(), status));
    }
    suite
}

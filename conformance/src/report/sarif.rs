//! SARIF 2.1.0: a rule for each case, a result for each failed case.
//!
//! A deployment has no source lines, but code scanning requires a file, so the location of a result is a relative URI
//! named after the case, in addition to its logical location; the target is a property of the run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::words;
use super::{CaseReport, Outcome, Report};
use crate::case::clause::Level;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    invocations: [Invocation<'a>; 1],
    results: Vec<SarifResult<'a>>,
    column_kind: &'static str,
    properties: BTreeMap<&'static str, serde_json::Value>,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'static str,
    semantic_version: &'a str,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule<'a> {
    id: &'a str,
    short_description: Message<'a>,
    full_description: Message<'a>,
    help: Message<'a>,
    default_configuration: Configuration,
    properties: RuleProperties<'a>,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct RuleProperties<'a> {
    tags: Vec<&'static str>,
    level: Level,
    source: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'a> {
    execution_successful: bool,
    start_time_utc: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification<'a>>,
}

#[derive(Serialize)]
struct Notification<'a> {
    level: &'static str,
    message: Message<'a>,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
    #[serde(rename = "uriBaseId")]
    base: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'a> {
    rule_id: &'a str,
    rule_index: usize,
    kind: &'static str,
    level: &'static str,
    message: Message<'a>,
    locations: [Location<'a>; 1],
    partial_fingerprints: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    suppressions: Vec<Suppression<'a>>,
    properties: ResultProperties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    physical_location: PhysicalLocation,
    logical_locations: [LogicalLocation<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation<'a> {
    fully_qualified_name: &'a str,
    kind: &'static str,
}

#[derive(Serialize)]
struct Suppression<'a> {
    kind: &'static str,
    justification: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultProperties<'a> {
    expected: &'a str,
    observed: &'a str,
    wrongly_allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reproduce: Option<&'a str>,
}

#[derive(Serialize)]
struct Message<'a> {
    text: std::borrow::Cow<'a, str>,
}

fn message<'a>(text: impl Into<std::borrow::Cow<'a, str>>) -> Message<'a> {
    Message { text: text.into() }
}

/// The report as a SARIF log.
pub fn render(report: &Report) -> String {
    let results = report
        .cases
        .iter()
        .enumerate()
        .filter(|(_, case)| matches!(case.outcome, Outcome::Failed | Outcome::Warned))
        .map(|(index, case)| result(index, case))
        .collect();
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "artos-conformance",
                    semantic_version: &report.suite_version,
                    rules: report.cases.iter().map(rule).collect(),
                },
            },
            invocations: [Invocation {
                execution_successful: report.interrupted.is_none(),
                start_time_utc: &report.started_at,
                tool_execution_notifications: notifications(report),
            }],
            results,
            column_kind: "unicodeCodePoints",
            properties: BTreeMap::from([
                ("target", serde_json::json!(report.target)),
                ("verdict", serde_json::json!(report.verdict)),
                ("summary", serde_json::json!(report.summary)),
            ]),
        }],
    };
    let mut text = serde_json::to_string_pretty(&log)
        .unwrap_or_else(|error| format!("{{\"error\": \"the report cannot be written: {error}\"}}"));
    text.push('\n');
    text
}

fn rule(case: &CaseReport) -> Rule<'_> {
    Rule {
        id: &case.id,
        short_description: message(case.title.as_str()),
        full_description: message(case.requirement.as_str()),
        help: message(format!(
            "{} Expected: {}. {}: \u{201c}{}\u{201d}",
            case.sends, case.expected, case.source.document, case.source.text
        )),
        default_configuration: Configuration {
            level: if case.level == Level::Must { "error" } else { "warning" },
        },
        properties: RuleProperties {
            tags: case.clauses.iter().map(|clause| clause.id()).chain(["security"]).collect(),
            level: case.level,
            source: &case.source.document,
        },
    }
}

fn result(rule_index: usize, case: &CaseReport) -> SarifResult<'_> {
    let observed = case.observed.as_deref().unwrap_or("nothing");
    let allowed = if case.wrongly_allowed { "Wrongly allowed: " } else { "" };
    let evidence = case.evidence.as_ref();
    SarifResult {
        rule_id: &case.id,
        rule_index,
        kind: "fail",
        level: if case.outcome == Outcome::Failed { "error" } else { "warning" },
        message: message(format!(
            "{allowed}{} Expected {}, observed {observed}.",
            case.requirement, case.expected
        )),
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation {
                    uri: format!("artos-conformance/{}", case.id),
                    base: "%SRCROOT%",
                },
                region: Region { start_line: 1 },
            },
            logical_locations: [LogicalLocation { fully_qualified_name: &case.id, kind: "member" }],
        }],
        partial_fingerprints: BTreeMap::from([("case/v1", case.id.as_str()), ("observed/v1", observed)]),
        suppressions: case
            .known
            .iter()
            .map(|reason| Suppression { kind: "external", justification: reason })
            .collect(),
        properties: ResultProperties {
            expected: &case.expected,
            observed,
            wrongly_allowed: case.wrongly_allowed,
            request_id: evidence.and_then(|evidence| evidence.request_id.as_deref()),
            reproduce: evidence.and_then(|evidence| evidence.curl.as_deref()),
        },
    }
}

/// The results of the run itself.
fn notifications(report: &Report) -> Vec<Notification<'_>> {
    let mut notifications: Vec<Notification<'_>> = Vec::new();
    let mut note = |level: &'static str, text: String| {
        notifications.push(Notification { level, message: message(text) });
    };
    if let Some(why) = &report.interrupted {
        note("error", format!("stopped: {why}"));
    }
    for entry in &report.stale_baseline {
        note("error", format!("stale baseline: {}", words::stale(entry)));
    }
    for notice in &report.notices {
        note("warning", notice.clone());
    }
    for cause in &report.causes {
        note("note", format!("{cause}: {}", cause.cases.join(", ")));
    }
    for (reason, cases) in words::skips(report) {
        let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        note("note", format!("skipped, {reason}: {}", ids.join(", ")));
    }
    notifications
}

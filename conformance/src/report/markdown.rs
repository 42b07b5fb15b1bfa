//! Markdown, for a pull request or a wiki: the verdict, a table of clauses, then the failures.

use std::fmt::Write;

use super::words;
use super::{CaseReport, Outcome, Report};
use crate::case::clause::Clause;

/// The report as GitHub-flavored Markdown.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "# Conformance of {}\n", inline(&report.target));
    let _ = writeln!(out, "**{}**\n", escaped(&words::verdict_line(report)));
    let _ = writeln!(out, "{}.\n", words::verdict_meaning(report.verdict));
    facts(&mut out, report);
    table(&mut out, report);
    for (heading, cases) in words::failures(report) {
        section(&mut out, heading, &cases);
    }
    let warned: Vec<&CaseReport> = report.with_outcome(Outcome::Warned).collect();
    section(&mut out, "Warnings", &warned);
    let groups = words::skips(report);
    if !groups.is_empty() {
        let _ = writeln!(out, "## Skipped ({})\n", report.summary.skipped);
        for (reason, cases) in groups {
            let ids: Vec<String> = cases.iter().map(|case| inline(&case.id)).collect();
            let _ = writeln!(out, "- {} ({}): {}", escaped(reason), cases.len(), ids.join(", "));
        }
    }
    let trimmed = out.trim_end().len();
    out.truncate(trimmed);
    out.push('\n');
    out
}

fn facts(out: &mut String, report: &Report) {
    for entry in &report.stale_baseline {
        let _ = writeln!(out, "- **stale baseline:** {}", escaped(&words::stale(entry)));
    }
    if let Some(why) = &report.interrupted {
        let _ = writeln!(out, "- **stopped:** {}", escaped(why));
    }
    for notice in &report.notices {
        let _ = writeln!(out, "- **notice:** {}", escaped(notice));
    }
    for fact in words::measured(report) {
        let _ = writeln!(out, "- measured: {fact}");
    }
    if let Some(choice) = words::selected(report) {
        let _ = writeln!(out, "- selected: {}", escaped(&choice));
    }
    let _ =
        writeln!(out, "- run: {}, {}, suite {}\n", report.started_at, report.protocol, report.suite_version);
}

/// How many cases of each clause passed, failed, warned, were skipped; a case counts for each of its clauses.
fn table(out: &mut String, report: &Report) {
    let _ = writeln!(out, "| clause | | passed | failed | warned | skipped |");
    let _ = writeln!(out, "|---|---|--:|--:|--:|--:|");
    for clause in Clause::ALL {
        let of = |outcome: Outcome| {
            let tests = |case: &&CaseReport| case.clauses.contains(clause);
            match report.with_outcome(outcome).filter(tests).count() {
                0 => String::new(),
                count => count.to_string(),
            }
        };
        let counts = [Outcome::Passed, Outcome::Failed, Outcome::Warned, Outcome::Skipped].map(of);
        if counts.iter().any(|count| !count.is_empty()) {
            let _ = writeln!(out, "| {clause} | {} | {} |", escaped(clause.summary()), counts.join(" | "));
        }
    }
    out.push('\n');
}

fn section(out: &mut String, heading: &str, cases: &[&CaseReport]) {
    if cases.is_empty() {
        return;
    }
    let _ = writeln!(out, "## {heading} ({})\n", cases.len());
    for group in words::by_cause(cases) {
        let (full, others) = words::shown(&group);
        full.iter().for_each(|case| one(out, case));
        if !others.is_empty() {
            let ids: Vec<String> = others.into_iter().map(inline).collect();
            let count = words::counted(ids.len(), "more case", "more cases");
            let _ = writeln!(out, "The same is expected and observed in {count}: {}\n", ids.join(", "));
        }
    }
}

fn one(out: &mut String, case: &CaseReport) {
    let _ = writeln!(out, "### {}: {}\n", inline(&case.id), escaped(&case.title));
    let _ = writeln!(out, "- clauses: {}", words::clauses(case));
    let _ = writeln!(out, "- requirement: {}", escaped(&case.requirement));
    let _ = writeln!(out, "- because: {}: “{}”", escaped(&case.source.document), escaped(&case.source.text));
    let _ = writeln!(out, "- sends: {}", escaped(&case.sends));
    let _ = writeln!(out, "- expected: {}", escaped(&case.expected));
    let _ = writeln!(out, "- **observed: {}**", escaped(case.observed.as_deref().unwrap_or("nothing")));
    if let Some(reason) = &case.known {
        let _ = writeln!(out, "- known: {}", escaped(reason));
    }
    evidence(out, case);
    out.push('\n');
}

fn evidence(out: &mut String, case: &CaseReport) {
    let Some(evidence) = &case.evidence else { return };
    for remark in &evidence.remarks {
        let _ = writeln!(out, "- note: {}", escaped(remark));
    }
    if let Some(id) = &evidence.request_id {
        let _ = writeln!(out, "- request id: {}", inline(id));
    }
    if let Some(curl) = &evidence.curl {
        fenced(out, "sh", curl);
    }
    if !evidence.response_head.is_empty() {
        let body = evidence.response_body.as_deref().unwrap_or_default();
        fenced(out, "http", format!("{}\n\n{body}", evidence.response_head.join("\n")).trim_end());
    }
}

/// A code block whose fence is longer than any in its content.
fn fenced(out: &mut String, language: &str, text: &str) {
    let fence = "`".repeat(longest_run(text).max(2) + 1);
    let _ = writeln!(out, "\n{fence}{language}\n{}\n{fence}", words::visible(text));
}

/// Inline code, with more backticks than any run in its content.
fn inline(text: &str) -> String {
    let quotes = "`".repeat(longest_run(text) + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{quotes}{space}{text}{space}{quotes}")
}

fn longest_run(text: &str) -> usize {
    text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0)
}

/// Text without markup, except for code in paired backticks.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let paired = text.matches('`').count().is_multiple_of(2);
    let mut code = false;
    for letter in text.chars() {
        match letter {
            '`' if paired => code = !code,
            '`' => out.push('\\'),
            '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' if !code => out.push('\\'),
            _ => {}
        }
        out.push(if letter.is_control() { ' ' } else { letter });
    }
    out
}

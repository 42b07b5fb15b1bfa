//! One self-contained HTML page, light and dark, without scripts: suitable as an audit attachment.

use aws_lc_rs::digest;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::words;
use super::{CaseReport, Evidence, Outcome, Report};
use crate::case::clause::Clause;

const STYLE: &str = include_str!("style.css");

/// The report as a page.
pub fn render(report: &Report) -> String {
    let title = format!("Conformance of {}: {}", report.target, report.verdict);
    let body = html! {
        main {
            (masthead(report))
            (notes(report))
            (clauses(report))
            @for (heading, cases) in words::failures(report) { (cards(heading, &cases)) }
            (cards("Warnings", &report.with_outcome(Outcome::Warned).collect::<Vec<_>>()))
            (skipped(report))
            (all_cases(report))
            footer {
                "Written by artos-conformance " (report.suite_version) ". Each failure can be reproduced "
                "with its command line. A report contains no tokens; shell variables take their place."
            }
        }
    };
    page(&title, STYLE, &body)
}

/// A page with this style and body, light and dark, that runs no script and fetches nothing.
pub(crate) fn page(title: &str, style: &str, body: &Markup) -> String {
    let mut page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(content_security_policy(style));
                title { (title) }
                style { (PreEscaped(style)) }
            }
            body { (body) }
        }
    }
    .into_string();
    page.push('\n');
    page
}

/// Allows only the page's own style, by its hash: no script runs, and nothing is fetched.
fn content_security_policy(style: &str) -> String {
    let hash = digest::digest(&digest::SHA256, style.as_bytes());
    format!("default-src 'none'; style-src 'sha256-{}'", base64_simd::STANDARD.encode_to_string(hash))
}

fn masthead(report: &Report) -> Markup {
    let verdict = report.verdict;
    html! {
        p.kicker { "Conformance report: authentication and organization scoping" }
        h1 { (report.target) }
        section class={ "verdict " (verdict) } {
            strong { (verdict) }
            p { (words::verdict_meaning(verdict)) "." }
            p { (words::verdict_counts(report)) }
        }
        (bar(report))
        (numbers(report))
        dl.facts {
            dt { "Started" } dd { time datetime=(report.started_at) { (report.started_at) } }
            dt { "Took" } dd { (words::duration(report.duration_ms)) ", " (report.requests) " requests" }
            dt { "Protocol" } dd { (report.protocol) }
            dt { "Level" } dd { (report.level) }
            @if let Some(choice) = words::selected(report) { dt { "Selected" } dd { (choice) } }
            @for fact in words::measured(report) { dt { "Measured" } dd { (coded(&fact)) } }
        }
    }
}

/// The share of each outcome, as an image: its parts have widths without a `style` attribute.
fn bar(report: &Report) -> Markup {
    let allowed = report.wrongly_allowed();
    let parts = [
        ("allowed", allowed),
        ("failed", report.summary.failed - allowed),
        ("warned", report.summary.warned),
        ("passed", report.summary.passed),
        ("skipped", report.summary.skipped),
    ];
    let total: usize = parts.iter().map(|(_, count)| count).sum();
    let ends = parts.iter().scan(0, |end, (_, count)| {
        *end += count;
        Some(*end)
    });
    html! {
        svg.bar role="img" aria-label="share of each outcome" viewBox={ "0 0 " (total) " 1" } preserveAspectRatio="none" {
            @for ((class, count), end) in parts.into_iter().zip(ends) {
                @if count > 0 {
                    rect class=(class) x=(end - count) width=(count) height="1" { title { (count) " " (class) } }
                }
            }
        }
    }
}

fn numbers(report: &Report) -> Markup {
    let summary = report.summary;
    let allowed = report.wrongly_allowed();
    let numbers = [
        ("wrongly allowed", allowed, "bad"),
        ("otherwise failed", summary.failed - allowed, "bad"),
        ("warnings", summary.warned, "warn"),
        ("passed", summary.passed, "good"),
        ("skipped", summary.skipped, ""),
    ];
    html! {
        dl.numbers {
            @for (name, count, class) in numbers {
                div class=(if count > 0 { class } else { "" }) { dt { (name) } dd { (count) } }
            }
        }
    }
}

fn notes(report: &Report) -> Markup {
    html! {
        @if let Some(why) = &report.interrupted { p."note stop" { strong { "Stopped. " } (coded(why)) } }
        @for entry in &report.stale_baseline {
            p."note stop" { strong { "Stale baseline. " } (coded(&words::stale(entry))) }
        }
        @for notice in &report.notices { p.note { strong { "Notice. " } (coded(notice)) } }
    }
}

/// The outcomes of each clause; a case counts for each of its clauses.
fn clauses(report: &Report) -> Markup {
    let count = |clause: &Clause, outcome: Outcome| {
        report.with_outcome(outcome).filter(|case| case.clauses.contains(clause)).count()
    };
    let rows: Vec<(&Clause, [usize; 4])> = Clause::ALL
        .iter()
        .map(|clause| {
            let outcomes = [Outcome::Passed, Outcome::Failed, Outcome::Warned, Outcome::Skipped];
            (clause, outcomes.map(|outcome| count(clause, outcome)))
        })
        .filter(|(_, counts)| counts.iter().any(|count| *count > 0))
        .collect();
    html! {
        h2 { "Clauses" }
        div.scroll {
            table {
                thead {
                    tr {
                        th { "Clause" } th { "Says" } th.n { "Passed" } th.n { "Failed" } th.n { "Warned" }
                        th.n { "Skipped" }
                    }
                }
                tbody {
                    @for (clause, [passed, failed, warned, skipped]) in rows {
                        tr {
                            td.id { strong { (clause) } }
                            td { (clause.summary()) }
                            (cell(passed, "n")) (cell(failed, "n bad")) (cell(warned, "n warn")) (cell(skipped, "n"))
                        }
                    }
                }
            }
        }
    }
}

fn cell(count: usize, class: &str) -> Markup {
    let class = if count == 0 { "n zero" } else { class };
    html! { td class=(class) { (count) } }
}

fn cards(heading: &str, cases: &[&CaseReport]) -> Markup {
    html! {
        @if !cases.is_empty() {
            h2 { (heading) " " span.count { (cases.len()) } }
            @for group in words::by_cause(cases) {
                @let (full, others) = words::shown(&group);
                @for case in full { (card(case)) }
                @if !others.is_empty() {
                    p.same {
                        "The same is expected and observed in " (words::counted(others.len(), "more case", "more cases")) ": "
                        @for (index, id) in others.iter().enumerate() {
                            @if index > 0 { ", " }
                            code id=(anchor(id)) { (id) }
                        }
                    }
                }
            }
        }
    }
}

fn card(case: &CaseReport) -> Markup {
    let (class, label) = label(case);
    html! {
        article id=(anchor(&case.id)) class=(class) {
            header {
                h3 { (coded(&case.title)) }
                span class={ "tag " (class) } { (label) }
                @for clause in &case.clauses { span.tag title=(clause.summary()) { (clause) } }
            }
            code { (case.id) }
            dl {
                dt { "Requirement" } dd { (coded(&case.requirement)) }
                dt { "Because" }
                dd { blockquote { "\u{201c}" (case.source.text) "\u{201d}" cite { (case.source.document) } } }
                dt { "Sends" } dd { (coded(&case.sends)) }
                dt { "Expected" } dd.expected { (coded(&case.expected)) }
                dt { "Observed" } dd.observed { (coded(case.observed.as_deref().unwrap_or("nothing"))) }
                @if let Some(reason) = &case.known { dt { "Known" } dd { (coded(reason)) } }
                @if let Some(evidence) = &case.evidence { (evidence_rows(evidence)) }
            }
        }
    }
}

fn evidence_rows(evidence: &Evidence) -> Markup {
    let answer = evidence.response_head.join("\n");
    html! {
        @for remark in &evidence.remarks { dt { "Note" } dd { (coded(remark)) } }
        @if let Some(id) = &evidence.request_id { dt { "Request id" } dd { code { (id) } } }
        @if let Some(curl) = &evidence.curl { dt { "Reproduce" } dd { pre { (curl) } } }
        @if !answer.is_empty() {
            dt { "Answer" }
            dd {
                pre {
                    (words::visible(&answer))
                    @if let Some(body) = &evidence.response_body { "\n\n" (words::visible(body)) }
                }
            }
        }
    }
}

fn skipped(report: &Report) -> Markup {
    let groups = words::skips(report);
    html! {
        @if !groups.is_empty() {
            h2 { "Skipped " span.count { (report.summary.skipped) } }
            @for (reason, cases) in groups {
                details {
                    summary { (cases.len()) ": " (coded(reason)) }
                    ul.ids { @for case in cases { li { (case.id) } } }
                }
            }
        }
    }
}

fn all_cases(report: &Report) -> Markup {
    html! {
        h2 { "All cases " span.count { (report.cases.len()) } }
        details {
            summary { "What was sent, and what came back" }
            div.scroll {
                table {
                    thead { tr { th { "Case" } th { "Clauses" } th { "Level" } th { "Outcome" } th { "Observed" } } }
                    tbody {
                        @for case in &report.cases {
                            @let (class, label) = label(case);
                            tr {
                                td {
                                    @if matches!(case.outcome, Outcome::Failed | Outcome::Warned) {
                                        a href={ "#" (anchor(&case.id)) } { (case.id) }
                                    } @else { (case.id) }
                                }
                                td { (words::clauses(case)) }
                                td { (case.level) }
                                td { span class={ "tag " (class) } { (label) } }
                                td { (coded(case.observed.as_deref().unwrap_or("\u{2013}"))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The class and the word of an outcome.
fn label(case: &CaseReport) -> (&'static str, &'static str) {
    match case.outcome {
        Outcome::Failed if case.wrongly_allowed => ("allowed", "wrongly allowed"),
        outcome => (outcome.as_str(), outcome.as_str()),
    }
}

fn anchor(id: &str) -> String {
    id.replace('/', "-")
}

/// Text, with the parts in backticks as code.
fn coded(text: &str) -> Markup {
    let text = words::visible(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! {
        @for (at, part) in parts.into_iter().enumerate() {
            @if at % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

//! The matrix as one self-contained HTML page without scripts.

use maud::{Markup, html};

use super::human::{COLUMNS, column, sign, verdict_line, worst};
use super::report::{CellReport, MatrixReport, OperationReport};
use crate::report::html::page;

const STYLE: &str = include_str!("style.css");

/// The report as a page.
pub fn render(report: &MatrixReport) -> String {
    let title = format!("Matrix of {}: {}", report.target, report.verdict);
    let body = html! {
        h1 { (report.target) }
        p { strong { (verdict_line(report)) } }
        @if let Some(why) = &report.interrupted { p { "Stopped: " (why) } }
        @for notice in &report.notices { p { "Note: " (notice) } }
        (named("Open, but not documented as public", &report.public.open_undocumented))
        (named("Documented as public, but closed", &report.public.closed_documented))
        (failures(report, "Wrongly allowed", true))
        (failures(report, "Failed", false))
        div.scroll { (table(report)) }
        p.legend {
            "ok: as documented. !!: wrongly allowed. x: failed. ~: another body than the documented one. "
            "k: known from the baseline. -: skipped. *: the good token got a 4xx, too. "
            "org: another organization on an own resource. xorg: the own token on another organization's."
        }
        h2 { "Requests and answers" }
        @for (at, operation) in report.operations.iter().enumerate() { (details(at, operation)) }
        footer {
            "Written by artos-conformance " (report.suite_version) " at " (report.started_at)
            ". A report contains no tokens; shell variables take their place."
        }
    };
    page(&title, STYLE, &body)
}

fn named(heading: &str, names: &[String]) -> Markup {
    html! {
        @if !names.is_empty() {
            h2 { (heading) }
            ul { @for name in names { li { code { (name) } } } }
        }
    }
}

/// The failed cells, each with a link to its request and answer.
fn failures(report: &MatrixReport, heading: &str, allowed: bool) -> Markup {
    let mut failed = Vec::new();
    for (at, operation) in report.operations.iter().enumerate() {
        let cells = operation.cells.iter().filter(|cell| cell.counts() && cell.wrongly_allowed == allowed);
        failed.extend(cells.map(|cell| (at, operation, cell)));
    }
    html! {
        @if !failed.is_empty() {
            h2 { (heading) }
            ul {
                @for (at, operation, cell) in failed {
                    li {
                        a href={ "#" (id(at, operation, cell)) } { (operation.operation_id) "/" (cell.name()) }
                        ": " (operation.method) " " (operation.path) ", expected " (cell.expected) ", observed "
                        (cell.observed.as_deref().unwrap_or("nothing"))
                    }
                }
            }
        }
    }
}

/// Where the request and answer of a cell are.
fn id(at: usize, operation: &OperationReport, cell: &CellReport) -> String {
    let nth = operation.cells.iter().position(|other| std::ptr::eq(other, cell));
    format!("o{at}-{}", nth.unwrap_or_default())
}

fn table(report: &MatrixReport) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "Operation" }
                    @for (heading, caller, other) in COLUMNS {
                        th scope="col" title={ (caller) @if other { " on another organization's resource" } } {
                            (heading)
                        }
                    }
                }
            }
            tbody {
                @for (at, operation) in report.operations.iter().enumerate() {
                    tr {
                        th scope="row" {
                            a href={ "#o" (at) } { (operation.operation_id) }
                            @if operation.not_exercised { " *" }
                            br;
                            small { (operation.method) " " (operation.path) }
                        }
                        @if operation.uncovered.is_empty() {
                            @for (_, caller, other) in COLUMNS {
                                @let sign = sign(column(operation, caller, other));
                                td class=(class(sign)) {
                                    @if let Some(cell) = worst(column(operation, caller, other)) {
                                        a href={ "#" (id(at, operation, cell)) } { (sign) }
                                    }
                                }
                            }
                        } @else {
                            td colspan="10" { "uncovered: needs " (operation.uncovered.join(", ")) }
                        }
                    }
                }
            }
        }
    }
}

fn details(at: usize, operation: &OperationReport) -> Markup {
    html! {
        section id={ "o" (at) } {
            h3 { (operation.operation_id) }
            @for (_, caller, other) in COLUMNS {
                @for cell in column(operation, caller, other) { (exchange(cell, &id(at, operation, cell))) }
            }
        }
    }
}

/// A request and its answer. The id is inside: browsers open a closed `details` for a link to its content.
fn exchange(cell: &CellReport, id: &str) -> Markup {
    html! {
        details class=(class(sign([cell].into_iter()))) {
            summary {
                (sign([cell].into_iter())) " " (cell.name()) ": expected " (cell.expected) ", "
                @match (&cell.observed, &cell.skipped_because) {
                    (Some(observed), _) => { "observed " (observed) }
                    (None, Some(why)) => { "skipped: " (why) }
                    (None, None) => { "not tested" }
                }
                @if let Some(reason) = &cell.known { ". Known: " (reason) }
            }
            div.exchange id=(id) {
                @if let Some(evidence) = &cell.evidence {
                    @if let Some(line) = &evidence.curl { pre { (line) } }
                    pre {
                        @for line in &evidence.response_head { (line) "\n" }
                        @if let Some(body) = &evidence.response_body { "\n" (body) }
                    }
                } @else {
                    p { "Nothing was sent." }
                }
            }
        }
    }
}

fn class(sign: &str) -> &'static str {
    match sign {
        "ok" => "ok",
        "!!" | "x" => "bad",
        "~" | "k" => "warn",
        _ => "none",
    }
}

//! The matrix as a table of at most 100 columns.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::report::{CellReport, MatrixReport, OperationReport};
use crate::report::Outcome;
use crate::report::words::{counted, duration, stale, visible};

/// The columns: heading, caller, and whether the resource is the other organization's.
pub(super) const COLUMNS: [(&str, &str, bool); 10] = [
    ("none", "none", false),
    ("malf", "malformed", false),
    ("forg", "forged", false),
    ("exp", "expired", false),
    ("rev", "revoked", false),
    ("org", "other_organization", false),
    ("xorg", "own", true),
    ("perm", "no_permission", false),
    ("memb", "not_a_member", false),
    ("own", "own", false),
];

/// Columns for the name of an operation.
const NAME: usize = 46;

/// The cells of a column.
pub(super) fn column<'a>(
    operation: &'a OperationReport,
    caller: &'a str,
    other: bool,
) -> impl Iterator<Item = &'a CellReport> {
    operation.cells.iter().filter(move |cell| {
        cell.caller == caller
            && (caller != "own" || other == cell.resource.as_ref().is_some_and(|of| of.starts_with("other")))
    })
}

/// How bad a cell is, and its sign.
fn rank(cell: &CellReport) -> (u8, &'static str) {
    match (cell.outcome, cell.wrongly_allowed) {
        _ if cell.known.is_some() => (1, "k"),
        (Outcome::Failed, true) => (5, "!!"),
        (Outcome::Failed, false) => (4, "x"),
        (Outcome::Warned, _) => (3, "~"),
        (Outcome::Skipped, _) => (2, "-"),
        (Outcome::Passed, _) => (0, "ok"),
    }
}

/// The worst of these cells.
pub(super) fn worst<'a>(cells: impl Iterator<Item = &'a CellReport>) -> Option<&'a CellReport> {
    cells.max_by_key(|cell| rank(cell))
}

/// The sign of the worst cell.
pub(super) fn sign<'a>(cells: impl Iterator<Item = &'a CellReport>) -> &'static str {
    worst(cells).map_or("", |cell| rank(cell).1)
}

/// The report for a person at a terminal.
pub fn render(report: &MatrixReport, color: bool) -> String {
    let mut table = String::new();
    let mut rest = String::new();
    // Writing to a String does not fail.
    let _ = write_table(&mut table, report, color);
    let _ = write_rest(&mut rest, report);
    table + &visible(&rest)
}

/// Only the signs are colored; a deployment or document cannot control the terminal.
fn write_table(text: &mut String, report: &MatrixReport, color: bool) -> std::fmt::Result {
    for notice in &report.notices {
        writeln!(text, "note: {}", visible(notice))?;
    }
    write!(text, "{:NAME$}", short(&report.target, NAME - 2))?;
    for (heading, ..) in COLUMNS {
        write!(text, "{heading:>5}")?;
    }
    writeln!(text)?;
    for operation in &report.operations {
        let mark = if operation.not_exercised { " *" } else { "" };
        let name = short(&visible(&operation.operation_id), NAME - 3);
        write!(text, "{:NAME$}", format!("{name}{mark}"))?;
        if !operation.uncovered.is_empty() {
            let missing = visible(&operation.uncovered.join(", "));
            writeln!(text, "  uncovered: needs {}", short(&missing, 32))?;
            continue;
        }
        let mut line = String::new();
        for (_, caller, other) in COLUMNS {
            let sign = sign(column(operation, caller, other));
            let style = style(sign).filter(|_| color).unwrap_or_default();
            write!(line, "{style}{sign:>5}{style:#}")?;
        }
        writeln!(text, "{}", line.trim_end())?;
    }
    Ok(())
}

fn write_rest(text: &mut String, report: &MatrixReport) -> std::fmt::Result {
    writeln!(text)?;
    writeln!(
        text,
        "ok as documented   !! wrongly allowed   x failed   ~ another body   k known   - skipped"
    )?;
    writeln!(text, "org: another organization on an own resource   xorg: own token on another's resource")?;
    if report.summary.not_exercised > 0 {
        writeln!(
            text,
            "* the good token got a 4xx, too: add a value or a body for the operation to the profile"
        )?;
    }
    for (heading, names) in [
        ("Open, but not documented as public", &report.public.open_undocumented),
        ("Documented as public, but closed", &report.public.closed_documented),
    ] {
        if !names.is_empty() {
            writeln!(text, "\n{heading}")?;
            names.iter().try_for_each(|name| writeln!(text, "  {name}"))?;
        }
    }
    for (heading, outcome, allowed) in [
        ("Wrongly allowed", Outcome::Failed, true),
        ("Failed", Outcome::Failed, false),
        ("Another body than the documented one", Outcome::Warned, false),
    ] {
        let mut cells = report
            .operations
            .iter()
            .flat_map(|operation| operation.cells.iter().map(move |cell| (operation, cell)))
            .filter(|(_, cell)| cell.outcome == outcome && cell.wrongly_allowed == allowed)
            .peekable();
        if cells.peek().is_none() {
            continue;
        }
        writeln!(text, "\n{heading}")?;
        for (operation, cell) in cells {
            writeln!(text, "  {}/{}", operation.operation_id, cell.name())?;
            writeln!(text, "    {} {}", operation.method, operation.path)?;
            let observed = cell.observed.as_deref().unwrap_or("nothing");
            writeln!(text, "    expected {}, observed {observed}", cell.expected)?;
            if let Some(reason) = &cell.known {
                writeln!(text, "    known: {reason}")?;
            } else if let Some(line) = cell.evidence.as_ref().and_then(|evidence| evidence.curl.as_ref()) {
                line.lines().try_for_each(|line| writeln!(text, "    {line}"))?;
            }
        }
    }
    let mut skips = std::collections::BTreeMap::<&str, usize>::new();
    for cell in report.operations.iter().flat_map(|operation| &operation.cells) {
        if let Some(why) = &cell.skipped_because {
            *skips.entry(why).or_default() += 1;
        }
    }
    if !skips.is_empty() {
        writeln!(text, "\nSkipped")?;
        for (why, count) in skips {
            writeln!(text, "  {}: {why}", counted(count, "cell", "cells"))?;
        }
    }
    for entry in &report.stale_baseline {
        writeln!(text, "\nstale in the baseline: {}", stale(entry))?;
    }
    if let Some(why) = &report.interrupted {
        writeln!(text, "\nstopped: {why}")?;
    }
    writeln!(text, "\n{}", verdict_line(report))
}

/// The verdict and its basis, in one line.
pub fn verdict_line(report: &MatrixReport) -> String {
    let summary = report.summary;
    let mut parts = vec![
        counted(summary.operations, "operation", "operations"),
        counted(summary.cells, "cell", "cells"),
        format!("{} passed", summary.passed),
    ];
    for (count, word) in [
        (summary.failed, "failed"),
        (summary.warned, "warned"),
        (summary.skipped, "skipped"),
        (summary.not_exercised, "not exercised"),
        (summary.uncovered, "uncovered"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let requests = usize::try_from(report.requests).unwrap_or(usize::MAX);
    let requests = counted(requests, "request", "requests");
    format!("{}: {}; {requests} in {}", report.verdict, parts.join(", "), duration(report.duration_ms))
}

fn short(name: &str, most: usize) -> String {
    match name.chars().count() > most {
        true => name.chars().take(most - 1).chain(['…']).collect(),
        false => name.to_owned(),
    }
}

fn style(sign: &str) -> Option<Style> {
    let color = match sign {
        "ok" => AnsiColor::Green,
        "!!" | "x" => AnsiColor::Red,
        "~" | "k" => AnsiColor::Yellow,
        _ => return None,
    };
    Some(color.on_default())
}

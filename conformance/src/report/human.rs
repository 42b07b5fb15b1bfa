//! The report for a person at a terminal: failures first, the verdict last, passed cases omitted.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::words::{self, counted};
use super::{CaseReport, Outcome, Report, Verdict};

/// Maximum line width, unless a word is longer.
const WIDTH: usize = 100;
/// The column at which the values of a case's lines begin.
const INDENT: usize = 15;

/// The styles, all plain without color.
struct Paint {
    danger: Style,
    failure: Style,
    warning: Style,
    good: Style,
    strong: Style,
    faint: Style,
}

impl Paint {
    fn new(color: bool) -> Self {
        let style = |style: Style| if color { style } else { Style::new() };
        let of = |color: AnsiColor| Style::new().fg_color(Some(color.into())).bold();
        Self {
            danger: style(of(AnsiColor::Red).invert()),
            failure: style(of(AnsiColor::Red)),
            warning: style(of(AnsiColor::Yellow)),
            good: style(of(AnsiColor::Green)),
            strong: style(Style::new().bold()),
            faint: style(Style::new().dimmed()),
        }
    }
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// The report as text, with ANSI colors if requested.
pub fn render(report: &Report, color: bool) -> String {
    let paint = Paint::new(color);
    let mut out = String::new();
    for (heading, cases) in words::failures(report) {
        let style = if heading == words::WRONGLY_ALLOWED { paint.danger } else { paint.failure };
        section(&mut out, &paint, style, heading, &cases);
    }
    let warned: Vec<&CaseReport> = report.with_outcome(Outcome::Warned).collect();
    section(&mut out, &paint, paint.warning, "Warnings", &warned);
    skipped(&mut out, report, &paint);
    footnotes(&mut out, report, &paint);
    let style = match report.verdict {
        Verdict::Conforms => paint.good,
        Verdict::Partial => paint.warning,
        Verdict::Violates => paint.failure,
    };
    let line = words::verdict_line(report);
    let (word, rest) = line.split_at(report.verdict.as_str().len());
    let _ = writeln!(out, "{} {}{rest}", report.target, painted(style, word));
    out
}

fn section(out: &mut String, paint: &Paint, style: Style, heading: &str, cases: &[&CaseReport]) {
    if cases.is_empty() {
        return;
    }
    let _ = writeln!(out, "{} {}\n", painted(style, &format!(" {heading} ")), cases.len());
    for group in words::by_cause(cases) {
        let (full, others) = words::shown(&group);
        if let (Some(first), false) = (full.first(), others.is_empty()) {
            let observed = first.observed.as_deref().unwrap_or("nothing");
            let cause = format!("{} cases: expected {}, observed {observed}", group.len(), first.expected);
            let _ = writeln!(out, "{}", painted(paint.strong, &words::visible(&cause)));
            for line in wrap(&format!("as below: {}", others.join(", ")), WIDTH - 2) {
                let _ = writeln!(out, "  {}", painted(paint.faint, &line));
            }
            out.push('\n');
        }
        full.iter().for_each(|case| one(out, paint, style, case));
    }
}

fn one(out: &mut String, paint: &Paint, style: Style, case: &CaseReport) {
    let clauses = words::clauses(case);
    let _ = writeln!(out, "{}  {}", painted(style, &case.id), painted(paint.faint, &clauses));
    let _ = writeln!(out, "  {}", painted(paint.strong, &words::visible(&case.title)));
    let mut line = |label: &str, value: &str, style: Style| {
        let (first, rest) = wrapped(value);
        let _ =
            writeln!(out, "  {}{}", painted(paint.faint, &format!("{label:<13}")), painted(style, &first));
        for more in rest {
            let _ = writeln!(out, "{:INDENT$}{}", "", painted(style, &more));
        }
    };
    let plain = Style::new();
    line("requirement", &case.requirement, plain);
    line("because", &format!("{}: “{}”", case.source.document, case.source.text), plain);
    line("sends", &case.sends, plain);
    line("expected", &case.expected, paint.good);
    line("observed", case.observed.as_deref().unwrap_or("nothing"), style);
    if let Some(reason) = &case.known {
        line("known", reason, plain);
    }
    if let Some(evidence) = &case.evidence {
        for remark in &evidence.remarks {
            line("note", remark, plain);
        }
        if let Some(head) = evidence.response_head.first() {
            line("answer", head, plain);
        }
        if let Some(body) = &evidence.response_body {
            line("", body, plain);
        }
        if let Some(id) = &evidence.request_id {
            line("request id", id, plain);
        }
        if let Some(curl) = &evidence.curl {
            let _ = writeln!(out, "  {}", painted(paint.faint, "reproduce"));
            for command in curl.lines() {
                let _ = writeln!(out, "    {}", words::visible(command));
            }
        }
    }
    out.push('\n');
}

fn skipped(out: &mut String, report: &Report, paint: &Paint) {
    let groups = words::skips(report);
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(out, "{} {}\n", painted(paint.strong, " Skipped "), report.summary.skipped);
    for (reason, cases) in groups {
        let _ = writeln!(out, "{}", painted(paint.strong, &format!("{}: {reason}", cases.len())));
        let ids: Vec<&str> = cases.iter().map(|case| case.id.as_str()).collect();
        for line in wrap(&ids.join(", "), WIDTH - 2) {
            let _ = writeln!(out, "  {}", painted(paint.faint, &line));
        }
        out.push('\n');
    }
}

/// Additional information for the operator: notices, measurements, the selection of cases, the baseline.
fn footnotes(out: &mut String, report: &Report, paint: &Paint) {
    for entry in &report.stale_baseline {
        let _ = writeln!(out, "{} {}", painted(paint.failure, "stale baseline:"), words::stale(entry));
    }
    if let Some(why) = &report.interrupted {
        let _ = writeln!(out, "{} {why}", painted(paint.failure, "stopped:"));
    }
    for notice in &report.notices {
        let _ = writeln!(out, "{} {notice}", painted(paint.warning, "notice:"));
    }
    for fact in words::measured(report) {
        let _ = writeln!(out, "{} {fact}", painted(paint.faint, "measured:"));
    }
    if let Some(choice) = words::selected(report) {
        let _ = writeln!(out, "{} {choice}", painted(paint.faint, "selected:"));
    }
    let header = format!("{}, suite {}, {}", report.protocol, report.suite_version, report.started_at);
    let count = counted(report.cases.len(), "case", "cases");
    let _ = writeln!(out, "{} {count} over {header}", painted(paint.faint, "run:"));
}

fn wrapped(text: &str) -> (String, Vec<String>) {
    let mut lines = wrap(&words::visible(text).replace('\n', " "), WIDTH - INDENT).into_iter();
    (lines.next().unwrap_or_default(), lines.collect())
}

/// Lines of at most this many characters, broken at spaces.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

//! Texts that several formats share.

use std::collections::BTreeMap;

use super::{CaseReport, Cause, Outcome, Report, Verdict};
use crate::case::clause::Level;

/// The verdict in one line: the result, its basis, and the duration.
pub fn verdict_line(report: &Report) -> String {
    let musts = report.cases.iter().filter(|case| case.level == Level::Must).count();
    let untested = report.with_outcome(Outcome::Skipped).filter(|case| case.level == Level::Must).count();
    let why = match report.interrupted {
        Some(_) => "because the run stopped",
        None => "for lack of tokens or endpoints",
    };
    let little = match untested * 2 > musts {
        true => format!("; NOT TESTED: {untested} of {musts} must cases, {why}"),
        false => String::new(),
    };
    format!("{}: {}{little}", report.verdict, verdict_counts(report))
}

/// The basis of the verdict.
pub(super) fn verdict_counts(report: &Report) -> String {
    let summary = report.summary;
    let tested = summary.passed + summary.failed + summary.warned;
    let mut parts =
        vec![counted(tested, "case tested", "cases tested"), format!("{} passed", summary.passed)];
    if summary.failed > 0 {
        parts.push(match report.wrongly_allowed() {
            0 => format!("{} failed", summary.failed),
            allowed => format!("{} failed ({allowed} wrongly allowed)", summary.failed),
        });
    }
    if summary.warned > 0 {
        parts.push(counted(summary.warned, "warning", "warnings"));
    }
    if summary.skipped > 0 {
        parts.push(format!("{} skipped", summary.skipped));
    }
    let known = report.cases.iter().filter(|case| case.known.is_some()).count();
    if known > 0 {
        parts.push(format!("{known} known from the baseline"));
    }
    if !report.stale_baseline.is_empty() {
        parts.push(format!("{} stale in the baseline", report.stale_baseline.len()));
    }
    format!(
        "{}; {} in {}",
        parts.join(", "),
        counted(usize::try_from(report.requests).unwrap_or(usize::MAX), "request", "requests"),
        duration(report.duration_ms),
    )
}

/// The meaning of the verdict, as a sentence without its full stop.
pub(super) fn verdict_meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Conforms => "Every documented requirement was tested, and kept",
        Verdict::Partial => "Nothing that could be tested was broken, but requirements remain untested",
        Verdict::Violates => "The deployment breaks documented requirements",
    }
}

/// The heading of a section of failures.
pub(super) const WRONGLY_ALLOWED: &str = "Wrongly allowed";
/// The other failures: refused, but not as documented, or not answered at all.
pub(super) const NOT_AS_DOCUMENTED: &str = "Not as documented";

/// The failed cases in which the deployment allowed a request that it must refuse, and the others.
pub(super) fn failures(report: &Report) -> [(&'static str, Vec<&CaseReport>); 2] {
    let (allowed, others) = report.with_outcome(Outcome::Failed).partition(|case| case.wrongly_allowed);
    [(WRONGLY_ALLOWED, allowed), (NOT_AS_DOCUMENTED, others)]
}

/// From this many cases with one cause on, they are shown as one group, with only the first in full.
pub(super) const MANY: usize = 5;

/// Failed cases, grouped by expectation and observation, in report order.
pub(super) fn by_cause<'a>(cases: &[&'a CaseReport]) -> Vec<Vec<&'a CaseReport>> {
    let mut groups: Vec<Vec<&CaseReport>> = Vec::new();
    for case in cases {
        let same = |group: &&mut Vec<&CaseReport>| {
            group
                .first()
                .is_some_and(|first| first.expected == case.expected && first.observed == case.observed)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups
}

/// Groups of [`MANY`] and more cases with one cause, failures first.
pub(super) fn causes(cases: &[CaseReport]) -> Vec<Cause> {
    let with =
        |outcome: Outcome| cases.iter().filter(move |case| case.outcome == outcome).collect::<Vec<_>>();
    let groups = [with(Outcome::Failed), with(Outcome::Warned)];
    let groups = groups.iter().flat_map(|cases| by_cause(cases)).filter(|group| group.len() >= MANY);
    let cause = |group: Vec<&CaseReport>| {
        let first = group.first()?;
        Some(Cause {
            expected: first.expected.clone(),
            observed: first.observed.clone().unwrap_or_else(|| "nothing".into()),
            cases: group.iter().map(|case| case.id.clone()).collect(),
        })
    };
    groups.filter_map(cause).collect()
}

/// The first case of a group, and the ids of the others if the group is large.
pub(super) fn shown<'a, 'b>(group: &'b [&'a CaseReport]) -> (&'b [&'a CaseReport], Vec<&'a str>) {
    match group.split_at_checked(1) {
        Some((first, others)) if group.len() >= MANY => {
            (first, others.iter().map(|case| case.id.as_str()).collect())
        }
        _ => (group, Vec::new()),
    }
}

/// The skipped cases by what they need; the most frequent reason comes first.
pub(super) fn skips(report: &Report) -> Vec<(&str, Vec<&CaseReport>)> {
    let mut by_reason: BTreeMap<&str, Vec<&CaseReport>> = BTreeMap::new();
    for case in report.with_outcome(Outcome::Skipped) {
        by_reason.entry(case.skipped_because.as_deref().unwrap_or("no reason given")).or_default().push(case);
    }
    let mut groups: Vec<_> = by_reason.into_iter().collect();
    groups.sort_by_key(|(reason, cases)| (std::cmp::Reverse(cases.len()), *reason));
    groups
}

/// Additional measurements, as sentences without their full stops.
pub(super) fn measured(report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(leeway) = report.measurements.leeway_seconds {
        let bound = if report.measurements.leeway_capped { "at least " } else { "" };
        found.push(match leeway {
            0 if !report.measurements.leeway_capped => "no leeway is granted on `exp`".to_owned(),
            leeway => format!("a leeway of {bound}{leeway} s is granted on `exp`"),
        });
    }
    match report.measurements.clock_offset_seconds {
        Some(0) => found.push("the deployment's clock agrees with this machine's".to_owned()),
        Some(offset) if offset > 0 => found.push(format!("the deployment's clock is {offset} s ahead")),
        Some(offset) => found.push(format!("the deployment's clock is {} s behind", offset.unsigned_abs())),
        None => {}
    }
    found
}

/// How the cases were selected, unless all were.
pub(super) fn selected(report: &Report) -> Option<String> {
    let selection = &report.selection;
    let mut parts = Vec::new();
    if !selection.filters.is_empty() {
        parts.push(format!("filter {}", selection.filters.join(", ")));
    }
    if selection.http1_only > 0 {
        parts.push(format!("{} skipped (needs HTTP/1.1)", selection.http1_only));
    }
    if selection.other_key > 0 {
        parts.push(format!("{} skipped (needs another key type)", selection.other_key));
    }
    let cases = format!("{} of {} cases", report.cases.len(), selection.catalogue);
    (!parts.is_empty()).then(|| format!("{cases}: {}", parts.join("; ")))
}

/// A stale baseline entry, as a sentence without its full stop.
pub(crate) fn stale(entry: &super::StaleEntry) -> String {
    match &entry.observed {
        Some(observed) => format!("{} is recorded as {}, and was {observed}", entry.case, entry.recorded),
        None => format!("{} is recorded as {}, and now passes", entry.case, entry.recorded),
    }
}

/// The clause ids of a case, separated by spaces.
pub(super) fn clauses(case: &CaseReport) -> String {
    let ids: Vec<&str> = case.clauses.iter().map(|clause| clause.id()).collect();
    ids.join(" ")
}

/// Text with control characters escaped, except line ends, so that a deployment cannot control the terminal that shows
/// it.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() && letter != '\n' {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// A number and its noun.
pub(crate) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Milliseconds for people.
pub(crate) fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        _ => format!("{} min {} s", milliseconds / 60_000, milliseconds % 60_000 / 1000),
    }
}

impl Report {
    /// How many failed cases allowed a request that must be refused.
    pub fn wrongly_allowed(&self) -> usize {
        self.cases.iter().filter(|case| case.wrongly_allowed).count()
    }
}

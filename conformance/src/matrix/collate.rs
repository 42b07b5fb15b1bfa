//! A matrix as a report of cases, for the formats that a matrix shares with `run`.

use super::callers::Caller;
use super::report::{CellReport, MatrixReport, OperationReport};
use crate::case::clause::Level;
use crate::report::{
    CaseReport, Format, Measurements, Outcome, Report, Selection, Source, Summary, badge, junit, markdown,
    sarif,
};

impl MatrixReport {
    /// The report in a format. `color` applies only to [`Format::Human`].
    pub fn render(&self, format: Format, color: bool) -> String {
        match format {
            Format::Human => super::human::render(self, color),
            Format::Json => self.to_json(),
            Format::Html => super::html::render(self),
            Format::Junit => junit::render(&self.cases()),
            Format::Markdown => markdown::render(&self.cases()),
            Format::Sarif => sarif::render(&self.cases()),
            Format::Badge => badge::render(&self.cases()),
        }
    }

    /// Every cell as a case; an operation without values is one skipped case.
    pub fn cases(&self) -> Report {
        let mut cases = Vec::new();
        for operation in &self.operations {
            cases.extend(operation.cells.iter().map(|cell| case(operation, cell)));
            if !operation.uncovered.is_empty() {
                let mut cell = CellReport::skipped("uncovered", None, "an answer to every caller".into());
                cell.skipped_because = Some(format!("needs a value for {}", operation.uncovered.join(", ")));
                cases.push(case(operation, &cell));
            }
        }
        let mut report = Report {
            target: self.target.clone(),
            suite_version: self.suite_version.clone(),
            started_at: self.started_at.clone(),
            duration_ms: self.duration_ms,
            protocol: self.protocol,
            level: Level::Must,
            verdict: self.verdict,
            summary: Summary::default(),
            selection: Selection { catalogue: cases.len(), ..Selection::default() },
            requests: self.requests,
            measurements: Measurements::default(),
            notices: self.notices.clone(),
            interrupted: self.interrupted.clone(),
            stale_baseline: self.stale_baseline.clone(),
            causes: Vec::new(),
            cases,
        };
        report.sort();
        report.conclude();
        report.verdict = self.verdict;
        report
    }
}

fn case(operation: &OperationReport, cell: &CellReport) -> CaseReport {
    let clauses = Caller::ALL.iter().find(|caller| caller.key() == cell.caller);
    let clauses = clauses.map_or(Caller::Own.clauses(), |caller| caller.clauses());
    let endpoint = format!("{} {}", operation.method, operation.path);
    CaseReport {
        id: format!("{}/{}", operation.operation_id, cell.name()),
        title: format!("{endpoint} as {}", cell.name()),
        clauses: clauses.to_vec(),
        level: if cell.outcome == Outcome::Warned { Level::Should } else { Level::Must },
        outcome: cell.outcome,
        expected: cell.expected.clone(),
        observed: cell.observed.clone(),
        skipped_because: cell.skipped_because.clone(),
        duration_ms: 0,
        wrongly_allowed: cell.wrongly_allowed,
        sends: format!("Sends {endpoint} as {}.", cell.name()),
        requirement: format!("The deployment must answer {endpoint} with {}.", cell.expected),
        source: Source {
            document: "OpenAPI document".into(),
            text: match operation.public {
                true => format!("{endpoint} is public"),
                false => format!("{endpoint} needs a token"),
            },
        },
        evidence: cell.evidence.clone().filter(|_| matches!(cell.outcome, Outcome::Failed | Outcome::Warned)),
        known: cell.known.clone(),
    }
}

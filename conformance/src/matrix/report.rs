//! The result of a matrix run: the model behind every format.

use serde::{Deserialize, Serialize};

use super::callers::Caller;
use super::select::CellGlob;
use crate::report::baseline::Baseline;
use crate::report::{Evidence, Outcome, Protocol, StaleEntry, Verdict};

/// A finished matrix, or the part of one that was stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MatrixReport {
    /// The tested base URL.
    pub target: String,
    /// The version of the suite.
    pub suite_version: String,
    /// When the run began: RFC 3339, UTC, whole seconds.
    pub started_at: String,
    /// Its duration in milliseconds.
    pub duration_ms: u64,
    /// The protocol of the requests.
    pub protocol: Protocol,
    /// The number of requests sent.
    pub requests: u64,
    /// The overall result.
    pub verdict: Verdict,
    /// Counts.
    pub summary: Summary,
    /// Operations whose answer without a token contradicts the document.
    pub public: Public,
    /// Information for the operator, one sentence each.
    pub notices: Vec<String>,
    /// Why the run stopped early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// Entries of the baseline that no longer apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale_baseline: Vec<StaleEntry>,
    /// The operations, in the order in which they were asked.
    pub operations: Vec<OperationReport>,
}

/// Counts of a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Operations.
    pub operations: usize,
    /// Cells, including skipped ones.
    pub cells: usize,
    /// Cells that passed.
    pub passed: usize,
    /// Cells that failed.
    pub failed: usize,
    /// Cells with a documented status and another body.
    pub warned: usize,
    /// Cells that were not tested.
    pub skipped: usize,
    /// Operations whose control did not get as far as the operation.
    pub not_exercised: usize,
    /// Operations that lack a value.
    pub uncovered: usize,
}

/// Both directions in which public and documented differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Public {
    /// Operations that answer without a token and are not documented as public.
    pub open_undocumented: Vec<String>,
    /// Operations that are documented as public and refuse.
    pub closed_documented: Vec<String>,
}

/// An operation and its cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationReport {
    /// `operationId`, or `METHOD /path`.
    pub operation_id: String,
    /// The method.
    pub method: String,
    /// The path template as it is sent.
    pub path: String,
    /// Whether the operation is documented as public.
    pub public: bool,
    /// The control did not get as far as the operation: nobody was refused only because of who they are.
    pub not_exercised: bool,
    /// Parameters without a value; `requestBody` is the body.
    pub uncovered: Vec<String>,
    /// The cells, in the order in which they were sent.
    pub cells: Vec<CellReport>,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellReport {
    /// Who asked.
    pub caller: String,
    /// Whose resource; `None` if the operation names nothing owned.
    pub resource: Option<String>,
    /// The documented answer.
    pub expected: String,
    /// The answer, in words that are the same in every run; `None` on skipped cells.
    pub observed: Option<String>,
    /// The outcome.
    pub outcome: Outcome,
    /// A caller who should be refused was let in.
    pub wrongly_allowed: bool,
    /// Why the cell was skipped, and what would let it run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_because: Option<String>,
    /// The baseline's reason, if the failure is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
    /// The request and its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl CellReport {
    /// A cell that was not tested.
    pub(super) fn skipped(caller: &str, resource: Option<String>, expected: String) -> Self {
        Self {
            caller: caller.into(),
            resource,
            expected,
            observed: None,
            outcome: Outcome::Skipped,
            wrongly_allowed: false,
            skipped_because: None,
            known: None,
            evidence: None,
        }
    }

    /// Whether it is the control.
    pub fn is_control(&self) -> bool {
        self.caller == Caller::Own.key() && matches!(self.resource.as_deref(), None | Some("own"))
    }

    /// The second half of the id: `caller` or `caller/resource`.
    pub fn name(&self) -> String {
        match &self.resource {
            Some(resource) => format!("{}/{resource}", self.caller),
            None => self.caller.clone(),
        }
    }

    /// Whether it failed, and the failure is not known.
    pub(super) fn counts(&self) -> bool {
        self.outcome == Outcome::Failed && self.known.is_none()
    }
}

impl MatrixReport {
    /// Marks known failures.
    pub(crate) fn apply(&mut self, baseline: &Baseline) {
        for entry in baseline.entries() {
            let Ok(glob) = entry.case.parse::<CellGlob>() else { continue };
            let mut seen = None;
            let mut known = false;
            for operation in &mut self.operations {
                for cell in &mut operation.cells {
                    if !glob.takes(&operation.operation_id, &cell.caller, cell.resource.as_deref())
                        || cell.outcome == Outcome::Skipped
                    {
                        continue;
                    }
                    let fails = matches!(cell.outcome, Outcome::Failed | Outcome::Warned);
                    if fails && cell.observed.as_deref() == Some(entry.observed.as_str()) {
                        cell.known = Some(entry.reason.clone());
                        known = true;
                    } else {
                        let other = cell.observed.clone().filter(|_| fails);
                        seen = Some(seen.flatten().or(other));
                    }
                }
            }
            // An entry of cells that were not tested is ignored.
            if let (Some(observed), false) = (seen, known) {
                self.stale_baseline.push(StaleEntry {
                    case: entry.case.clone(),
                    recorded: entry.observed.clone(),
                    observed,
                });
            }
        }
    }

    /// Counts, and derives the verdict.
    pub(crate) fn conclude(&mut self) {
        let mut summary = Summary { operations: self.operations.len(), ..Summary::default() };
        let mut public = Public::default();
        for operation in &self.operations {
            summary.not_exercised += usize::from(operation.not_exercised);
            summary.uncovered += usize::from(!operation.uncovered.is_empty());
            for cell in &operation.cells {
                summary.cells += 1;
                *match cell.outcome {
                    Outcome::Passed => &mut summary.passed,
                    Outcome::Failed => &mut summary.failed,
                    Outcome::Warned => &mut summary.warned,
                    Outcome::Skipped => &mut summary.skipped,
                } += 1;
            }
            let Some(without) = operation.cells.iter().find(|cell| cell.caller == Caller::None.key()) else {
                continue;
            };
            if without.wrongly_allowed {
                public.open_undocumented.push(operation.operation_id.clone());
            }
            let refused = without.observed.as_deref().unwrap_or_default();
            if operation.public && (refused.starts_with("401") || refused.starts_with("403")) {
                public.closed_documented.push(operation.operation_id.clone());
            }
        }
        self.verdict = match (summary.failed, summary.skipped + summary.uncovered + summary.not_exercised) {
            (0, 0) => Verdict::Conforms,
            (0, _) => Verdict::Partial,
            _ => Verdict::Violates,
        };
        (self.summary, self.public) = (summary, public);
    }

    /// Whether the exit status is 1: a failure that is not known, or a stale entry of the baseline; with `complete`
    /// also an operation that was not covered, or a skipped cell.
    pub fn has_failures(&self, complete: bool) -> bool {
        let untested = self.summary.uncovered + self.summary.skipped > 0;
        !self.stale_baseline.is_empty()
            || complete && untested
            || self.operations.iter().flat_map(|operation| &operation.cells).any(CellReport::counts)
    }

    /// The JSON report, with a newline at its end.
    pub fn to_json(&self) -> String {
        crate::report::pretty(self)
    }
}

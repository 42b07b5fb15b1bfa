//! The result of a run: the model behind every output format.
//!
//! Plain data that serializes to the JSON report. A format is a function from a [`Report`] to text and makes no
//! decisions, so that a report has the same verdict and exit status in every format. A report contains no token and no
//! part of one.

pub mod badge;
#[doc(hidden)]
pub mod baseline;
#[doc(hidden)]
pub mod comparison;
pub mod format;
pub mod html;
pub mod human;
pub mod junit;
pub mod markdown;
pub mod sarif;
pub(crate) mod words;

pub use crate::transport::Protocol;
pub use format::{Format, UnknownFormat};
pub(crate) use words::counted;
pub use words::verdict_line;

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::case::clause::{Clause, Level};

/// A finished run, or the part of a run that was stopped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The tested base URL, without credentials.
    pub target: String,
    /// The version of the suite: the crate's.
    pub suite_version: String,
    /// When the run began: RFC 3339, UTC, whole seconds.
    pub started_at: String,
    /// Its duration in milliseconds.
    pub duration_ms: u64,
    /// The protocol of the requests.
    pub protocol: Protocol,
    /// The level that counts for the exit status.
    pub level: Level,
    /// The overall result.
    pub verdict: Verdict,
    /// Counts by outcome. Their sum is the number of `cases`.
    pub summary: Summary,
    /// How the cases were selected.
    pub selection: Selection,
    /// The number of requests sent, including the preflight.
    pub requests: u64,
    /// Additional facts about the deployment that affect no outcome.
    pub measurements: Measurements,
    /// Information for the operator that is not a case: a plaintext target off loopback, a token that is about to
    /// expire. One sentence each, lower-case, without a full stop.
    pub notices: Vec<String>,
    /// Why the run stopped early: the target stopped responding. The remaining cases are skipped with this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// Problems of the run's baseline: entries whose observation no longer matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale_baseline: Vec<StaleEntry>,
    /// Groups of five or more failed cases with the same expectation and the same observation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Every selected case, in the order of [`Report::sort`].
    pub cases: Vec<CaseReport>,
}

/// The common result of many failed cases: one fault is the likely cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The expectation of each.
    pub expected: String,
    /// The observation of each.
    pub observed: String,
    /// Their ids, in the order of the report.
    pub cases: Vec<String>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases: expected {}, observed {}", self.cases.len(), self.expected, self.observed)
    }
}

/// The verdict of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every `must` was tested and met.
    Conforms,
    /// Nothing failed, but a `must` was skipped.
    Partial,
    /// A `must` was not met.
    Violates,
}

impl Verdict {
    /// The word in the JSON report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::Partial => "partial",
            Self::Violates => "violates",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Counts by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Cases that passed.
    pub passed: usize,
    /// `must` cases that failed.
    pub failed: usize,
    /// `should` cases that failed.
    pub warned: usize,
    /// Cases that could not be tested.
    pub skipped: usize,
}

/// How the cases of a report were selected from the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The filters, as given; empty if all cases were selected.
    pub filters: Vec<String>,
    /// The number of cases in the catalogue.
    pub catalogue: usize,
    /// How many selected cases were skipped because HTTP/2 cannot send them.
    pub http1_only: usize,
    /// How many selected cases were skipped because they need another type of key than the profile's.
    #[serde(default)]
    pub other_key: usize,
}

/// Additional measurements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurements {
    /// For how many seconds after `exp` the deployment still accepts a token, found by bisection; `None` if the run
    /// could not measure it. If [`Measurements::leeway_capped`] is set, it is a lower bound.
    pub leeway_seconds: Option<u64>,
    /// The leeway is at least `leeway_seconds`: a token that old was still accepted, and no older one was tried.
    #[serde(default)]
    pub leeway_capped: bool,
    /// The deployment's clock minus this machine's, in seconds, from its `Date` field.
    pub clock_offset_seconds: Option<i64>,
}

/// The outcome of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Kept.
    Passed,
    /// A `must` that is not met.
    Failed,
    /// A `should` that is not met.
    Warned,
    /// Not tested; `skipped_because` says what is needed to test it.
    Skipped,
}

impl Outcome {
    /// The word in the JSON report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Warned => "warned",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One case of the catalogue and its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseReport {
    /// `group/name`, such as `header/two-credentials-joined-by-a-comma`.
    pub id: String,
    /// The title of the case: a few words, without a full stop.
    pub title: String,
    /// The clauses that it tests, the most relevant first; never empty.
    pub clauses: Vec<Clause>,
    /// How binding it is.
    pub level: Level,
    /// Its outcome.
    pub outcome: Outcome,
    /// The acceptable responses, joined by ` or `. Also present on skipped cases.
    pub expected: String,
    /// The observed response, also on a passed case: the same in every run (no dates, ids or lengths), so that a
    /// baseline can name it. `None` on skipped cases.
    pub observed: Option<String>,
    /// Why the case was skipped and what is needed to run it. `None` on all others.
    pub skipped_because: Option<String>,
    /// From the first byte sent to the finding; 0 on skipped cases.
    pub duration_ms: u64,
    /// The deployment allowed a request that it must refuse. Only true on failed cases.
    pub wrongly_allowed: bool,
    /// "Sends …": one sentence that describes what the case does.
    pub sends: String,
    /// "The deployment must …" (or should): one sentence.
    pub requirement: String,
    /// The sentence of a document on which the requirement is based.
    pub source: Source,
    /// Details for investigating a failed case: the last request and its response. `None` on passed and skipped cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The baseline's reason, if the baseline has this failure with this observation: the case then counts as passed
    /// for the exit status, but not for the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
}

/// A quotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Where it stands: `Artos API, Authentication: Error Responses`, `RFC 9110 §11.1`.
    pub document: String,
    /// The sentence itself.
    pub text: String,
}

/// Details for investigating a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// A shell line that sends the deciding request again, with every token replaced by a shell variable; if curl
    /// cannot send it, a `printf … | nc` or `openssl s_client` line instead. May contain newlines.
    pub curl: Option<String>,
    /// The request id that the deciding request carried in `X-Request-Id`: look for it in the server's logs.
    pub request_id: Option<String>,
    /// The deciding response's status line and header fields, redacted, one on each line.
    pub response_head: Vec<String>,
    /// The beginning of the deciding response's body, redacted, at most 512 characters.
    pub response_body: Option<String>,
    /// Additional remarks of the case: for a comparison, the differences. One sentence each.
    pub remarks: Vec<String>,
}

/// A baseline entry whose observation no longer matches. Each counts as a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleEntry {
    /// The case in the entry.
    pub case: String,
    /// The observation in the entry.
    pub recorded: String,
    /// The actual observation; `None` if the case now passes.
    pub observed: Option<String>,
}

impl Report {
    /// Counts the outcomes, derives the verdict, and groups failures with a common cause.
    pub fn conclude(&mut self) {
        let mut summary = Summary::default();
        for case in &self.cases {
            *match case.outcome {
                Outcome::Passed => &mut summary.passed,
                Outcome::Failed => &mut summary.failed,
                Outcome::Warned => &mut summary.warned,
                Outcome::Skipped => &mut summary.skipped,
            } += 1;
        }
        let must_skipped =
            self.cases.iter().any(|case| case.outcome == Outcome::Skipped && case.level == Level::Must);
        self.verdict = match (summary.failed, must_skipped) {
            (0, false) => Verdict::Conforms,
            (0, true) => Verdict::Partial,
            _ => Verdict::Violates,
        };
        self.summary = summary;
        self.causes = words::causes(&self.cases);
    }

    /// Sorts the cases into the order of every format: wrongly allowed, failed, warned, skipped, passed; within each,
    /// in catalogue order.
    pub fn sort(&mut self) {
        self.cases.sort_by_key(|case| {
            let rank = match case.outcome {
                Outcome::Failed => 0,
                Outcome::Warned => 1,
                Outcome::Skipped => 2,
                Outcome::Passed => 3,
            };
            (Reverse(case.wrongly_allowed), rank)
        });
    }

    /// Cases with this outcome, in report order.
    pub fn with_outcome(&self, outcome: Outcome) -> impl Iterator<Item = &CaseReport> {
        self.cases.iter().filter(move |case| case.outcome == outcome)
    }

    /// Whether a case of the given level failed that is not in the baseline, or a baseline entry is stale: the exit
    /// status is then 1.
    pub fn has_failures(&self) -> bool {
        let counts = |case: &CaseReport| match case.outcome {
            Outcome::Failed => true,
            Outcome::Warned => self.level == Level::Should,
            Outcome::Passed | Outcome::Skipped => false,
        };
        !self.stale_baseline.is_empty() || self.cases.iter().any(|case| counts(case) && case.known.is_none())
    }

    /// Panics with the human format of the failures, unless the deployment met every `must` that could be tested. For
    /// integration tests.
    ///
    /// # Panics
    ///
    /// If a `must` case failed, or the run was interrupted.
    #[track_caller]
    pub fn assert_conforms(&self) {
        if let Some(why) = &self.interrupted {
            panic!("the conformance run against {} stopped: {why}", self.target);
        }
        if self.summary.failed > 0 {
            let failures: Vec<String> = self
                .with_outcome(Outcome::Failed)
                .map(|case| {
                    let observed = case.observed.as_deref().unwrap_or("nothing");
                    format!("  {}: expected {}, observed {observed}", case.id, case.expected)
                })
                .collect();
            panic!("{} violates {} cases:\n{}", self.target, failures.len(), failures.join("\n"));
        }
    }

    /// The JSON report, pretty-printed, with a trailing newline.
    pub fn to_json(&self) -> String {
        pretty(self)
    }
}

/// JSON of a report, pretty-printed, with a newline at its end.
pub(crate) fn pretty(report: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(report)
        .unwrap_or_else(|error| format!("{{\"error\": \"the report cannot be written: {error}\"}}"));
    text.push('\n');
    text
}

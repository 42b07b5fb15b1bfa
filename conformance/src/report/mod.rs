//! What a run found: the model behind every output format.
//!
//! Everything here is plain data that serializes to the JSON report. A format is a function from a
//! [`Report`] to text; none of them decides anything, so that the same report gives the same verdict and the
//! same exit status whatever it is printed as. Nothing in a report holds a token, or a piece of one.

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
mod words;

pub use crate::transport::Protocol;
pub use format::{Format, UnknownFormat};
pub use words::verdict_line;

use std::cmp::Reverse;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::case::clause::{Clause, Level};

/// A finished run, or what there is of one that had to stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The base URL that was tested, without credentials.
    pub target: String,
    /// The version of the suite: the crate's.
    pub suite_version: String,
    /// When the run began: RFC 3339, UTC, whole seconds.
    pub started_at: String,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The protocol that carried the requests.
    pub protocol: Protocol,
    /// The level that counts for the exit status.
    pub level: Level,
    /// The one word.
    pub verdict: Verdict,
    /// Counts by outcome. They add up to the number of `cases`.
    pub summary: Summary,
    /// How the cases were chosen.
    pub selection: Selection,
    /// How many requests were sent, the preflight's among them.
    pub requests: u64,
    /// Facts about the deployment that are found in passing and judge nothing.
    pub measurements: Measurements,
    /// Things that the operator should know and that are no case: a plaintext target off loopback, a token
    /// that is about to expire. One sentence each, lower-case, no full stop.
    pub notices: Vec<String>,
    /// Why the run stopped before its end: the target died halfway. The cases that it did not reach are
    /// skipped, and say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<String>,
    /// What is wrong with the run's baseline: entries that no longer say what is observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stale_baseline: Vec<StaleEntry>,
    /// Five or more cases that were not kept in the same way: the same was expected, and the same observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// Every selected case, in the order of [`Report::sort`].
    pub cases: Vec<CaseReport>,
}

/// What many cases have in common that were not kept: one fault is the likely cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What each of them expects.
    pub expected: String,
    /// What each of them observed.
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
    /// Every `must` was tested and kept.
    Conforms,
    /// Nothing failed, but a `must` was skipped.
    Partial,
    /// A `must` was not kept.
    Violates,
}

impl Verdict {
    /// The word that the JSON report prints.
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
    /// Cases that were kept.
    pub passed: usize,
    /// `must` cases that were not.
    pub failed: usize,
    /// `should` cases that were not.
    pub warned: usize,
    /// Cases that could not be tested.
    pub skipped: usize,
}

/// How the cases of a report were chosen from the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The filters, as given; empty when all cases were meant.
    pub filters: Vec<String>,
    /// How many cases the catalogue holds.
    pub catalogue: usize,
    /// How many of those that the filters chose were left out because HTTP/2 cannot carry them.
    pub http1_only: usize,
    /// How many of those that the filters chose were left out because they are about another kind of key
    /// than the one in the profile.
    #[serde(default)]
    pub other_key: usize,
}

/// What was measured in passing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurements {
    /// For how many seconds past `exp` the deployment still takes a token, found by bisection; `None` when
    /// the run had nothing to find it with. [`Measurements::leeway_capped`] says when it is a lower bound.
    pub leeway_seconds: Option<u64>,
    /// The leeway is at least `leeway_seconds`: a token that old was still taken, and none older was tried.
    #[serde(default)]
    pub leeway_capped: bool,
    /// The deployment's clock minus this machine's, in seconds, by its `Date` field.
    pub clock_offset_seconds: Option<i64>,
}

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Kept.
    Passed,
    /// A `must` not kept.
    Failed,
    /// A `should` not kept.
    Warned,
    /// Not tested; `skipped_because` says what would let it run.
    Skipped,
}

impl Outcome {
    /// The word that the JSON report prints.
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

/// One case of the catalogue and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseReport {
    /// `group/name`, such as `header/two-credentials-joined-by-a-comma`.
    pub id: String,
    /// What the case is about, in a few words, without a full stop.
    pub title: String,
    /// The clauses that it tests, the most telling first; never empty.
    pub clauses: Vec<Clause>,
    /// How binding it is.
    pub level: Level,
    /// What became of it.
    pub outcome: Outcome,
    /// What would have been right: the acceptable answers, joined by ` or `. Present on skipped cases too.
    pub expected: String,
    /// What came instead, or, on a passed case, what came: stable from run to run (no dates, ids or
    /// lengths), so that a baseline can name it. `None` on skipped cases.
    pub observed: Option<String>,
    /// Why the case was skipped and what would let it run. `None` on all others.
    pub skipped_because: Option<String>,
    /// From the first byte sent to the judgement; 0 on skipped cases.
    pub duration_ms: u64,
    /// The deployment allowed what it must refuse. Only ever true on failed cases.
    pub wrongly_allowed: bool,
    /// "Sends …": one sentence that says what the case does.
    pub sends: String,
    /// "The deployment must …" (or should): one sentence.
    pub requirement: String,
    /// The sentence that the requirement rests on.
    pub source: Source,
    /// What is needed to look into a case that was not kept: the last request and its answer. `None` on
    /// passed and skipped cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// The baseline's reason, where the baseline knows this failure as observed: the case then counts as
    /// passed for the exit status, not for the verdict.
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

/// What is needed to look into a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// A shell line that sends the deciding request again, with every token replaced by a shell variable;
    /// where curl cannot say it, a `printf … | nc` or `openssl s_client` line instead. It may hold newlines.
    pub curl: Option<String>,
    /// The request id that the deciding request carried in `X-Request-Id`: look for it in the server's logs.
    pub request_id: Option<String>,
    /// The deciding answer's status line and header fields, redacted, one a line.
    pub response_head: Vec<String>,
    /// The beginning of the deciding answer's body, redacted, at most 512 characters.
    pub response_body: Option<String>,
    /// What else the case has to say about it: for a comparison, what differed. One sentence each.
    pub remarks: Vec<String>,
}

/// A baseline entry that no longer says what is observed. Each counts as a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleEntry {
    /// The case that the entry names.
    pub case: String,
    /// What the entry says is observed.
    pub recorded: String,
    /// What was observed; `None` when the case now passes.
    pub observed: Option<String>,
}

impl Report {
    /// Counts the outcomes, draws the verdict from them, and finds what many failures have in common.
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

    /// Puts the cases in the order that every format keeps: wrongly allowed, failed, warned, skipped,
    /// passed, and within each in the catalogue's order.
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

    /// Whether a case of the asked level failed that no baseline entry knows as observed, or a baseline
    /// entry is stale: what makes the exit status 1.
    pub fn has_failures(&self) -> bool {
        let counts = |case: &CaseReport| match case.outcome {
            Outcome::Failed => true,
            Outcome::Warned => self.level == Level::Should,
            Outcome::Passed | Outcome::Skipped => false,
        };
        !self.stale_baseline.is_empty() || self.cases.iter().any(|case| counts(case) && case.known.is_none())
    }

    /// Panics with the human rendering of what failed, unless the deployment kept every `must` that could be
    /// tested: what an integration test calls.
    ///
    /// # Panics
    ///
    /// When a `must` case failed, or the run was interrupted.
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

    /// The JSON report, pretty-printed, with a newline at its end.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .unwrap_or_else(|error| format!("{{\"error\": \"the report cannot be written: {error}\"}}"));
        text.push('\n');
        text
    }
}

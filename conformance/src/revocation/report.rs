//! The result of a measurement, for people and as JSON.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::judgement::{End, Observation, judge, summarize};
use crate::report::{Verdict, counted, pretty};

/// How long a revocation took.
#[derive(Clone, Debug, Serialize)]
pub struct RevocationReport {
    /// The deployment.
    pub target: String,
    /// The version of this program.
    pub suite_version: String,
    /// When the measurement started, in RFC 3339.
    pub started_at: String,
    /// `violates` if an instance did not refuse for good, `partial` if one stopped answering.
    pub verdict: Verdict,
    /// Over all runs and instances.
    pub summary: RunSummary,
    /// Each run.
    pub runs: Vec<RunResult>,
}

/// Figures over all runs and instances.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RunSummary {
    /// The number of runs.
    pub runs: usize,
    /// The median of the first refusals; null if half of the instances never refused.
    pub median_seconds: Option<f64>,
    /// The latest first refusal; null if an instance never refused.
    pub max_seconds: Option<f64>,
}

/// One run: one token, revoked once.
#[derive(Clone, Debug, Serialize)]
pub struct RunResult {
    /// The `jti` of the token.
    pub token_id: Option<String>,
    /// Each instance.
    pub instances: Vec<InstanceResult>,
}

/// An instance in one run.
#[derive(Clone, Debug, Serialize)]
pub struct InstanceResult {
    /// `host:port`.
    pub address: String,
    /// Seconds from the return of the command to the first refusal; 0 if the first request was refused.
    pub first_refusal_seconds: Option<f64>,
    /// Seconds to the last request after that which was accepted; if none was refused, to the last one accepted at all.
    pub last_acceptance_seconds: Option<f64>,
    /// How its answers ended.
    #[serde(skip)]
    pub end: End,
}

impl RunResult {
    /// Judges each instance, given as its address and its answers.
    pub(super) fn new<'a>(
        token_id: Option<String>,
        observed: impl Iterator<Item = (&'a str, &'a Vec<Observation>)>,
    ) -> Self {
        let instances = observed.map(|(address, observations)| {
            let finding = judge(observations);
            InstanceResult {
                address: address.to_owned(),
                first_refusal_seconds: finding.first_refusal.map(seconds),
                last_acceptance_seconds: finding.last_acceptance.map(seconds),
                end: finding.end,
            }
        });
        Self { token_id, instances: instances.collect() }
    }
}

impl RevocationReport {
    /// The report of these runs.
    pub fn new(target: String, started_at: String, runs: Vec<RunResult>) -> Self {
        let instances = || runs.iter().flat_map(|run| &run.instances);
        let refusals: Vec<_> =
            instances().map(|instance| instance.first_refusal_seconds.map(Duration::from_secs_f64)).collect();
        let (median, maximum) = summarize(&refusals);
        let silent = |instance: &InstanceResult| matches!(instance.end, End::Silent(_));
        let verdict = match () {
            () if instances().any(|instance| instance.end.is_failure()) => Verdict::Violates,
            () if instances().any(silent) => Verdict::Partial,
            () => Verdict::Conforms,
        };
        let summary = RunSummary {
            runs: runs.len(),
            median_seconds: median.map(seconds),
            max_seconds: maximum.map(seconds),
        };
        Self { target, suite_version: env!("CARGO_PKG_VERSION").into(), started_at, verdict, summary, runs }
    }

    /// The report as JSON.
    pub fn to_json(&self) -> String {
        pretty(self)
    }

    fn addresses(&self, is_meant: impl Fn(&End) -> bool) -> usize {
        let meant =
            self.runs.iter().flat_map(|run| &run.instances).filter(|instance| is_meant(&instance.end));
        meant.map(|instance| &instance.address).collect::<BTreeSet<_>>().len()
    }
}

/// To the millisecond.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e3).round() / 1e3
}

impl fmt::Display for InstanceResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused = self.first_refusal_seconds.map(|first| format!("refused from {first:.2} s"));
        let accepted = self.last_acceptance_seconds.map(|last| format!("accepted until {last:.2} s"));
        let first = refused.clone().or_else(|| accepted.clone());
        let joined = |what: String| match &first {
            Some(first) => format!("{first}, then {what}"),
            None => what,
        };
        let text = match &self.end {
            End::Refused => refused.unwrap_or_default(),
            End::AcceptedAgain => {
                let last = self.last_acceptance_seconds.unwrap_or_default();
                joined(format!("accepted again, last at {last:.2} s"))
            }
            End::Accepted => {
                format!(
                    "never refused, still accepted at {:.2} s",
                    self.last_acceptance_seconds.unwrap_or_default()
                )
            }
            End::Other(what) => joined(format!("neither accepted nor refused: {what}")),
            End::Silent(what) => joined(format!("no answer: {what}")),
        };
        write!(f, "{}  {text}", self.address)
    }
}

impl fmt::Display for RevocationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, run) in self.runs.iter().enumerate() {
            write!(f, "run {}", number + 1)?;
            match &run.token_id {
                Some(id) => writeln!(f, ": token {}", id.escape_debug())?,
                None => writeln!(f, ": a token without `jti`")?,
            }
            for instance in &run.instances {
                writeln!(f, "  {instance}")?;
            }
        }
        let figure = |seconds: Option<f64>| match seconds {
            Some(seconds) => format!("{seconds:.2} s"),
            None => "never".to_owned(),
        };
        let RunSummary { runs, median_seconds, max_seconds } = self.summary;
        writeln!(f, "first refusal: median {}, maximum {}", figure(median_seconds), figure(max_seconds))?;
        let all = self.addresses(|_| true);
        let what = match self.verdict {
            Verdict::Conforms => {
                format!("{} refused the revoked token", counted(all, "instance", "instances"))
            }
            Verdict::Partial => {
                format!(
                    "{} of {} stopped answering",
                    self.addresses(|end| matches!(end, End::Silent(_))),
                    counted(all, "instance", "instances")
                )
            }
            Verdict::Violates => {
                format!(
                    "{} of {} did not refuse the revoked token for good",
                    self.addresses(End::is_failure),
                    counted(all, "instance", "instances")
                )
            }
        };
        writeln!(f, "{} {}: {what}; {}", self.target, self.verdict, counted(runs, "run", "runs"))
    }
}

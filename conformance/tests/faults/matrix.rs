//! Runs every fault against the cases in its table row, or against the whole catalogue, in process, once for all tests.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use artos_auth_conformance::report::{Outcome, Report};
use artos_auth_conformance::{Filter, Profile, RunError, Suite, TransportOptions};
use artos_auth_deployment::{Algorithm, Behavior, Deployment, Fault, Level, Power};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::named::{self, Named};

/// The number of concurrent runs.
const RUNS_AT_ONCE: usize = 24;

/// The faults for which one request's response depends on earlier or concurrent requests. Concurrent cases would find
/// them at random places; sequential ones always find them at the same places.
const REMEMBERING: [Fault; 13] = [
    Fault::RevocationForgotten,
    Fault::ForgeryAcceptedOnRepeat,
    Fault::ForgeryAcceptedInParallel,
    Fault::CallersMixedUp,
    Fault::CallerRemembered,
    Fault::AddressRemembered,
    Fault::ResponseCachedForAll,
    Fault::ResponseCachedForTokens,
    Fault::ForeignReadable,
    Fault::SignatureOverClaimsOnly,
    Fault::SignatureSeenForClaims,
    Fault::TokenUsedUp,
    Fault::AcceptedAfterUse,
];

/// The cases that find one fault.
pub(crate) struct Row {
    pub(crate) fault: Fault,
    /// Cases that fail, in any run.
    pub(crate) failed: BTreeSet<String>,
    /// Cases that warn, in any run.
    pub(crate) warned: BTreeSet<String>,
    /// Those of both that need no signing key.
    pub(crate) with_tokens: BTreeSet<String>,
    /// Why there was no report, if there was none.
    pub(crate) untestable: Vec<String>,
    /// The cases that the table lists for the fault.
    pub(crate) named: Named,
}

/// Cases in addition to those in the table: some faults have no case that applies to every key.
const CONTROL: [&str; 2] = ["public/without-token", "header/missing"];

/// If set to any value, each fault runs against the whole catalogue instead of the cases in the table.
const FULL: &str = "FAULTS_FULL";

/// Whether the whole catalogue is run, which writing the table requires.
fn is_full() -> bool {
    std::env::var_os(FULL).is_some() || named::is_updated()
}

/// How a deployment is tested: with keys of two types, and with tokens only.
pub(crate) const WAYS: [(Algorithm, Power); 3] = [
    (Algorithm::Es256, Power::Signing),
    (Algorithm::Es256, Power::Tokens),
    (Algorithm::Rs256, Power::Signing),
];

/// The matrix, computed on first use.
pub(crate) fn matrix() -> &'static [Row] {
    static MATRIX: LazyLock<Vec<Row>> = LazyLock::new(|| {
        let named = named::named();
        let row = |fault: &Fault| Row::new(*fault, named.get(&fault.id()).cloned().unwrap_or_default());
        let mut rows: Vec<Row> = Fault::ALL.iter().map(row).collect();
        for (algorithm, power) in WAYS {
            // The RSA key is slow, and used only for faults that an elliptic-curve key cannot show.
            let asked = |row: &&mut Row| algorithm == Algorithm::Es256 || !row.is_found();
            let asked: Vec<&mut Row> = rows.iter_mut().filter(asked).collect();
            let behavior = |row: &&mut Row| Behavior::with_fault(row.fault).signing_with(algorithm);
            let plan = asked.iter().map(|row| (behavior(row), power, row.filters(power))).collect();
            let reports = run_all(plan);
            for (row, report) in asked.into_iter().zip(reports) {
                row.note(power, report);
            }
        }
        rows
    });
    &MATRIX
}

impl Row {
    fn new(fault: Fault, named: Named) -> Row {
        Row {
            fault,
            failed: BTreeSet::new(),
            warned: BTreeSet::new(),
            with_tokens: BTreeSet::new(),
            untestable: Vec::new(),
            named,
        }
    }

    /// The cases to run; an empty list means all. All are run if cases depend on each other, and to check that a fault
    /// of a `should` fails no `must`.
    fn filters(&self, power: Power) -> Vec<Filter> {
        let looks_back = self.named.cases.iter().any(|case| case.starts_with("silence/"));
        let breaks_a_should = self.fault.level() == Level::Should && power == Power::Tokens;
        if is_full() || looks_back || breaks_a_should || REMEMBERING.contains(&self.fault) {
            return Vec::new();
        }
        self.named
            .cases
            .iter()
            .map(String::as_str)
            .chain(CONTROL)
            .map(|case| case.parse().expect("an id is a glob"))
            .collect()
    }

    /// Whether a case, of either level, finds the fault.
    pub(crate) fn is_found_by(&self, case: &str) -> bool {
        self.failed.contains(case) || self.warned.contains(case)
    }

    /// Whether a case identifies the fault.
    fn is_found(&self) -> bool {
        match self.fault.level() {
            Level::Must => !self.failed.is_empty(),
            Level::Should => !self.warned.is_empty(),
        }
    }

    fn note(&mut self, power: Power, report: Result<Report, RunError>) {
        let report = match report {
            Ok(report) => report,
            Err(error) => return self.untestable.push(format!("{power:?}: {error}")),
        };
        if let Some(why) = report.interrupted {
            self.untestable.push(format!("{power:?}: {why}"));
        }
        for case in report.cases {
            match case.outcome {
                Outcome::Failed => self.failed.insert(case.id.clone()),
                Outcome::Warned => self.warned.insert(case.id.clone()),
                Outcome::Passed | Outcome::Skipped => continue,
            };
            if power == Power::Tokens {
                self.with_tokens.insert(case.id);
            }
        }
    }
}

/// Runs the suite against each deployment, several at a time, and returns the reports in order.
pub(crate) fn run_all(plan: Vec<(Behavior, Power, Vec<Filter>)>) -> Vec<Result<Report, RunError>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let permits = Arc::new(Semaphore::new(RUNS_AT_ONCE));
        let mut runs = JoinSet::new();
        for (index, (behavior, power, filters)) in plan.into_iter().enumerate() {
            let permits = Arc::clone(&permits);
            runs.spawn(async move {
                let _permit = permits.acquire().await;
                (index, run(behavior, power, filters).await)
            });
        }
        let mut reports = runs.join_all().await;
        reports.sort_by_key(|(index, _)| *index);
        reports.into_iter().map(|(_, report)| report).collect()
    })
}

async fn run(behavior: Behavior, power: Power, filters: Vec<Filter>) -> Result<Report, RunError> {
    let deployment = Deployment::start(behavior).await.expect("a free port");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = deployment.write_profile(folder.path(), power).expect("the folder can be written");
    let profile = Profile::load(&path, None).expect("the profile is one");
    // Long, because a busy machine must not look like a hanging deployment; short if one really hangs.
    let timeout = Duration::from_secs(if behavior.fault == Some(Fault::ManyDotsHang) { 2 } else { 30 });
    let transport = TransportOptions { timeout, ..TransportOptions::default() };
    let remembers = behavior.fault.is_some_and(|fault| REMEMBERING.contains(&fault));
    let concurrency = if remembers { 1 } else { 8 };
    Suite::new(profile).transport(transport).filters(filters).rate(1e6).concurrency(concurrency).run().await
}

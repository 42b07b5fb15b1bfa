//! A run: the selected cases, the rate, and the report.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::watch;

pub use super::execute::Progress;
use super::execute::{execute, milliseconds, too_much_untested};
use super::{curl, preflight};
use crate::case::clause::Level;
use crate::case::filter::Filter;
use crate::case::need::Need;
use crate::case::{Case, Procedure};
use crate::catalogue;
use crate::judge::Known;
use crate::profile::Profile;
use crate::report::baseline::Baseline;
use crate::report::{Measurements, Report, Selection, Summary, Verdict};
use crate::run::clock::{Clock, timestamp};
use crate::run::pace::{Budget, Pace};
use crate::run::session::{Session, Shared, Stop, lock};
use crate::secret::Redactor;
use crate::transport::{Transport, TransportOptions};

/// The suite, configured for a deployment.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use artos_auth_conformance::{Profile, Suite};
///
/// let profile = Profile::load("conformance.toml".as_ref(), None)?;
/// let report = Suite::new(profile).run().await?;
/// report.assert_conforms();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Suite {
    profile: Profile,
    transport: TransportOptions,
    filters: Vec<Filter>,
    level: Level,
    concurrency: usize,
    rate: f64,
    max_seconds: u64,
    max_requests: u64,
    baseline: Baseline,
    stop: Option<watch::Receiver<Option<String>>>,
}

/// Maximum number of requests of a run, including retries and control requests.
const MAX_REQUESTS: u64 = 500;

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// The filters select no case, the baseline names an unknown one, or a certificate cannot be read: exit status 2.
    Usage(String),
    /// The target cannot be tested: unreachable, not the API, or it refuses its own valid token. Exit status 3.
    Untestable(String),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(why) => f.write_str(why),
            Self::Untestable(why) => write!(f, "the target cannot be tested: {why}"),
        }
    }
}

impl std::error::Error for RunError {}

impl Suite {
    /// All cases, at 50 requests a second, eight at a time.
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            transport: TransportOptions::default(),
            filters: Vec::new(),
            level: Level::Must,
            concurrency: 8,
            rate: 50.0,
            max_seconds: 900,
            max_requests: MAX_REQUESTS,
            baseline: Baseline::default(),
            stop: None,
        }
    }

    /// How to connect to the deployment.
    #[must_use]
    pub fn transport(mut self, options: TransportOptions) -> Self {
        self.transport = options;
        self
    }

    /// Selects only cases that match one of the filters.
    #[must_use]
    pub fn filters(mut self, filters: Vec<Filter>) -> Self {
        self.filters = filters;
        self
    }

    /// The level that counts for [`Report::has_failures`].
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// How many cases run at the same time; at least one.
    #[must_use]
    pub fn concurrency(mut self, cases: usize) -> Self {
        self.concurrency = cases.max(1);
        self
    }

    /// The maximum number of requests per second; greater than zero.
    #[must_use]
    pub fn rate(mut self, per_second: f64) -> Self {
        self.rate = per_second.clamp(0.01, 1_000_000.0);
        self
    }

    /// The maximum duration of the run in seconds; the remaining cases are then skipped. 900 by default.
    #[must_use]
    pub fn max_seconds(mut self, seconds: u64) -> Self {
        self.max_seconds = seconds;
        self
    }

    /// The maximum number of requests.
    #[must_use]
    pub(crate) fn max_requests(mut self, requests: u64) -> Self {
        self.max_requests = requests;
        self
    }

    /// Ends the run early when a reason is sent: the report then contains the results so far.
    #[must_use]
    pub fn stop_on(mut self, stop: watch::Receiver<Option<String>>) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Known failures.
    #[must_use]
    pub fn baseline(mut self, baseline: Baseline) -> Self {
        self.baseline = baseline;
        self
    }

    /// Runs the cases.
    ///
    /// # Errors
    ///
    /// If no case is selected, or the preflight finds that the target cannot be tested. A target that stops responding
    /// during the run is not an error: the report then says that it was interrupted.
    pub async fn run(self) -> Result<Report, RunError> {
        self.run_with(|_| {}).await
    }

    /// Runs the cases and reports progress.
    ///
    /// # Errors
    ///
    /// As [`Suite::run`].
    pub async fn run_with(self, progress: impl FnMut(Progress<'_>)) -> Result<Report, RunError> {
        let started_at = timestamp();
        let begun = Instant::now();
        self.baseline.check().map_err(RunError::Usage)?;
        preflight::contradictions(&self.profile).map_err(RunError::Usage)?;
        let (cases, selection) = self.select()?;
        let transport = Transport::new(self.profile.target.clone(), self.transport.clone())
            .map_err(|error| RunError::Usage(error.to_string()))?;
        let protocol = transport.protocol();
        let (shared, preflight) = self.prepare(transport).await?;
        let shared = Arc::new(shared);
        let reports = execute(&shared, cases, self.concurrency, self.stop.clone(), progress).await;
        let leeway = *lock(&shared.leeway);
        let mut report = Report {
            target: self.profile.target.to_string(),
            suite_version: env!("CARGO_PKG_VERSION").into(),
            started_at,
            duration_ms: milliseconds(begun.elapsed()),
            protocol,
            level: self.level,
            verdict: Verdict::Partial,
            summary: Summary::default(),
            selection,
            requests: shared.requests.load(Ordering::Relaxed),
            measurements: Measurements {
                leeway_seconds: leeway.map(|(seconds, _)| seconds),
                leeway_capped: leeway.is_some_and(|(_, capped)| capped),
                clock_offset_seconds: preflight.clock_offset,
            },
            notices: preflight.notices,
            interrupted: shared.is_dead().or_else(|| too_much_untested(&shared, &reports)),
            stale_baseline: Vec::new(),
            causes: Vec::new(),
            cases: reports,
        };
        report.stale_baseline = self.baseline.apply(&mut report.cases);
        report.sort();
        report.conclude();
        Ok(report)
    }

    /// The tokens of the first requests of a case, in order: newly minted, or those of the profile. Nothing is sent.
    ///
    /// # Errors
    ///
    /// If there is no such case, or the profile lacks what it needs.
    pub async fn tokens_of(&self, id: &str) -> Result<Vec<Vec<u8>>, RunError> {
        let Some(case) = catalogue::all().iter().find(|case| case.id() == id) else {
            return Err(RunError::Usage(format!(
                "unknown case `{id}`; `artos-conformance list` shows them all"
            )));
        };
        if let Some(why) = Need::missing(case.needs, &self.profile) {
            return Err(RunError::Usage(format!("{id} {why}")));
        }
        let transport = Transport::new(self.profile.target.clone(), self.transport.clone())
            .map_err(|error| RunError::Usage(error.to_string()))?;
        let mut shared = self.shared(transport, Clock::default(), Known::default(), 0);
        shared.written_down = Some(Mutex::new(Vec::new()));
        let shared = Arc::new(shared);
        let mut session = Session::new(Arc::clone(&shared), id.to_owned(), case.level, case.accept);
        let stop = match case.run {
            Procedure::Probe(make) => match make(&session) {
                Ok(request) => session.send(request).await.err(),
                Err(stop) => Some(stop),
            },
            Procedure::Run(run) => run(&mut session).await.err(),
        };
        let requests =
            shared.written_down.as_ref().map(|requests| lock(requests).clone()).unwrap_or_default();
        match stop {
            Some(Stop::Skip(why)) if requests.is_empty() => Err(RunError::Usage(format!("{id}: {why}"))),
            _ => Ok(curl::tokens(requests.iter())),
        }
    }

    fn select(&self) -> Result<(Vec<Case>, Selection), RunError> {
        let all = catalogue::all();
        let mut cases: Vec<Case> =
            all.iter().copied().filter(|case| Filter::any(&self.filters, case)).collect();
        let chosen = cases.len();
        if self.transport.http2 {
            cases.retain(|case| !case.http1_only);
        }
        let carried = cases.len();
        cases.retain(|case| case.needs.iter().all(|need| need.is_applicable(&self.profile)));
        if cases.is_empty() {
            return Err(RunError::Usage(
                "no case is selected: `artos-conformance list` shows them all".into(),
            ));
        }
        let selection = Selection {
            filters: self.filters.iter().map(ToString::to_string).collect(),
            catalogue: all.len(),
            http1_only: chosen - carried,
            other_key: carried - cases.len(),
        };
        Ok((cases, selection))
    }

    async fn prepare(&self, transport: Transport) -> Result<(Shared, preflight::Preflight), RunError> {
        let shared = Arc::new(self.shared(transport.clone(), Clock::default(), Known::default(), 0));
        let mut session = Session::preflight(Arc::clone(&shared));
        let preflight = preflight::run(&mut session)
            .await
            .map_err(|why| RunError::Untestable(lock(&shared.redactor).clean(&why)))?;
        let sent = shared.requests.load(Ordering::Relaxed);
        Ok((self.shared(transport, preflight.clock, preflight.known.clone(), sent), preflight))
    }

    pub(crate) fn shared(&self, transport: Transport, clock: Clock, known: Known, sent: u64) -> Shared {
        let mut redactor = Redactor::default();
        self.profile.tokens.values().for_each(|token| redactor.add_token(token.text.expose()));
        Shared {
            profile: self.profile.clone(),
            transport,
            pace: Pace::new(self.rate),
            budget: Budget::new(self.max_requests, self.max_seconds),
            put_off: AtomicU64::new(0),
            untested: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            probes: AtomicU64::new(0),
            clock,
            known,
            run_id: run_id(),
            requests: AtomicU64::new(sent),
            dead: Mutex::new(None),
            leeway: Mutex::new(None),
            leaks: Mutex::new(Vec::new()),
            redactor: Mutex::new(redactor),
            exchanges: Mutex::new(HashMap::new()),
            written_down: None,
            minted: Mutex::new(HashMap::new()),
            controls: AsyncMutex::new(HashMap::new()),
        }
    }
}

/// The common prefix of all request ids of a run.
pub(crate) fn run_id() -> String {
    let mut bytes = [0; 4];
    // Without randomness the ids of two runs may be equal, which only makes a log harder to search.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("artos-conformance-{digits}")
}

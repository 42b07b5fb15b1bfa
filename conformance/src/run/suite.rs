//! A run: which cases, how fast, and what comes of it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Mutex as AsyncMutex;
use tokio::sync::{mpsc, watch};

use super::curl;
use super::preflight;
use crate::case::clause::Level;
use crate::case::filter::Filter;
use crate::case::need::Need;
use crate::case::{Case, Procedure};
use crate::catalogue;
use crate::judge::{Finding, Known};
use crate::profile::Profile;
use crate::report::baseline::Baseline;
use crate::report::{
    CaseReport, Evidence, Measurements, Outcome, Report, Selection, Source, Summary, Verdict,
};
use crate::run::clock::{Clock, timestamp};
use crate::run::pace::{Budget, Pace};
use crate::run::session::{Exchange, Session, Shared, Stop, lock};
use crate::secret::Redactor;
use crate::transport::{Answer, Transport, TransportOptions};

/// The suite, pointed at a deployment.
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
    baseline: Baseline,
    stop: Option<watch::Receiver<Option<String>>>,
}

/// What a run sends at most, retries and control requests included.
const MAX_REQUESTS: u64 = 500;

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// The filters choose no case, the baseline names an unknown one, or a certificate cannot be read: exit
    /// status 2.
    Usage(String),
    /// The target cannot be tested: unreachable, not the API, or it refuses its own good token. Exit status 3.
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

/// How far a run has come.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    /// The case that has just ended.
    pub case: &'a CaseReport,
    /// How many have ended.
    pub done: usize,
    /// How many will be run.
    pub total: usize,
}

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
            baseline: Baseline::default(),
            stop: None,
        }
    }

    /// How the deployment is reached.
    #[must_use]
    pub fn transport(mut self, options: TransportOptions) -> Self {
        self.transport = options;
        self
    }

    /// Only cases that one of the filters takes.
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

    /// How many requests a second are sent at most; above zero.
    #[must_use]
    pub fn rate(mut self, per_second: f64) -> Self {
        self.rate = per_second.clamp(0.01, 1_000_000.0);
        self
    }

    /// How many seconds the run may take; the cases that are left then are skipped. 900 unless set.
    #[must_use]
    pub fn max_seconds(mut self, seconds: u64) -> Self {
        self.max_seconds = seconds;
        self
    }

    /// Ends the run early when a reason is sent: the report then holds what was found so far.
    #[must_use]
    pub fn stop_on(mut self, stop: watch::Receiver<Option<String>>) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Failures that are known.
    #[must_use]
    pub fn baseline(mut self, baseline: Baseline) -> Self {
        self.baseline = baseline;
        self
    }

    /// Runs the cases.
    ///
    /// # Errors
    ///
    /// When no case is selected, or the preflight finds that the target cannot be tested. A target that dies
    /// halfway is no error: the report then says that it was interrupted.
    pub async fn run(self) -> Result<Report, RunError> {
        self.run_with(|_| {}).await
    }

    /// Runs the cases and tells how far it has come.
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
            cases: reports,
        };
        report.stale_baseline = self.baseline.apply(&mut report.cases);
        report.sort();
        report.conclude();
        Ok(report)
    }

    /// The tokens of the requests that a case sends first, in order: minted anew, or those of the profile. Nothing is
    /// sent.
    ///
    /// # Errors
    ///
    /// When there is no such case, or the profile lacks what it needs.
    pub async fn tokens_of(&self, id: &str) -> Result<Vec<Vec<u8>>, RunError> {
        let Some(case) = catalogue::all().iter().find(|case| case.id() == id) else {
            return Err(RunError::Usage(format!(
                "there is no case `{id}`; `artos-conformance list` shows them all"
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

    fn shared(&self, transport: Transport, clock: Clock, known: Known, sent: u64) -> Shared {
        let mut redactor = Redactor::default();
        self.profile.tokens.values().for_each(|token| redactor.add_token(token.text.expose()));
        Shared {
            profile: self.profile.clone(),
            transport,
            pace: Pace::new(self.rate),
            budget: Budget::new(MAX_REQUESTS, self.max_seconds),
            put_off: AtomicU64::new(0),
            untested: AtomicU64::new(0),
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

/// Why the run says too little: more than a tenth of the `must` cases were put off or lost their connection.
fn too_much_untested(shared: &Shared, reports: &[CaseReport]) -> Option<String> {
    let musts = reports.iter().filter(|case| case.level == Level::Must).count();
    let untested = usize::try_from(shared.untested.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
    (untested * 10 > musts).then(|| {
        format!(
            "{untested} of {musts} `must` cases could not be tested because of 429, 503 or lost connections"
        )
    })
}

/// Runs the cases, several at a time, those that look back at all the others last.
async fn execute(
    shared: &Arc<Shared>,
    cases: Vec<Case>,
    concurrency: usize,
    mut stop: Option<watch::Receiver<Option<String>>>,
    mut progress: impl FnMut(Progress<'_>),
) -> Vec<CaseReport> {
    let total = cases.len();
    let mut done = 0;
    let mut reports: Vec<CaseReport> = cases.iter().map(unjudged).collect();
    let (last, first): (Vec<_>, Vec<_>) =
        cases.into_iter().enumerate().partition(|(_, case)| case.group == catalogue::LAST);
    for (batch, workers) in [(first, concurrency), (last, 1)] {
        let batch = Arc::new(batch);
        let next = Arc::new(AtomicUsize::new(0));
        let (sender, mut ended) = mpsc::unbounded_channel();
        for _ in 0..workers.min(batch.len()) {
            let (batch, next, sender) = (Arc::clone(&batch), Arc::clone(&next), sender.clone());
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                while let Some((index, case)) = batch.get(next.fetch_add(1, Ordering::Relaxed)).copied() {
                    let report = one(&shared, case).await;
                    if sender.send((index, report)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        loop {
            let (index, report) = tokio::select! {
                ended = ended.recv() => match ended {
                    Some(ended) => ended,
                    None => break,
                },
                why = stopped(&mut stop) => {
                    lock(&shared.dead).get_or_insert(why);
                    break;
                }
            };
            done += 1;
            progress(Progress { case: &report, done, total });
            if let Some(slot) = reports.get_mut(index) {
                *slot = report;
            }
        }
    }
    // What had not ended when the run was stopped was not tested.
    for report in &mut reports {
        if report.observed.is_none() && report.skipped_because.is_none() {
            report.skipped_because = Some(format!(
                "{}: it needs another run",
                shared.is_dead().unwrap_or_else(|| "the run was stopped".into())
            ));
        }
    }
    reports
}

/// Waits until the run is stopped from outside.
async fn stopped(stop: &mut Option<watch::Receiver<Option<String>>>) -> String {
    if let Some(stop) = stop
        && let Ok(why) = stop.wait_for(Option::is_some).await
    {
        return why.clone().unwrap_or_default();
    }
    std::future::pending().await
}

/// Runs one case.
async fn one(shared: &Arc<Shared>, case: Case) -> CaseReport {
    let mut report = unjudged(&case);
    if let Some(why) = Need::missing(case.needs, &shared.profile) {
        report.skipped_because = Some(why);
        return report;
    }
    if let Some(why) = shared.is_dead() {
        report.skipped_because = Some(format!("{why}: it needs another run"));
        return report;
    }
    let begun = Instant::now();
    let mut session = Session::new(Arc::clone(shared), case.id(), case.level, case.accept);
    let finding = match case.run {
        Procedure::Run(run) => run(&mut session).await,
        Procedure::Probe(make) => match make(&session) {
            Ok(request) => session.probe(request).await,
            Err(stop) => Err(stop),
        },
    };
    let finding = match finding {
        Ok(finding) => session.require_admission(&finding).await.map(|()| finding),
        stopped => stopped,
    };
    match finding {
        Ok(finding) => {
            report.duration_ms = milliseconds(begun.elapsed());
            settle(&mut report, &finding, shared, session.exchanges());
        }
        Err(Stop::Skip(why)) => report.skipped_because = Some(why),
        Err(Stop::Busy(why)) => {
            if case.level == Level::Must {
                shared.untested.fetch_add(1, Ordering::Relaxed);
            }
            report.skipped_because = Some(why);
        }
        Err(Stop::Dead(why)) => report.skipped_because = Some(format!("{why}: it needs another run")),
    }
    report
}

/// The case as it stands in a report before it has been run.
fn unjudged(case: &Case) -> CaseReport {
    CaseReport {
        id: case.id(),
        title: case.title.into(),
        clauses: case.clauses.to_vec(),
        level: case.level,
        outcome: Outcome::Skipped,
        expected: case.expected(),
        observed: None,
        skipped_because: None,
        duration_ms: 0,
        wrongly_allowed: false,
        sends: case.sends.into(),
        requirement: case.requirement.into(),
        source: Source { document: case.source.document.into(), text: case.source.text.into() },
        evidence: None,
        known: None,
    }
}

fn settle(report: &mut CaseReport, finding: &Finding, shared: &Shared, exchanges: &[Exchange]) {
    let redactor = lock(&shared.redactor).clone();
    report.observed = Some(redactor.clean(&finding.observed));
    report.outcome = match (finding.kept, report.level) {
        (true, _) => Outcome::Passed,
        (false, Level::Must) if !finding.refused_otherwise => Outcome::Failed,
        (false, _) => Outcome::Warned,
    };
    if finding.kept {
        return;
    }
    report.wrongly_allowed = finding.wrongly_allowed && report.outcome == Outcome::Failed;
    let deciding = finding.deciding.and_then(|index| exchanges.get(index));
    let mut evidence = Evidence {
        remarks: finding.remarks.iter().map(|remark| redactor.clean(remark)).collect(),
        ..Evidence::default()
    };
    if let Some(Exchange { request, answer }) = deciding {
        let line = curl::line(shared.transport.target(), shared.transport.protocol(), request);
        evidence.curl = Some(curl::with_tokens(&line, &report.id, &shared.profile.path, request));
        evidence.request_id = Some(request.request_id.clone());
        if let Answer::Response(response) = answer {
            let mut head = vec![format!("{} {}", shared.transport.protocol(), response.status)];
            head.extend(
                response.fields.iter().map(|(name, value)| {
                    redactor.clean(&format!("{name}: {}", String::from_utf8_lossy(value)))
                }),
            );
            evidence.response_head = head;
            let body = redactor.clean(&String::from_utf8_lossy(&response.body));
            evidence.response_body = (!body.is_empty()).then(|| body.chars().take(512).collect());
        }
    }
    report.evidence = Some(evidence);
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What all request ids of a run begin with.
fn run_id() -> String {
    let mut bytes = [0; 4];
    // Without randomness the ids of two runs may coincide, which only makes a log harder to search.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("artos-conformance-{digits}")
}

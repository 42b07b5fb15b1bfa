//! Runs cases, several at a time, and records their outcomes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::curl;
use crate::case::clause::Level;
use crate::case::need::Need;
use crate::case::{Case, Procedure};
use crate::catalogue;
use crate::judge::Finding;
use crate::report::{CaseReport, Evidence, Outcome, Source};
use crate::run::session::{Exchange, Session, Shared, Stop, lock};
use crate::secret::Redactor;
use crate::transport::RequestOutcome;

/// The progress of a run.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    /// The case that has just finished.
    pub case: &'a CaseReport,
    /// How many have finished.
    pub done: usize,
    /// How many will be run.
    pub total: usize,
}

/// From this many `must` cases without a response on, the failures are not those of single cases.
const MANY_LOST: u64 = 8;

/// Why the run is inconclusive: more than a tenth of the `must` cases were postponed or lost their connection. Single
/// lost connections are failures of their cases.
pub(super) fn too_much_untested(shared: &Shared, reports: &[CaseReport]) -> Option<String> {
    let musts = reports.iter().filter(|case| case.level == Level::Must).count();
    let lost =
        Some(shared.lost.load(Ordering::Relaxed)).filter(|lost| *lost >= MANY_LOST).unwrap_or_default();
    let untested = shared.untested.load(Ordering::Relaxed) + lost;
    let untested = usize::try_from(untested).unwrap_or(usize::MAX);
    (untested * 10 > musts).then(|| {
        format!(
            "{untested} of {musts} `must` cases could not be tested because of 429, 503 or lost connections"
        )
    })
}

/// Runs the cases, several at a time; those that check the responses of all others run last.
pub(super) async fn execute(
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
    // Cases that had not finished when the run was stopped were not tested.
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
pub(crate) async fn stopped(stop: &mut Option<watch::Receiver<Option<String>>>) -> String {
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
            if case.level == Level::Must && lost_connection(&finding, session.exchanges()) {
                shared.lost.fetch_add(1, Ordering::Relaxed);
            }
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

/// Whether the case failed because no response arrived.
fn lost_connection(finding: &Finding, exchanges: &[Exchange]) -> bool {
    let deciding = finding.deciding.and_then(|index| exchanges.get(index)).map(|exchange| &exchange.answer);
    !finding.kept
        && matches!(
            deciding,
            Some(RequestOutcome::Closed | RequestOutcome::TimedOut | RequestOutcome::Unreachable(_))
        )
}

/// The entry of a case in a report before it has run.
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
    let mut evidence = deciding.map(|exchange| evidence(exchange, shared, &redactor)).unwrap_or_default();
    evidence.remarks = finding.remarks.iter().map(|remark| redactor.clean(remark)).collect();
    if let (Some(line), Some(Exchange { request, .. })) = (&evidence.curl, deciding) {
        evidence.curl = Some(curl::with_tokens(line, &report.id, &shared.profile.path, request));
    }
    report.evidence = Some(evidence);
}

/// The request and its answer, redacted. The shell line does not set the variables that stand for tokens.
pub(crate) fn evidence(exchange: &Exchange, shared: &Shared, redactor: &Redactor) -> Evidence {
    let Exchange { request, answer } = exchange;
    let mut evidence = Evidence {
        curl: Some(curl::line(shared.transport.target(), shared.transport.protocol(), request)),
        request_id: Some(request.request_id.clone()),
        ..Evidence::default()
    };
    if let RequestOutcome::Response(response) = answer {
        let mut head = vec![format!("{} {}", shared.transport.protocol(), response.status)];
        head.extend(
            response
                .fields
                .iter()
                .map(|(name, value)| redactor.clean(&format!("{name}: {}", String::from_utf8_lossy(value)))),
        );
        evidence.response_head = head;
        let body = redactor.clean(&String::from_utf8_lossy(&response.body));
        evidence.response_body = (!body.is_empty()).then(|| body.chars().take(512).collect());
    }
    evidence
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

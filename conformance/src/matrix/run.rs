//! Sends a plan, operation by operation, and judges the answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use super::callers::{Caller, Lack, Tokens, token_name};
use super::judge::{Facts, judge};
use super::plan::{Cell, Plan, Row, phase};
use super::report::{CellReport, MatrixReport, OperationReport, Public, Summary};
use super::values::{Filled, Resource, resources};
use crate::case::clause::Level;
use crate::judge::Known;
use crate::profile::{Profile, Target};
use crate::report::Verdict;
use crate::report::baseline::Baseline;
use crate::run::clock::{Clock, http_date, timestamp};
use crate::run::curl;
use crate::run::execute::{evidence, milliseconds, stopped};
use crate::run::session::{Exchange, Session, Shared, Stop, lock};
use crate::run::suite::{RunError, Suite};
use crate::transport::{Request, RequestOutcome, Response, TokenText, Transport, TransportOptions};

/// How a matrix is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How to connect to the deployment.
    pub transport: TransportOptions,
    /// Requests per second.
    pub rate: f64,
    /// Operations at the same time.
    pub concurrency: usize,
    /// Known failures.
    pub baseline: Baseline,
    /// Ends the run early when a reason is sent.
    pub stop: Option<watch::Receiver<Option<String>>>,
}

/// Everything that the operations share.
struct Context {
    shared: Arc<Shared>,
    /// Values that name resources: of the own organization, and of the other one.
    resources: (Vec<String>, Vec<String>),
    tokens: std::sync::Mutex<Tokens>,
}

/// Sends the plan. `progress` gets the number of finished operations.
///
/// # Errors
///
/// If a certificate cannot be read, the target cannot be reached, or it refuses its own good token everywhere.
pub async fn run(
    plan: Plan,
    profile: Profile,
    options: Options,
    mut progress: impl FnMut(usize, &OperationReport),
) -> Result<MatrixReport, RunError> {
    let started_at = timestamp();
    let begun = Instant::now();
    let target = profile.target.to_string();
    let transport = Transport::new(profile.target.clone(), options.transport.clone())
        .map_err(|error| RunError::Usage(error.to_string()))?;
    let protocol = transport.protocol();
    // Redirects, controls after a pause and checks for life come on top of the planned requests.
    let most = u64::try_from(plan.requests()).unwrap_or(u64::MAX).saturating_mul(4).saturating_add(100);
    let resources = resources(&profile.matrix);
    let mut notices = plan.notes.clone();
    if !profile.target.tls && !profile.target.is_loopback() {
        notices.push(format!(
            "tokens are sent to {target} in plaintext; the documentation demands HTTPS (SEC-2)"
        ));
    }
    let suite = Suite::new(profile)
        .transport(options.transport)
        .rate(options.rate)
        .max_requests(most)
        .max_seconds(86_400);
    let shared = Arc::new(suite.shared(transport.clone(), Clock::default(), Known::default(), 0));
    let clock = clock(shared).await?;
    let shared = Arc::new(suite.shared(transport, clock, Known::default(), 1));
    let context = Arc::new(Context {
        shared: Arc::clone(&shared),
        resources,
        tokens: std::sync::Mutex::new(Tokens::default()),
    });
    let operations =
        operations(&context, plan, options.concurrency.max(1), options.stop, &mut progress).await;
    let mut report = MatrixReport {
        target,
        suite_version: env!("CARGO_PKG_VERSION").into(),
        started_at,
        duration_ms: milliseconds(begun.elapsed()),
        protocol,
        requests: shared.requests.load(Ordering::Relaxed),
        verdict: Verdict::Partial,
        summary: Summary::default(),
        public: Public::default(),
        notices,
        interrupted: shared.is_dead(),
        stale_baseline: Vec::new(),
        operations,
    };
    refuses_its_own(&report)?;
    report.apply(&options.baseline);
    report.conclude();
    Ok(report)
}

/// The first request: is there a server, and what does its clock say?
async fn clock(shared: Arc<Shared>) -> Result<Clock, RunError> {
    let mut session = Session::preflight(Arc::clone(&shared));
    let answer = session.send(session.public()).await;
    match answer {
        Ok(RequestOutcome::Response(response)) => {
            Ok(Clock::by_date(response.value("date").as_deref().and_then(http_date)).0)
        }
        Ok(other) => Err(RunError::Untestable(format!(
            "{}: {}",
            shared.profile.target,
            crate::judge::describe(&other, &shared.known)
        ))),
        Err(stop) => Err(RunError::Untestable(super::callers::words(&stop))),
    }
}

/// A good token that every secured operation answers with 401 is not a good token.
fn refuses_its_own(report: &MatrixReport) -> Result<(), RunError> {
    let mut controls = report
        .operations
        .iter()
        .filter(|operation| !operation.public)
        .flat_map(|operation| &operation.cells)
        .filter(|cell| cell.is_control())
        .filter_map(|cell| cell.observed.as_deref())
        .peekable();
    if controls.peek().is_some() && controls.all(|observed| observed.starts_with("401")) {
        return Err(RunError::Untestable(
            "every operation answered the good token with 401: the deployment refuses its own good token"
                .into(),
        ));
    }
    Ok(())
}

async fn operations(
    context: &Arc<Context>,
    plan: Plan,
    concurrency: usize,
    mut stop: Option<watch::Receiver<Option<String>>>,
    progress: &mut impl FnMut(usize, &OperationReport),
) -> Vec<OperationReport> {
    let mut finished: Vec<Option<OperationReport>> = plan.rows.iter().map(|_| None).collect();
    let mut done = 0;
    let rows: Vec<(usize, Row)> = plan.rows.into_iter().enumerate().collect();
    for wanted in 0..3 {
        let batch: Arc<Vec<(usize, Row)>> =
            Arc::new(rows.iter().filter(|(_, row)| phase(&row.operation) == wanted).cloned().collect());
        let next = Arc::new(AtomicUsize::new(0));
        let (sender, mut ended) = mpsc::unbounded_channel();
        for _ in 0..concurrency.min(batch.len()) {
            let (batch, next, sender) = (Arc::clone(&batch), Arc::clone(&next), sender.clone());
            let context = Arc::clone(context);
            tokio::spawn(async move {
                while let Some((index, row)) = batch.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if sender.send((*index, one(&context, row).await)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        loop {
            tokio::select! {
                operation = ended.recv() => {
                    let Some((index, operation)) = operation else { break };
                    done += 1;
                    progress(done, &operation);
                    if let Some(slot) = finished.get_mut(index) {
                        *slot = Some(operation);
                    }
                }
                why = stopped(&mut stop) => {
                    // The operations that have begun end with their next request.
                    lock(&context.shared.dead).get_or_insert(why);
                    stop = None;
                }
            }
        }
    }
    finished.into_iter().flatten().collect()
}

/// An answered cell: its exchange, and the strings that were asked for.
struct Asked {
    exchange: Exchange,
    asked: Vec<String>,
}

async fn one(context: &Context, row: &Row) -> OperationReport {
    let name = row.operation.name();
    let mut report = OperationReport {
        operation_id: name.clone(),
        method: row.operation.method.clone(),
        path: row.operation.path.clone(),
        public: row.public,
        not_exercised: false,
        uncovered: row.filled.as_ref().err().cloned().unwrap_or_default(),
        cells: Vec::new(),
    };
    let Ok(filled) = &row.filled else { return report };
    let mut answers = Vec::new();
    for cell in &row.cells {
        answers.push(ask(context, row, filled, cell, &name).await);
    }
    let control = row.cells.iter().zip(&answers).find(|(cell, _)| cell.is_control());
    let control =
        control.and_then(|(_, answer)| answer.as_ref().ok()).and_then(|asked| match &asked.exchange.answer {
            RequestOutcome::Response(response) => Some(response),
            _ => None,
        });
    for (cell, answer) in row.cells.iter().zip(&answers) {
        let (cell, not_exercised) = judged(context, row, cell, answer.as_ref(), control);
        report.not_exercised |= not_exercised;
        report.cells.push(cell);
    }
    report
}

async fn ask(
    context: &Context,
    row: &Row,
    filled: &Filled,
    cell: &Cell,
    name: &str,
) -> Result<Asked, String> {
    if let Some(why) = &cell.skip {
        return Err(why.clone());
    }
    let token = lock(&context.tokens).get(&context.shared, cell.caller, &cell.lack)?;
    let resource = cell.resource.clone().unwrap_or(Resource::Own);
    let (mut request, asked) = filled.request(&row.operation, &resource);
    if let Some(token) = token {
        request = request.bearer(token);
    }
    let case = format!("{name}/{}", cell.caller.key());
    let mut session = Session::new(Arc::clone(&context.shared), case, Level::Must, &[]);
    let exchange = followed(&mut session, request).await.map_err(|stop| super::callers::words(&stop))?;
    Ok(Asked { exchange, asked })
}

/// Sends a request, and once more where 307 or 308 lead within the origin.
async fn followed(session: &mut Session, request: Request) -> Result<Exchange, Stop> {
    let answer = session.send(request.clone()).await?;
    if let RequestOutcome::Response(response) = &answer
        && matches!(response.status, 307 | 308)
        && let Some(location) = response.value("location")
        && let Some(target) = within_origin(&session.profile().target, &request, &location)
    {
        session.send(Request { target: TokenText::from(target), ..request }).await?;
    }
    let last = session.exchanges().last().cloned();
    last.ok_or_else(|| Stop::Skip("nothing was sent".into()))
}

/// The request-target that a `Location` names, if it is within the origin.
fn within_origin(target: &Target, request: &Request, location: &str) -> Option<String> {
    let location = location.split('#').next().unwrap_or_default();
    let absolute = if location.starts_with("//") {
        format!("{}:{location}", if target.tls { "https" } else { "http" })
    } else {
        location.to_owned()
    };
    if absolute.contains("://") {
        let uri: http::Uri = absolute.parse().ok()?;
        let origin = Target::parse(&format!("{}://{}", uri.scheme_str()?, uri.authority()?)).ok()?;
        return (origin == *target)
            .then(|| uri.path_and_query().map_or_else(|| "/".into(), ToString::to_string));
    }
    if absolute.starts_with('/') {
        return Some(absolute);
    }
    let sent = String::from_utf8_lossy(&request.target.bytes()).into_owned();
    let path = sent.split('?').next().unwrap_or_default();
    match absolute.starts_with('?') {
        true => Some(format!("{path}{absolute}")),
        false => Some(format!("{}/{absolute}", path.rsplit_once('/').map_or("", |(folder, _)| folder))),
    }
}

fn judged(
    context: &Context,
    row: &Row,
    cell: &Cell,
    answer: Result<&Asked, &String>,
    control: Option<&Response>,
) -> (CellReport, bool) {
    let expected = match &cell.lack {
        Lack::All => format!("{} (no permission at all)", cell.expect),
        Lack::These(names) => format!("{} (all permissions but {})", cell.expect, names.join(", ")),
        Lack::Nothing | Lack::Named => cell.expect.to_string(),
    };
    let resource = cell.resource.as_ref().map(Resource::label);
    let mut report = CellReport::skipped(cell.caller.key(), resource, expected);
    let asked = match answer {
        Ok(asked) => asked,
        Err(why) => {
            report.skipped_because = Some(why.clone());
            return (report, false);
        }
    };
    let (own, other) = &context.resources;
    let lost;
    let answer = match &asked.exchange.answer {
        RequestOutcome::Response(response) => Ok(response),
        answer => {
            lost = crate::judge::describe(answer, &context.shared.known);
            Err(lost.as_str())
        }
    };
    let status = answer.map(|response| response.status.to_string()).unwrap_or_default();
    let judgement = judge(&Facts {
        expect: cell.expect,
        answer,
        safe: row.operation.is_safe(),
        head: row.operation.method == "HEAD",
        control,
        asked: &asked.asked,
        foreign: if cell.caller == Caller::OtherOrganization { own } else { other },
        media_types: row.operation.responses.get(&status).map(Vec::as_slice).unwrap_or_default(),
    });
    let redactor = lock(&context.shared.redactor);
    report.observed = Some(redactor.clean(&judgement.observed));
    report.outcome = judgement.outcome;
    report.wrongly_allowed = judgement.wrongly_allowed;
    let mut evidence = evidence(&asked.exchange, &context.shared, &redactor);
    let (name, profile) = (token_name(cell.caller, &cell.lack), &context.shared.profile.path);
    let request = &asked.exchange.request;
    evidence.curl = evidence.curl.map(|line| curl::with_tokens(&line, &name, profile, request));
    report.evidence = Some(evidence);
    (report, judgement.not_exercised)
}

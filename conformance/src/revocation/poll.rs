//! Sends requests to every instance until all refuse.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::judgement::{Observation, Seen};
use crate::judge::{self, Accept, Known};
use crate::run::clock::retry_after;
use crate::run::session::lock;
use crate::secret::Redactor;
use crate::transport::{Connection, Request, RequestOutcome, Transport};

/// The time between the starts of two requests to an instance: 50 requests a second, the default rate of `run`.
const INTERVAL: Duration = Duration::from_millis(20);

/// How long all instances must have refused without a break.
const SETTLED: Duration = Duration::from_secs(2);

/// An instance, with a connection that is kept.
pub(super) struct Instance {
    name: String,
    transport: Transport,
    connection: Option<Connection>,
}

impl Instance {
    pub(super) fn new(name: String, transport: Transport) -> Self {
        Self { name, transport, connection: None }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Sends a request, on the kept connection if there is one.
    pub(super) async fn ask(&mut self, request: &Request) -> RequestOutcome {
        if let Some(open) = self.connection.take().filter(Connection::is_reusable) {
            // The instance may have closed it between two requests, and has then not processed this one.
            let answer = self.send(open, request).await;
            if answer != RequestOutcome::Closed {
                return answer;
            }
        }
        match self.transport.connect().await {
            Ok(open) => self.send(open, request).await,
            Err(error) => RequestOutcome::Unreachable(error),
        }
    }

    /// Without a complete response, the connection may still contain a part of one.
    async fn send(&mut self, mut connection: Connection, request: &Request) -> RequestOutcome {
        let answer = connection.send(request).await;
        if matches!(answer, RequestOutcome::Response(_)) {
            self.connection = Some(connection);
        }
        answer
    }
}

/// Sends requests to all instances at the same time, until all have refused for two seconds or `limit` has passed. Returns
/// the answers of each, in their order.
pub(super) async fn watch(
    instances: &mut Vec<Instance>,
    request: &Request,
    redactor: &Redactor,
    limit: Duration,
) -> Vec<Vec<Observation>> {
    let begun = Instant::now();
    let refusing = Arc::new(Refusing(Mutex::new(vec![None; instances.len()])));
    let mut tasks = JoinSet::new();
    for (index, mut instance) in instances.drain(..).enumerate() {
        let (request, redactor, refusing) = (request.clone(), redactor.clone(), Arc::clone(&refusing));
        tasks.spawn(async move {
            let observed = watch_one(&mut instance, &request, &redactor, begun, limit, |seen, at| {
                refusing.record(index, seen, at)
            });
            let observed = observed.await;
            (index, instance, observed)
        });
    }
    let mut done = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(result) => done.push(result),
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    done.sort_by_key(|(index, ..)| *index);
    let mut all = Vec::new();
    for (_, instance, observed) in done {
        instances.push(instance);
        all.push(observed);
    }
    all
}

/// `record` notes an observation and says whether all instances have refused for long enough.
async fn watch_one(
    instance: &mut Instance,
    request: &Request,
    redactor: &Redactor,
    begun: Instant,
    limit: Duration,
    record: impl Fn(Option<&Seen>, Duration) -> bool,
) -> Vec<Observation> {
    let mut observed = Vec::new();
    // The first request is sent when the command has returned.
    let mut at = Duration::ZERO;
    loop {
        let answer = instance.ask(request).await;
        let seen = seen(request, &answer, redactor);
        record(Some(&seen), at);
        observed.push(Observation { sent: at, received: begun.elapsed(), seen });
        let next = (at + INTERVAL.max(asked_to_wait(&answer))).max(begun.elapsed());
        tokio::time::sleep_until(begun + next.min(limit)).await;
        at = begun.elapsed();
        if at >= limit || record(None, at) {
            return observed;
        }
    }
}

/// The time since when each instance refuses without a break.
struct Refusing(Mutex<Vec<Option<Duration>>>);

impl Refusing {
    fn record(&self, index: usize, seen: Option<&Seen>, at: Duration) -> bool {
        let mut since = lock(&self.0);
        if let (Some(seen), Some(own)) = (seen, since.get_mut(index)) {
            *own = match seen {
                Seen::Refused => own.or(Some(at)),
                _ => None,
            };
        }
        since.iter().all(|since| since.is_some_and(|since| at >= since + SETTLED))
    }
}

/// Only the documented 401 is a refusal.
fn seen(request: &Request, answer: &RequestOutcome, redactor: &Redactor) -> Seen {
    let words = || redactor.clean(&judge::describe(answer, &Known::default()));
    match answer {
        RequestOutcome::Response(response) if response.is_success() => Seen::Accepted,
        RequestOutcome::Response(response)
            if response.status == 401
                && judge::accepts(&[Accept::InvalidCredentials], request, answer, &Known::default()) =>
        {
            Seen::Refused
        }
        RequestOutcome::Response(_) => Seen::Other(words()),
        _ => Seen::Silent(words()),
    }
}

fn asked_to_wait(answer: &RequestOutcome) -> Duration {
    match answer {
        RequestOutcome::Response(response) if matches!(response.status, 429 | 503) => response
            .value("retry-after")
            .map_or(Duration::ZERO, |text| retry_after(&text).min(Duration::from_secs(60))),
        _ => Duration::ZERO,
    }
}

//! The environment of a case: the profile's tokens and endpoints, a way to send, and a record of the responses.

mod exchange;
mod tokens;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tokio::sync::{Mutex as AsyncMutex, OnceCell};

use crate::case::clause::Level;
use crate::judge::{Accept, Known};
use crate::profile::{Profile, TokenKind};
use crate::run::clock::Clock;
use crate::run::pace::{Budget, Pace};
use crate::secret::Redactor;
use crate::token::Compact;
use crate::transport::{Request, RequestOutcome, Transport};

pub(crate) use exchange::leaks_token;
pub(crate) use tokens::good_token;

/// A request and its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The request as sent, including its id.
    pub request: Request,
    /// The result.
    pub answer: RequestOutcome,
}

/// Why a case has no finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It cannot be tested; this is what it needs.
    Skip(String),
    /// The deployment asked to wait more often than the case allows.
    Busy(String),
    /// The target no longer responds.
    Dead(String),
}

/// State shared by all cases of a run.
pub(crate) struct Shared {
    pub(crate) profile: Profile,
    pub(crate) transport: Transport,
    pub(crate) pace: Pace,
    pub(crate) budget: Budget,
    /// How many cases in a row the deployment has postponed with 429 or 503.
    pub(crate) put_off: AtomicU64,
    /// How many `must` cases could not be tested because of 429 or 503.
    pub(crate) untested: AtomicU64,
    /// How many `must` cases failed because no response arrived.
    pub(crate) lost: AtomicU64,
    /// How often the public endpoint was requested to check whether the deployment still responds.
    pub(crate) probes: AtomicU64,
    pub(crate) clock: Clock,
    pub(crate) known: Known,
    pub(crate) run_id: String,
    pub(crate) requests: AtomicU64,
    pub(crate) dead: Mutex<Option<String>>,
    pub(crate) leeway: Mutex<Option<(u64, bool)>>,
    /// Where a part of a presented token was returned: the request's id and its case.
    pub(crate) leaks: Mutex<Vec<String>>,
    pub(crate) redactor: Mutex<Redactor>,
    /// Exchanges that several cases evaluate, by name.
    pub(crate) exchanges: Mutex<HashMap<String, Arc<OnceCell<Exchange>>>>,
    /// Records requests instead of sending them.
    pub(crate) written_down: Option<Mutex<Vec<Request>>>,
    /// Tokens that every case may use unchanged, minted once.
    pub(crate) minted: Mutex<HashMap<TokenKind, Compact>>,
    pub(crate) controls: AsyncMutex<HashMap<Vec<u8>, RequestOutcome>>,
}

impl Shared {
    pub(crate) fn is_dead(&self) -> Option<String> {
        lock(&self.dead).clone()
    }
}

/// The data stays consistent if a lock holder panics: every change is a single assignment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state of one case.
pub struct Session {
    pub(crate) shared: Arc<Shared>,
    case: String,
    accept: &'static [Accept],
    level: Level,
    exchanges: Vec<Exchange>,
    /// No response has been received yet: the missing response is then the finding.
    preflight: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("case", &self.case).finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, case: String, level: Level, accept: &'static [Accept]) -> Self {
        Self { shared, case, level, accept, exchanges: Vec::new(), preflight: false }
    }

    pub(crate) fn preflight(shared: Arc<Shared>) -> Self {
        Self { preflight: true, ..Self::new(shared, "preflight".into(), Level::Must, &[]) }
    }

    /// The requests sent so far and their results.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// What the case accepts.
    pub(crate) fn accept(&self) -> &'static [Accept] {
        self.accept
    }

    pub(crate) fn known(&self) -> &Known {
        &self.shared.known
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.shared.profile
    }

    /// The deployment's time, in seconds since the Unix epoch.
    pub(crate) fn now(&self) -> i64 {
        self.shared.clock.now()
    }
}

/// Requests.
impl Session {
    /// The public endpoint.
    pub(crate) fn public(&self) -> Request {
        Request::new("GET", self.profile().endpoints.public.path.as_str())
    }

    /// The protected endpoint.
    pub(crate) fn protected(&self) -> Request {
        Request::new("GET", self.profile().endpoints.protected.path.as_str())
    }

    /// The owned resource.
    pub(crate) fn owned(&self) -> Result<Request, Stop> {
        let owned = self.profile().endpoints.owned.as_ref().ok_or_else(|| lacking("endpoints.owned"))?;
        Ok(Request::new(&owned.endpoint.method, owned.endpoint.path.as_str()))
    }

    /// The paths of the profile's endpoints, each with its method.
    pub(crate) fn endpoint_methods(&self) -> Vec<(String, String)> {
        let endpoints = &self.profile().endpoints;
        let owned = endpoints.owned.as_ref().map(|owned| &owned.endpoint);
        let permission = endpoints.permission.as_ref().map(|entry| &entry.endpoint);
        [Some(&endpoints.public), Some(&endpoints.protected), owned, permission]
            .into_iter()
            .flatten()
            .map(|endpoint| (endpoint.path.clone(), endpoint.method.clone()))
            .collect()
    }

    /// The operation that needs a permission, without a body.
    pub(crate) fn operation(&self) -> Result<Request, Stop> {
        let entry =
            self.profile().endpoints.permission.as_ref().ok_or_else(|| lacking("endpoints.permission"))?;
        Ok(Request::new(&entry.endpoint.method, entry.endpoint.path.as_str()))
    }

    /// The operation that needs a permission, with its body.
    pub(crate) fn permission(&self) -> Result<Request, Stop> {
        let request = self.operation()?;
        let body = self.profile().endpoints.permission.as_ref().and_then(|entry| entry.body.as_deref());
        Ok(match (body, request.method.as_str()) {
            (None, "GET" | "HEAD" | "OPTIONS") => request,
            (body, _) => request.with_body("application/json", body.unwrap_or("{}")),
        })
    }
}

/// The header of a token with one member set, as JSON.
pub(crate) fn header_with(token: &Compact, name: &str, value: Value) -> String {
    with_member(token.header_members(), name, value)
}

/// The claims of a token with one member set, as JSON.
pub(crate) fn claims_with(token: &Compact, name: &str, value: Value) -> String {
    with_member(token.claim_members(), name, value)
}

fn with_member(mut members: Map<String, Value>, name: &str, value: Value) -> String {
    members.insert(name.to_owned(), value);
    Value::Object(members).to_string()
}

fn lacking(what: &str) -> Stop {
    Stop::Skip(format!("needs {what}"))
}

/// A number that is unique in this process.
fn fresh_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

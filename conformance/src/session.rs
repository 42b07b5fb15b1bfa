//! What a case works with: the profile's tokens and endpoints, a way to send, and a record of what came.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{Mutex as AsyncMutex, OnceCell};

use crate::case::{Accept, Case};
use crate::clock::Clock;
use crate::judge::{self, Finding, Known};
use crate::pace::Pace;
use crate::profile::{Profile, Signing, TokenKind};
use crate::secret::Redactor;
use crate::token::{Compact, Mint, SigningKey};
use crate::transport::{Answer, Connection, Request, Response, Transport};

/// A request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// As it was sent, its id included.
    pub request: Request,
    /// What came.
    pub answer: Answer,
}

/// Why a case came to no finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It cannot be judged; this would let it run.
    Skip(String),
    /// The target no longer answers anyone.
    Dead(String),
}

/// What all cases of a run share.
pub(crate) struct Shared {
    pub(crate) profile: Profile,
    pub(crate) transport: Transport,
    pub(crate) pace: Pace,
    pub(crate) clock: Clock,
    pub(crate) known: Known,
    pub(crate) run_id: String,
    pub(crate) requests: AtomicU64,
    pub(crate) dead: Mutex<Option<String>>,
    pub(crate) leeway: Mutex<Option<(u64, bool)>>,
    /// Where a piece of a presented token came back: the request's id and the case that sent it.
    pub(crate) leaks: Mutex<Vec<String>>,
    pub(crate) redactor: Mutex<Redactor>,
    /// Exchanges that several cases look at, by name.
    pub(crate) exchanges: Mutex<HashMap<String, Arc<OnceCell<Exchange>>>>,
    /// Tokens that every case may use as they are, minted once.
    pub(crate) minted: Mutex<HashMap<TokenKind, Compact>>,
    pub(crate) controls: AsyncMutex<HashMap<Vec<u8>, Option<Response>>>,
}

impl Shared {
    pub(crate) fn is_dead(&self) -> Option<String> {
        lock(&self.dead).clone()
    }
}

/// A lock whose holder panicked still guards sound data here: every change is a single assignment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The course of one case.
pub struct Session {
    pub(crate) shared: Arc<Shared>,
    case: Case,
    exchanges: Vec<Exchange>,
    /// Nobody has been seen alive yet: no answer is then what there is to say.
    preflight: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("case", &self.case).finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, case: Case) -> Self {
        Self { shared, case, exchanges: Vec::new(), preflight: false }
    }

    pub(crate) fn preflight(shared: Arc<Shared>) -> Self {
        Self { preflight: true, ..Self::new(shared, crate::catalogue::PREFLIGHT) }
    }

    /// What was sent so far and what came of it.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// What the case accepts.
    pub(crate) fn accept(&self) -> &'static [Accept] {
        self.case.accept
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

    /// The operation that needs a permission.
    pub(crate) fn permission(&self) -> Result<Request, Stop> {
        let entry =
            self.profile().endpoints.permission.as_ref().ok_or_else(|| lacking("endpoints.permission"))?;
        let request = Request::new(&entry.endpoint.method, entry.endpoint.path.as_str());
        Ok(if entry.endpoint.method == "GET" { request } else { request.with_body("application/json", "{}") })
    }
}

/// Tokens.
impl Session {
    fn signing(&self) -> Result<&Signing, Stop> {
        self.profile().signing.as_ref().ok_or_else(|| lacking("[signing]"))
    }

    /// The key that the deployment trusts.
    pub(crate) fn key(&self) -> Result<SigningKey, Stop> {
        Ok(self.signing()?.key.clone())
    }

    /// A good token, ready to be changed and signed.
    pub(crate) fn mint(&self) -> Result<Mint, Stop> {
        let organization = self.signing()?.organization.clone();
        self.mint_for(&organization)
    }

    fn mint_for(&self, organization: &str) -> Result<Mint, Stop> {
        let signing = self.signing()?;
        let now = self.now();
        let names = &signing.claims;
        let mut mint =
            Mint::default().header("alg", &quoted(signing.key.algorithm().name())).header("typ", "\"JWT\"");
        if let Some(kid) = signing.key.kid() {
            mint = mint.header("kid", &quoted(kid));
        }
        mint = mint
            .claim(&names.user, &quoted(&signing.user))
            .claim(&names.organization, &quoted(organization))
            .claim(&names.permissions, &Value::from(signing.permissions.clone()).to_string())
            .claim("iat", &(now - 5).to_string())
            .claim("exp", &(now + 1_800).to_string())
            .claim("jti", &quoted(&format!("conformance-{}", fresh_id())));
        if let Some(issuer) = &signing.issuer {
            mint = mint.claim("iss", &quoted(issuer));
        }
        if let Some(audience) = &signing.audience {
            mint = mint.claim("aud", &quoted(audience));
        }
        Ok(mint)
    }

    /// The name of the claim that holds the organization.
    pub(crate) fn organization_claim(&self) -> Result<String, Stop> {
        Ok(self.signing()?.claims.organization.clone())
    }

    /// The name of the claim that holds the user.
    pub(crate) fn user_claim(&self) -> Result<String, Stop> {
        Ok(self.signing()?.claims.user.clone())
    }

    /// The name of the claim that holds the permissions.
    pub(crate) fn permissions_claim(&self) -> Result<String, Stop> {
        Ok(self.signing()?.claims.permissions.clone())
    }

    /// The organization of good tokens.
    pub(crate) fn organization(&self) -> Result<String, Stop> {
        Ok(self.signing()?.organization.clone())
    }

    /// The other organization that the deployment knows.
    pub(crate) fn other_organization_id(&self) -> Result<String, Stop> {
        self.signing()?.other_organization.clone().ok_or_else(|| lacking("signing.other_organization"))
    }

    /// The permission that `endpoints.permission` needs.
    pub(crate) fn needed_permission(&self) -> Result<String, Stop> {
        let entry = self.profile().endpoints.permission.as_ref();
        entry.map(|entry| entry.permission.clone()).ok_or_else(|| lacking("endpoints.permission"))
    }

    /// A token at hand that has to be good now. One that is about to expire proves nothing.
    fn good_named(&self, kind: TokenKind) -> Result<Option<Compact>, Stop> {
        let Some(token) = self.profile().tokens.get(&kind) else { return Ok(None) };
        match token.compact.expires_at() {
            Some(expiry) if expiry <= self.now() + 5 => {
                Err(Stop::Skip(format!("{kind} has expired or is about to: it needs a fresh one")))
            }
            _ => Ok(Some(token.compact.clone())),
        }
    }

    fn named(&self, kind: TokenKind) -> Result<Compact, Stop> {
        let token = self.profile().tokens.get(&kind).ok_or_else(|| lacking(&kind.to_string()))?;
        Ok(token.compact.clone())
    }

    /// A good token.
    pub(crate) fn valid(&self) -> Result<Compact, Stop> {
        match self.good_named(TokenKind::Valid)? {
            Some(token) => Ok(token),
            None => self.minted(TokenKind::Valid, |session| session.mint()),
        }
    }

    /// A token that is minted once in a run, so that cases that send the same can share an answer.
    fn minted(&self, kind: TokenKind, mint: fn(&Self) -> Result<Mint, Stop>) -> Result<Compact, Stop> {
        if let Some(token) = lock(&self.shared.minted).get(&kind) {
            return Ok(token.clone());
        }
        let token = mint(self)?.sign(&self.key()?);
        Ok(lock(&self.shared.minted).entry(kind).or_insert(token).clone())
    }

    /// A good token of another organization.
    pub(crate) fn other_organization(&self) -> Result<Compact, Stop> {
        match self.good_named(TokenKind::OtherOrganization)? {
            Some(token) => Ok(token),
            None => self.minted(TokenKind::OtherOrganization, |session| {
                session.mint_for(&session.other_organization_id()?)
            }),
        }
    }

    /// A good token's header and claims under a signature of zeros.
    pub(crate) fn forged(&self) -> Result<Compact, Stop> {
        Ok(self.valid()?.with_signature(&[0; 64]))
    }

    /// A token that expired well over two minutes ago.
    pub(crate) fn expired(&self) -> Result<Compact, Stop> {
        let Some(token) = self.profile().tokens.get(&TokenKind::Expired) else {
            let now = self.now();
            let mint = self.mint()?.claim("exp", &(now - 150).to_string());
            return Ok(mint.claim("iat", &(now - 4_000).to_string()).sign(&self.key()?));
        };
        match token.compact.expires_at() {
            Some(expiry) if expiry > self.now() - 120 => Err(Stop::Skip(
                "tokens.expired has not been expired for two minutes yet: it needs an older one".into(),
            )),
            _ => Ok(token.compact.clone()),
        }
    }

    /// A revoked token.
    pub(crate) fn revoked(&self) -> Result<Compact, Stop> {
        self.good_named(TokenKind::Revoked)?.ok_or_else(|| lacking("tokens.revoked"))
    }

    /// A good token without an organization.
    pub(crate) fn no_organization(&self) -> Result<Compact, Stop> {
        match self.good_named(TokenKind::NoOrganization)? {
            Some(token) => Ok(token),
            None => Ok(self.mint()?.without(&self.organization_claim()?).sign(&self.key()?)),
        }
    }

    /// A token of another environment: named, or good but for a key that the deployment does not know.
    pub(crate) fn other_environment(&self) -> Result<Compact, Stop> {
        match self.profile().tokens.get(&TokenKind::OtherEnvironment) {
            Some(token) => Ok(token.compact.clone()),
            None => {
                let key = self.key()?.impostor().map_err(Stop::Skip)?;
                Ok(self.mint()?.header("kid", "\"another-environment\"").sign(&key))
            }
        }
    }

    /// A good token without the permission that `endpoints.permission` needs.
    pub(crate) fn no_permission(&self) -> Result<Compact, Stop> {
        match self.good_named(TokenKind::NoPermission)? {
            Some(token) => Ok(token),
            None => Ok(self.mint()?.claim(&self.permissions_claim()?, "[]").sign(&self.key()?)),
        }
    }

    /// A token that only the profile can name.
    pub(crate) fn only_named(&self, kind: TokenKind) -> Result<Compact, Stop> {
        self.good_named(kind)?.map_or_else(|| self.named(kind), Ok)
    }
}

/// Sending and judging.
impl Session {
    /// Sends one request on a connection of its own and judges the answer by what the case accepts.
    pub(crate) async fn probe(&mut self, request: Request) -> Result<Finding, Stop> {
        self.send(request).await?;
        self.judge_last().await
    }

    /// Judges the last answer by what the case accepts.
    pub(crate) async fn judge_last(&mut self) -> Result<Finding, Stop> {
        let accept = self.case.accept;
        self.judge(self.exchanges.len().saturating_sub(1), accept).await
    }

    /// Judges an answer.
    pub(crate) async fn judge(&mut self, index: usize, accept: &[Accept]) -> Result<Finding, Stop> {
        let Some(exchange) = self.exchanges.get(index).cloned() else {
            return Ok(Finding::broken("nothing was sent"));
        };
        let observed = judge::describe(&exchange.answer, self.known());
        if judge::accepts(accept, &exchange.request, &exchange.answer, self.known()) {
            return Ok(Finding::kept(observed).at(index));
        }
        let finding = Finding::broken(observed).at(index);
        let refusing = !accept.is_empty() && accept.iter().all(|accept| judge::is_refusing(*accept));
        let Answer::Response(response) = &exchange.answer else { return Ok(finding) };
        if refusing
            && (response.is_success() || self.is_what_a_good_token_gets(&exchange.request, response).await?)
        {
            return Ok(finding.allowed());
        }
        Ok(finding)
    }

    /// Whether the very answer comes back when the request carries a good token. Only asked of answers that
    /// are neither 401 nor 403, and never by deleting anything.
    async fn is_what_a_good_token_gets(
        &mut self,
        request: &Request,
        response: &Response,
    ) -> Result<bool, Stop> {
        if matches!(response.status, 401 | 403) || request.method == "DELETE" {
            return Ok(false);
        }
        let Ok(token) = self.valid() else { return Ok(false) };
        let control = request.clone().without_authorization().bearer(token.text());
        let mut shape = request.clone().without_authorization();
        shape.request_id.clear();
        let shape = format!("{shape:?}").into_bytes();
        let shared = Arc::clone(&self.shared);
        let mut controls = shared.controls.lock().await;
        if let Some(known) = controls.get(&shape) {
            return Ok(known.as_ref().is_some_and(|known| judge::same_answer(known, response)));
        }
        let answer = self.exchange(control).await?;
        let reference = if let Answer::Response(reference) = answer { Some(reference) } else { None };
        let same = reference.as_ref().is_some_and(|reference| judge::same_answer(reference, response));
        controls.insert(shape, reference);
        Ok(same)
    }

    /// Sends a request on a connection of its own; the answer is recorded.
    pub(crate) async fn send(&mut self, request: Request) -> Result<Answer, Stop> {
        let mut request = request;
        request.request_id = self.next_request_id();
        let answer = self.exchange(request.clone()).await?;
        self.record(request, answer.clone());
        Ok(answer)
    }

    /// As [`Session::send`], but only the first case that asks sends anything: all others get to see the same
    /// exchange.
    pub(crate) async fn send_shared(
        &mut self,
        name: &str,
        make: fn(&Self) -> Result<Request, Stop>,
    ) -> Result<Answer, Stop> {
        let cell = Arc::clone(lock(&self.shared.exchanges).entry(name.to_owned()).or_default());
        let made = cell.get_or_try_init(|| async {
            let mut request = make(self)?;
            request.request_id = self.next_request_id();
            let answer = self.exchange(request.clone()).await?;
            Ok::<_, Stop>(Exchange { request, answer })
        });
        let Exchange { request, answer } = made.await?.clone();
        self.record(request, answer.clone());
        Ok(answer)
    }

    /// Sends requests one after the other on one connection; where the deployment closes it in between, on
    /// as many as it takes.
    pub(crate) async fn send_on_one_connection(
        &mut self,
        requests: Vec<Request>,
    ) -> Result<Vec<Answer>, Stop> {
        let mut answers = Vec::new();
        let mut connection: Option<Connection> = None;
        for mut request in requests {
            request.request_id = self.next_request_id();
            let answer = match connection.take().filter(Connection::is_reusable) {
                Some(mut open) => {
                    self.shared.pace.wait().await;
                    let answer = self.carry(&mut open, &request).await;
                    connection = Some(open);
                    // A connection that the deployment closed between two answers carried nothing.
                    if answer == Answer::Closed {
                        connection = None;
                        self.exchange(request.clone()).await?
                    } else {
                        answer
                    }
                }
                None => {
                    self.shared.pace.wait().await;
                    match self.shared.transport.connect().await {
                        Ok(mut open) => {
                            let answer = self.carry(&mut open, &request).await;
                            connection = Some(open);
                            answer
                        }
                        Err(error) => Answer::Unreachable(error),
                    }
                }
            };
            let answer = self.settle(&request, answer).await?;
            self.record(request, answer.clone());
            answers.push(answer);
        }
        Ok(answers)
    }

    /// Sends two requests at once on one connection.
    pub(crate) async fn pipeline(
        &mut self,
        first: Request,
        second: Request,
    ) -> Result<(Answer, Answer), Stop> {
        let (mut first, mut second) = (first, second);
        first.request_id = self.next_request_id();
        second.request_id = self.next_request_id();
        self.shared.pace.wait().await;
        self.shared.pace.wait().await;
        let answers = match self.shared.transport.connect().await {
            Ok(mut connection) => {
                self.shared.requests.fetch_add(2, Ordering::Relaxed);
                connection.pipeline(&first, &second).await
            }
            Err(error) => (Answer::Unreachable(error.clone()), Answer::Unreachable(error)),
        };
        let one = self.settle(&first, answers.0).await?;
        self.record(first, one.clone());
        // A server need not serve what was pipelined; then it is sent again, on its own.
        let other =
            if answers.1 == Answer::Closed { self.exchange(second.clone()).await? } else { answers.1 };
        let other = self.settle(&second, other).await?;
        self.record(second, other.clone());
        Ok((one, other))
    }

    /// Sends requests at the same time, each on a connection of its own; answers come in the requests' order.
    pub(crate) async fn send_at_once(&mut self, requests: Vec<Request>) -> Result<Vec<Answer>, Stop> {
        let mut waiting = Vec::new();
        for mut request in requests {
            request.request_id = self.next_request_id();
            self.shared.pace.wait().await;
            let shared = Arc::clone(&self.shared);
            let copy = request.clone();
            let connection = self.shared.transport.connect().await;
            waiting.push((request, async move {
                shared.requests.fetch_add(1, Ordering::Relaxed);
                match connection {
                    Ok(mut connection) => connection.send(&copy).await,
                    Err(error) => Answer::Unreachable(error),
                }
            }));
        }
        let mut running = Vec::new();
        for (request, future) in waiting {
            running.push((request, tokio::spawn(future)));
        }
        let mut answers = Vec::new();
        for (request, task) in running {
            let answer = task.await.unwrap_or(Answer::Closed);
            let answer = self.settle(&request, answer).await?;
            self.record(request, answer.clone());
            answers.push(answer);
        }
        Ok(answers)
    }

    fn next_request_id(&self) -> String {
        format!("{}-{}", self.shared.run_id, fresh_id())
    }

    fn record(&mut self, request: Request, answer: Answer) {
        if let Answer::Response(response) = &answer
            && leaks_token(&request, response)
        {
            lock(&self.shared.leaks).push(self.case.id());
        }
        self.exchanges.push(Exchange { request, answer });
    }

    async fn carry(&self, connection: &mut Connection, request: &Request) -> Answer {
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        connection.send(request).await
    }

    async fn exchange_once(&self, request: &Request) -> Answer {
        self.shared.pace.wait().await;
        match self.shared.transport.connect().await {
            Ok(mut connection) => self.carry(&mut connection, request).await,
            Err(error) => Answer::Unreachable(error),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Answer, Stop> {
        if let Some(why) = self.shared.is_dead() {
            return Err(Stop::Dead(why));
        }
        {
            let mut redactor = lock(&self.shared.redactor);
            request.texts().flat_map(crate::transport::Text::tokens).for_each(|token| redactor.add(token));
        }
        let answer = self.exchange_once(&request).await;
        self.settle(&request, answer).await
    }

    /// Waits and asks again where the deployment asks for time; finds out whether it still lives where
    /// nothing came.
    async fn settle(&self, request: &Request, answer: Answer) -> Result<Answer, Stop> {
        let mut answer = answer;
        for round in 0..3 {
            let Some(wait) = asked_to_wait(&answer, round) else { break };
            self.shared.pace.pause(wait).await;
            answer = self.exchange_once(request).await;
        }
        match answer {
            Answer::NotCarried(why) => Err(Stop::Skip(format!("{why}: it needs HTTP/1.1"))),
            Answer::Response(_) | Answer::Garbled(_) => match asked_to_wait(&answer, 0) {
                Some(_) => Err(Stop::Skip(
                    "the deployment asked to be left in peace (429 or 503 with Retry-After) three times: \
                     it needs a lower --rate, or a later run"
                        .into(),
                )),
                None => Ok(answer),
            },
            Answer::Closed | Answer::TimedOut | Answer::Unreachable(_) if self.preflight => Ok(answer),
            Answer::Closed | Answer::TimedOut | Answer::Unreachable(_) => {
                self.require_life(&answer).await?;
                Ok(answer)
            }
        }
    }

    /// Asks the public endpoint whether anyone is there at all.
    async fn require_life(&self, seen: &Answer) -> Result<(), Stop> {
        for _ in 0..2 {
            let mut request = self.public();
            request.request_id = self.next_request_id();
            if matches!(self.exchange_once(&request).await, Answer::Response(_)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let what = judge::describe(seen, self.known());
        let why = format!(
            "{} stopped answering: {what}, and then the public endpoint neither",
            self.profile().target
        );
        lock(&self.shared.dead).get_or_insert_with(|| why.clone());
        Err(Stop::Dead(why))
    }
}

/// How long a 429, or a 503 with `Retry-After`, asks to wait: a minute at most.
fn asked_to_wait(answer: &Answer, round: u32) -> Option<Duration> {
    let Answer::Response(response) = answer else { return None };
    let asked = response.value("retry-after");
    match (response.status, asked) {
        (429 | 503, Some(asked)) => Some(crate::clock::retry_after(&asked).min(Duration::from_secs(60))),
        (429, None) => Some(Duration::from_secs(1 << round)),
        _ => None,
    }
}

/// Whether an answer holds a piece of the claims or the signature of a token that the request presented.
pub(crate) fn leaks_token(request: &Request, response: &Response) -> bool {
    let mut telling = Redactor::default();
    for token in request.texts().flat_map(crate::transport::Text::tokens) {
        token.split(|&byte| byte == b'.').skip(1).for_each(|segment| telling.add(segment));
    }
    telling.finds_in(&response.body) || response.fields.iter().any(|(_, value)| telling.finds_in(value))
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

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn lacking(what: &str) -> Stop {
    Stop::Skip(format!("needs {what}"))
}

/// A number that no other caller in this process gets.
fn fresh_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

//! Sends requests, waits if the deployment asks for it, and evaluates the responses.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Exchange, Session, Stop, fresh_id, lock};
use crate::case::clause::Level;
use crate::judge::{self, Accept, Finding};
use crate::secret::Redactor;
use crate::transport::{Connection, Request, RequestOutcome, Response};

impl Session {
    /// Sends one request on a new connection and checks the response against what the case accepts.
    pub(crate) async fn probe(&mut self, request: Request) -> Result<Finding, Stop> {
        self.send(request).await?;
        self.judge_last().await
    }

    /// Checks the last response against what the case accepts.
    pub(crate) async fn judge_last(&mut self) -> Result<Finding, Stop> {
        let accept = self.accept();
        self.judge(self.exchanges.len().saturating_sub(1), accept).await
    }

    /// Checks a response.
    pub(crate) async fn judge(&mut self, index: usize, accept: &[Accept]) -> Result<Finding, Stop> {
        let Some(exchange) = self.exchanges.get(index).cloned() else {
            return Ok(Finding::broken("nothing was sent"));
        };
        let observed = judge::describe(&exchange.answer, self.known());
        if judge::accepts(accept, &exchange.request, &exchange.answer, self.known()) {
            let lacks_method = matches!(&exchange.answer, RequestOutcome::Response(response)
                if judge::lacks_method(&exchange.request, response, self.known()));
            let why = if lacks_method { ": the method does not exist there" } else { "" };
            return Ok(Finding::kept(observed + why).at(index));
        }
        let finding = Finding::broken(observed).at(index);
        let refusing = !accept.is_empty() && accept.iter().all(|accept| judge::is_refusing(*accept));
        let RequestOutcome::Response(response) = &exchange.answer else {
            return match refusing && self.control(&exchange.request).await? == Some(RequestOutcome::Closed) {
                true => Err(self.takes_from_nobody(&exchange.request)),
                false => Ok(finding),
            };
        };
        if !refusing {
            return Ok(finding);
        }
        if judge::is_allowed(&exchange.request, response, self.known()) {
            return Ok(finding.allowed());
        }
        let redirect = matches!(response.status, 301 | 302 | 303 | 307 | 308);
        if !judge::says_nothing(response) && !redirect {
            return Ok(finding);
        }
        if self.level == Level::Must
            && let Some(RequestOutcome::Response(control)) = self.control(&exchange.request).await?
            && judge::same_answer(&control, response)
        {
            self.require_admission(&finding).await?;
            return match authenticates(accept) && self.refuses_a_forgery(&exchange.request).await? {
                true => Ok(finding.remark(
                    "the same request gets this answer with a good token too, and 401 with a forged one: the deployment \
                     accepted the token of this case",
                )),
                false => Err(self.takes_from_nobody(&exchange.request)),
            };
        }
        Ok(if redirect { finding } else { finding.refused_otherwise() })
    }

    /// The response to the same request with a valid token. Never sends DELETE.
    async fn control(&mut self, request: &Request) -> Result<Option<RequestOutcome>, Stop> {
        if request.method == "DELETE" {
            return Ok(None);
        }
        let Ok(token) = self.valid() else { return Ok(None) };
        let control = request.clone().without_authorization().bearer(token.text());
        self.control_exchange("good", &request.clone().without_authorization(), control).await.map(Some)
    }

    /// Whether the same request with forged tokens is a documented 401. If so, the check that refuses the request, such
    /// as validation, comes after authentication.
    async fn refuses_a_forgery(&mut self, request: &Request) -> Result<bool, Stop> {
        let Ok(forged) = self.forged() else { return Ok(false) };
        if request.texts().all(|text| text.tokens().next().is_none()) {
            return Ok(false);
        }
        let mut control = request.clone().with_tokens(forged.text().as_bytes());
        let mut kind = "forged";
        if control == *request {
            (control, kind) = (request.clone().with_tokens(b"not-a-token"), "not a token");
        }
        let answer = self.control_exchange(kind, request, control.clone()).await?;
        let refused = [Accept::InvalidCredentials, Accept::NotAuthenticated];
        Ok(matches!(&answer, RequestOutcome::Response(response) if response.status == 401)
            && judge::accepts(&refused, &control, &answer, self.known()))
    }

    /// The response to a control request. Requests that differ only in their tokens share it.
    async fn control_exchange(
        &mut self,
        kind: &str,
        request: &Request,
        control: Request,
    ) -> Result<RequestOutcome, Stop> {
        let mut shape = request.clone();
        shape.request_id.clear();
        // Its tokens are redacted.
        let shape = format!("{kind} {shape:?}").into_bytes();
        let shared = Arc::clone(&self.shared);
        let mut controls = shared.controls.lock().await;
        if let Some(known) = controls.get(&shape) {
            return Ok(known.clone());
        }
        let answer = self.exchange(control).await?;
        controls.insert(shape, answer.clone());
        Ok(answer)
    }

    fn takes_from_nobody(&self, request: &Request) -> Stop {
        let permission = self.profile().endpoints.permission.as_ref();
        let operation = permission.is_some_and(|entry| {
            entry.endpoint.method == request.method
                && entry.endpoint.path.as_bytes() == request.target.bytes()
        });
        Stop::Skip(match operation {
            true => "the endpoint refuses this request for every caller: it needs endpoints.permission.body"
                .into(),
            false => "the endpoint refuses this request for every caller".into(),
        })
    }

    /// Sends a request on a new connection; the response is recorded.
    pub(crate) async fn send(&mut self, request: Request) -> Result<RequestOutcome, Stop> {
        let mut request = request;
        request.request_id = self.next_request_id();
        let answer = self.exchange(request.clone()).await?;
        self.record(request, answer.clone());
        Ok(answer)
    }

    /// Like [`Session::send`], but only the first case sends the request: all others get the same exchange.
    pub(crate) async fn send_shared(
        &mut self,
        name: &str,
        make: fn(&Self) -> Result<Request, Stop>,
    ) -> Result<RequestOutcome, Stop> {
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

    /// Sends requests one after the other on one connection, or on several if the deployment closes it in between.
    pub(crate) async fn send_on_one_connection(
        &mut self,
        requests: Vec<Request>,
    ) -> Result<Vec<RequestOutcome>, Stop> {
        let mut answers = Vec::new();
        let mut connection: Option<Connection> = None;
        if self.shared.written_down.is_some() {
            self.may_send(&requests)?;
        }
        for mut request in requests {
            self.may_send(&[])?;
            request.request_id = self.next_request_id();
            let answer = match connection.take().filter(Connection::is_reusable) {
                Some(mut open) => {
                    self.shared.pace.wait().await;
                    let answer = self.carry(&mut open, &request).await;
                    connection = Some(open);
                    // The deployment closed the connection between two responses, so this request was not processed.
                    if answer == RequestOutcome::Closed {
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
                        Err(error) => RequestOutcome::Unreachable(error),
                    }
                }
            };
            let answer = self.settle(&request, answer).await?;
            self.record(request, answer.clone());
            answers.push(answer);
        }
        Ok(answers)
    }

    /// Sends two pipelined requests on one connection.
    pub(crate) async fn pipeline(
        &mut self,
        first: Request,
        second: Request,
    ) -> Result<(RequestOutcome, RequestOutcome), Stop> {
        let (mut first, mut second) = (first, second);
        self.may_send(&[first.clone(), second.clone()])?;
        first.request_id = self.next_request_id();
        second.request_id = self.next_request_id();
        self.shared.pace.wait().await;
        self.shared.pace.wait().await;
        let answers = match self.shared.transport.connect().await {
            Ok(mut connection) => {
                self.shared.requests.fetch_add(2, Ordering::Relaxed);
                connection.pipeline(&first, &second).await
            }
            Err(error) => (RequestOutcome::Unreachable(error.clone()), RequestOutcome::Unreachable(error)),
        };
        let one = self.settle(&first, answers.0).await?;
        self.record(first, one.clone());
        // A server need not answer pipelined requests; the second one is then sent again on its own connection.
        let other = if answers.1 == RequestOutcome::Closed {
            self.exchange(second.clone()).await?
        } else {
            answers.1
        };
        let other = self.settle(&second, other).await?;
        self.record(second, other.clone());
        Ok((one, other))
    }

    /// Sends requests at the same time, each on its own connection; responses are in the order of the requests.
    pub(crate) async fn send_at_once(&mut self, requests: Vec<Request>) -> Result<Vec<RequestOutcome>, Stop> {
        let mut waiting = Vec::new();
        if self.shared.written_down.is_some() {
            self.may_send(&requests)?;
        }
        for mut request in requests {
            self.may_send(&[])?;
            request.request_id = self.next_request_id();
            self.shared.pace.wait().await;
            let shared = Arc::clone(&self.shared);
            let copy = request.clone();
            let connection = self.shared.transport.connect().await;
            waiting.push((request, async move {
                shared.requests.fetch_add(1, Ordering::Relaxed);
                match connection {
                    Ok(mut connection) => connection.send(&copy).await,
                    Err(error) => RequestOutcome::Unreachable(error),
                }
            }));
        }
        let mut running = Vec::new();
        for (request, future) in waiting {
            running.push((request, tokio::spawn(future)));
        }
        let mut answers = Vec::new();
        for (request, task) in running {
            let answer = task.await.unwrap_or(RequestOutcome::Closed);
            let answer = self.settle(&request, answer).await?;
            self.record(request, answer.clone());
            answers.push(answer);
        }
        Ok(answers)
    }

    /// Whether another request may be sent. If requests are only recorded, none is sent.
    fn may_send(&self, requests: &[Request]) -> Result<(), Stop> {
        if let Some(written_down) = &self.shared.written_down {
            lock(written_down).extend_from_slice(requests);
            return Err(Stop::Dead("nothing is sent".into()));
        }
        if let Some(why) = self.shared.is_dead() {
            return Err(Stop::Dead(why));
        }
        match self.shared.budget.exhausted(self.shared.requests.load(Ordering::Relaxed)) {
            Some(why) => {
                lock(&self.shared.dead).get_or_insert_with(|| why.clone());
                Err(Stop::Dead(why))
            }
            None => Ok(()),
        }
    }

    fn next_request_id(&self) -> String {
        format!("{}-{}", self.shared.run_id, fresh_id())
    }

    fn record(&mut self, request: Request, answer: RequestOutcome) {
        if let RequestOutcome::Response(response) = &answer
            && leaks_token(&request, response)
        {
            lock(&self.shared.leaks).push(self.case.clone());
        }
        self.exchanges.push(Exchange { request, answer });
    }

    async fn carry(&self, connection: &mut Connection, request: &Request) -> RequestOutcome {
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        connection.send(request).await
    }

    async fn exchange_once(&self, request: &Request) -> RequestOutcome {
        self.shared.pace.wait().await;
        match self.shared.transport.connect().await {
            Ok(mut connection) => self.carry(&mut connection, request).await,
            Err(error) => RequestOutcome::Unreachable(error),
        }
    }

    async fn exchange(&self, request: Request) -> Result<RequestOutcome, Stop> {
        self.may_send(std::slice::from_ref(&request))?;
        {
            let mut redactor = lock(&self.shared.redactor);
            request
                .texts()
                .flat_map(crate::transport::TokenText::tokens)
                .for_each(|token| redactor.add_token(token));
        }
        let answer = self.exchange_once(&request).await;
        self.settle(&request, answer).await
    }

    /// Waits and sends again if the deployment asks for time; checks whether it still responds if nothing arrived.
    async fn settle(&self, request: &Request, answer: RequestOutcome) -> Result<RequestOutcome, Stop> {
        let mut answer = answer;
        for round in 0..3 {
            let Some(wait) = asked_to_wait(&answer, round) else { break };
            if self.shared.budget.outlasts(wait) {
                break;
            }
            self.may_send(&[])?;
            self.shared.pace.pause(wait).await;
            answer = self.exchange_once(request).await;
        }
        match answer {
            RequestOutcome::NotCarried(why) => Err(Stop::Skip(format!("{why}: it needs HTTP/1.1"))),
            RequestOutcome::Response(_) | RequestOutcome::Garbled(_) => match asked_to_wait(&answer, 0) {
                Some(_) => {
                    let why = "the deployment asked to wait (429, or 503 with Retry-After) three times: it needs a \
                               lower --rate, or a later run";
                    if self.shared.put_off.fetch_add(1, Ordering::Relaxed) + 1 >= PATIENCE {
                        let sent = self.shared.requests.load(Ordering::Relaxed);
                        let why = format!(
                            "{} stopped answering after {sent} requests: it answers 429 or 503 in one case after another",
                            self.profile().target
                        );
                        lock(&self.shared.dead).get_or_insert(why);
                    }
                    Err(Stop::Busy(why.into()))
                }
                None => {
                    self.shared.put_off.store(0, Ordering::Relaxed);
                    Ok(answer)
                }
            },
            RequestOutcome::Closed | RequestOutcome::TimedOut | RequestOutcome::Unreachable(_)
                if self.preflight =>
            {
                Ok(answer)
            }
            RequestOutcome::Closed | RequestOutcome::TimedOut | RequestOutcome::Unreachable(_) => {
                self.require_life(&answer).await?;
                Ok(answer)
            }
        }
    }

    /// After a failure: does the deployment still respond to this client at all? A firewall that has banned the checker
    /// refuses everything alike, including the public endpoint and the valid token, and not in the form of the API.
    pub(crate) async fn require_admission(&self, finding: &Finding) -> Result<(), Stop> {
        let Some(exchange) = finding.deciding.and_then(|index| self.exchanges.get(index)) else {
            return Ok(());
        };
        let RequestOutcome::Response(response) = &exchange.answer else { return Ok(()) };
        let foreign = |response: &Response| {
            !response.is_success() && response.status != 401 && !is_detail_of_the_api(response)
        };
        if finding.kept || !foreign(response) || self.shared.probes.fetch_add(1, Ordering::Relaxed) >= PROBES
        {
            return Ok(());
        }
        let mut requests = vec![self.public()];
        if let Ok(token) = self.valid() {
            requests.push(self.protected().bearer(token.text()));
        }
        let mut seen = String::new();
        for request in requests {
            match self.exchange(request).await? {
                RequestOutcome::Response(response) if foreign(&response) => {
                    seen = judge::describe(&RequestOutcome::Response(response), self.known());
                }
                _ => return Ok(()),
            }
        }
        let sent = self.shared.requests.load(Ordering::Relaxed);
        let why = format!(
            "{} stopped answering after {sent} requests: it refuses every request alike ({seen}), the public endpoint and \
             the good token among them",
            self.profile().target
        );
        lock(&self.shared.dead).get_or_insert_with(|| why.clone());
        Err(Stop::Dead(why))
    }

    /// Checks whether the public endpoint still responds.
    async fn require_life(&self, seen: &RequestOutcome) -> Result<(), Stop> {
        for _ in 0..2 {
            let mut request = self.public();
            request.request_id = self.next_request_id();
            if matches!(self.exchange_once(&request).await, RequestOutcome::Response(_)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        let what = judge::describe(seen, self.known());
        let why = format!(
            "{} stopped answering: {what}, and the public endpoint does not answer either",
            self.profile().target
        );
        lock(&self.shared.dead).get_or_insert_with(|| why.clone());
        Err(Stop::Dead(why))
    }
}

/// Whether the case is only about authentication: every acceptable response is a 401.
fn authenticates(accept: &[Accept]) -> bool {
    accept.iter().all(|accept| matches!(accept, Accept::InvalidCredentials | Accept::NotAuthenticated))
}

/// After this many postponed cases in a row, the run ends.
const PATIENCE: u64 = 4;

/// How often the public endpoint is requested to check whether the deployment still responds, after a failure that does
/// not look like the API.
const PROBES: u64 = 12;

/// How long a 429, or a 503 with `Retry-After`, asks to wait: at most one minute.
fn asked_to_wait(answer: &RequestOutcome, round: u32) -> Option<Duration> {
    let RequestOutcome::Response(response) = answer else { return None };
    let asked = response.value("retry-after");
    match (response.status, asked) {
        (429 | 503, Some(asked)) => Some(crate::run::clock::retry_after(&asked).min(Duration::from_secs(60))),
        (429, None) => Some(Duration::from_secs(1 << round)),
        _ => None,
    }
}

/// Whether a response contains a part of the claims or the signature of a token in the request.
pub(crate) fn leaks_token(request: &Request, response: &Response) -> bool {
    let mut telling = Redactor::default();
    for token in request.texts().flat_map(crate::transport::TokenText::tokens) {
        token.split(|&byte| byte == b'.').skip(1).for_each(|segment| telling.add(segment));
    }
    telling.finds_in(&response.body) || response.fields.iter().any(|(_, value)| telling.finds_in(value))
}

/// Whether the response has one of the documented details of the API.
fn is_detail_of_the_api(response: &Response) -> bool {
    let documented = [judge::NOT_AUTHENTICATED, judge::INVALID_CREDENTIALS, judge::NOT_AUTHORIZED];
    response.detail().is_some_and(|detail| documented.contains(&detail.as_str()))
}

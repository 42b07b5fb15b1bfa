//! The cases of `fixtures/` that HTTP can carry, through the server over a socket, each at its own time.

#![cfg(test)]

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use artos_auth_engine::{Account, Context, Organizations, Realm, ResourceOrg, Resources};
use artos_auth_fixtures::case::{self, Case};
use artos_auth_fixtures::decider::Account as CaseAccount;
use artos_auth_fixtures::engine::EngineDecider;
use artos_auth_fixtures::{Question, Verdict};
use artos_auth_server::config::{AuditOutput, AuditOverflow, Limits, Realms};
use artos_auth_server::serve::{Asked, ContextResolver, Format, Server, State, Trail, Writer};
use prometheus_client::metrics::counter::Counter;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Far longer than an answer takes: a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn the_server_decides_every_case_that_http_can_carry_as_written() {
    let cases = case::load().unwrap();
    let server = Running::start(&cases).await;
    let mut wrong = Vec::new();
    let mut carried = Vec::new();
    for (index, case) in cases.iter().enumerate().filter(|(_, case)| why_not(&case.question).is_none()) {
        server.ask_under(case);
        let answer = server.exchange(&request(&case.question, index)).await;
        if let Err(problem) = is_answer(&answer, &case.expected, &case.question.method) {
            wrong.push(format!("{}/{}: {problem}\n{answer}", case.file, case.id));
        }
        carried.push(case);
    }
    let audit = server.stop().await;
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));

    assert_eq!(audit.len(), carried.len(), "one audit line for each decision");
    for (line, case) in audit.iter().zip(&carried) {
        let Verdict { outcome, status, reason, clause, audit, .. } = &case.expected;
        let expected = json!({
            "method": case.question.method, "outcome": outcome, "status": status, "reason": reason, "clause": clause,
            "user_id": audit.user_id, "org_id": audit.org_id, "token_id": audit.token_id,
        });
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&line[name], value, "{} of {}: {line}", name, case.id);
        }
    }
}

/// Which cases are left out follows from the rule, and how many from the cases: neither can grow unseen.
#[test]
fn what_http_cannot_carry_is_counted() {
    let mut counts = std::collections::BTreeMap::new();
    for case in case::load().unwrap() {
        *counts.entry(why_not(&case.question).unwrap_or("carried")).or_insert(0) += 1;
    }
    let expected = [
        ("carried", 736),
        ("a field value has a control character", 4),
        ("a field value has white space around it, which is no part of it", 11),
        ("the method is no token", 1),
        ("the target has a fragment, which hyper cuts", 3),
        ("the target has a space, a control character or a letter outside ASCII", 9),
        ("the target has none of the forms of a request line", 6),
    ];
    assert_eq!(counts, expected.into());
}

/// The reason that no decision of the engine has.
#[tokio::test]
async fn a_forwarded_request_that_cannot_be_judged_is_refused_with_its_reason() {
    let cases = case::load().unwrap();
    let server = Running::start(&cases).await;
    let question = Question { path: "/_auth/verify".to_owned(), ..cases[0].question.clone() };
    let answer = server.exchange(&request(&question, 0)).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let audit = server.stop().await;
    assert_eq!(audit[0]["reason"], "forwarded_request_unclear");
    assert_eq!(audit[0]["clause"], "PUB-2");
}

/// What HTTP/1.1, as hyper reads it, makes impossible or changes on the way.
fn why_not(question: &Question) -> Option<&'static str> {
    let Question { method, path, authorization, .. } = question;
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if method.is_empty() || !method.bytes().all(is_tchar) {
        return Some("the method is no token");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("the target has a space, a control character or a letter outside ASCII");
    }
    if path.contains('#') {
        return Some("the target has a fragment, which hyper cuts");
    }
    if !path.starts_with('/') && !path.contains("://") && path != "*" {
        return Some("the target has none of the forms of a request line");
    }
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if authorization.iter().any(|line| blank(line.first()) || blank(line.last())) {
        return Some("a field value has white space around it, which is no part of it");
    }
    if authorization.iter().flatten().any(|byte| *byte != b'\t' && byte.is_ascii_control()) {
        return Some("a field value has a control character");
    }
    None
}

/// The request of a case; a field of its own says which it is to the resolver.
fn request(question: &Question, index: usize) -> Vec<u8> {
    let authority =
        question.path.split_once("://").map_or("localhost", |(_, rest)| rest.split('/').next().unwrap());
    let mut request = format!(
        "{} {} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\nX-Case: {index}\r\n",
        question.method, question.path
    )
    .into_bytes();
    for line in &question.authorization {
        request.extend(b"Authorization: ");
        request.extend(line);
        request.extend(b"\r\n");
    }
    request.extend(b"\r\n");
    request
}

/// Whether the answer is that of the decision: status, body, challenge, and the fields that every answer has.
fn is_answer(answer: &str, expected: &Verdict, method: &str) -> Result<(), String> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let same = |what: &str, is: Option<&str>, should: Option<&str>| {
        if is == should { Ok(()) } else { Err(format!("{what} is {is:?}, not {should:?}")) }
    };
    same("the status", status, Some(&*expected.status.to_string()))?;

    let fields: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let field = |name: &str| {
        let values: Vec<&str> = fields
            .iter()
            .filter(|(its, _)| its.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
            .collect();
        if values.len() > 1 { Some("more than one line") } else { values.first().copied() }
    };
    same("the challenge", field("www-authenticate"), expected.www_authenticate.as_deref())?;
    same("the content type", field("content-type"), Some("application/json"))?;
    same("cache-control", field("cache-control"), Some("no-store"))?;
    same("vary", field("vary"), Some("Authorization"))?;

    let principal = expected.principal.as_ref();
    let text = |text: Option<&str>| expected.is_allow().then(|| percent_encoded(text.unwrap_or_default()));
    let permissions = principal.map_or(&[][..], |principal| &principal.permissions);
    let permissions: Vec<String> = permissions.iter().map(|permission| percent_encoded(permission)).collect();
    let permissions = expected.is_allow().then(|| permissions.join(" "));
    same("the user", field("x-auth-user-id"), text(principal.map(|its| &*its.user_id)).as_deref())?;
    same("the organization", field("x-auth-org-id"), text(principal.map(|its| &*its.org_id)).as_deref())?;
    same("the permissions", field("x-auth-permissions"), permissions.as_deref())?;
    same(
        "the token's id",
        field("x-auth-token-id"),
        text(principal.and_then(|its| its.token_id.as_deref())).as_deref(),
    )?;

    let document = match (&expected.detail, principal) {
        (Some(detail), _) => json!({ "detail": detail }),
        (None, None) => json!({"user_id": null, "org_id": null, "permissions": [], "token_id": null}),
        (None, Some(its)) => json!({
            "user_id": its.user_id, "org_id": its.org_id, "permissions": its.permissions, "token_id": its.token_id,
        }),
    };
    if method == "HEAD" {
        return same("the body", Some(body), Some(""));
    }
    match serde_json::from_str::<Value>(body) {
        Ok(is) if is == document => Ok(()),
        _ => Err(format!("the body is not {document}")),
    }
}

fn percent_encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'%' | b',' => format!("%{byte:02X}"),
        byte if byte.is_ascii_graphic() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// The contexts of all cases, by the field that says which case is asked.
struct Contexts(Vec<(Option<Organizations>, ResourceOrg<'static>, Account)>);

impl ContextResolver for Contexts {
    fn resolve<'s>(&'s self, asked: &Asked<'_>, _: &'s State) -> Context<'s> {
        let index: usize = asked.headers["x-case"].to_str().unwrap().parse().unwrap();
        let (realm, resource_org, account) = &self.0[index];
        Context {
            realm: realm.as_ref().map_or(Realm::Any, Realm::Among),
            resource_org: resource_org.clone(),
            account: *account,
        }
    }
}

impl Contexts {
    fn of(cases: &[Case]) -> Self {
        let context = |case: &Case| {
            let context = &case.question.context;
            let resource_org = match (context.resource_unresolved, &context.resource_org) {
                (true, _) => ResourceOrg::Unresolved,
                (false, Some(organization)) => ResourceOrg::Owned(Cow::Owned(organization.clone())),
                (false, None) => ResourceOrg::Unowned,
            };
            let account = match context.account {
                CaseAccount::Unknown => Account::Unknown,
                CaseAccount::Active => Account::Active,
                CaseAccount::NotAMember => Account::NotAMember,
                CaseAccount::NotConfigured => Account::NotConfigured,
            };
            (
                context.realm.as_ref().map(|realm| realm.iter().map(String::as_str).collect()),
                resource_org,
                account,
            )
        };
        Self(cases.iter().map(context).collect())
    }
}

/// A server whose state and time are those of the case that is asked.
struct Running {
    address: SocketAddr,
    state: Arc<ArcSwap<State>>,
    now: Arc<AtomicU64>,
    audit: Sink,
    writer: Writer,
}

impl Running {
    async fn start(cases: &[Case]) -> Self {
        let state = Arc::new(ArcSwap::from_pointee(state_of(&cases[0])));
        let now = Arc::new(AtomicU64::new(cases[0].question.now));
        let audit = Sink::default();
        let (trail, writer) = Trail::start(
            audit.clone(),
            Format::Json,
            AuditOutput::Stderr,
            AuditOverflow::Block,
            Counter::default(),
        )
        .unwrap();
        let clock = Arc::clone(&now);
        let server = Server::builder(Arc::clone(&state))
            .clock(move || Duration::from_secs(clock.load(Ordering::SeqCst)))
            .resolver(Contexts::of(cases))
            .limits(Limits::of_tokens(65_536))
            .trail(trail)
            .build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { server.serve(listener, std::future::pending()).await });
        Self { address, state, now, audit, writer }
    }

    fn ask_under(&self, case: &Case) {
        self.state.store(Arc::new(state_of(case)));
        self.now.store(case.question.now, Ordering::SeqCst);
    }

    /// Sends the bytes on a connection of their own, and gives all that comes back.
    async fn exchange(&self, request: &[u8]) -> String {
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request).await.unwrap();
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            String::from_utf8_lossy(&answer).into_owned()
        };
        tokio::time::timeout(PATIENCE, exchange).await.expect("an answer")
    }

    /// The audit trail's lines.
    async fn stop(self) -> Vec<Value> {
        assert!(self.writer.close(PATIENCE), "everything was written");
        let bytes = self.audit.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn state_of(case: &Case) -> State {
    let engine = EngineDecider::new(&case.setup).unwrap().engine().clone();
    State::new(engine, Realms::default(), Resources::default())
}

/// Where the audit trail goes.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! SEC-1: runs every case with all tracing enabled, and checks that no part of a token or key appears in any event or
//! span of any library, log, panic, audit line or response.

use std::collections::HashSet;
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use artos_auth_fixtures::case::{self, Case};
use hyper::http::{HeaderValue, Request};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::carried::{request, why_not};
use crate::running::{PATIENCE, Running};

/// The number of consecutive characters that counts as a leak (section 7 of the contract).
const PART: usize = 8;

#[tokio::test]
async fn traces_logs_panics_and_responses_contain_no_part_of_a_token_or_key() {
    let said = Said::everything();
    hears_everything(&said);
    let cases = case::load().unwrap();
    let server = Running::start(&cases).await;
    let secrets: HashSet<[u8; PART]> =
        cases.iter().flat_map(secrets_of).flat_map(|secret| parts_of(&secret)).collect();
    let (mut requests, mut with_a_token_in_the_path) = (0, 0);
    for (index, case) in cases.iter().enumerate().filter(|(_, case)| why_not(&case.question).is_none()) {
        // A requested path is logged as it is, and is not a place for a token.
        if part_of(case.question.path.as_bytes(), &secrets).is_some() {
            with_a_token_in_the_path += 1;
            continue;
        }
        server.ask_under(case);
        said.write("answer", &server.exchange(&request(&case.question, index)).await);
        requests += 1;
        if let Some(answer) = over_http_2(&server, case, index).await {
            said.write("answer", &answer);
            requests += 1;
        }
    }
    for line in server.stop().await {
        said.write("audit", &line.to_string());
    }

    let all = said.take();
    assert_eq!(with_a_token_in_the_path, 2);
    assert!(requests > 1_400, "{requests} requests");
    assert!(!all.contains("\npanic "), "a decision panics:\n{all}");
    for (what, at_least) in
        [("answer", 1_400), ("audit", 1_400), ("trace h2::", 50_000), ("log mio::", 1_000)]
    {
        let lines = all.lines().filter(|line| line.starts_with(what)).count();
        assert!(lines >= at_least, "{lines} lines of {what}");
    }
    for line in all.lines() {
        assert_eq!(part_of(line.as_bytes(), &secrets), None, "{line}");
    }
}

/// Traces, logs and panics are captured from every library.
fn hears_everything(said: &Said) {
    let token = "test-only.not-a.real-token";
    tracing::trace_span!("span", member = format!("{token}1")).in_scope(|| {
        tracing::trace!(member = format!("{token}2"), "message {token}3");
    });
    tracing::trace_span!("later", member = tracing::field::Empty).record("member", format!("{token}4"));
    log::trace!("{token}5");
    std::panic::catch_unwind(|| panic!("{token}6")).unwrap_err();
    let all = said.take();
    for number in 1..=6 {
        assert!(all.contains(&format!("{token}{number}")), "{number}");
    }
    assert!(all.contains("\npanic "), "{all}");
}

/// Sends the case over HTTP/2, with a library that accepts only valid requests; `None` if it rejects this one.
async fn over_http_2(server: &Running, case: &Case, index: usize) -> Option<String> {
    let question = &case.question;
    let mut asked = Request::builder().method(&*question.method).header("x-case", index);
    asked = match question.path.starts_with('/') {
        true => asked.uri(format!("http://localhost{}", question.path)),
        false => return None,
    };
    for line in &question.authorization {
        asked = asked.header("authorization", HeaderValue::from_bytes(line).ok()?);
    }
    let asked = asked.body(()).ok()?;
    let exchange = async {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut client = client.ready().await.unwrap();
        let (head, mut body) = client.send_request(asked, true).unwrap().0.await.unwrap().into_parts();
        let mut answer = format!("{} {:?} ", head.status, head.headers);
        while let Some(data) = body.data().await {
            answer.push_str(&String::from_utf8_lossy(&data.unwrap()));
        }
        drop((client, body));
        connection.await.unwrap().unwrap();
        answer
    };
    Some(timeout(PATIENCE, exchange).await.expect("an answer"))
}

/// The tokens of a case, and its published keys.
fn secrets_of(case: &Case) -> Vec<Vec<u8>> {
    let after_the_scheme =
        |line: &Vec<u8>| line.splitn(2, |byte| *byte == b' ').last().unwrap_or_default().to_vec();
    let keys = case.setup.keys["keys"].as_array().unwrap();
    let materials = keys.iter().flat_map(|key| ["k", "n", "x", "y", "d"].map(|member| key[member].as_str()));
    let materials = materials.flatten().map(|text| text.as_bytes().to_vec());
    case.question.authorization.iter().map(after_the_scheme).chain(materials).collect()
}

/// Every substring that consists of token or key characters: `, Bearer ` between two tokens belongs to neither.
fn parts_of(secret: &[u8]) -> Vec<[u8; PART]> {
    let is_base64url = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let parts = secret.windows(PART).filter(|part| part.iter().all(is_base64url));
    parts.map(|part| part.try_into().unwrap()).collect()
}

/// The first of these parts that a text contains.
fn part_of(text: &[u8], secrets: &HashSet<[u8; PART]>) -> Option<String> {
    let found = text.windows(PART).find(|part| secrets.contains(*part));
    found.map(|part| String::from_utf8_lossy(part).into_owned())
}

/// All captured output of this process, one line for each message, with its origin.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<String>>);

impl Said {
    /// Captures all libraries at their most verbose level, and all panics.
    fn everything() -> Self {
        let said = Self::default();
        tracing::subscriber::set_global_default(Tracer { said: said.clone(), spans: AtomicU64::new(1) })
            .unwrap();
        log::set_boxed_logger(Box::new(said.clone())).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        let (panics, before) = (said.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            panics.write("panic", &panic.to_string());
            before(panic);
        }));
        said
    }

    fn write(&self, from: &str, what: &str) {
        let mut said = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        writeln!(said, "{from} {}", what.replace('\n', " ")).unwrap();
    }

    /// The messages captured since the last call.
    fn take(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl log::Log for Said {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.write(&format!("log {}", record.target()), &record.args().to_string());
    }

    fn flush(&self) {}
}

/// Records every span and event with all of its fields.
struct Tracer {
    said: Said,
    spans: AtomicU64,
}

impl Tracer {
    fn write(&self, of: &str, record: impl FnOnce(&mut Members)) {
        let mut members = Members::default();
        record(&mut members);
        self.said.write(&format!("trace {of}"), &members.0);
    }
}

impl Subscriber for Tracer {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.write(span.metadata().target(), |members| span.record(members));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed))
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.write("span", |members| values.record(members));
    }

    fn event(&self, event: &Event<'_>) {
        self.write(event.metadata().target(), |members| event.record(members));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Members(String);

impl Visit for Members {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

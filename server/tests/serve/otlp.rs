//! Spans of decisions, at a collector.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::process::{PORTS, Process, eventually, exchange};
use super::support::{PATIENCE, status};

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0b1902b7-01";
const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0b1902b7-00";

/// A collector that takes every message.
struct Collector {
    address: SocketAddr,
    /// The head and the body of each message.
    messages: Receiver<(String, String)>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let message = message(&stream);
                let answer =
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
                let _ = (&stream).write_all(answer.as_bytes());
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self { address, messages }
    }

    /// The next spans that it takes.
    fn spans(&self) -> Vec<Value> {
        let (head, body) = self.messages.recv_timeout(PATIENCE).expect("a message");
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/json\r\n"), "{head}");
        let body: Value = serde_json::from_str(&body).unwrap();
        body["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().expect("spans").clone()
    }
}

fn message(stream: &TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let length =
        head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

fn start(collector: SocketAddr, config: &str) -> Process {
    let audit = "[audit]\noutput = \"off\"\n";
    Process::start(&format!("{PORTS}{audit}[otlp]\nendpoint = \"http://{collector}\"\n{config}"))
}

fn ask(process: &Process, fields: &str) -> u16 {
    let request = format!("GET /secret-path HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    status(&exchange(process.address(), request.as_bytes()))
}

#[test]
fn a_sampled_decision_has_a_span() {
    let collector = Collector::start();
    let process = start(collector.address, "");
    let token = process.token(json!({ "sub": "secret-user" }));
    assert_eq!(ask(&process, &format!("traceparent: {NOT_SAMPLED}\r\n")), 401);
    assert_eq!(ask(&process, ""), 401, "without a parent, by the ratio: none");
    let fields = format!("traceparent: {SAMPLED}\r\nAuthorization: Bearer {token}\r\n");
    assert_eq!(ask(&process, &fields), 200);

    let spans = collector.spans();
    let [span] = &spans[..] else { panic!("{spans:#?}") };
    assert_eq!(span["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span["parentSpanId"], "00f067aa0b1902b7");
    assert_eq!((&span["name"], &span["kind"]), (&json!("artos_auth.decide"), &json!(2)));
    let attributes = span["attributes"].as_array().unwrap().iter();
    let attributes: Vec<_> =
        attributes.map(|attribute| (attribute["key"].as_str().unwrap(), &attribute["value"])).collect();
    let text = |value: &str| json!({ "stringValue": value });
    let expected = [
        ("http.request.method", &text("GET")),
        ("http.response.status_code", &json!({ "intValue": "200" })),
        ("artos.outcome", &text("allow")),
        ("artos.reason", &text("authorized")),
        ("artos.clause", attributes[4].1),
    ];
    assert_eq!(attributes, expected);
    let told = span.to_string();
    assert!(!told.contains("secret") && !told.contains(token.split('.').next().unwrap()), "{told}");
    eventually("it is counted", || process.metric("artos_auth_spans_sent_total") == 1.0);
}

#[test]
fn decisions_without_a_parent_are_sampled_by_the_ratio() {
    let collector = Collector::start();
    let process = start(collector.address, "sample_ratio = 1\n");
    assert_eq!(ask(&process, ""), 401);
    let spans = collector.spans();
    assert_eq!(spans[0]["parentSpanId"], Value::Null);
    assert_eq!(ask(&process, &format!("traceparent: {NOT_SAMPLED}\r\n")), 401);
    assert_eq!(ask(&process, "traceparent: 00-nonsense\r\n"), 401);
    assert_eq!(collector.spans().len(), 1, "the parent decides, where it is valid");
}

/// The request that a proxy describes belongs to the proxy's trace.
#[test]
fn a_forwarded_request_has_a_span() {
    let collector = Collector::start();
    let process = start(collector.address, "[forward]\nfields = \"x-original\"\n");
    let request = format!(
        "GET /_auth/verify HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Original-Method: DELETE\r\nX-Original-URI: /a\r\n\
         X-Original-Host: a\r\ntraceparent: {SAMPLED}\r\n\r\n"
    );
    assert_eq!(status(&exchange(process.address(), request.as_bytes())), 401);
    let spans = collector.spans();
    assert_eq!(spans[0]["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(spans[0]["attributes"][0]["value"]["stringValue"], "DELETE");
}

#[test]
fn spans_are_sent_at_the_end() {
    let collector = Collector::start();
    let process = start(collector.address, "");
    assert_eq!(ask(&process, &format!("traceparent: {SAMPLED}\r\n")), 401);
    process.signal(Signal::TERM);
    let (status, errors) = process.ended();
    assert_eq!(status.code(), Some(0), "{errors}");
    assert_eq!(collector.messages.try_iter().count(), 1, "before the process has ended");
}

/// More spans than the queue holds, while the collector does not answer: decisions go on, and what is lost is counted.
#[test]
fn decisions_do_not_wait_for_a_slow_collector() {
    const REQUESTS: usize = 10_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let process = start(listener.local_addr().unwrap(), "");
    let request = format!("GET /a HTTP/1.1\r\nHost: a\r\ntraceparent: {SAMPLED}\r\n\r\n");
    let mut stream = TcpStream::connect(process.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut sending = stream.try_clone().unwrap();
    let sender = std::thread::spawn(move || sending.write_all(request.repeat(REQUESTS).as_bytes()));
    let (mut answers, mut bytes) = (0, [0; 64 << 10]);
    while answers < REQUESTS {
        let read = stream.read(&mut bytes).unwrap();
        assert!(read > 0, "{answers} answers");
        // Each answer has one brace, in its body.
        answers += bytes[..read].iter().filter(|byte| **byte == b'{').count();
    }
    sender.join().unwrap().unwrap();
    assert!(process.metric("artos_auth_spans_dropped_total") > 0.0);
    process.signal(Signal::TERM);
    let (status, errors) = process.ended();
    assert_eq!(status.code(), Some(0), "{errors}");
}

#[test]
fn an_unreachable_collector_is_logged_once() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let process = start(nobody, "");
    for number in 1..=2 {
        assert_eq!(ask(&process, &format!("traceparent: {SAMPLED}\r\n")), 401);
        eventually("it is counted", || process.metric("artos_auth_spans_dropped_total") >= f64::from(number));
    }
    let told = "otlp 127.0.0.1: spans are dropped: cannot be reached: Connection refused";
    assert_eq!(process.errors().matches(told).count(), 1, "{}", process.errors());
    assert_eq!(process.readiness().0, 200, "requests are judged all the same");
}

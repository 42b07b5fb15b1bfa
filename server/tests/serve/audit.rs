//! The audit log in its formats for people and machines.

use std::io::Write;
use std::sync::{Arc, Mutex};

use artos_auth_server::config::{Audit, AuditOutput};
use artos_auth_server::{AuditLog, Format, Metrics};
use serde_json::json;

use super::support::{PATIENCE, Running, get};

#[derive(Clone, Default)]
pub(crate) struct Sink(pub(crate) Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines of some requests, with `N` for the duration, which varies.
async fn lines(format: Format) -> String {
    let (sink, metrics) = (Sink::default(), Metrics::new());
    let (audit, writer) =
        AuditLog::start(sink.clone(), format, &Audit::default(), metrics.audit.clone()).unwrap();
    let server = Running::with("", |builder| builder.audit(audit).metrics(metrics)).await;
    let odd = json!({
        "sub": "u 1\" outcome=allow", "org_id": "org\\\u{e9}\u{2028}", "jti": "-", "permissions": [],
    });
    let good = server.files.token(json!({}));
    let requests = [
        get("/api/v1/search/status?token=secret", "whatever"),
        get("/api/v1/templates/", &good),
        get("/api/v1/templates/", &server.files.token(odd)),
        get("/api/v1/templates/", &server.files.token(json!({ "sub": null, "jti": null }))),
        get("/api/v1/templates/", &server.files.token(json!({ "exp": 1 }))),
        get("/api/v1/templates/", "not.a.token"),
        get("/_auth/verify", &good),
        format!("BREW /a=\"b\"\\{}?q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "\u{e9}".repeat(300)),
        format!(
            "GET /reset/{good}/x HTTP/1.1\r\nHost: {}.example\r\nX-Request-Id: a\" b\r\nConnection: close\r\n\r\n",
            &good[..60]
        ),
        "GET / HTTP/1.1\r\nHost: A.example.:80\r\nX-Request-Id: 6f1c\r\nConnection: close\r\ntraceparent: \
         00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n"
            .to_owned(),
        // Answered without a decision, the last three by hyper.
        "GET /a?b HTTP/1.1\r\nX-Request-Id: 6f1d\r\nConnection: close\r\n\r\n".to_owned(),
        "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n".to_owned(),
        "GET  / HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000)),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200)),
    ];
    for request in requests {
        server.exchange(request).await;
    }
    assert!(writer.close(PATIENCE));
    let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    assert!(good.as_bytes().windows(8).all(|part| !text.contains(std::str::from_utf8(part).unwrap())));
    let mut shown = String::new();
    for line in text.lines() {
        let line = without_port(line);
        let key = if format == Format::Json { "\"duration_us\":" } else { "duration_us=" };
        let (before, duration) = line.split_once(key).unwrap();
        assert!(duration.trim_end_matches('}').parse::<u64>().is_ok(), "{line}");
        let end = if format == Format::Json { "}" } else { "" };
        shown.push_str(&format!("{before}{key}N{end}\n").replace(&"\u{e9}".repeat(200), "\u{e9}[...]"));
    }
    shown.replace(&"\\u{e9}".repeat(200), "\\u{e9}[...]")
}

/// The line with `PORT` for the client's port.
fn without_port(line: &str) -> String {
    let (before, after) = line.split_once("127.0.0.1:").unwrap();
    let port = after.find(|character: char| !character.is_ascii_digit()).unwrap();
    assert!(port > 0, "{line}");
    format!("{before}127.0.0.1:PORT{}", &after[port..])
}

#[tokio::test]
async fn json_format() {
    let lines = lines(Format::Json).await;
    for line in lines.lines() {
        let whole = line.replace(":N}", ":0}");
        let object: serde_json::Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(object.as_object().unwrap().len(), 16);
    }
    insta::assert_snapshot!(lines);
}

#[tokio::test]
async fn text_format() {
    let lines = lines(Format::Text).await;
    for line in lines.lines() {
        assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')));
        let fields: Vec<&str> = line.split(' ').map(|field| field.split_once('=').unwrap().0).collect();
        let expected = [
            "time",
            "method",
            "path",
            "outcome",
            "status",
            "reason",
            "clause",
            "cause",
            "user_id",
            "org_id",
            "token_id",
            "peer",
            "host",
            "request_id",
            "trace_id",
            "duration_us",
        ];
        assert_eq!(fields, expected, "no value parts itself into fields");
    }
    insta::assert_snapshot!(lines);
}

#[tokio::test]
async fn off_writes_nothing() {
    let (sink, metrics) = (Sink::default(), Metrics::new());
    let off = Audit { output: AuditOutput::Off, ..Audit::default() };
    let (audit, writer) = AuditLog::start(sink.clone(), Format::Json, &off, metrics.audit.clone()).unwrap();
    let server = Running::with("", |builder| builder.audit(audit).metrics(metrics)).await;
    server.get("/api/v1/search/status", "").await;
    assert!(writer.close(PATIENCE));
    assert!(sink.0.lock().unwrap().is_empty());
    assert!(server.metrics.encode().unwrap().contains("artos_auth_audit_dropped_total 0\n"));
}

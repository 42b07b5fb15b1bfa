//! The admin port.

use std::io::Write;
use std::net::TcpStream;

use rstest::rstest;
use serde_json::json;

use super::process::{PORTS, Process, exchange};
use super::support::{body, field, status};

#[rstest]
#[case::health("GET /healthz", 200)]
#[case::health_by_head("HEAD /healthz", 200)]
#[case::ready("GET /readyz", 200)]
#[case::ready_with_a_query("GET /readyz?verbose", 200)]
#[case::metrics("GET /metrics", 200)]
#[case::root("GET /", 404)]
#[case::a_path_of_the_main_port("GET /api/v1/search/status", 404)]
#[case::below("GET /healthz/x", 404)]
#[case::written_to("POST /healthz", 405)]
#[case::deleted("DELETE /metrics", 405)]
fn it_serves_its_own_endpoints(#[case] line: &str, #[case] expected: u16) {
    let process = Process::start(PORTS);
    let request = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = exchange(process.admin(), request.as_bytes());
    assert_eq!(status(&answer), expected);
    assert_eq!(field(&answer, "Cache-Control"), Some("no-store"));
    assert_eq!(field(&answer, "Allow"), (expected == 405).then_some("GET, HEAD"));
    if line.starts_with("HEAD") {
        assert_eq!((field(&answer, "Content-Length"), body(&answer)), (Some("15"), ""));
    }
}

#[test]
fn the_main_port_has_no_admin_endpoints() {
    let process = Process::start(PORTS);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(process.status(path, ""), 401, "{path} is a path like any other");
    }
}

#[test]
fn garbage_and_idle_connections_do_not_block_it() {
    let process = Process::start(PORTS);
    let mut open = Vec::new();
    for index in 0..200_u8 {
        let mut stream = TcpStream::connect(process.admin()).unwrap();
        let _ = match index % 4 {
            0 => stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
            1 => stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-Half: "),
            2 => stream.write_all(&[index; 9000]),
            _ => Ok(()),
        };
        open.push(stream);
    }
    assert_eq!(process.admin_get("/healthz").0, 200);
    assert_eq!(process.status("/api/v1/search/status", ""), 200);
}

#[test]
fn the_counters_match_the_requests() {
    let process = Process::start(PORTS);
    let good = process.token(json!({}));
    for _ in 0..3 {
        process.status("/api/v1/templates/", &good);
    }
    process.status("/api/v1/search/status", "");
    process.status("/api/v1/templates/", &process.token(json!({ "exp": 1 })));
    process.status("/_auth/verify", &good);

    let decisions = |outcome: &str, reason: &str| {
        process.metric(&format!("artos_auth_decisions_total{{outcome=\"{outcome}\",reason=\"{reason}\"}}"))
    };
    assert_eq!(decisions("allow", "authorized"), 3.0);
    assert_eq!(decisions("allow", "public_path"), 1.0);
    assert_eq!(decisions("deny", "token_expired"), 1.0);
    assert_eq!(decisions("deny", "forwarded_request_unclear"), 1.0);
    assert_eq!(decisions("deny", "not_a_member"), 0.0, "a series is there before it is needed");
    assert_eq!(process.metric("artos_auth_decision_duration_seconds_count"), 6.0);
    assert_eq!(process.metric("artos_auth_decision_duration_seconds_bucket{le=\"+Inf\"}"), 6.0);
    assert!(process.metric("artos_auth_decision_duration_seconds_sum") > 0.0);
    // The valid token and the expired one were each verified once; below the forwarding path no token is read.
    assert_eq!(process.metric("artos_auth_cache_requests_total{result=\"miss\"}"), 2.0);
    assert_eq!(process.metric("artos_auth_cache_requests_total{result=\"hit\"}"), 2.0);
    assert_eq!(process.metric("artos_auth_audit_dropped_total"), 0.0);
    assert_eq!(process.metric("artos_auth_reload_failures_total{file=\"config\"}"), 0.0);
    for file in ["config", "keys", "revocations"] {
        let loaded = process.metric(&format!("artos_auth_snapshot_timestamp_seconds{{file=\"{file}\"}}"));
        assert!(loaded > 1_700_000_000.0);
    }
}

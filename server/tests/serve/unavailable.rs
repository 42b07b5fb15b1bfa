//! While no decision is possible: 503 for everything but public paths.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use artos_auth_server::{Clock, Metrics, Reading, Server, Unavailable};
use rstest::rstest;
use serde_json::json;

use super::support::{Client, Files, NOW, body, field, get, status};

/// A clock that was never set.
struct NeverSet;

impl Clock for NeverSet {
    fn now(&self) -> Reading {
        Reading { since_epoch: Duration::from_secs(1_000), is_usable: false }
    }
}

const PROTECTED: &str = "/api/v1/templates/";
const PUBLIC: &str = "/api/v1/search/status";

fn server(files: &Files, clock: impl Clock, unavailable: Option<Unavailable>) -> Server {
    let (snapshot, limits) = files.load();
    let snapshot = snapshot.with_unavailable(unavailable);
    Server::builder(Arc::new(ArcSwap::from_pointee(snapshot)))
        .clock(clock)
        .limits(limits)
        .metrics(Metrics::new())
        .build()
}

async fn exchange(server: &Server, request: String) -> String {
    let (client, stream) = tokio::io::duplex(1 << 16);
    let server = server.clone();
    tokio::spawn(async move { server.serve_stream(stream).await });
    let mut client = Client(client);
    client.send(request).await;
    client.rest().await
}

fn count(server: &Server, outcome: &str, reason: &str) -> String {
    let series = format!("artos_auth_decisions_total{{outcome=\"{outcome}\",reason=\"{reason}\"}} ");
    let text = server.metrics().encode().unwrap();
    text.lines().find_map(|line| line.strip_prefix(&series)).unwrap().to_owned()
}

fn fixed_clock() -> Duration {
    Duration::from_secs(NOW)
}

#[rstest]
#[case::keys(Unavailable::KeysUnavailable, "keys_unavailable", "ROT-1")]
#[case::revocations(Unavailable::RevocationsStale, "revocations_stale", "REV-1")]
#[tokio::test]
async fn with_an_unusable_source_everything_but_public_paths_is_503(
    #[case] why: Unavailable,
    #[case] reason: &str,
    #[case] clause: &str,
) {
    let files = Files::new("");
    let server = server(&files, fixed_clock, Some(why));
    let good = files.token(json!({}));
    for token in [good.as_str(), "not.a.token", ""] {
        let answer = exchange(&server, get(PROTECTED, token)).await;
        assert_eq!(status(&answer), 503);
        assert_eq!(body(&answer), r#"{"detail":"Service unavailable"}"#);
        assert_eq!(field(&answer, "retry-after"), Some("1"));
        assert_eq!(field(&answer, "cache-control"), Some("no-store"));
        assert_eq!(field(&answer, "vary"), Some("Authorization"));
        assert_eq!(field(&answer, "content-type"), Some("application/json"));
        assert_eq!(field(&answer, "www-authenticate"), None, "the token may be good");
        assert_eq!(field(&answer, "x-auth-user-id"), None);
    }
    assert_eq!(status(&exchange(&server, get(PUBLIC, "")).await), 200);
    assert_eq!(status(&exchange(&server, get("/_auth/verify", &good)).await), 403);
    assert_eq!(count(&server, "unavailable", reason), "3");
    assert_eq!(count(&server, "allow", "public_path"), "1");
    assert_eq!(count(&server, "deny", "forwarded_request_unclear"), "1");
    assert_eq!((why.code(), why.clause()), (reason, clause));
}

#[tokio::test]
async fn an_unusable_clock_is_reported_first() {
    let files = Files::new("");
    for unavailable in [None, Some(Unavailable::KeysUnavailable), Some(Unavailable::RevocationsStale)] {
        let server = server(&files, NeverSet, unavailable);
        assert_eq!(status(&exchange(&server, get(PROTECTED, &files.token(json!({})))).await), 503);
        assert_eq!(status(&exchange(&server, get(PUBLIC, "")).await), 200);
        assert_eq!(count(&server, "unavailable", "clock_unusable"), "1");
        assert_eq!(count(&server, "unavailable", "keys_unavailable"), "0");
    }
}

#[tokio::test]
async fn head_gets_the_same_fields_without_the_body() {
    let files = Files::new("");
    let server = server(&files, NeverSet, None);
    let request = format!("HEAD {PROTECTED} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = exchange(&server, request).await;
    assert_eq!((status(&answer), body(&answer)), (503, ""));
    assert_eq!(field(&answer, "content-length"), Some("32"));
}

/// The snapshot stays unusable until it is replaced, whatever else in it changes.
#[test]
fn new_revocations_do_not_make_a_snapshot_usable() {
    let (snapshot, _) = Files::new("").load();
    let snapshot = snapshot.with_unavailable(Some(Unavailable::KeysUnavailable));
    let other = snapshot.with_engine(snapshot.engine().clone());
    assert_eq!(other.unavailable(), Some(Unavailable::KeysUnavailable));
    assert_eq!(other.with_unavailable(None).unavailable(), None);
}

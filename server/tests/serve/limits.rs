//! Connection limits, and what happens to connections that exceed them.

use std::time::Duration;

use artos_auth_server::config::Limits;
use rstest::rstest;
use tokio::time::{Instant, sleep};

use super::support::{Running, status};

const PUBLIC: &str = "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n";

async fn with(change: impl FnOnce(&mut Limits)) -> Running {
    let mut limits = Limits::of_tokens(8192);
    change(&mut limits);
    Running::with("", |builder| builder.limits(limits)).await
}

#[rstest]
#[case::as_long_as_may_be(16_384, 200)]
#[case::longer(16_385, 431)]
#[case::far_longer(60_000, 431)]
#[tokio::test]
async fn the_size_of_heads_is_limited(#[case] length: usize, #[case] expected: u16) {
    let server = Running::start("").await;
    let before = "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Long: ";
    let padding = length - before.len() - 4;
    let answer = server.exchange(format!("{before}{}\r\n\r\n", "y".repeat(padding))).await;
    assert_eq!(status(&answer), expected);
}

#[tokio::test]
async fn an_oversized_token_is_refused_by_the_engine() {
    let server = Running::start("").await;
    let answer = server.get("/api/v1/templates/", &"y".repeat(8193)).await;
    assert_eq!(status(&answer), 401);
}

#[rstest]
#[case::as_many_as_may_be(98, 200)]
#[case::more(99, 431)]
#[tokio::test]
async fn the_number_of_field_lines_is_limited(#[case] more: usize, #[case] expected: u16) {
    let server = Running::start("").await;
    let lines = "X-Y: z\r\n".repeat(more);
    let answer = server
        .exchange(format!(
            "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n"
        ))
        .await;
    assert_eq!(status(&answer), expected);
}

#[tokio::test]
async fn the_limit_on_field_lines_is_configurable() {
    let server = Running::start("[limits]\nheader_count = 16\n").await;
    for (more, expected) in [(14, 200), (15, 431)] {
        let lines = "X-Y: z\r\n".repeat(more);
        let head = "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
        assert_eq!(status(&server.exchange(format!("{head}{lines}\r\n")).await), expected);
    }
}

#[rstest]
#[case::silent("")]
#[case::half_a_request_line("GET /api")]
#[case::half_a_head("GET / HTTP/1.1\r\nHost: a\r\n")]
#[case::half_an_http_2_preface("PRI * HTTP/2.0\r\n")]
#[tokio::test]
async fn missing_heads_end_the_connection(#[case] sent: &str) {
    let server = with(|limits| {
        limits.header_time = Duration::from_millis(200);
        limits.idle_time = Duration::from_millis(400);
    })
    .await;
    let mut client = server.connect().await;
    client.send(sent).await;
    assert_eq!(client.rest().await, "");
}

/// Byte by byte, each within the timeout: the timeout applies to the whole head.
#[tokio::test]
async fn slow_heads_end_the_connection() {
    let server = with(|limits| limits.header_time = Duration::from_millis(300)).await;
    let mut client = server.connect().await;
    let started = Instant::now();
    let dribble = async {
        for byte in PUBLIC.bytes().chain(std::iter::repeat(b'x')) {
            if tokio::io::AsyncWriteExt::write_all(&mut client.0, &[byte]).await.is_err() {
                return;
            }
            // At ten bytes per second, the head would take five seconds.
            sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(4), dribble)
        .await
        .expect("the connection ends before the head does");
    assert!(started.elapsed() >= Duration::from_millis(300));
}

/// The second request of a connection has the same timeout as the first.
#[tokio::test]
async fn slow_heads_end_a_reused_connection() {
    let server = with(|limits| limits.header_time = Duration::from_millis(200)).await;
    let mut client = server.connect().await;
    client.send(PUBLIC).await;
    assert_eq!(status(&client.answer().await), 200);
    sleep(Duration::from_millis(300)).await;
    client.send(PUBLIC).await;
    assert_eq!(status(&client.answer().await), 200, "to wait between requests is no slow head");
    client.send("GET ").await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let server = with(|limits| limits.idle_time = Duration::from_millis(300)).await;
    let mut client = server.connect().await;
    client.send(PUBLIC).await;
    assert_eq!(status(&client.answer().await), 200);
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn idle_http_2_connections_are_closed() {
    let server = with(|limits| limits.idle_time = Duration::from_millis(300)).await;
    let mut client = server.connect().await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    client.send([0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
    client.rest().await;
}

#[tokio::test]
async fn the_longest_idle_connection_is_closed_at_the_limit() {
    let server = with(|limits| limits.connections = 3).await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect().await;
        client.send(PUBLIC).await;
        client.answer().await;
        clients.push(client);
        sleep(Duration::from_millis(5)).await;
    }
    // The first connection sends another request, so that the second one has been idle longest.
    clients[0].send(PUBLIC).await;
    clients[0].answer().await;
    let mut newcomer = server.connect().await;
    newcomer.send(PUBLIC).await;
    assert_eq!(status(&newcomer.answer().await), 200);

    assert_eq!(clients[1].rest().await, "");
    for index in [0, 2] {
        clients[index].send(PUBLIC).await;
        assert_eq!(status(&clients[index].answer().await), 200);
    }
}

/// Bytes that do not complete a request are not activity: an attacker cannot displace valid clients with them.
#[tokio::test]
async fn incomplete_requests_are_closed_before_valid_clients() {
    let server = with(|limits| limits.connections = 3).await;
    let mut good = server.connect().await;
    let mut bad = [server.connect().await, server.connect().await];
    for _ in 0..3 {
        sleep(Duration::from_millis(5)).await;
        for client in &mut bad {
            client.send("x").await;
        }
        good.send(PUBLIC).await;
        assert_eq!(status(&good.answer().await), 200);
    }
    let mut newcomers = [server.connect().await, server.connect().await];
    for client in &mut newcomers {
        client.send(PUBLIC).await;
        assert_eq!(status(&client.answer().await), 200);
    }
    good.send(PUBLIC).await;
    assert_eq!(status(&good.answer().await), 200);
    for client in &mut bad {
        client.rest().await;
    }
}

/// A client that does not read responses cannot delay shutdown.
#[tokio::test]
async fn shutdown_has_a_deadline() {
    let mut server = with(|limits| limits.shutdown_time = Duration::from_millis(200)).await;
    let mut stuck = server.connect().await;
    // More responses than the socket buffers hold.
    let requests = PUBLIC.repeat(20_000);
    let _ = tokio::time::timeout(
        Duration::from_millis(500),
        tokio::io::AsyncWriteExt::write_all(&mut stuck.0, requests.as_bytes()),
    )
    .await;
    server.stop();
    server.ended().await;
}

#[tokio::test]
async fn connections_are_counted() {
    let server = Running::start("").await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = server.connect().await;
        client.send(PUBLIC).await;
        client.answer().await;
        clients.push(client);
    }
    assert!(server.metrics.encode().unwrap().contains("\nartos_auth_connections 3\n"));
    drop(clients);
    let gone = async {
        while !server.metrics.encode().unwrap().contains("\nartos_auth_connections 0\n") {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(super::support::PATIENCE, gone).await.expect("closed connections are counted out");
}

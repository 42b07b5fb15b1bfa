//! The end of a server: requests that are on their way get their answers.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rstest::rstest;
use rustix::process::Signal;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::process::{Process, eventually};
use super::support::{Client, PATIENCE, Running, field, status};
use super::tls::{self, authority};

const REQUEST: &str = "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n";

fn open(server: &Running) -> i64 {
    let text = server.metrics.encode().unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("artos_auth_connections "));
    line.unwrap().parse().unwrap()
}

/// A client that is connected, and that the server has accepted.
async fn accepted(server: &Running) -> Client<TcpStream> {
    let before = open(server);
    let client = server.connect().await;
    tokio::task::block_in_place(|| eventually("it is accepted", || open(server) == before + 1));
    client
}

/// A server that has stopped, and refuses connections.
async fn stop(server: &mut Running) {
    server.stop();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

/// What the client has sent before the server stops; the rest comes after.
#[rstest]
#[case::nothing(0)]
#[case::a_byte(1)]
#[case::most_of_the_head(REQUEST.len() - 1)]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_after_the_stop_is_answered(#[case] sent: usize) {
    let mut server = Running::start("").await;
    let mut client = accepted(&server).await;
    client.send(&REQUEST[..sent]).await;
    stop(&mut server).await;
    client.send(&REQUEST[sent..]).await;
    let answer = client.rest().await;
    assert_eq!(status(&answer), 200);
    assert_eq!(field(&answer, "connection"), Some("close"));
    server.ended().await;
}

/// A client that keeps its connection sends no request after an answer that closes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_is_closed_by_an_answer() {
    let mut server = Running::start("").await;
    let mut client = accepted(&server).await;
    client.send(REQUEST).await;
    let answer = client.answer().await;
    assert_eq!((status(&answer), field(&answer, "connection")), (200, None));
    stop(&mut server).await;
    client.send(REQUEST).await;
    let answer = client.rest().await;
    assert_eq!((status(&answer), field(&answer, "connection")), (200, Some("close")));
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1);
    server.ended().await;
}

/// Requests behind the last one that is answered do not destroy its answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_pipelined_request_does_not_cost_the_answer_before_it() {
    let mut server = Running::start("").await;
    let mut client = accepted(&server).await;
    stop(&mut server).await;
    client.send(REQUEST.repeat(1000)).await;
    let answer = client.rest().await;
    assert_eq!((status(&answer), answer.matches("HTTP/1.1 ").count()), (200, 1), "{answer}");
    server.ended().await;
}

/// The client sends the beginning of its connection and a request at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_over_http2_that_comes_after_the_stop_is_answered() {
    let mut server = Running::start("").await;
    let client = accepted(&server).await;
    stop(&mut server).await;
    let (mut requests, connection) = h2::client::handshake(client.0).await.unwrap();
    let request = hyper::http::Request::get("http://a/api/v1/search/status").body(()).unwrap();
    let (response, _) = requests.send_request(request, true).unwrap();
    let connection = tokio::spawn(connection);
    assert_eq!(response.await.unwrap().status(), 200);
    drop(requests);
    connection.await.unwrap().unwrap();
    server.ended().await;
}

/// No other time limit ends a connection.
const PATIENT: &str = "[limits]\nheader_seconds = 600\nidle_seconds = 600\nshutdown_seconds = 600\n";

/// Without a request, and after one: a quiet connection ends with the server.
#[tokio::test(flavor = "multi_thread")]
async fn quiet_connections_are_closed() {
    let mut server = Running::start(PATIENT).await;
    let mut idle = accepted(&server).await;
    idle.send(REQUEST).await;
    idle.answer().await;
    let mut silent = accepted(&server).await;
    stop(&mut server).await;
    assert_eq!(idle.rest().await, "");
    assert_eq!(silent.rest().await, "");
    // Its other end stays open: nothing waits for it.
    let metrics = server.metrics.clone();
    server.ended().await;
    // A client may see the end of its connection before the connection is counted.
    let text = metrics.encode().unwrap();
    assert!(text.contains("artos_auth_connections_closed_total{reason=\"shutdown\"} 2\n"), "{text}");
    silent.0.shutdown().await.unwrap();
}

/// The handshake begins after the stop.
#[test]
fn a_request_over_tls_that_comes_after_the_stop_is_answered() {
    let issuer = authority("Test CA");
    let process = Process::of_files(tls::files("", &issuer, 2100));
    let address = process.first[0].strip_prefix("listening on https://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    eventually("it is accepted", || process.metric("artos_auth_connections") > 0.0);
    process.signal(Signal::TERM);
    eventually("the port is closed", || std::net::TcpStream::connect(address).is_err());

    let mut roots = RootCertStore::empty();
    roots.add(issuer.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut encrypted = rustls::Stream::new(&mut client, &mut stream);
    encrypted.write_all(REQUEST.as_bytes()).unwrap();
    let mut answer = String::new();
    encrypted.read_to_string(&mut answer).unwrap();
    assert_eq!((status(&answer), field(&answer, "connection")), (200, Some("close")));
    let (status, errors) = process.ended();
    assert_eq!(status.code(), Some(0), "{errors}");
}

#[test]
fn a_quiet_connection_without_a_handshake_is_closed() {
    let process = Process::of_files(tls::files(PATIENT, &authority("Test CA"), 2100));
    let address = process.first[0].strip_prefix("listening on https://").unwrap();
    let silent = std::net::TcpStream::connect(address).unwrap();
    eventually("it is accepted", || process.metric("artos_auth_connections") > 0.0);
    process.signal(Signal::TERM);
    let (status, errors) = process.ended();
    assert_eq!(status.code(), Some(0), "{errors}");
    drop(silent);
}

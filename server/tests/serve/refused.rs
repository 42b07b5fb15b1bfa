//! Requests that are answered without a decision: each has a line and is counted, also if hyper or h2 answers.

use artos_auth_server::config::Audit;
use artos_auth_server::{AuditLog, Format, Metrics};
use bytes::Bytes;
use h2::client::SendRequest;
use hyper::http::Request;
use rstest::rstest;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::audit::Sink;
use super::support::{PATIENCE, Running, status};

const PUBLIC: &str = "/api/v1/search/status";

/// A server with an audit log.
struct Recorded {
    server: Running,
    sink: Sink,
    writer: artos_auth_server::Writer,
}

impl Recorded {
    async fn start(config: &str) -> Self {
        let (sink, metrics) = (Sink::default(), Metrics::new());
        let (audit, writer) =
            AuditLog::start(sink.clone(), Format::Json, &Audit::default(), metrics.audit.clone()).unwrap();
        let server = Running::with(config, |builder| builder.audit(audit).metrics(metrics)).await;
        Self { server, sink, writer }
    }

    fn counted(&self, status: u16, reason: &str) -> u64 {
        let series = format!("artos_auth_refused_total{{status=\"{status}\",reason=\"{reason}\"}} ");
        let metrics = self.server.metrics.encode().unwrap();
        metrics.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    }

    /// Status and reason of each line with outcome `refused`.
    fn refused(self) -> Vec<(u64, String)> {
        assert!(self.writer.close(PATIENCE));
        let text = String::from_utf8(self.sink.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let refused = lines.filter(|line| line["outcome"] == "refused");
        refused
            .map(|line| {
                assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
                (line["status"].as_u64().unwrap(), line["reason"].as_str().unwrap().to_owned())
            })
            .collect()
    }
}

fn long_target(length: usize, lines: usize, padding: usize) -> String {
    let (target, lines) = ("a".repeat(length - 1), "X: y\r\n".repeat(lines));
    format!(
        "GET /{target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}Y: {}\r\n\r\n",
        "z".repeat(padding)
    )
}

#[rstest]
#[case::no_host("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), 400, "host_invalid")]
#[case::tunnel("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n".to_owned(), 405, "method_connect")]
#[case::no_http("GET  / HTTP/1.1\r\n\r\n".to_owned(), 400, "malformed")]
#[case::long_target(long_target(65_535, 0, 0), 414, "target_too_long")]
#[case::long_target_and_many_lines(long_target(65_535, 99, 0), 431, "head_too_large")]
#[case::long_target_and_head(long_target(65_535, 0, 5_000), 431, "head_too_large")]
#[case::target_beyond_the_head(long_target(80_000, 0, 0), 431, "head_too_large")]
#[case::unfinished_target(format!("GET /{}", "a".repeat(80_000)), 431, "head_too_large")]
#[case::long_head(long_target(10, 0, 80_000), 431, "head_too_large")]
#[tokio::test]
async fn over_http_1(#[case] request: String, #[case] expected: u16, #[case] reason: &str) {
    let recorded = Recorded::start("[limits]\nheader_bytes = 70000\n").await;
    let answer = recorded.server.exchange(request).await;
    assert_eq!(status(&answer), expected);
    assert_eq!(recorded.counted(expected, reason), 1);
    assert_eq!(recorded.refused(), [(u64::from(expected), reason.to_owned())]);
}

#[tokio::test]
async fn the_longest_target_is_decided_on() {
    let recorded = Recorded::start("[limits]\nheader_bytes = 70000\n").await;
    assert_eq!(status(&recorded.server.exchange(long_target(65_534, 0, 0)).await), 401);
    assert_eq!(recorded.refused(), []);
}

async fn connect(server: &Running) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

/// A request with fields of this length in all, by the rule of RFC 9113 §6.5.2: name, value and 32 bytes.
fn request(length: usize, fields: usize) -> Request<()> {
    let mut request = Request::get(format!("http://localhost{PUBLIC}"));
    let pseudo = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", PUBLIC)];
    let used: usize = pseudo.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
    let each = (length - used) / fields;
    for index in 0..fields {
        let name = format!("x-{index:04}");
        let rest = if index == 0 { (length - used) % fields } else { 0 };
        request = request.header(&name, "y".repeat(each + rest - name.len() - 32));
    }
    request.body(()).unwrap()
}

/// h2 answers 431 itself from the limit on.
#[rstest]
#[case::below_the_limit(16_383, 1, None)]
#[case::at_the_limit(16_384, 1, Some("head_too_large"))]
#[case::many_fields(16_384, 101, Some("head_too_large"))]
#[case::twice_the_limit(30_000, 10, Some("head_too_large"))]
#[case::more_lines_than_the_limit(16_000, 101, Some("too_many_fields"))]
#[tokio::test]
async fn over_http_2(#[case] length: usize, #[case] fields: usize, #[case] reason: Option<&str>) {
    let recorded = Recorded::start("").await;
    let mut client = connect(&recorded.server).await;
    // The second and third answers are written with fields of the compression table.
    for _ in 0..3 {
        client = client.ready().await.unwrap();
        let (response, _) = client.send_request(request(length, fields), true).unwrap();
        let expected = if reason.is_some() { 431 } else { 200 };
        assert_eq!(timeout(PATIENCE, response).await.unwrap().unwrap().status(), expected);
    }
    let good = Request::get(format!("http://localhost{PUBLIC}")).body(()).unwrap();
    client = client.ready().await.unwrap();
    let (response, _) = client.send_request(good, true).unwrap();
    assert_eq!(timeout(PATIENCE, response).await.unwrap().unwrap().status(), 200, "the connection is kept");
    for known in ["head_too_large", "too_many_fields"] {
        assert_eq!(recorded.counted(431, known), if reason == Some(known) { 3 } else { 0 });
    }
    let expected = reason.map_or_else(Vec::new, |reason| vec![(431, reason.to_owned()); 3]);
    assert_eq!(recorded.refused(), expected);
}

/// h2 does not skip any amount of fields: it ends the connection, which is counted.
#[tokio::test]
async fn a_list_that_is_far_too_long_ends_its_connection() {
    let recorded = Recorded::start("").await;
    let stream = TcpStream::connect(recorded.server.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let (response, _) = client.send_request(request(70_000, 20), true).unwrap();
    let error = timeout(PATIENCE, response).await.unwrap().unwrap_err();
    assert!(error.is_go_away() && error.is_remote(), "{error}");
    drop(client);
    let _ = timeout(PATIENCE, connection).await.unwrap();
    let closed = "artos_auth_connections_closed_total{reason=\"protocol_error\"} 1\n";
    let counted = async {
        while !recorded.server.metrics.encode().unwrap().contains(closed) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, counted).await.expect("it is counted");
    assert_eq!(recorded.counted(431, "head_too_large"), 0);
    assert_eq!(recorded.refused(), []);
}

/// Calls that get 415 or a gRPC status.
#[rstest]
#[case::media_type("Check", "application/json", &[0, 0, 0, 0, 0], (415, "not_grpc"))]
#[case::no_message("Check", "application/grpc", &[], (400, "grpc_call_invalid"))]
#[case::unreadable_message("Check", "application/grpc", &[0, 0, 0, 0, 1, 0xff], (400, "grpc_call_invalid"))]
#[case::unknown_method("Other", "application/grpc", &[0, 0, 0, 0, 0], (400, "grpc_call_invalid"))]
#[tokio::test]
async fn grpc_calls_without_a_decision(
    #[case] method: &str,
    #[case] media_type: &str,
    #[case] body: &'static [u8],
    #[case] (status, reason): (u16, &str),
) {
    let recorded = Recorded::start("[ext_authz]\ntrusted = [\"127.0.0.0/8\"]\n").await;
    let mut client = connect(&recorded.server).await;
    let uri = format!("http://localhost/envoy.service.auth.v3.Authorization/{method}");
    let request = Request::post(uri).header("content-type", media_type).body(()).unwrap();
    let (response, mut stream) = client.send_request(request, body.is_empty()).unwrap();
    if !body.is_empty() {
        // The response may arrive before the body is sent, which then fails.
        let _ = stream.send_data(Bytes::from_static(body), true);
    }
    let response = timeout(PATIENCE, response).await.unwrap().unwrap();
    assert_eq!(response.status(), if status == 415 { 415 } else { 200 });
    assert_eq!(recorded.counted(status, reason), 1);
    assert_eq!(recorded.refused(), [(status.into(), reason.to_owned())]);
}

//! HTTP/2 with prior knowledge.

use bytes::Bytes;
use h2::client::SendRequest;
use hyper::http::{HeaderMap, Request, Response, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::{Client, PATIENCE, Running, status};

async fn connect(server: &Running) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

async fn ask(client: &mut SendRequest<Bytes>, request: Request<()>) -> (Response<()>, String) {
    let (response, _) = client.send_request(request, true).unwrap();
    let (head, mut stream) = timeout(PATIENCE, response).await.unwrap().unwrap().into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        body.extend_from_slice(&data.unwrap());
    }
    (Response::from_parts(head, ()), String::from_utf8(body).unwrap())
}

fn get(path: &str) -> hyper::http::request::Builder {
    Request::get(format!("http://localhost{path}"))
}

#[tokio::test]
async fn responses_are_the_same_as_in_http_1() {
    let server = Running::start("").await;
    let mut client = connect(&server).await;
    let token = server.files.token(json!({}));
    let allowed = get("/api/v1/templates/").header("authorization", format!("Bearer {token}"));
    let (head, body) = ask(&mut client, allowed.body(()).unwrap()).await;
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["x-auth-org-id"], "org-a");
    assert_eq!(head.headers()["cache-control"], "no-store");
    assert!(body.contains("\"user_id\":\"u1\""));

    let (head, body) = ask(&mut client, get("/api/v1/templates/").body(()).unwrap()).await;
    assert_eq!((head.status().as_u16(), body.as_str()), (401, r#"{"detail":"Not authenticated"}"#));
    assert_eq!(head.headers()["www-authenticate"], "Bearer realm=\"artos\"");

    let (head, body) = ask(&mut client, get("/api/v1/search/status").body(()).unwrap()).await;
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["x-auth-user-id"], "");
    assert_eq!(body, r#"{"user_id":null,"org_id":null,"permissions":[],"token_id":null}"#);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Running::start("").await;
    let mut client = connect(&server).await;
    let without_date = |mut headers: HeaderMap| {
        headers.remove("date");
        headers
    };
    for path in ["/api/v1/search/status", "/api/v1/templates/", "/_auth/x"] {
        let (with_body, _) = ask(&mut client, get(path).body(()).unwrap()).await;
        let mut request = get(path).body(()).unwrap();
        *request.method_mut() = hyper::Method::HEAD;
        let (without, body) = ask(&mut client, request).await;
        assert_eq!((without.status(), body.as_str()), (with_body.status(), ""));
        let length = without.headers().get("content-length").cloned();
        assert_eq!(without_date(without.headers().clone()), without_date(with_body.headers().clone()));
        assert!(length.is_some(), "{path}");
    }
}

#[tokio::test]
async fn authority_and_host_must_agree() {
    const REALMS: &str = "[[realms]]\nhost = \"a.example\"\norganizations = [\"org-a\"]\n";
    let server = Running::start(REALMS).await;
    let token = server.files.token(json!({}));
    let cases = [
        ("http://a.example/x", None, 200),
        ("http://A.example.:80/x", None, 200),
        ("http://b.example/x", None, 401),
        ("http://a.example/x", Some("a.example"), 200),
        ("http://b.example/x", Some("a.example"), 400),
        ("http://a.example/x", Some("b.example"), 400),
    ];
    let mut client = connect(&server).await;
    for (uri, host, expected) in cases {
        let mut request = Request::get(uri).header("authorization", format!("Bearer {token}"));
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let (head, _) = ask(&mut client, request.body(()).unwrap()).await;
        assert_eq!(head.status().as_u16(), expected, "{uri} {host:?}");
    }
}

#[tokio::test]
async fn a_body_is_not_waited_for_and_does_not_block_other_streams() {
    let server = Running::start("").await;
    let mut client = connect(&server).await;
    let request = Request::post("http://localhost/api/v1/search/status").body(()).unwrap();
    let (response, mut body) = client.send_request(request, false).unwrap();
    body.reserve_capacity(1 << 20);
    let response = timeout(PATIENCE, response).await.unwrap().unwrap();
    assert_eq!(response.status(), 200);
    let reset = timeout(PATIENCE, std::future::poll_fn(|context| body.poll_reset(context))).await.unwrap();
    assert_eq!(reset.unwrap(), h2::Reason::NO_ERROR);
    let (head, _) = ask(&mut client, get("/api/v1/search/status").body(()).unwrap()).await;
    assert_eq!(head.status(), 200);
}

#[tokio::test]
async fn many_concurrent_streams_are_answered() {
    let server = Running::start("").await;
    let mut client = connect(&server).await;
    for _ in 0..5 {
        let mut answers = Vec::new();
        for _ in 0..50 {
            client = client.ready().await.unwrap();
            answers
                .push(client.send_request(get("/api/v1/search/status").body(()).unwrap(), true).unwrap().0);
        }
        for answer in answers {
            assert_eq!(timeout(PATIENCE, answer).await.unwrap().unwrap().status(), StatusCode::OK);
        }
    }
}

#[tokio::test]
async fn connect_is_not_allowed() {
    let server = Running::start("").await;
    let mut client = connect(&server).await;
    let request = Request::connect("localhost:80").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    assert_eq!(timeout(PATIENCE, response).await.unwrap().unwrap().status(), 405);
}

#[tokio::test]
async fn too_many_or_too_long_fields_are_refused() {
    let server = Running::start("[limits]\nheader_count = 16\n").await;
    let mut client = connect(&server).await;
    let mut request = get("/api/v1/search/status");
    for index in 0..17 {
        request = request.header(format!("x-{index}"), "y");
    }
    assert_eq!(ask(&mut client, request.body(()).unwrap()).await.0.status(), 431);
    let (head, _) = ask(&mut client, get("/api/v1/search/status").body(()).unwrap()).await;
    assert_eq!(head.status(), 200, "the connection is as good as before");
}

/// Rapid reset: streams opened and reset immediately, by the thousand (CVE-2023-44487).
#[tokio::test]
async fn rapid_resets_end_only_their_connection() {
    let server = Running::start("").await;
    let mut attacker = TcpStream::connect(server.address).await.unwrap();
    let mut flood = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    flood.extend(frame(4, 0, 0, &[]));
    // :method GET, :scheme http, :path / and an empty :authority, from the static table (RFC 7541 appendix A).
    let head = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
    for stream in (1..20_000).step_by(2) {
        flood.extend(frame(1, 0x5, stream, &head));
        flood.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let (mut read, mut write) = attacker.split();
    let sent = async {
        // The server closes the connection before everything is sent, or it answers: both are checked below.
        let _ = write.write_all(&flood).await;
    };
    let mut received = Vec::new();
    let all = async { tokio::join!(sent, read.read_to_end(&mut received)) };
    let _ = timeout(PATIENCE, all).await.expect("the flood ends the connection");
    assert!(received.windows(9).any(|header| header[3] == 7 && header[4..9] == [0; 5]), "by a GOAWAY");
    assert_eq!(status(&server.get("/api/v1/search/status", "").await), 200);
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[tokio::test]
async fn garbage_in_frames_ends_only_its_connection() {
    let server = Running::start("").await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    let cases: [Vec<u8>; 5] = [
        frame(1, 0x5, 1, &[0xff; 40]),
        frame(4, 0, 7, &[]),
        frame(0, 0, 0, b"data on no stream"),
        [vec![0xff; 3], vec![0; 6]].concat(),
        vec![0xa5; 4096],
    ];
    for garbage in cases {
        let mut client = Client(TcpStream::connect(server.address).await.unwrap());
        client.send([preface.clone(), frame(4, 0, 0, &[]), garbage].concat()).await;
        client.rest().await;
    }
    assert_eq!(status(&server.get("/api/v1/search/status", "").await), 200);
}

//! HTTP/1.1: valid and invalid requests.

use std::sync::Arc;

use arc_swap::ArcSwap;
use artos_auth_server::Server;
use rstest::rstest;
use serde_json::json;
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

use super::support::{Client, Files, Running, body, field, get, status};

const NOT_AUTHENTICATED: &str = r#"{"detail":"Not authenticated"}"#;
const INVALID: &str = r#"{"detail":"Invalid authentication credentials"}"#;
const NOT_AUTHORIZED: &str = r#"{"detail":"User has no organization or not authorized"}"#;

#[tokio::test]
async fn a_public_path_needs_no_token() {
    let server = Running::start("").await;
    let answer = server.get("/api/v1/search/status?verbose=1", "nonsense").await;
    assert_eq!(status(&answer), 200);
    assert_eq!(body(&answer), r#"{"user_id":null,"org_id":null,"permissions":[],"token_id":null}"#);
    for name in ["X-Auth-User-Id", "X-Auth-Org-Id", "X-Auth-Permissions", "X-Auth-Token-Id"] {
        assert_eq!(field(&answer, name), Some(""), "{name}");
    }
    assert_eq!(field(&answer, "Content-Type"), Some("application/json"));
    assert_eq!(field(&answer, "Cache-Control"), Some("no-store"));
    assert_eq!(field(&answer, "Vary"), Some("Authorization"));
    assert!(field(&answer, "Date").is_some());
}

#[tokio::test]
async fn an_allow_has_the_identity() {
    let server = Running::start("").await;
    let token = server.files.token(json!({
        "sub": "u 1", "permissions": ["documents:read", "a b", "c,d", "100%"], "jti": "t\u{e9}1",
    }));
    let answer = server.get("/api/v1/templates/", &token).await;
    assert_eq!(status(&answer), 200);
    assert_eq!(field(&answer, "X-Auth-User-Id"), Some("u%201"));
    assert_eq!(field(&answer, "X-Auth-Org-Id"), Some("org-a"));
    assert_eq!(field(&answer, "X-Auth-Permissions"), Some("documents:read a%20b c%2Cd 100%25"));
    assert_eq!(field(&answer, "X-Auth-Token-Id"), Some("t%C3%A91"));
    assert_eq!(field(&answer, "WWW-Authenticate"), None);
    let identity: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    let expected = json!({
        "user_id": "u 1", "org_id": "org-a", "permissions": ["documents:read", "a b", "c,d", "100%"],
        "token_id": "t\u{e9}1",
    });
    assert_eq!(identity, expected);
}

#[tokio::test]
async fn a_token_without_an_id_leaves_its_field_empty() {
    let server = Running::start("").await;
    let token = server.files.token(json!({ "jti": null, "permissions": null }));
    let answer = server.get("/api/v1/templates/", &token).await;
    assert_eq!(
        (field(&answer, "X-Auth-Token-Id"), field(&answer, "X-Auth-Permissions")),
        (Some(""), Some(""))
    );
    assert_eq!(body(&answer), r#"{"user_id":"u1","org_id":"org-a","permissions":[],"token_id":null}"#);
}

#[rstest]
#[case::no_token("", 401, NOT_AUTHENTICATED, "Bearer realm=\"artos\"")]
#[case::other_scheme("Authorization: Basic eDp5\r\n", 401, NOT_AUTHENTICATED, "Bearer realm=\"artos\"")]
#[case::two_lines(
    "Authorization: Bearer x\r\nAuthorization: Bearer x\r\n",
    401,
    NOT_AUTHENTICATED,
    "Bearer realm=\"artos\""
)]
#[case::no_jws(
    "Authorization: Bearer x\r\n",
    401,
    INVALID,
    "Bearer realm=\"artos\", error=\"invalid_token\""
)]
#[case::bytes_that_are_no_text(
    "Authorization: Bearer \u{e9}\r\n",
    401,
    INVALID,
    "Bearer realm=\"artos\", error=\"invalid_token\""
)]
#[tokio::test]
async fn denials_have_the_documented_responses(
    #[case] lines: &str,
    #[case] expected: u16,
    #[case] detail: &str,
    #[case] challenge: &str,
) {
    let server = Running::start("").await;
    let request = format!("GET /api/v1/templates/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{lines}\r\n");
    let answer = server.exchange(request).await;
    assert_eq!((status(&answer), body(&answer)), (expected, detail));
    assert_eq!(field(&answer, "WWW-Authenticate"), Some(challenge));
    assert_eq!(field(&answer, "Content-Type"), Some("application/json"));
    assert_eq!(field(&answer, "Cache-Control"), Some("no-store"));
    assert_eq!(field(&answer, "Vary"), Some("Authorization"));
    assert_eq!(field(&answer, "X-Auth-User-Id"), None);
}

#[tokio::test]
async fn expired_revoked_and_forged_tokens_are_refused() {
    let server = Running::start("").await;
    let good = server.files.token(json!({}));
    let expired = server.files.token(json!({ "exp": super::support::NOW }));
    let revoked = server.files.token(json!({ "jti": "revoked" }));
    let other = artos_auth_server::signing::PrivateKey::generate(
        artos_auth_engine::Algorithm::ES256,
        Some("test-only".to_owned()),
    );
    let forged = super::support::token(&other.unwrap(), json!({}));
    assert_eq!(status(&server.get("/api/v1/templates/", &good).await), 200);
    for token in [expired, revoked, forged] {
        let answer = server.get("/api/v1/templates/", &token).await;
        assert_eq!((status(&answer), body(&answer)), (401, INVALID));
    }
}

const OWNED: &str = r#"
    [[resources]]
    path = "/api/v1/documents/doc-a"
    organization = "org-a"
    [[resources]]
    path = "/api/v1/documents/doc-b"
    organization = "org-b"
    [[resources]]
    path = "/api/v1/templates"
    unowned = true
"#;

#[rstest]
#[case::own("/api/v1/documents/doc-a", 200)]
#[case::of_another("/api/v1/documents/doc-b", 403)]
#[case::unowned("/api/v1/templates/", 200)]
#[case::unknown("/api/v1/documents/doc-c", 403)]
#[case::ambiguous("/api/v1/x/../documents/doc-a", 403)]
#[tokio::test]
async fn resources_belong_to_their_organization(#[case] path: &str, #[case] expected: u16) {
    let server = Running::start(OWNED).await;
    let answer = server.get(path, &server.files.token(json!({}))).await;
    assert_eq!(status(&answer), expected);
    if expected == 403 {
        assert_eq!(body(&answer), NOT_AUTHORIZED);
    }
}

const REALMS: &str = r#"
    [[realms]]
    host = "a.example"
    organizations = ["org-a"]
    [[realms]]
    host = "b.example"
    organizations = ["org-b"]
"#;
const ANY_ELSEWHERE: &str = r#"
    [[realms]]
    host = "b.example"
    organizations = ["org-b"]
    [[realms]]
    host = "*"
    any = true
"#;

#[rstest]
#[case::named(REALMS, "GET /x HTTP/1.1\r\nHost: a.example\r\n", 200)]
#[case::with_port(REALMS, "GET /x HTTP/1.1\r\nHost: a.example:8080\r\n", 200)]
#[case::with_dot(REALMS, "GET /x HTTP/1.1\r\nHost: a.example.\r\n", 200)]
#[case::with_dot_and_port(REALMS, "GET /x HTTP/1.1\r\nHost: A.Example.:80\r\n", 200)]
#[case::of_another(REALMS, "GET /x HTTP/1.1\r\nHost: b.example\r\n", 401)]
#[case::not_named(REALMS, "GET /x HTTP/1.1\r\nHost: c.example\r\n", 401)]
#[case::two_dots(REALMS, "GET /x HTTP/1.1\r\nHost: a.example..\r\n", 401)]
#[case::absolute(REALMS, "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n", 200)]
#[case::absolute_of_another(REALMS, "GET http://b.example/x HTTP/1.1\r\nHost: b.example\r\n", 401)]
#[case::absolute_http_1_0(REALMS, "GET http://a.example/x HTTP/1.0\r\n", 200)]
#[case::old_with_host(REALMS, "GET /x HTTP/1.0\r\nHost: a.example\r\n", 200)]
#[case::old_without_host(REALMS, "GET /x HTTP/1.0\r\n", 401)]
#[case::elsewhere(ANY_ELSEWHERE, "GET /x HTTP/1.1\r\nHost: c.example\r\n", 200)]
#[case::old_without_host_is_nowhere(ANY_ELSEWHERE, "GET /x HTTP/1.0\r\n", 401)]
#[case::without_realms("", "GET /x HTTP/1.0\r\n", 200)]
#[tokio::test]
async fn the_host_selects_the_realm(#[case] config: &str, #[case] head: &str, #[case] expected: u16) {
    let server = Running::start(config).await;
    let token = server.files.token(json!({}));
    let answer =
        server.exchange(format!("{head}Connection: close\r\nAuthorization: Bearer {token}\r\n\r\n")).await;
    assert_eq!(status(&answer), expected);
}

#[rstest]
#[case::no_host("GET /api/v1/search/status HTTP/1.1\r\n", 400)]
#[case::two_hosts("GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400)]
#[case::empty_host("GET /api/v1/search/status HTTP/1.1\r\nHost:\r\n", 400)]
#[case::no_host_name("GET /api/v1/search/status HTTP/1.1\r\nHost: a/b\r\n", 400)]
#[case::user_information("GET /api/v1/search/status HTTP/1.1\r\nHost: u@a\r\n", 400)]
#[case::two_hosts_in_the_old_version("GET /api/v1/search/status HTTP/1.0\r\nHost: a\r\nHost: b\r\n", 400)]
#[case::absolute_without_host("GET http://a/ HTTP/1.1\r\n", 400)]
#[case::absolute_with_another_host("GET http://a/ HTTP/1.1\r\nHost: b\r\n", 400)]
#[case::absolute_with_another_port("GET http://a:1/ HTTP/1.1\r\nHost: a:2\r\n", 400)]
#[case::absolute_with_user_information("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n", 400)]
#[case::connection_names_authorization(
    "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nConnection: Authorization\r\n",
    400
)]
#[case::among_others(
    "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nConnection: close , AUTHORIZATION\r\n",
    400
)]
#[case::in_a_second_line(
    "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: x,host\r\n",
    400
)]
#[case::connection_names_a_field_of_ours(
    "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nConnection: x-auth-org-id\r\n",
    400
)]
#[case::connection_names_another_field(
    "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nConnection: close, x-other\r\n",
    200
)]
#[case::connect("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n", 405)]
#[case::absolute_is_not_public("GET http://a/api/v1/search/status HTTP/1.1\r\nHost: a\r\n", 401)]
#[case::asterisk("OPTIONS * HTTP/1.1\r\nHost: a\r\n", 401)]
#[case::a_target_of_no_form("GET search HTTP/1.1\r\nHost: a\r\n", 401)]
#[case::a_fragment_is_cut_by_hyper("GET /api/v1/search/status#x HTTP/1.1\r\nHost: a\r\n", 200)]
#[case::trailing_slash("GET /api/v1/search/status/ HTTP/1.1\r\nHost: a\r\n", 401)]
#[case::doubled_slash("GET //api/v1/search/status HTTP/1.1\r\nHost: a\r\n", 401)]
#[case::escaped("GET /api/v1/search/%73tatus HTTP/1.1\r\nHost: a\r\n", 401)]
#[case::letter_case("GET /API/v1/search/status HTTP/1.1\r\nHost: a\r\n", 401)]
#[case::dot_segments("GET /api/v1/search/../search/status HTTP/1.1\r\nHost: a\r\n", 401)]
#[case::a_method_of_ones_own("BREW /api/v1/templates/ HTTP/1.1\r\nHost: a\r\n", 401)]
#[case::a_space_before_the_colon("GET / HTTP/1.1\r\nHost : a\r\n", 400)]
#[case::a_folded_line("GET / HTTP/1.1\r\nHost: a\r\nX-Y: 1\r\n 2\r\n", 400)]
#[case::two_lengths("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n", 400)]
#[tokio::test]
async fn invalid_requests_are_rejected_without_a_decision(#[case] head: &str, #[case] expected: u16) {
    let server = Running::start("").await;
    let mut client = server.connect().await;
    client.send(format!("{head}\r\n")).await;
    // A few of these keep the connection open and others close it; only the first response matters.
    let first = client.answer().await;
    assert_eq!(status(&first), expected, "{first}");
    if expected == 400 && first.contains("detail") {
        assert_eq!(field(&first, "Connection"), Some("close"));
        assert_eq!(field(&first, "Cache-Control"), Some("no-store"));
    }
    if expected == 405 {
        assert!(field(&first, "Allow").is_some());
    }
}

#[tokio::test]
async fn paths_below_the_forwarding_prefix_are_refused() {
    let server = Running::start("").await;
    let good = server.files.token(json!({}));
    for path in ["/_auth/verify", "/_auth/verify?x=/_auth/", "/_auth/", "http://localhost/_auth/verify"] {
        let answer = server.get(path, &good).await;
        assert_eq!((status(&answer), body(&answer)), (403, ""), "{path}");
        let challenge = "Bearer realm=\"artos\", error=\"insufficient_scope\"";
        assert_eq!(field(&answer, "WWW-Authenticate"), Some(challenge));
        assert_eq!(field(&answer, "Content-Length"), Some("0"));
    }
    assert_eq!(status(&server.get("/_auth", &good).await), 200, "this is a path like any other");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Running::start("").await;
    let token = server.files.token(json!({}));
    for (path, expected) in [("/api/v1/search/status", 200), ("/api/v1/templates/", 200), ("/_auth/x", 403)] {
        let get = get(path, &token);
        let without_date = |answer: &str| {
            let head = answer.split("\r\n\r\n").next().unwrap().to_owned();
            head.lines()
                .filter(|line| !line.starts_with("date"))
                .map(str::to_owned)
                .collect::<std::collections::BTreeSet<_>>()
        };
        let with_body = server.exchange(&get).await;
        let without = server.exchange(get.replacen("GET", "HEAD", 1)).await;
        assert_eq!(status(&without), expected);
        assert_eq!(without_date(&without), without_date(&with_body));
        assert_eq!(body(&without), "");
    }
}

#[tokio::test]
async fn a_connection_is_reused() {
    let server = Running::start("").await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send("GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(status(&client.answer().await), 200);
        client.send("GET /api/v1/templates/ HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(status(&client.answer().await), 401);
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Running::start("").await;
    let public = "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n";
    let denied = "GET /api/v1/templates/ HTTP/1.1\r\nHost: a\r\n\r\n";
    let last = "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = server.exchange([public, denied, public, denied, last].concat()).await;
    assert_eq!(statuses(&answers), ["200", "401", "200", "401", "200"]);
}

fn statuses(answers: &str) -> Vec<&str> {
    answers.match_indices("HTTP/1.1 ").map(|(at, _)| &answers[at + 9..at + 12]).collect()
}

#[rstest]
#[case::announced("Content-Length: 1000000\r\n", "")]
#[case::begun("Content-Length: 1000000\r\n", "some of it")]
#[case::whole("Content-Length: 10\r\n", "0123456789")]
#[case::chunked("Transfer-Encoding: chunked\r\n", "5\r\nab")]
#[case::asked_for("Content-Length: 1000000\r\nExpect: 100-continue\r\n", "")]
#[tokio::test]
async fn bodies_are_not_waited_for(#[case] lines: &str, #[case] sent: &str) {
    let server = Running::start("").await;
    let mut client = server.connect().await;
    client.send(format!("POST /api/v1/search/status HTTP/1.1\r\nHost: a\r\n{lines}\r\n{sent}")).await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "no 100 comes first: {answer}");
    assert_eq!(field(&answer, "Connection"), Some("close"));
    assert_eq!(answer.matches("HTTP/1.1").count(), 1);
}

#[tokio::test]
async fn a_response_arrives_while_the_body_is_still_being_sent() {
    let server = Running::start("").await;
    let mut client = server.connect().await;
    client.send("POST /api/v1/search/status HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n").await;
    // Closing while data arrives would reset the connection and lose the response.
    for _ in 0..20 {
        client.send(vec![b'x'; 10_000]).await;
    }
    assert_eq!(status(&client.rest().await), 200);
}

#[tokio::test]
async fn a_body_that_looks_like_a_request_is_not_one() {
    let server = Running::start("").await;
    let hidden = "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n";
    let request = format!(
        "POST /api/v1/search/status HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n\
         0\r\n\r\n{hidden}",
        hidden.len()
    );
    let answers = server.exchange(request).await;
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
}

#[tokio::test]
async fn the_server_serves_streams_that_are_not_sockets() {
    let (mut client, served) = serve_stream();
    client.send("GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(status(&client.rest().await), 200);
    served.await.unwrap();
}

/// In memory, where the end of the stream is seen immediately after the data.
#[rstest]
#[case::one(1)]
#[case::several(3)]
#[tokio::test]
async fn a_half_closed_client_gets_all_responses(#[case] count: usize) {
    let (mut client, served) = serve_stream();
    client.send("GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n".repeat(count)).await;
    client.0.shutdown().await.unwrap();
    assert_eq!(statuses(&client.rest().await), vec!["200"; count]);
    served.await.unwrap();
}

/// A client of a server that serves one in-memory stream, and a future for the end of that server.
fn serve_stream() -> (Client<DuplexStream>, JoinHandle<()>) {
    let files = Files::new("");
    let server = Server::builder(Arc::new(ArcSwap::from_pointee(files.load().0))).build();
    let (client, stream) = tokio::io::duplex(1 << 10);
    let served = tokio::spawn(async move { server.serve_stream(stream).await });
    (Client(client), served)
}

//! The example service over HTTP: it answers as documented, and no spelling of a path bypasses its checks.

#[path = "../examples/axum.rs"]
#[expect(dead_code, reason = "its `main` is for the command line")]
mod example;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use artos_auth_engine::{Engine, KeySet, Policy, Revocations};
use base64_simd::URL_SAFE_NO_PAD;
use example::{App, Documents, Files, service};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const SECRET: &[u8; 32] = b"test-only, never a real secret!!";
const PATIENCE: Duration = Duration::from_secs(10);

fn jwks() -> String {
    let secret = URL_SAFE_NO_PAD.encode_to_string(SECRET);
    format!(r#"{{"kty":"oct","alg":"HS256","k":"{secret}"}}"#)
}

fn engine() -> Engine {
    let keys = KeySet::from_jwks(jwks().as_bytes()).expect("a key set");
    Engine::new(Policy::builder().build().expect("a policy"), keys, Revocations::none())
}

fn token(organization: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text.as_bytes());
    let claims = format!(
        r#"{{"sub":"user-1","org_id":"{organization}","jti":"{organization}-1","exp":253402300799}}"#
    );
    let signed = format!("{}.{}", encode(r#"{"alg":"HS256"}"#), encode(&claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET);
    let signature = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(signature.as_ref()))
}

/// The service on its own port; it ends with the test's runtime.
async fn serve(engine: &Arc<ArcSwap<Engine>>, clock: fn() -> SystemTime) -> SocketAddr {
    let documents = Documents::demonstration().expect("a database");
    let app = App { engine: Arc::clone(engine), documents, clock };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, service(app)).await });
    address
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// The response to a request-target, sent byte for byte.
async fn ask(address: SocketAddr, target: &str, token: Option<&str>) -> Answer {
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{authorization}\r\n");
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(PATIENCE, exchange).await.expect("an answer in time").expect("an exchange");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

fn shared(engine: Engine) -> Arc<ArcSwap<Engine>> {
    Arc::new(ArcSwap::from_pointee(engine))
}

#[rstest]
#[case::public("/api/v1/search/status", None, 200, "ok")]
#[case::own("/api/v1/documents/doc-a", Some("org-a"), 200, "this is doc-a")]
#[case::list("/api/v1/documents/", Some("org-a"), 200, r#"["doc-a"]"#)]
#[case::empty_list("/api/v1/documents/", Some("org-c"), 200, "[]")]
#[case::absolute_form(
    "http://api.example/api/v1/search/status",
    None,
    401,
    r#"{"detail":"Not authenticated"}"#
)]
#[case::nobody("/api/v1/documents/doc-a", None, 401, r#"{"detail":"Not authenticated"}"#)]
#[case::no_route_and_nobody("/elsewhere", None, 401, r#"{"detail":"Not authenticated"}"#)]
#[case::no_route("/elsewhere", Some("org-a"), 404, "")]
#[case::unknown_document("/api/v1/documents/unheard-of", Some("org-b"), 403, FORBIDDEN)]
#[case::document_without_owner("/api/v1/documents/doc-without-owner", Some("org-a"), 403, FORBIDDEN)]
#[case::own_with_another_token("/api/v1/documents/doc-b", Some("org-b"), 200, "this is doc-b")]
#[case::other("/api/v1/documents/doc-a", Some("org-b"), 403, FORBIDDEN)]
#[case::other_escaped("/api/v1/documents/doc%2Da", Some("org-b"), 403, FORBIDDEN)]
#[case::other_letter_escaped("/api/v1/documents/%64oc-a", Some("org-b"), 403, FORBIDDEN)]
#[case::other_with_query("/api/v1/documents/doc-a?x=1", Some("org-b"), 403, FORBIDDEN)]
#[tokio::test]
async fn the_service_answers_as_documented(
    #[case] target: &str,
    #[case] organization: Option<&str>,
    #[case] status: u16,
    #[case] body: &str,
) {
    let address = serve(&shared(engine()), SystemTime::now).await;
    let answer = ask(address, target, organization.map(token).as_deref()).await;
    assert_eq!((answer.status, answer.body.as_str()), (status, body));
    let challenged = answer.head.contains("\r\nwww-authenticate: bearer realm=\"artos\"");
    assert_eq!(challenged, matches!(status, 401 | 403), "{}", answer.head);
}

const FORBIDDEN: &str = r#"{"detail":"User has no organization or not authorized"}"#;

#[tokio::test]
async fn a_modified_token_is_refused() {
    let address = serve(&shared(engine()), SystemTime::now).await;
    let answer = ask(address, "/api/v1/documents/doc-a", Some(&format!("{}A", token("org-a")))).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (401, r#"{"detail":"Invalid authentication credentials"}"#)
    );
}

/// Alternative spellings of a path, which some server, proxy or file system treats as the same path.
fn spellings(path: &str) -> Vec<String> {
    let mut spellings = vec![
        format!("{path}/"),
        format!("/{path}"),
        format!("{path}?x=1"),
        format!("{path};x"),
        format!("{path}%00"),
        format!("{path}%20"),
        format!("{path}."),
        format!("{path}/."),
        format!("{path}/x/.."),
        format!("/./{}", &path[1..]),
        format!("/x/..{path}"),
        format!("/%2e%2e{path}"),
        format!("http://localhost{path}"),
        format!("http://other.example{path}"),
        path.to_uppercase(),
        path.replace("/api", "/API"),
        path.replacen("doc-", "doc%252D", 1),
        path.replacen("doc-", "doc\u{2010}", 1),
    ];
    for (at, _) in path.char_indices().skip(1) {
        let (before, rest) = path.split_at(at);
        let (byte, after) = (rest.as_bytes()[0], &rest[1..]);
        spellings.push(format!("{before}%{byte:02X}{after}"));
        spellings.push(format!("{before}%{byte:02x}{after}"));
        spellings.push(format!("{before}{}{after}", rest[..1].to_uppercase()));
        if byte == b'/' {
            for slash in ["//", "/./", "\\", "%5C", "/x/../", "/;x/"] {
                spellings.push(format!("{before}{slash}{after}"));
            }
        }
    }
    spellings.retain(|spelling| spelling != path);
    spellings
}

#[rstest]
#[case::doc_a("doc-a", "org-b")]
#[case::doc_b("doc-b", "org-a")]
#[tokio::test]
async fn no_spelling_of_an_owned_path_is_open_to_another_organization(
    #[case] document: &str,
    #[case] other: &str,
) {
    let address = serve(&shared(engine()), SystemTime::now).await;
    let path = format!("/api/v1/documents/{document}");
    let (owner, other) = (token(&document.replace("doc", "org")), token(other));
    let mut read = 0;
    for spelling in spellings(&path) {
        for token in [Some(other.as_str()), None] {
            let answer = ask(address, &spelling, token).await;
            assert!((400..500).contains(&answer.status), "{spelling}: {} {}", answer.status, answer.body);
            assert!(!answer.body.contains("this is"), "{spelling}: {}", answer.body);
        }
        read += usize::from(ask(address, &spelling, Some(&owner)).await.status == 200);
    }
    assert!(read > 10, "the service reads only {read} other spellings, so the test shows little");
}

#[tokio::test]
async fn without_a_valid_clock_only_public_paths_are_allowed() {
    let address = serve(&shared(engine()), || SystemTime::UNIX_EPOCH).await;
    assert_eq!(ask(address, "/api/v1/search/status", None).await.status, 200);
    for token in [None, Some(token("org-a"))] {
        let answer = ask(address, "/api/v1/documents/doc-a", token.as_deref()).await;
        assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"detail":"Service unavailable"}"#));
        assert!(answer.head.contains("\r\nretry-after: 1"), "{}", answer.head);
        assert!(!answer.head.contains("www-authenticate"), "{}", answer.head);
    }
}

#[tokio::test]
async fn the_engine_is_reloaded_while_it_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let files =
        Files { keys: folder.path().join("keys.json"), revocations: folder.path().join("revoked.json") };
    let (keys, revocations) = (files.keys.clone(), files.revocations.clone());
    let replace = |file: &std::path::Path, text: &str| {
        let new = file.with_extension("new");
        std::fs::write(&new, text).and_then(|()| std::fs::rename(&new, file)).expect("a file");
    };
    replace(&keys, &jwks());
    replace(&revocations, "{}");
    let engine = shared(files.load().expect("an engine"));
    let address = serve(&engine, SystemTime::now).await;
    tokio::spawn(files.reload(Arc::clone(&engine), Duration::from_millis(20)));

    let path = "/api/v1/documents/doc-a";
    let token = token("org-a");
    let until = async |status: u16| {
        let wait = async { while ask(address, path, Some(&token)).await.status != status {} };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("no {status} in time"));
    };
    until(200).await;
    replace(&revocations, r#"{"tokens": ["org-a-1"]}"#);
    until(401).await;
    // A file that does not load leaves the engine unchanged: the token stays revoked.
    replace(&revocations, r#"{"tokens": "#);
    for _ in 0..20 {
        assert_eq!(ask(address, path, Some(&token)).await.status, 401);
    }
    replace(&revocations, "{}");
    until(200).await;
}

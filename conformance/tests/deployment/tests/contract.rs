//! Tests over a raw socket that the deployment follows the contract, because the checker is tested against it.

use artos_auth_deployment::{
    Algorithm, AtHand, Behavior, Deployment, FOREIGN_ORG, Fault, GENERATE, ORG, OTHER_ORG, OTHER_OWNED,
    OWNED, PROTECTED, PUBLIC, Power, Variation, authority,
};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const NOT_AUTHENTICATED: &str = r#"{"detail":"Not authenticated"}"#;
const INVALID: &str = r#"{"detail":"Invalid authentication credentials"}"#;
const FORBIDDEN: &str = r#"{"detail":"User has no organization or not authorized"}"#;

/// The bytes received on a connection that was closed after one request.
struct Reply {
    status: u16,
    head: String,
    body: String,
}

async fn exchange(deployment: &Deployment, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(deployment.address()).await.expect("the deployment listens");
    stream.write_all(request).await.expect("the request is taken");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("the answer ends");
    // A compressed body is not text; its tests check only the status.
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").expect("the answer has a head");
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).expect("the head has a status");
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

async fn ask(deployment: &Deployment, method: &str, target: &str, fields: &[String]) -> Reply {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    for field in fields {
        request.push_str(field);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    exchange(deployment, request.as_bytes()).await
}

fn bearer(token: &str) -> Vec<String> {
    vec![format!("Authorization: Bearer {token}")]
}

async fn correct() -> Deployment {
    Deployment::start(Behavior::correct()).await.expect("a free port")
}

#[rstest]
#[case::missing("", 401, NOT_AUTHENTICATED)]
#[case::empty("Authorization: ", 401, NOT_AUTHENTICATED)]
#[case::blank("Authorization: \t ", 401, NOT_AUTHENTICATED)]
#[case::other_scheme("Authorization: Basic TOKEN", 401, NOT_AUTHENTICATED)]
#[case::no_scheme("Authorization: TOKEN", 401, NOT_AUTHENTICATED)]
#[case::scheme_alone("Authorization: Bearer", 401, NOT_AUTHENTICATED)]
#[case::tab("Authorization: Bearer\tTOKEN", 401, NOT_AUTHENTICATED)]
#[case::longer_scheme("Authorization: Bearers TOKEN", 401, NOT_AUTHENTICATED)]
#[case::glued("Authorization: BearerTOKEN", 401, NOT_AUTHENTICATED)]
#[case::comma_behind_other_scheme("Authorization: Basic x, Bearer TOKEN", 401, NOT_AUTHENTICATED)]
#[case::twice("Authorization: Bearer TOKEN\r\nAuthorization: Bearer TOKEN", 401, NOT_AUTHENTICATED)]
#[case::twice_empty("Authorization:\r\nAuthorization:", 401, NOT_AUTHENTICATED)]
#[case::doubled_space("Authorization: Bearer  TOKEN", 401, INVALID)]
#[case::quoted("Authorization: Bearer \"TOKEN\"", 401, INVALID)]
#[case::comma("Authorization: Bearer TOKEN,", 401, INVALID)]
#[case::joined("Authorization: Bearer TOKEN, Bearer TOKEN", 401, INVALID)]
#[case::padded("Authorization: Bearer TOKEN=", 401, INVALID)]
#[case::word_behind("Authorization: Bearer TOKEN x", 401, INVALID)]
#[case::non_ascii("Authorization: Bearer TOKEN\u{e9}", 401, INVALID)]
#[case::no_jwt("Authorization: Bearer token", 401, INVALID)]
#[case::fourth_segment("Authorization: Bearer TOKEN.e30", 401, INVALID)]
#[case::good("Authorization: Bearer TOKEN", 200, "")]
#[case::lower_case("authorization: bearer TOKEN", 200, "")]
#[case::capitals("AUTHORIZATION: BEARER TOKEN", 200, "")]
#[tokio::test]
async fn header_lines(#[case] line: &str, #[case] status: u16, #[case] body: &str) {
    let deployment = correct().await;
    let lines = line.replace("TOKEN", deployment.token(AtHand::Valid));
    let fields: Vec<String> = if lines.is_empty() { Vec::new() } else { vec![lines] };
    let reply = ask(&deployment, "GET", PROTECTED, &fields).await;
    assert_eq!(reply.status, status);
    if !body.is_empty() {
        assert_eq!(reply.body, body);
    }
}

#[rstest]
#[case(AtHand::Valid, PROTECTED, 200, "")]
#[case(AtHand::Valid, OWNED, 200, "")]
#[case(AtHand::Valid, OTHER_OWNED, 403, FORBIDDEN)]
#[case(AtHand::OtherOrganization, PROTECTED, 200, "")]
#[case(AtHand::OtherOrganization, OTHER_OWNED, 200, "")]
#[case(AtHand::OtherOrganization, OWNED, 403, FORBIDDEN)]
#[case(AtHand::Expired, PROTECTED, 401, INVALID)]
#[case(AtHand::Revoked, PROTECTED, 401, INVALID)]
#[case(AtHand::NoOrganization, PROTECTED, 403, FORBIDDEN)]
#[case(AtHand::OtherEnvironment, PROTECTED, 401, INVALID)]
#[case(AtHand::NoPermission, PROTECTED, 200, "")]
#[case(AtHand::NotAMember, PROTECTED, 403, FORBIDDEN)]
#[case(AtHand::NotConfigured, PROTECTED, 403, FORBIDDEN)]
#[case(AtHand::OtherRealm, PROTECTED, 401, INVALID)]
#[tokio::test]
async fn tokens_at_hand(
    #[case] which: AtHand,
    #[case] path: &str,
    #[case] status: u16,
    #[case] body: &str,
    #[values(Algorithm::Es256, Algorithm::Rs256, Algorithm::Hs256, Algorithm::EdDsa)] algorithm: Algorithm,
) {
    let behavior = Behavior::correct().signing_with(algorithm);
    let deployment = Deployment::start(behavior).await.expect("a free port");
    let reply = ask(&deployment, "GET", path, &bearer(deployment.token(which))).await;
    assert_eq!(reply.status, status);
    if !body.is_empty() {
        assert_eq!(reply.body, body);
    }
}

#[rstest]
#[case::alg_none(json!({"alg": "none"}))]
#[case::alg_of_nothing(json!({"alg": "foo"}))]
#[case::alg_missing(json!({}))]
#[case::alg_not_the_keys(json!({"alg": "RS256", "kid": "test-only-es256"}))]
#[case::kid_unknown(json!({"alg": "ES256", "kid": "other"}))]
#[case::kid_number(json!({"alg": "ES256", "kid": 1}))]
#[case::typ(json!({"alg": "ES256", "typ": "JWE"}))]
#[case::typ_null(json!({"alg": "ES256", "typ": null}))]
#[case::crit(json!({"alg": "ES256", "crit": ["exp"]}))]
#[case::crit_empty(json!({"alg": "ES256", "crit": []}))]
#[tokio::test]
async fn invalid_headers_are_refused(#[case] header: Value) {
    let deployment = correct().await;
    let token = authority().token_with(Algorithm::Es256, &header, &authority().claims(ORG));
    let reply = ask(&deployment, "GET", PROTECTED, &bearer(&token)).await;
    assert_eq!((reply.status, reply.body.as_str()), (401, INVALID));
}

#[rstest]
#[case("exp", Value::Null, 401)]
#[case("exp", json!("4000000000"), 401)]
#[case("exp", json!(-1), 401)]
#[case("exp", json!(1e15), 401)]
#[case("exp", json!(4_000_000_000.5), 200)]
#[case("nbf", json!(4_000_000_000_u64), 401)]
#[case("nbf", json!("0"), 401)]
#[case("nbf", Value::Null, 200)]
#[case("iat", json!(true), 401)]
#[case("iss", Value::Null, 401)]
#[case("iss", json!("https://auth.test.example/"), 401)]
#[case("aud", Value::Null, 401)]
#[case("aud", json!(["x", "https://api.test.example"]), 200)]
#[case("aud", json!([]), 401)]
#[case("jti", json!(7), 401)]
#[case("sub", Value::Null, 403)]
#[case("sub", json!(""), 403)]
#[case("sub", json!(7), 401)]
#[case("org_id", Value::Null, 403)]
#[case("org_id", json!(""), 403)]
#[case("org_id", json!([ORG]), 401)]
#[case("org_id", json!("org-a\u{0}"), 401)]
#[case("org_id", json!("ORG-A"), 401)]
#[case("org_id", json!(FOREIGN_ORG), 401)]
#[case("permissions", json!("a b"), 200)]
#[case("permissions", json!("a  b"), 401)]
#[case("permissions", json!([1]), 401)]
#[case("permissions", json!({"a": true}), 401)]
#[case("unread", json!({"deep": [[[1e300]]]}), 200)]
#[tokio::test]
async fn claims(#[case] name: &str, #[case] value: Value, #[case] status: u16) {
    let deployment = correct().await;
    let mut claims = authority().claims(ORG);
    claims[name] = value;
    let reply =
        ask(&deployment, "GET", PROTECTED, &bearer(&authority().token(Algorithm::Es256, &claims))).await;
    assert_eq!(reply.status, status, "{}", reply.body);
}

#[rstest]
#[case::plain("/api/v1/search/status", 200)]
#[case::query("/api/v1/search/status?x=/api/v1/templates/", 200)]
#[case::slash("/api/v1/search/status/", 401)]
#[case::doubled_slash("//api/v1/search/status", 401)]
#[case::encoded("/api/v1/search/%73tatus", 401)]
#[case::case("/API/V1/search/status", 401)]
#[case::parameter("/api/v1/search/status;x", 401)]
#[case::fragment("/api/v1/search/status#x", 401)]
#[case::dots("/api/v1/search/../search/status", 401)]
#[case::absolute("http://test/api/v1/search/status", 401)]
#[case::longer("/api/v1/search/statusx", 401)]
#[case::unknown("/nothing", 401)]
#[case::asterisk("*", 401)]
#[tokio::test]
async fn public_paths(#[case] target: &str, #[case] status: u16) {
    let deployment = correct().await;
    for fields in [Vec::new(), bearer("not.a.token")] {
        let reply = ask(&deployment, "GET", target, &fields).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.status == 200, reply.body.contains("indexed_documents"));
    }
}

#[rstest]
#[case("POST", GENERATE, AtHand::Valid, 202)]
#[case("POST", GENERATE, AtHand::NoPermission, 403)]
#[case("GET", GENERATE, AtHand::Valid, 405)]
#[case("PUT", OWNED, AtHand::Valid, 200)]
#[case("DELETE", OWNED, AtHand::Valid, 204)]
#[case("DELETE", OWNED, AtHand::OtherOrganization, 403)]
#[case("OPTIONS", PROTECTED, AtHand::Valid, 204)]
#[case("GET", "/nothing", AtHand::Valid, 404)]
#[case("GET", "/api/v1/%74emplates/", AtHand::Valid, 403)]
#[tokio::test]
async fn methods_and_permissions(
    #[case] method: &str,
    #[case] path: &str,
    #[case] which: AtHand,
    #[case] status: u16,
) {
    let deployment = correct().await;
    assert_eq!(ask(&deployment, method, path, &bearer(deployment.token(which))).await.status, status);
    assert_eq!(ask(&deployment, method, path, &[]).await.status, 401);
}

#[tokio::test]
async fn refusals_contain_only_what_the_contract_allows() {
    let deployment = correct().await;
    let missing = ask(&deployment, "GET", PROTECTED, &[]).await;
    assert!(missing.head.contains("WWW-Authenticate: Bearer realm=\"artos\"\r\n"));
    assert!(missing.head.contains("Content-Type: application/json\r\n"));
    assert!(missing.head.contains("Cache-Control: no-store\r\n"));
    assert!(missing.head.contains("Vary: Authorization"));
    let expired = ask(&deployment, "GET", PROTECTED, &bearer(deployment.token(AtHand::Expired))).await;
    let malformed = ask(&deployment, "GET", PROTECTED, &bearer("x")).await;
    assert!(expired.head.contains("WWW-Authenticate: Bearer realm=\"artos\", error=\"invalid_token\"\r\n"));
    let undated = |reply: &Reply| {
        let lines: Vec<String> =
            reply.head.lines().filter(|line| !line.starts_with("Date:")).map(str::to_owned).collect();
        (lines, reply.body.clone())
    };
    assert_eq!(undated(&expired), undated(&malformed));
    let head = ask(&deployment, "HEAD", PROTECTED, &[]).await;
    assert_eq!((head.status, head.body.as_str()), (401, ""));
}

#[tokio::test]
async fn a_connection_has_no_state() {
    let deployment = correct().await;
    let good = deployment.token(AtHand::Valid);
    let other = deployment.token(AtHand::OtherOrganization);
    let line =
        |token: &str| format!("GET {OWNED} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n");
    let requests = format!(
        "{}\r\n{}\r\nGET {OWNED} HTTP/1.1\r\nHost: test\r\n\r\n{}\r\n{}Connection: close\r\n\r\n",
        line(good),
        line(other),
        line("bad"),
        line(good)
    );
    let mut stream = TcpStream::connect(deployment.address()).await.expect("the deployment listens");
    stream.write_all(requests.as_bytes()).await.expect("the requests are taken");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("the answers end");
    let statuses: Vec<&str> = text.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)).collect();
    assert_eq!(statuses, ["200", "403", "401", "401", "200"]);
}

#[rstest]
#[case::no_host("GET / HTTP/1.1\r\n\r\n")]
#[case::two_hosts("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
#[case::no_version("GET /\r\n\r\n")]
#[case::space_in_target("GET /a b HTTP/1.1\r\nHost: test\r\n\r\n")]
#[case::space_before_colon("GET / HTTP/1.1\r\nHost : test\r\n\r\n")]
#[case::folded_line("GET / HTTP/1.1\r\nHost: test\r\nX: a\r\n b\r\n\r\n")]
#[tokio::test]
async fn invalid_requests_are_rejected(#[case] request: &str) {
    assert_eq!(exchange(&correct().await, request.as_bytes()).await.status, 400);
}

/// The faults that affect the public endpoint or the valid token: a preflight may stop at them.
const BREAK_THE_PUBLIC_ENDPOINT: [Fault; 1] = [Fault::PublicNeedsToken];

#[tokio::test]
async fn every_fault_accepts_the_valid_token() {
    for fault in Fault::ALL {
        let deployment = Deployment::start(Behavior::with_fault(*fault)).await.expect("a free port");
        let good = bearer(deployment.token(AtHand::Valid));
        for path in [PROTECTED, OWNED] {
            let status = ask(&deployment, "GET", path, &good).await.status;
            assert_eq!(status, 200, "{} at {path}", fault.id());
        }
        let public = ask(&deployment, "GET", PUBLIC, &[]).await.status;
        assert_eq!(public == 200, !BREAK_THE_PUBLIC_ENDPOINT.contains(fault), "{}", fault.id());
    }
}

#[tokio::test]
async fn every_variation_keeps_the_four_responses() {
    for variation in Variation::ALL {
        let deployment = Deployment::start(Behavior::with_variation(*variation)).await.expect("a free port");
        let status = async |path: &str, fields: &[String]| {
            let reply = ask(&deployment, "GET", path, fields).await;
            let interim = reply.head.starts_with("HTTP/1.1 103");
            if interim {
                reply.body.get(9..12).and_then(|digits| digits.parse().ok()).unwrap_or(0)
            } else {
                reply.status
            }
        };
        let good = bearer(deployment.token(AtHand::Valid));
        let foreign = bearer(deployment.token(AtHand::OtherOrganization));
        assert_eq!(status(PUBLIC, &[]).await, 200, "{}", variation.id());
        assert_eq!(status(PROTECTED, &good).await, 200, "{}", variation.id());
        assert_eq!(status(PROTECTED, &[]).await, 401, "{}", variation.id());
        let refused = status(OWNED, &foreign).await;
        assert!(matches!(refused, 403 | 404), "{}: {refused}", variation.id());
    }
}

#[test]
fn ids_are_unique_and_round_trip() {
    for fault in Fault::ALL {
        assert_eq!(Fault::of_id(&fault.id()), Some(*fault));
        assert!(!fault.sentence().ends_with('.'), "{}", fault.id());
    }
    assert!(Fault::ALL.len() >= 80);
    assert!(Variation::ALL.len() >= 12);
}

#[tokio::test]
async fn a_profile_names_existing_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let deployment = correct().await;
    for (power, files) in [(Power::Signing, 7), (Power::Tokens, 11)] {
        let place = folder.path().join(format!("{power:?}"));
        std::fs::create_dir(&place).expect("a new folder");
        let profile = deployment.write_profile(&place, power).expect("the folder can be written");
        let text = std::fs::read_to_string(profile).expect("the profile can be read");
        assert!(text.contains(&deployment.url()));
        assert_eq!(std::fs::read_dir(&place).expect("the folder can be read").count(), files);
        assert!(!text.contains(deployment.token(AtHand::Valid)), "tokens stay in their files");
    }
    assert_ne!(
        deployment.token(AtHand::Valid),
        authority().token(Algorithm::Es256, &authority().claims(OTHER_ORG))
    );
}

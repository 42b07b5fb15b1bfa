//! Attacks that affect only a server. The others, and the check of `docs/known-vulnerabilities.md`, are in the engine's
//! tests.

#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use artos_auth_engine::{Engine, KeySet, Policy, PolicySpec, Resources, Revocations};
use artos_auth_fixtures::TokenSpec;
use artos_auth_fixtures::case::NOW;
use artos_auth_fixtures::keys::TestKey;
use artos_auth_server::config::Realms;
use artos_auth_server::{Server, Snapshot};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// **Class:** forwarded targets and methods that a client forges: `X-Forwarded-Uri`, `X-Original-URL`, `X-Rewrite-URL`, method overrides (CVE-2026-40575, GHSA-6384-m2mw-rf54, CVE-2023-27487, CVE-2023-30845)
/// **Gain:** a protected route, requested as a public path
/// **Stop:** the server decides on the method and target of the request that it receives; paths under `/_auth/` are never decided on as resources
/// **Differs:** forwarded requests are decided on only with `[forward]`, from one family of fields and from trusted addresses
#[tokio::test]
async fn forged_targets() {
    for field in [
        "X-Forwarded-Uri",
        "X-Forwarded-Path",
        "X-Forwarded-Prefix",
        "X-Original-URI",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Envoy-Original-Path",
        "X-HTTP-Method-Override",
        "X-Forwarded-Method",
        "X-Original-Method",
    ] {
        let forged = format!("{field}: /api/v1/search/status\r\n");
        assert_eq!(status(&get("/api/v1/templates/", &forged).await), 401, "{field}");
        assert_eq!(status(&get("/_auth/verify", &forged).await), 403, "{field}");
    }
}

/// **Class:** field names with `_` for `-` (CVE-2025-64484, CVE-2026-39858, CVE-2026-52845)
/// **Gain:** a field that the proxy does not remove and that the upstream reads as an identity field
/// **Stop:** a token is read only from `Authorization`, and every 200 has all identity fields, so that a proxy that copies them overwrites the client's
#[tokio::test]
async fn underscore_aliases() {
    let token = good_token();
    for field in [
        "Authorization_",
        "_Authorization",
        "HTTP_AUTHORIZATION",
        "X_Authorization",
        "Proxy-Authorization",
        "X-Authorization",
    ] {
        let answer = get("/api/v1/templates/", &format!("{field}: Bearer {token}\r\n")).await;
        assert_eq!(status(&answer), 401, "{field}");
    }
    let forged =
        format!("Authorization: Bearer {token}\r\nX_Auth_Org_Id: org-b\r\nx_auth_user_id: admin\r\n");
    let answer = get("/api/v1/templates/", &forged).await;
    assert!(!answer.contains("org-b") && !answer.contains("admin"), "{answer}");
}

/// **Class:** identity fields of the client that reach the upstream (CVE-2026-30851, CVE-2026-39998, CVE-2021-41130)
/// **Gain:** another user's or organization's identity at the upstream
/// **Stop:** every 200, including those for public paths, has each identity field exactly once, empty if there is no value
#[tokio::test]
async fn forged_identity() {
    let forged = "X-Auth-User-Id: admin\r\nX-Auth-Org-Id: org-b\r\nX-Auth-Org-Id: org-c\r\nX-Auth-Permissions: all\r\nX-Auth-Token-Id: x\r\n";
    let drop_claims = vec!["jti".to_owned(), "permissions".to_owned()];
    let bare = TokenSpec { drop_claims, ..TokenSpec::default() };
    let token = String::from_utf8(bare.mint().unwrap()).unwrap();
    let known = get("/api/v1/templates/", &format!("{forged}Authorization: Bearer {token}\r\n")).await;
    let public = get("/api/v1/search/status", forged).await;
    for (answer, user, organization) in [(known, "u1", "org-a"), (public, "", "")] {
        assert_eq!(status(&answer), 200);
        assert_eq!(fields(&answer, "x-auth-user-id"), [user]);
        assert_eq!(fields(&answer, "x-auth-org-id"), [organization]);
        assert_eq!(fields(&answer, "x-auth-permissions"), [""]);
        assert_eq!(fields(&answer, "x-auth-token-id"), [""]);
    }
}

/// **Class:** a `Connection` line that names a required field (CVE-2025-48865)
/// **Gain:** the next proxy removes the field that the decision used, or the identity fields
/// **Stop:** such a request is answered with 400, without a decision
#[tokio::test]
async fn hop_by_hop_stripping() {
    let token = good_token();
    for names in [
        "authorization",
        "close, Authorization",
        "X-Auth-Org-Id",
        "keep-alive,x-auth-user-id",
        "Host",
        "x-forwarded-uri",
    ] {
        let lines = format!("Connection: {names}\r\nAuthorization: Bearer {token}\r\n");
        assert_eq!(status(&get("/api/v1/templates/", &lines).await), 400, "{names}");
    }
}

fn good_token() -> String {
    String::from_utf8(TokenSpec::default().mint().unwrap()).unwrap()
}

/// The complete response to a GET with these lines.
async fn get(path: &str, lines: &str) -> String {
    let keys: Value = json!({ "keys": [TestKey::named("hs256").unwrap().published()] });
    let keys = KeySet::from_jwks(keys.to_string().as_bytes()).unwrap();
    let engine = Engine::new(Policy::new(&PolicySpec::default()).unwrap(), keys, Revocations::none());
    let state = Snapshot::new(engine, Realms::default(), Resources::default());
    let server =
        Server::builder(Arc::new(ArcSwap::from_pointee(state))).clock(|| Duration::from_secs(NOW)).build();
    let (mut client, stream) = tokio::io::duplex(16 << 10);
    let served = tokio::spawn(async move { server.serve_stream(stream).await });
    let close = if lines.contains("Connection:") { "" } else { "Connection: close\r\n" };
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{close}{lines}\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let read = client.read_to_string(&mut answer);
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("an answer").unwrap();
    served.await.unwrap();
    answer
}

fn status(answer: &str) -> u16 {
    answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

fn fields<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).collect()
}

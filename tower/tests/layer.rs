//! The layer in front of an axum service, as clients see it.

#![cfg(test)]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use artos_auth_engine::{Organizations, PolicySpec, ResourceOrg, Revocations, RouteSpec, TenantScope};
use artos_auth_tower::testing::Issuer;
use artos_auth_tower::{AuthLayer, Caller, Denied, Principal};
use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{Request, Response, StatusCode, header};
use axum::routing::get;
use http_body_util::BodyExt;
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt;

fn owner_of(id: &str) -> ResourceOrg<'static> {
    match id {
        "doc-a" => ResourceOrg::Owned("org-a".into()),
        "doc-b" => ResourceOrg::Owned("org-b".into()),
        _ => ResourceOrg::Unresolved,
    }
}

async fn read(Path(id): Path<String>, caller: Caller) -> Result<String, Denied> {
    let principal = caller.authorize(owner_of(&id))?;
    Ok(format!("{id} for {} of {}", principal.user_id(), principal.org_id()))
}

async fn list(caller: Caller) -> String {
    format!("what belongs to {}", caller.org_id())
}

async fn status(caller: Option<Caller>) -> String {
    format!("known: {}", caller.is_some())
}

fn service(layer: AuthLayer) -> Router {
    Router::new()
        .route("/api/v1/search/status", get(status))
        .route("/api/v1/documents/", get(list))
        .route("/api/v1/documents/{id}", get(read))
        .layer(layer)
}

fn request(method: &str, target: &str, token: Option<&str>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(target);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.body(Body::empty()).unwrap()
}

async fn ask(service: &Router, request: Request<Body>) -> (StatusCode, String, Response<()>) {
    let response = service.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    (parts.status, body, Response::from_parts(parts, ()))
}

static ISSUER: LazyLock<Issuer> = LazyLock::new(Issuer::new);

const NOT_AUTHENTICATED: &str = r#"{"detail":"Not authenticated"}"#;
const INVALID: &str = r#"{"detail":"Invalid authentication credentials"}"#;
const NOT_AUTHORIZED: &str = r#"{"detail":"User has no organization or not authorized"}"#;

#[rstest]
#[case::own("/api/v1/documents/doc-a", Some("org-a"), 200, "doc-a for alice of org-a")]
#[case::list("/api/v1/documents/", Some("org-b"), 200, "what belongs to org-b")]
#[case::other_organization("/api/v1/documents/doc-a", Some("org-b"), 403, NOT_AUTHORIZED)]
#[case::escaped_letter("/api/v1/documents/%64oc-a", Some("org-b"), 403, NOT_AUTHORIZED)]
#[case::escaped_hyphen("/api/v1/documents/doc%2Da", Some("org-b"), 403, NOT_AUTHORIZED)]
#[case::with_a_query("/api/v1/documents/doc-a?x=1", Some("org-b"), 403, NOT_AUTHORIZED)]
#[case::unknown_id("/api/v1/documents/unheard-of", Some("org-b"), 403, NOT_AUTHORIZED)]
#[case::no_token("/api/v1/documents/doc-a", None, 401, NOT_AUTHENTICATED)]
#[case::no_such_route("/api/v1/nowhere", None, 401, NOT_AUTHENTICATED)]
#[case::public("/api/v1/search/status", None, 200, "known: false")]
#[case::public_by_another_spelling("/api/v1/search/%73tatus", None, 401, NOT_AUTHENTICATED)]
#[case::absolute_form("http://api.example/api/v1/search/status", None, 401, NOT_AUTHENTICATED)]
#[tokio::test]
async fn a_request_gets_its_documented_response(
    #[case] target: &str,
    #[case] organization: Option<&str>,
    #[case] expected: u16,
    #[case] body: &str,
) {
    let issuer = Issuer::new();
    let service = service(AuthLayer::new(issuer.engine()));
    let token = organization.map(|organization| issuer.token("alice", organization).mint());
    let (status, answered, _) = ask(&service, request("GET", target, token.as_deref())).await;
    assert_eq!((status.as_u16(), answered.as_str()), (expected, body));
}

#[tokio::test]
async fn a_denial_has_the_documented_fields_and_head_has_no_body() {
    let service = service(AuthLayer::new(Issuer::new().engine()));
    for method in ["GET", "HEAD"] {
        let (status, body, response) = ask(&service, request(method, "/", Some("not.a.token"))).await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::UNAUTHORIZED, if method == "GET" { INVALID } else { "" })
        );
        for (name, value) in [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-store"),
            (header::VARY, "Authorization"),
            (header::WWW_AUTHENTICATE, r#"Bearer realm="artos", error="invalid_token""#),
            (header::CONTENT_LENGTH, "47"),
        ] {
            assert_eq!(response.headers()[&name], value, "{method} {name}");
        }
        let denied = response.extensions().get::<Denied>().expect("the reason is there for a log");
        assert_eq!(denied.reason(), "token_malformed");
    }
}

#[rstest]
#[case::expired(json!({"exp": 1}))]
#[case::without_expiry(json!({"exp": null}))]
#[tokio::test]
async fn an_expired_or_revoked_token_is_401(#[case] claims: Value) {
    let issuer = Issuer::new();
    let service = service(AuthLayer::new(issuer.engine()));
    let mut token = issuer.token("alice", "org-a");
    for (name, value) in claims.as_object().unwrap() {
        token = token.claim(name, value.clone());
    }
    let (status, body, _) = ask(&service, request("GET", "/api/v1/documents/", Some(&token.mint()))).await;
    assert_eq!((status, body.as_str()), (StatusCode::UNAUTHORIZED, INVALID));
}

#[rstest]
#[case::before_1970(UNIX_EPOCH - Duration::from_secs(1))]
#[case::epoch(UNIX_EPOCH)]
#[case::before_2025(UNIX_EPOCH + Duration::from_secs(1_735_689_599))]
#[tokio::test]
async fn with_a_clock_before_2025_only_public_paths_are_allowed(#[case] time: SystemTime) {
    let issuer = Issuer::new();
    let service = service(AuthLayer::new(issuer.engine()).clock(move || time));
    let token = issuer.token("alice", "org-a").mint();
    let (status, body, response) = ask(&service, request("GET", "/api/v1/documents/", Some(&token))).await;
    assert_eq!((status.as_u16(), body.as_str()), (503, r#"{"detail":"Service unavailable"}"#));
    assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    assert!(!response.headers().contains_key(header::WWW_AUTHENTICATE));
    let (status, ..) = ask(&service, request("GET", "/api/v1/search/status", None)).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_reloaded_engine_applies_from_the_next_request() {
    let issuer = Issuer::new();
    let engine = Arc::new(ArcSwap::from_pointee(issuer.engine()));
    let service = service(AuthLayer::new(Arc::clone(&engine)));
    let token = issuer.token("alice", "org-a").claim("jti", json!("t-1")).mint();
    assert_eq!(ask(&service, request("GET", "/api/v1/documents/", Some(&token))).await.0, StatusCode::OK);
    let revoked = Revocations::from_json(br#"{"tokens": ["t-1"]}"#).unwrap();
    engine.store(Arc::new(engine.load().with_revocations(revoked)));
    let (status, ..) = ask(&service, request("GET", "/api/v1/documents/", Some(&token))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn behind_nest_the_path_that_the_client_sent_is_used() {
    let issuer = Issuer::new();
    let policy = PolicySpec {
        routes: vec![RouteSpec {
            methods: None,
            path: "/api/v1/reports/{id}".into(),
            permissions: vec!["reports:read".into()],
        }],
        ..PolicySpec::default()
    };
    let inner = Router::new().route("/{id}", get(async |caller: Caller| caller.user_id().to_owned()));
    let inner = inner.layer(AuthLayer::new(issuer.engine_of(&policy)));
    let service = Router::new().nest("/api/v1/reports", inner);
    let without = issuer.token("alice", "org-a").mint();
    let with = issuer.token("alice", "org-a").permission("reports:read").mint();
    for (token, expected) in [(without, StatusCode::FORBIDDEN), (with, StatusCode::OK)] {
        let (status, ..) = ask(&service, request("GET", "/api/v1/reports/1", Some(&token))).await;
        assert_eq!(status, expected);
    }
}

/// The owner, the realm and the decision are of one path; the inner service still sees the URI that `nest` shortened.
#[rstest]
#[case::own("/documents/doc-a", 200, "/doc-a")]
#[case::other("/documents/doc-b", 403, NOT_AUTHORIZED)]
#[tokio::test]
async fn behind_nest_the_owner_is_asked_with_the_path_that_the_client_sent(
    #[case] target: &str,
    #[case] expected: u16,
    #[case] body: &str,
) {
    let issuer = Issuer::new();
    let layer = AuthLayer::new(issuer.engine())
        .with_owner(|parts| match parts.uri.path().strip_prefix("/documents/") {
            Some(id) => owner_of(id),
            None => ResourceOrg::Unowned,
        })
        .with_realm(|parts| {
            assert!(parts.uri.path().starts_with("/documents/"));
            TenantScope::Any
        });
    let show = get(async |uri: http::Uri| uri.to_string());
    let service = Router::new().nest("/documents", Router::new().route("/{id}", show).layer(layer));
    let token = issuer.token("alice", "org-a").mint();
    let (status, answered, _) = ask(&service, request("GET", target, Some(&token))).await;
    assert_eq!((status.as_u16(), answered.as_str()), (expected, body));
}

#[rstest]
#[case::own("/documents/doc-a", 200)]
#[case::other("/documents/doc-b", 403)]
#[case::what_the_function_does_not_know("/documents/doc-c", 403)]
#[tokio::test]
async fn an_owner_known_from_the_request_is_decided_in_one_step(#[case] target: &str, #[case] expected: u16) {
    let issuer = Issuer::new();
    let layer = AuthLayer::new(issuer.engine())
        .with_owner(|parts| owner_of(parts.uri.path().strip_prefix("/documents/").unwrap_or_default()));
    let show = get(async |principal: Principal| principal.org_id().to_owned());
    let service = Router::new().route("/documents/{id}", show).layer(layer);
    let token = issuer.token("alice", "org-a").mint();
    let (status, ..) = ask(&service, request("GET", target, Some(&token))).await;
    assert_eq!(status.as_u16(), expected);
}

#[tokio::test]
async fn a_handler_on_a_public_path_that_requires_a_caller_answers_with_the_challenge_of_the_policy() {
    let policy = PolicySpec { realm: Some("documents".into()), ..PolicySpec::default() };
    let service = Router::new()
        .route("/api/v1/search/status", get(async |caller: Caller| caller.user_id().to_owned()))
        .layer(AuthLayer::new(Issuer::new().engine_of(&policy)));
    let (status, body, response) = ask(&service, request("GET", "/api/v1/search/status", None)).await;
    assert_eq!((status, body.as_str()), (StatusCode::UNAUTHORIZED, NOT_AUTHENTICATED));
    assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer realm=\"documents\"");
}

#[tokio::test]
async fn the_principal_extractor_requires_an_owner_function() {
    let issuer = Issuer::new();
    let service = Router::new()
        .route("/x", get(async |principal: Principal| principal.org_id().to_owned()))
        .layer(AuthLayer::new(issuer.engine()));
    let token = issuer.token("alice", "org-a").mint();
    let (status, body, _) = ask(&service, request("GET", "/x", Some(&token))).await;
    assert_eq!((status, body.as_str()), (StatusCode::UNAUTHORIZED, NOT_AUTHENTICATED));
}

#[tokio::test]
async fn a_realm_refuses_tokens_of_other_organizations() {
    let issuer = Issuer::new();
    let tenants: &'static Organizations = Box::leak(Box::new(["org-a"].into_iter().collect()));
    let service = service(AuthLayer::new(issuer.engine()).with_realm(move |_| TenantScope::Among(tenants)));
    for (organization, expected) in [("org-a", StatusCode::OK), ("org-b", StatusCode::UNAUTHORIZED)] {
        let token = issuer.token("alice", organization).mint();
        let (status, ..) = ask(&service, request("GET", "/api/v1/documents/", Some(&token))).await;
        assert_eq!(status, expected);
    }
}

/// A gRPC request gets the documented status and challenge, and the gRPC status in place of a JSON body.
#[rstest]
#[case::no_token(None, 401, "16", "Not authenticated")]
#[case::malformed(Some("x".to_owned()), 401, "16", "Invalid authentication credentials")]
#[case::no_organization(Some(ISSUER.token("alice", "").mint()), 403, "7", "User has no organization or not authorized")]
#[tokio::test]
async fn grpc_requests(
    #[case] token: Option<String>,
    #[case] status: u16,
    #[case] code: &str,
    #[case] message: &str,
    #[values("application/grpc", "application/grpc+proto", "application/grpc-web-text")] content_type: &str,
) {
    let service = service(AuthLayer::new(ISSUER.engine()));
    let mut request = request("POST", "/documents.v1.Documents/Read", token.as_deref());
    request.headers_mut().insert(header::CONTENT_TYPE, content_type.parse().unwrap());
    let (found, body, response) = ask(&service, request).await;
    let field = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
    assert_eq!((found.as_u16(), body.as_str()), (status, ""));
    assert_eq!((field("grpc-status"), field("grpc-message")), (Some(code), Some(message)));
    assert_eq!((field("content-type"), field("content-length")), (Some(content_type), None));
    assert!(field("www-authenticate").is_some_and(|challenge| challenge.starts_with("Bearer")));
}

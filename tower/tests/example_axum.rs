//! The axum example, as its clients see it.

#[path = "../examples/axum.rs"]
#[expect(dead_code, reason = "its `main` is for the command line")]
mod example;

use std::sync::Arc;

use arc_swap::ArcSwap;
use artos_auth_tower::testing::Issuer;
use axum::body::Body;
use example::{Documents, service};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use rstest::rstest;
use tower::ServiceExt;

/// Each document by each spelling of its path, with a token of this organization, or none.
#[rstest]
#[case::own(Some("org-a"), "/api/v1/documents/doc-a", StatusCode::OK, "this is doc-a")]
#[case::own_encoded(Some("org-a"), "/api/v1/documents/doc%2Da", StatusCode::OK, "this is doc-a")]
#[case::list(Some("org-a"), "/api/v1/documents/", StatusCode::OK, r#"["doc-a"]"#)]
#[case::public(None, "/api/v1/search/status", StatusCode::OK, "ok")]
#[case::other(Some("org-b"), "/api/v1/documents/doc-a", StatusCode::FORBIDDEN, "not authorized")]
#[case::other_encoded(Some("org-b"), "/api/v1/documents/doc%2Da", StatusCode::FORBIDDEN, "not authorized")]
#[case::other_encoded_again(
    Some("org-b"),
    "/api/v1/documents/doc%252Da",
    StatusCode::FORBIDDEN,
    "not authorized"
)]
#[case::other_doubled(Some("org-b"), "/api/v1//documents/doc-a", StatusCode::NOT_FOUND, "")]
#[case::other_dots(Some("org-b"), "/api/v1/documents/x/../doc-a", StatusCode::NOT_FOUND, "")]
#[case::without_owner(
    Some("org-a"),
    "/api/v1/documents/doc-without-owner",
    StatusCode::FORBIDDEN,
    "not authorized"
)]
#[case::missing(Some("org-a"), "/api/v1/documents/no-such", StatusCode::FORBIDDEN, "not authorized")]
#[case::no_token(None, "/api/v1/documents/doc-a", StatusCode::UNAUTHORIZED, "Not authenticated")]
#[case::no_token_no_route(None, "/no/such/route", StatusCode::UNAUTHORIZED, "Not authenticated")]
#[tokio::test]
async fn documents(
    #[case] organization: Option<&str>,
    #[case] path: &str,
    #[case] status: StatusCode,
    #[case] text: &str,
) {
    let issuer = Issuer::new();
    let database = Documents::demonstration().expect("a database");
    let service = service(Arc::new(ArcSwap::from_pointee(issuer.engine())), database);
    let mut request = Request::get(path);
    if let Some(organization) = organization {
        request = request.header("authorization", bearer(&issuer, organization));
    }
    let response =
        service.oneshot(request.body(Body::empty()).expect("a request")).await.expect("a response");
    let found = response.status();
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    let body = std::str::from_utf8(&body).expect("text");
    assert_eq!(found, status, "{body}");
    if text.is_empty() {
        assert_eq!(body, text);
    }
    assert!(body.contains(text), "{body}");
}

/// A key that is replaced while the service runs.
#[tokio::test]
async fn a_reloaded_key() {
    let (old, new) = (Issuer::new(), Issuer::new());
    let engine = Arc::new(ArcSwap::from_pointee(old.engine()));
    let database = Documents::demonstration().expect("a database");
    let service = service(Arc::clone(&engine), database);
    let status = async |issuer: &Issuer| {
        let request =
            Request::get("/api/v1/documents/doc-a").header("authorization", bearer(issuer, "org-a"));
        let request = request.body(Body::empty()).expect("a request");
        service.clone().oneshot(request).await.expect("a response").status()
    };
    assert_eq!((status(&old).await, status(&new).await), (StatusCode::OK, StatusCode::UNAUTHORIZED));
    engine.store(Arc::new(new.engine()));
    assert_eq!((status(&old).await, status(&new).await), (StatusCode::UNAUTHORIZED, StatusCode::OK));
}

fn bearer(issuer: &Issuer, organization: &str) -> String {
    format!("Bearer {}", issuer.token("alice", organization).mint())
}

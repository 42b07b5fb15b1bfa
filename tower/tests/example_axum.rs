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

/// Every byte of the path of another organization's document, escaped or in the other letter case, and every slash in another
/// form.
#[tokio::test]
async fn no_spelling_of_an_owned_path_is_open_to_another_organization() {
    const PATH: &str = "/api/v1/documents/doc-a";
    let issuer = Issuer::new();
    let database = Documents::demonstration().expect("a database");
    let service = service(Arc::new(ArcSwap::from_pointee(issuer.engine())), database);
    let ask = async |path: &str, organization: &str| {
        let request = Request::get(path).header("authorization", bearer(&issuer, organization));
        let request = request.body(Body::empty()).expect("a request");
        let response = service.clone().oneshot(request).await.expect("a response");
        let status = response.status();
        (status, response.into_body().collect().await.expect("a body").to_bytes())
    };
    let mut owner_reads = 0;
    for (at, letter) in PATH.char_indices().skip(1) {
        let (before, after) = (&PATH[..at], &PATH[at + 1..]);
        let mut spellings = vec![
            format!("{before}%{:02X}{after}", letter as u32),
            format!("{before}%{:02x}{after}", letter as u32),
            format!("{before}%25{:02X}{after}", letter as u32),
            format!("{before}{}{after}", letter.to_ascii_uppercase()),
        ];
        if letter == '/' {
            spellings.extend(["//", "/./", "/x/../", "/;x/"].map(|slash| format!("{before}{slash}{after}")));
        }
        for spelling in spellings.iter().filter(|spelling| *spelling != PATH) {
            let (status, body) = ask(spelling, "org-b").await;
            assert!(status.is_client_error(), "{spelling}: {status}");
            assert!(!body.starts_with(b"this is"), "{spelling}");
            owner_reads += usize::from(ask(spelling, "org-a").await.0 == StatusCode::OK);
        }
    }
    assert!(
        owner_reads > 5,
        "the service reads only {owner_reads} other spellings, so the test shows little"
    );
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

//! The example service does what its users would expect of it.

#[path = "../examples/axum.rs"]
#[expect(dead_code, reason = "its `main` is for the command line")]
mod example;

use artos_auth_engine::{Engine, KeySet, Policy, PolicySpec, Revocations};
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use base64_simd::URL_SAFE_NO_PAD;
use tower::ServiceExt;

const SECRET: &[u8; 32] = b"test-only, never a real secret!!";

fn engine() -> Engine {
    let secret = URL_SAFE_NO_PAD.encode_to_string(SECRET);
    let keys = format!(r#"{{"kty":"oct","alg":"HS256","k":"{secret}"}}"#);
    let keys = KeySet::from_jwks(keys.as_bytes()).expect("a key set");
    Engine::new(Policy::new(&PolicySpec::default()).expect("a policy"), keys, Revocations::none())
}

fn token(organization: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text.as_bytes());
    let claims = format!(r#"{{"sub":"user-1","org_id":"{organization}","exp":253402300799}}"#);
    let signed = format!("{}.{}", encode(r#"{"alg":"HS256"}"#), encode(&claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET);
    let signature = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(signature.as_ref()))
}

async fn answer(path: &str, token: Option<String>) -> (u16, String) {
    let mut request = Request::get(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request.body(Body::empty()).expect("a request");
    let response = example::service(engine()).oneshot(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 16).await.expect("a body");
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn the_example_service_answers_as_documented() {
    assert_eq!(answer("/api/v1/search/status", None).await, (200, "ok".into()));
    assert_eq!(answer("/api/v1/documents/doc-a", Some(token("org-a"))).await, (200, "this is doc-a".into()));
    assert_eq!(
        answer("/api/v1/documents/doc-b", Some(token("org-a"))).await,
        (403, r#"{"detail":"User has no organization or not authorized"}"#.into())
    );
    assert_eq!(
        answer("/api/v1/documents/doc-a", None).await,
        (401, r#"{"detail":"Not authenticated"}"#.into())
    );
    assert_eq!(
        answer("/api/v1/documents/doc-a", Some(format!("{}A", token("org-a")))).await,
        (401, r#"{"detail":"Invalid authentication credentials"}"#.into())
    );
}

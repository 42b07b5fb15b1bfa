//! A service of its own that embeds the engine: documents of two organizations, in front of them one decision
//! for each request. `cargo run -p artos-auth-engine --example axum -- KEYS.jwks.json`

use std::sync::Arc;
use std::time::SystemTime;

use artos_auth_engine::{
    Access, Context, Decision, Engine, KeySet, Policy, PolicySpec, Request, ResourceOrg, Revocations,
    UnixTime,
};
use axum::extract::{Path, Request as HttpRequest, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, middleware, routing::get};
use serde_json::json;

/// Who owns which document; a real service asks its database.
fn owner_of(path: &str) -> ResourceOrg<'static> {
    match path {
        "/api/v1/documents/doc-a" => ResourceOrg::Owned("org-a".into()),
        "/api/v1/documents/doc-b" => ResourceOrg::Owned("org-b".into()),
        _ => ResourceOrg::Unowned,
    }
}

/// The one place where requests are let in: everything that the router knows lies behind it.
async fn authorize(
    State(engine): State<Arc<Engine>>,
    mut request: HttpRequest,
    next: middleware::Next,
) -> Response {
    let lines: Vec<&[u8]> =
        request.headers().get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes).collect();
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let context = Context::of(owner_of(request.uri().path()));
    let Some(now) = UnixTime::from_system(SystemTime::now()) else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    match engine.decide(&Request::new(request.method().as_str(), target, &lines), &context, now) {
        Decision::Allow(Access::Public(_)) => {}
        Decision::Allow(Access::Principal(principal)) => {
            let principal = principal.to_owned();
            request.extensions_mut().insert(principal);
        }
        Decision::Deny(denial) => {
            eprintln!("denied: {} ({})", denial.reason(), denial.reason().clause());
            let status = StatusCode::from_u16(denial.status()).unwrap_or(StatusCode::UNAUTHORIZED);
            let headers = [
                (header::WWW_AUTHENTICATE, denial.www_authenticate().to_owned()),
                (header::CACHE_CONTROL, "no-store".to_owned()),
                (header::VARY, "Authorization".to_owned()),
            ];
            return (status, headers, Json(json!({ "detail": denial.detail() }))).into_response();
        }
    }
    next.run(request).await
}

/// The service, behind its decisions.
pub(crate) fn service(engine: Engine) -> Router {
    Router::new()
        .route("/api/v1/search/status", get(async || "ok"))
        .route("/api/v1/documents/{id}", get(async |Path(id): Path<String>| format!("this is {id}")))
        .layer(middleware::from_fn_with_state(Arc::new(engine), authorize))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::args().nth(1).ok_or("say which JWK Set to trust: axum KEYS.jwks.json")?;
    let keys = KeySet::from_jwks(&std::fs::read(file)?)?;
    let engine = Engine::new(Policy::new(&PolicySpec::default())?, keys, Revocations::none());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, service(engine)).await?)
}

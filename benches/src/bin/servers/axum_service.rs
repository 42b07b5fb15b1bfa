//! The service that a team would write without this product: axum, jsonwebtoken, forty lines.

use std::process::ExitCode;

use artos_auth_benches::peers::{Claims, JsonWebToken};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

/// The argument that starts this service.
pub(crate) const COMMAND: &str = "serve-axum";

/// Serves with the key of this JWK, until killed.
pub(crate) fn serve(jwk_file: &str) -> ExitCode {
    let jwk = std::fs::read_to_string(jwk_file).expect("the key is there");
    let jwk = serde_json::from_str(&jwk).expect("the key is a JWK");
    let service = Router::new()
        .route("/api/v1/search/status", get(|| async { Json(json!({"status": "ok"})) }))
        .route("/api/v1/templates/", get(protected))
        .with_state(JsonWebToken::from_jwk(&jwk));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime starts");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        println!("listening on http://{}", listener.local_addr().expect("a bound socket has an address"));
        axum::serve(listener, service).await.expect("serving goes on until killed");
    });
    ExitCode::SUCCESS
}

async fn protected(State(auth): State<JsonWebToken>, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
    let Claims { sub, org_id, permissions, jti, .. } = auth.verify(token).ok_or(StatusCode::UNAUTHORIZED)?;
    Ok(Json(json!({"user_id": sub, "org_id": org_id, "permissions": permissions, "token_id": jti})))
}

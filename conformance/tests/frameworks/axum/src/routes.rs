//! The documented API: a public status, and an organization's templates and documents.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Path, Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{Any, CorsLayer};
use tower_http::timeout::TimeoutLayer;

use crate::auth::{Caller, FORBIDDEN, Refused, Service};

pub const PUBLIC: &str = "/api/v1/search/status";

pub type App = Arc<Service>;

#[derive(Clone, Copy, Serialize)]
pub struct Document {
    pub id: &'static str,
    pub organization: &'static str,
    pub title: &'static str,
}

pub const TEMPLATES: [Document; 2] = [
    Document { id: "template-a", organization: "org-a", title: "Letter of org-a" },
    Document { id: "template-b", organization: "org-b", title: "Letter of org-b" },
];
pub const DOCUMENTS: [Document; 2] = [
    Document { id: "doc-a", organization: "org-a", title: "Protocol of org-a" },
    Document { id: "doc-b", organization: "org-b", title: "Protocol of org-b" },
];

#[derive(Deserialize)]
struct Draft {
    title: String,
}

/// A refusal, written as the service writes them.
pub struct Denial(Response);

impl IntoResponse for Denial {
    fn into_response(self) -> Response {
        self.0
    }
}

fn deny(app: &App, parts: &Parts, refused: &Refused) -> Denial {
    Denial((app.refuse)(refused, parts))
}

impl FromRequestParts<App> for Caller {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Caller, Denial> {
        (app.caller)(app, parts).map_err(|refused| deny(app, parts, &refused))
    }
}

/// A caller who may write documents.
struct Writer(Caller);

impl FromRequestParts<App> for Writer {
    type Rejection = Denial;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Writer, Denial> {
        let caller = Caller::from_request_parts(parts, app).await?;
        match (app.may)(&caller, "documents:write") {
            true => Ok(Writer(caller)),
            false => Err(deny(app, parts, &FORBIDDEN)),
        }
    }
}

/// The document that the path names, of the caller's organization.
struct Owned(Document);

impl FromRequestParts<App> for Owned {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Owned, Response> {
        let caller = Caller::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let Path(id) =
            Path::<String>::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let found = DOCUMENTS.iter().find(|document| document.id == id);
        let document = found.ok_or_else(|| not_found().into_response())?;
        if (app.checks_owner)(parts) && !(app.owns)(&caller.organization, document.organization) {
            return Err(deny(app, parts, &FORBIDDEN).into_response());
        }
        Ok(Owned(*document))
    }
}

pub fn not_found() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, Json(json!({ "detail": "Not Found" })))
}

/// The documents of the caller's organization.
fn visible(app: &App, caller: &Caller, documents: &[Document]) -> Vec<Document> {
    match app.lists_everything {
        // What a query without `WHERE organization = …` gives.
        true => TEMPLATES.into_iter().chain(DOCUMENTS).collect(),
        false => documents
            .iter()
            .filter(|one| (app.owns)(&caller.organization, one.organization))
            .copied()
            .collect(),
    }
}

async fn status() -> Json<serde_json::Value> {
    Json(json!({ "status": "ok" }))
}

async fn templates(State(app): State<App>, caller: Caller) -> Json<Vec<Document>> {
    Json(visible(&app, &caller, &TEMPLATES))
}

async fn documents(State(app): State<App>, caller: Caller) -> Json<Vec<Document>> {
    Json(visible(&app, &caller, &DOCUMENTS))
}

async fn read(Owned(document): Owned) -> Json<Document> {
    Json(document)
}

async fn replace(Owned(document): Owned, _: Writer, Json(draft): Json<Draft>) -> impl IntoResponse {
    Json(json!({ "id": document.id, "organization": document.organization, "title": draft.title }))
}

/// The example keeps its documents.
async fn remove(_: Owned, _: Writer) -> StatusCode {
    StatusCode::NO_CONTENT
}

fn created(caller: &Caller, draft: &Draft) -> impl IntoResponse + use<> {
    let Caller { user, organization, .. } = caller;
    let body =
        json!({ "id": "doc-new", "organization": organization, "created_by": user, "title": draft.title });
    (StatusCode::ACCEPTED, Json(body))
}

async fn generate(Writer(caller): Writer, Json(draft): Json<Draft>) -> impl IntoResponse {
    created(&caller, &draft)
}

async fn generate_after_validation(State(app): State<App>, request: Request) -> Result<Response, Response> {
    let (mut parts, body) = request.into_parts();
    let checked = Request::from_parts(parts.clone(), body);
    let Json(draft) =
        Json::<Draft>::from_request(checked, &app).await.map_err(IntoResponse::into_response)?;
    let Writer(caller) =
        Writer::from_request_parts(&mut parts, &app).await.map_err(IntoResponse::into_response)?;
    Ok(created(&caller, &draft).into_response())
}

/// Authentication as middleware: every path but the public one needs a good token.
async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if parts.uri.path() != PUBLIC
        && let Err(denial) = Caller::from_request_parts(&mut parts, &app).await
    {
        return denial.into_response();
    }
    next.run(Request::from_parts(parts, body)).await
}

/// The application, with the optional parts that its settings name.
pub fn create(app: App) -> Router {
    let has = |part| app.settings.has(part);
    let generate = if has("validation-first") { post(generate_after_validation) } else { post(generate) };
    let list = if has("normalize-path") { "/templates" } else { "/templates/" };
    let api = Router::new()
        .route("/search/status", get(status))
        .route(list, get(templates))
        .route("/documents/", get(documents))
        .route("/documents/generate", generate)
        .route("/documents/{id}", get(read).put(replace).delete(remove));
    let mut router = Router::new().nest("/api/v1", api);
    if has("json-fallback") {
        router = router.fallback(async || not_found());
    }
    if has("route-layer") {
        router = router.route_layer(from_fn_with_state(Arc::clone(&app), guard));
    }
    if has("guard") {
        router = router.layer(from_fn_with_state(Arc::clone(&app), guard));
    }
    if has("compression") {
        router = router.layer(CompressionLayer::new().compress_when(|_, _: _, _: &_, _: &_| true));
    }
    if has("cors") {
        router = router.layer(CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(Any));
    }
    if has("timeout") {
        let layer = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, Duration::from_secs(5));
        router = router.layer(layer);
    }
    router.with_state(app)
}

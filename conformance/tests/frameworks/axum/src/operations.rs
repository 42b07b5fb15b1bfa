//! An API of documents and comments for `artos-conformance matrix`. utoipa generates its OpenAPI document.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post, put};
use axum::{Extension, Json, Router, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tower_http::compression::CompressionLayer;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::{IntoParams, OpenApi, ToSchema};

use crate::auth::{Caller, FORBIDDEN};
use crate::routes::{DOCUMENTS, Document, not_found};
use crate::rules::{Rules, guest};

#[derive(Deserialize, ToSchema)]
struct Draft {
    #[schema(example = "A plan for next year")]
    title: String,
}

#[derive(Deserialize, ToSchema)]
struct Merge {
    source: String,
}

#[derive(Deserialize, Serialize, ToSchema)]
struct Preferences {
    #[schema(default = "dark")]
    theme: String,
}

#[derive(Deserialize, IntoParams)]
struct Search {
    document_id: String,
}

#[derive(Clone, Copy, Serialize)]
struct Comment {
    id: &'static str,
    organization: &'static str,
    document: &'static str,
    text: &'static str,
}

const COMMENTS: [Comment; 2] = [
    Comment { id: "comment-a", organization: "org-a", document: "doc-a", text: "A remark of org-a" },
    Comment { id: "comment-b", organization: "org-b", document: "doc-b", text: "A remark of org-b" },
];

/// An operation's caller and rules, put there by its middleware.
#[derive(Clone)]
struct Context {
    caller: Caller,
    rules: Arc<Rules>,
}

impl Context {
    /// The resource, if it is the caller's organization's.
    fn owned<T: Serialize>(&self, organization: &str, resource: T) -> Result<T, Response> {
        match (self.rules.service.owns)(&self.caller.organization, organization) {
            true => Ok(resource),
            false => Err((self.rules.refuse)(&json!(resource))),
        }
    }

    fn document(&self, id: &str) -> Result<Document, Response> {
        let found = DOCUMENTS.into_iter().find(|document| document.id == id);
        let document = found.ok_or_else(|| not_found().into_response())?;
        self.owned(document.organization, document)
    }
}

type Checked = Extension<Context>;
type Answer = Result<Json<Value>, Response>;

fn answer(value: impl Serialize) -> Answer {
    Ok(Json(json!(value)))
}

/// The middleware of an operation: who calls it, and whether they may.
async fn check(
    State((rules, permission)): State<(Arc<Rules>, Option<&'static str>)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let service = &rules.service;
    let caller = match rules.secured {
        true => (service.caller)(service, &parts),
        false => Ok(guest()),
    };
    let allowed = caller.and_then(|caller| match permission {
        Some(needed) if rules.secured && !(service.may)(&caller, needed) => Err(FORBIDDEN),
        _ => Ok(caller),
    });
    match allowed {
        Ok(caller) => {
            parts.extensions.insert(Context { caller, rules });
            next.run(Request::from_parts(parts, body)).await
        }
        Err(refused) => (service.refuse)(&refused, &parts),
    }
}

fn checked(name: &str, permission: Option<&'static str>, route: MethodRouter) -> MethodRouter {
    route.layer(from_fn_with_state((Arc::new(Rules::of(name)), permission), check))
}

#[utoipa::path(get, path = "/api/v1/status", responses((status = 200)), security(()))]
async fn status() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

#[utoipa::path(get, path = "/api/v1/me", responses((status = 200)))]
async fn me(Extension(Context { caller, .. }): Checked) -> Answer {
    answer(json!({ "user": caller.user, "organization": caller.organization }))
}

#[utoipa::path(get, path = "/api/v1/documents", responses((status = 200)), security(("token" = ["documents:read"])))]
async fn documents(Extension(Context { caller, rules }): Checked) -> Answer {
    let service = &rules.service;
    let visible =
        |one: &Document| service.lists_everything || (service.owns)(&caller.organization, one.organization);
    answer(DOCUMENTS.into_iter().filter(visible).collect::<Vec<_>>())
}

#[utoipa::path(post, path = "/api/v1/documents", request_body = Draft, responses((status = 201)))]
async fn create(Extension(context): Checked, Json(draft): Json<Draft>) -> impl IntoResponse {
    let body = json!({ "id": "doc-new", "organization": context.caller.organization, "title": draft.title });
    (StatusCode::CREATED, Json(body))
}

#[utoipa::path(post, path = "/api/v1/documents/merge", request_body = Merge, responses((status = 200)))]
async fn merge(Extension(context): Checked, Json(merge): Json<Merge>) -> Answer {
    answer(context.document(&merge.source)?)
}

#[utoipa::path(get, path = "/api/v1/documents/{document_id}", params(("document_id" = String, Path)), responses((status = 200)))]
async fn read(Extension(context): Checked, Path(id): Path<String>) -> Answer {
    answer(context.document(&id)?)
}

#[utoipa::path(put, path = "/api/v1/documents/{document_id}", params(("document_id" = String, Path)), request_body = Draft, responses((status = 200)))]
async fn replace(Extension(context): Checked, Path(id): Path<String>, Json(draft): Json<Draft>) -> Answer {
    let document = context.document(&id)?;
    answer(json!({ "id": document.id, "title": draft.title }))
}

/// The example keeps its documents.
#[utoipa::path(delete, path = "/api/v1/documents/{document_id}", params(("document_id" = String, Path)), responses((status = 204)))]
async fn remove(Extension(context): Checked, Path(id): Path<String>) -> Result<StatusCode, Response> {
    context.document(&id).map(|_| StatusCode::NO_CONTENT)
}

#[utoipa::path(get, path = "/api/v1/documents/{document_id}/comments", params(("document_id" = String, Path)), responses((status = 200)))]
async fn comments(Extension(context): Checked, Path(id): Path<String>) -> Answer {
    let document = context.document(&id)?;
    let everything = context.rules.service.lists_everything;
    let shown = COMMENTS.into_iter().filter(|comment| everything || comment.document == document.id);
    answer(shown.collect::<Vec<_>>())
}

#[utoipa::path(
    get,
    path = "/api/v1/documents/{document_id}/comments/{comment_id}",
    params(("document_id" = String, Path), ("comment_id" = String, Path)),
    responses((status = 200))
)]
async fn comment(Extension(context): Checked, Path((id, comment)): Path<(String, String)>) -> Answer {
    if context.rules.checks_parent {
        context.document(&id)?;
    }
    let found = COMMENTS.into_iter().find(|one| one.id == comment);
    let comment = found.ok_or_else(|| not_found().into_response())?;
    if context.rules.checks_child {
        context.owned(comment.organization, comment)?;
        if comment.document != id && context.rules.checks_parent {
            return Err(not_found().into_response());
        }
    }
    answer(comment)
}

#[utoipa::path(get, path = "/api/v1/search", params(Search), responses((status = 200)))]
async fn search(Extension(context): Checked, Query(search): Query<Search>) -> Answer {
    answer(context.document(&search.document_id)?)
}

#[utoipa::path(get, path = "/api/v1/export", responses((status = 200)), security(("token" = ["documents:export"])))]
async fn export() -> Answer {
    answer(json!({ "rows": DOCUMENTS.len() }))
}

#[utoipa::path(
    get,
    path = "/api/v1/organizations/{organization}/members",
    params(("organization" = String, Path)),
    responses((status = 200))
)]
async fn members(Extension(context): Checked, Path(organization): Path<String>) -> Answer {
    let found = json!({ "organization": organization, "members": [format!("a member of {organization}")] });
    answer(context.owned(&organization, found)?)
}

#[utoipa::path(patch, path = "/api/v1/settings", request_body = Preferences, responses((status = 200)))]
async fn settings(Json(preferences): Json<Preferences>) -> Answer {
    answer(preferences)
}

#[derive(OpenApi)]
#[openapi(
    paths(status, me, documents, create, merge, read, replace, remove, comments, comment, search, export, members, settings),
    security(("token" = []))
)]
struct Api;

/// The application.
pub fn create_api(compressed: bool) -> Router {
    let mut document = Api::openapi();
    let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    document.components.get_or_insert_default().add_security_scheme("token", scheme);
    if Rules::of("me").described_as_public
        && let Some(me) = document.paths.paths.get_mut("/api/v1/me").and_then(|item| item.get.as_mut())
    {
        // An annotation that was copied from a public operation.
        me.security = Some(vec![SecurityRequirement::default()]);
    }
    let read_scope = Some("documents:read");
    let write_scope = Some("documents:write");
    let one = checked("read", read_scope, get(read))
        .merge(checked("replace", write_scope, put(replace)))
        .merge(checked("remove", write_scope, delete(remove)));
    let all =
        checked("documents", read_scope, get(documents)).merge(checked("create", write_scope, post(create)));
    let api = Router::new()
        .route("/status", checked("status", None, get(status)))
        .route("/me", checked("me", None, get(me)))
        .route("/documents", all)
        .route("/documents/merge", checked("merge", write_scope, post(merge)))
        .route("/documents/{id}", one)
        .route("/documents/{id}/comments", checked("comments", None, get(comments)))
        .route("/documents/{id}/comments/{comment}", checked("comment", None, get(comment)))
        .route("/search", checked("search", None, get(search)))
        .route("/export", checked("export", Some("documents:export"), get(export)))
        .route("/organizations/{organization}/members", checked("members", None, get(members)))
        .route("/settings", checked("settings", None, patch(settings)));
    let router =
        Router::new().nest("/api/v1", api).route("/openapi.json", get(async move || Json(document.clone())));
    match compressed {
        true => router.layer(CompressionLayer::new().compress_when(|_, _: _, _: &_, _: &_| true)),
        false => router,
    }
}

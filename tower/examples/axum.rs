//! Documents of several organizations in SQLite, served by axum behind the layer.
//!
//! The layer authenticates every request before a handler runs. A handler asks the database who owns a document and
//! authorizes the caller for that owner. Both use the same decoded id, so no other spelling of the path avoids the
//! check, and an id without an owner in the database is refused.
//!
//! ```console
//! $ cargo run -p artos-auth-tower --example tower_axum -- keys.jwks.json
//! ```
//!
//! The key set is loaded again every few seconds, while requests are served.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use artos_auth_engine::{Engine, KeySet, Policy, Revocations};
use artos_auth_tower::{AuthLayer, Caller, Denied};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};

use self::database::DatabaseError;
pub(crate) use self::database::Documents;

mod database;

/// The service. The layer is outside the router, so that it protects every path, even those without a route.
pub(crate) fn service(engine: Arc<ArcSwap<Engine>>, documents: Documents) -> Router {
    Router::new()
        .route("/api/v1/search/status", get(async || "ok"))
        .route("/api/v1/documents/", get(list))
        .route("/api/v1/documents/{id}", get(read))
        .with_state(documents)
        .layer(AuthLayer::new(engine))
}

/// A list needs no owner: it filters by the organization of the caller.
async fn list(caller: Caller, State(documents): State<Documents>) -> Result<Json<Vec<String>>, Refusal> {
    let organization = caller.org_id().to_owned();
    let ids = documents.query(move |database| {
        let mut statement = database.prepare("SELECT id FROM documents WHERE org_id = ?1 ORDER BY id")?;
        statement.query_map([organization], |row| row.get(0))?.collect()
    });
    Ok(Json(ids.await?))
}

/// The database says who owns a document, and only a caller of that organization may read it.
async fn read(
    caller: Caller,
    State(documents): State<Documents>,
    Path(id): Path<String>,
) -> Result<String, Refusal> {
    let principal = caller.authorize(documents.owner_of(id.clone()).await?)?;
    documents.text_of(id, principal.org_id().to_owned()).await?.ok_or(Refusal::NotFound)
}

/// The reasons why a request gets no document.
pub(crate) enum Refusal {
    /// The documented 401 or 403.
    Denied(Denied),
    NotFound,
    Database(DatabaseError),
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<DatabaseError> for Refusal {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Denied(denied) => denied.into_response(),
            Self::NotFound => StatusCode::NOT_FOUND.into_response(),
            Self::Database(error) => {
                eprintln!("database: {error}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// An engine with the default policy and the keys of this file.
fn load(file: &FilePath) -> Result<Engine, Box<dyn std::error::Error + Send + Sync>> {
    let keys =
        KeySet::from_jwks(&std::fs::read(file)?).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(Engine::new(Policy::builder().build()?, keys, Revocations::none()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let file = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: tower_axum KEYS.jwks.json")?;
    let engine = Arc::new(ArcSwap::from_pointee(load(&file)?));
    let app = service(Arc::clone(&engine), Documents::demonstration()?);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            // A file that does not load leaves the engine unchanged.
            match load(&file) {
                Ok(loaded) => engine.store(Arc::new(loaded)),
                Err(error) => eprintln!("the keys are unchanged: {error}"),
            }
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

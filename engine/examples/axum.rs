//! A service that embeds the engine: documents of several organizations in SQLite, behind axum.
//!
//! A request is authenticated in one middleware, before anything else runs. The handler then asks the database who owns the
//! document, and authorizes the caller for that owner. Both queries use the same id, so that no other spelling of a path
//! avoids the check. What the database does not know is refused.
//!
//! ```console
//! $ cargo run -p artos-auth-engine --example axum -- keys.jwks.json revocations.json
//! ```
//!
//! Both files are read again every few seconds, while requests are served.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use artos_auth_engine::{
    Account, Admission, Caller, Denial, Engine, KeySet, LoadError, Policy, Request, ResourceOrg, Revocations,
    TenantScope, UnixTime,
};
use axum::extract::{Path, Request as HttpRequest, State};
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router, middleware, routing::get};
use rusqlite::{Connection, OptionalExtension};
use serde_json::json;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct App {
    /// The current engine. A reload swaps it; a request that has loaded one finishes with it.
    pub(crate) engine: Arc<ArcSwap<Engine>>,
    pub(crate) documents: Documents,
    /// The system's clock, or a test's.
    pub(crate) clock: fn() -> SystemTime,
}

/// Makes every check that does not depend on an owner, and passes accepted requests on with their `Caller`.
async fn authenticate(
    State(app): State<App>,
    mut request: HttpRequest,
    next: middleware::Next,
) -> Result<Response, Refusal> {
    let lines: Vec<&[u8]> =
        request.headers().get_all(header::AUTHORIZATION).iter().map(HeaderValue::as_bytes).collect();
    let uri = request.uri();
    // The absolute form of HTTP/1 (`GET http://host/path`) is decided on as a whole, so it is never public.
    let target = match uri.path_and_query() {
        Some(target) if uri.scheme().is_none() || request.version() >= Version::HTTP_2 => target.to_string(),
        _ => uri.to_string(),
    };
    let asked = Request::new(request.method().as_str(), &target, &lines);
    let engine = app.engine.load();
    let admission = match UnixTime::from_system((app.clock)()) {
        Some(now) => engine.authenticate(&asked, TenantScope::Any, now)?,
        // By a clock that is not set, expired tokens would be valid.
        None => Admission::Public(engine.public_access(&asked).ok_or(Refusal::Unavailable)?),
    };
    drop(engine);
    if let Admission::Caller(caller) = admission {
        request.extensions_mut().insert(caller);
    }
    Ok(next.run(request).await)
}

/// A list needs no owner: it shows what belongs to the caller's organization.
async fn list(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Vec<String>>, Refusal> {
    let ids = app.documents.ask(move |database| ids_of(database, caller.org_id())).await?;
    Ok(Json(ids))
}

/// One document: the database has its owner, and only a caller of that organization may read it.
async fn read(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<String, Refusal> {
    let asked = id.clone();
    let owner = app.documents.ask(move |database| owner_of(database, &asked)).await?;
    let principal = caller.authorize(owner, Account::Unknown)?;
    let text = app.documents.ask(move |database| text_of(database, &id, principal.org_id())).await?;
    text.ok_or(Refusal::NotFound)
}

/// The service. Every path is behind the middleware, those that no route has included.
pub(crate) fn service(app: App) -> Router {
    Router::new()
        .route("/api/v1/search/status", get(async || "ok"))
        .route("/api/v1/documents/", get(list))
        .route("/api/v1/documents/{id}", get(read))
        .layer(middleware::from_fn_with_state(app.clone(), authenticate))
        .with_state(app)
}

/// Why a request got no document.
pub(crate) enum Refusal {
    Denied(Denial<'static>),
    NotFound,
    Unavailable,
    Database(rusqlite::Error),
}

impl From<Denial<'static>> for Refusal {
    fn from(denial: Denial<'static>) -> Self {
        Self::Denied(denial)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, detail) = match &self {
            Self::Denied(denial) => {
                // The reason is for the log, never for the client.
                eprintln!("denied: {} ({}) {:?}", denial.reason(), denial.reason().clause(), denial.audit());
                (StatusCode::from_u16(denial.status()).unwrap_or(StatusCode::UNAUTHORIZED), denial.detail())
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
            Self::Database(error) => {
                eprintln!("database: {error}");
                (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
            }
        };
        let headers = [(header::CACHE_CONTROL, "no-store"), (header::VARY, "Authorization")];
        let mut response = (status, headers, Json(json!({ "detail": detail }))).into_response();
        let more = match &self {
            Self::Denied(denial) => Some((header::WWW_AUTHENTICATE, denial.www_authenticate().to_owned())),
            Self::Unavailable => Some((header::RETRY_AFTER, "1".to_owned())),
            Self::NotFound | Self::Database(_) => None,
        };
        if let Some((name, value)) = more.and_then(|(name, value)| Some((name, value.try_into().ok()?))) {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// The documents, in SQLite.
#[derive(Clone)]
pub(crate) struct Documents(Arc<Mutex<Connection>>);

impl Documents {
    /// A database in memory with a few documents. One has no owner.
    pub(crate) fn demonstration() -> rusqlite::Result<Self> {
        let database = Connection::open_in_memory()?;
        database.execute_batch(
            "CREATE TABLE documents (id TEXT PRIMARY KEY, org_id TEXT, text TEXT NOT NULL);
             INSERT INTO documents VALUES ('doc-a', 'org-a', 'this is doc-a'), ('doc-b', 'org-b', 'this is doc-b'),
                 ('doc-without-owner', NULL, 'this is nobody''s');",
        )?;
        Ok(Self(Arc::new(Mutex::new(database))))
    }

    /// Asks the database on a thread where it may block.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let database = Arc::clone(&self.0);
        let answer = tokio::task::spawn_blocking(move || {
            question(&database.lock().unwrap_or_else(PoisonError::into_inner))
        });
        Ok(answer.await.map_err(|_| Refusal::Unavailable)??)
    }
}

/// The owner of a document. A missing row and a NULL owner are both unresolved, so nobody may read them.
fn owner_of(database: &Connection, id: &str) -> rusqlite::Result<ResourceOrg<'static>> {
    let mut statement = database.prepare("SELECT org_id FROM documents WHERE id = ?1")?;
    let owner: Option<Option<String>> = statement.query_row([id], |row| row.get(0)).optional()?;
    Ok(match owner {
        Some(Some(organization)) => ResourceOrg::Owned(organization.into()),
        Some(None) | None => ResourceOrg::Unresolved,
    })
}

/// Every query filters by the organization of the principal (ORG-4).
fn text_of(database: &Connection, id: &str, organization: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = database.prepare("SELECT text FROM documents WHERE id = ?1 AND org_id = ?2")?;
    statement.query_row([id, organization], |row| row.get(0)).optional()
}

fn ids_of(database: &Connection, organization: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = database.prepare("SELECT id FROM documents WHERE org_id = ?1 ORDER BY id")?;
    statement.query_map([organization], |row| row.get(0))?.collect()
}

/// The files that an engine is made of.
pub(crate) struct Files {
    pub(crate) keys: PathBuf,
    pub(crate) revocations: PathBuf,
}

impl Files {
    /// Reads both files.
    pub(crate) fn load(&self) -> Result<Engine, Box<dyn std::error::Error + Send + Sync>> {
        let in_file = |file: &PathBuf, error: LoadError| format!("{}: {error}", file.display());
        let keys =
            KeySet::from_jwks(&std::fs::read(&self.keys)?).map_err(|error| in_file(&self.keys, error))?;
        let revocations = Revocations::from_json(&std::fs::read(&self.revocations)?)
            .map_err(|error| in_file(&self.revocations, error))?;
        Ok(Engine::new(Policy::builder().build()?, keys, revocations))
    }

    /// Reads both files again and again. One that cannot be read leaves the engine as it is.
    pub(crate) async fn reload(self, engine: Arc<ArcSwap<Engine>>, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            match self.load() {
                Ok(loaded) => engine.store(Arc::new(loaded)),
                Err(error) => eprintln!("kept the engine as it is: {error}"),
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(keys), Some(revocations)) = (arguments.next(), arguments.next()) else {
        return Err("usage: axum KEYS.jwks.json REVOCATIONS.json".into());
    };
    let files = Files { keys, revocations };
    let engine = Arc::new(ArcSwap::from_pointee(files.load()?));
    let documents = Documents::demonstration()?;
    let app = App { engine: Arc::clone(&engine), documents, clock: SystemTime::now };
    tokio::spawn(files.reload(engine, Duration::from_secs(5)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, service(app)).await?)
}

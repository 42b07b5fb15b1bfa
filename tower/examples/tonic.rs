//! Documents of several organizations in SQLite, served over gRPC by tonic behind the layer.
//!
//! The layer refuses a request without an acceptable token before it reaches a method; clients report
//! `UNAUTHENTICATED` or `PERMISSION_DENIED`. A method finds the [`Caller`] in the extensions of its request and
//! authorizes it once the database has said who owns the document.
//!
//! ```console
//! $ cargo run -p artos-auth-tower --example tower_tonic -- keys.jwks.json
//! ```

use std::convert::Infallible;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};

use artos_auth_engine::{Engine, KeySet, Policy, Revocations};
use artos_auth_tower::{AuthLayer, Caller, Denied, EngineHandle};
use http::{Request as HttpRequest, Response as HttpResponse};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

use self::database::DatabaseError;
pub(crate) use self::database::Documents;

mod database;

/// The message `ReadRequest` of `documents.proto`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ReadRequest {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
}

/// The message `Document` of `documents.proto`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Document {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

/// The method `Read`: the database says who owns a document, and only a caller of that organization may read it.
async fn read(documents: &Documents, request: Request<ReadRequest>) -> Result<Response<Document>, Status> {
    let (_, extensions, ReadRequest { id }) = request.into_parts();
    let caller = extensions.get::<Caller>().ok_or_else(|| refusal(&Denied::not_authenticated()))?;
    let owner = documents.owner_of(id.clone()).await.map_err(|error| failure(&error))?;
    let principal = caller.authorize(owner).map_err(|denied| refusal(&denied))?;
    let text = documents.text_of(id, principal.org_id().to_owned()).await.map_err(|error| failure(&error))?;
    text.map(|text| Response::new(Document { text })).ok_or_else(|| Status::not_found("no such document"))
}

/// The gRPC status of a denial.
fn refusal(denied: &Denied) -> Status {
    Status::new(Code::from(denied.grpc_status()), denied.detail())
}

fn failure(error: &DatabaseError) -> Status {
    eprintln!("database: {error}");
    Status::internal("internal error")
}

/// Serves until the process ends. The layer is around every service of the server.
pub(crate) async fn serve(
    listener: TcpListener,
    engine: impl Into<EngineHandle>,
    documents: Documents,
) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .layer(AuthLayer::new(engine))
        .add_service(DocumentsServer(documents))
        .serve_with_incoming(TcpIncoming::from(listener))
        .await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let file = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: tower_tonic KEYS.jwks.json")?;
    let keys =
        KeySet::from_jwks(&std::fs::read(&file)?).map_err(|error| format!("{}: {error}", file.display()))?;
    let engine = Engine::new(Policy::builder().build()?, keys, Revocations::none());
    let listener = TcpListener::bind("127.0.0.1:50051").await?;
    println!("listening on {}", listener.local_addr()?);
    Ok(serve(listener, engine, Documents::demonstration()?).await?)
}

/// The gRPC service. `tonic-prost-build` generates this type from `documents.proto`; it is written by hand here so that
/// the example builds without protoc.
#[derive(Clone)]
struct DocumentsServer(Documents);

impl NamedService for DocumentsServer {
    const NAME: &'static str = "documents.v1.Documents";
}

impl Service<HttpRequest<Body>> for DocumentsServer {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        let Self(documents) = self.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/documents.v1.Documents/Read" => {
                    Grpc::new(ProstCodec::default()).unary(Read(documents), request).await
                }
                _ => Status::unimplemented("unknown method").into_http(),
            })
        })
    }
}

struct Read(Documents);

impl UnaryService<ReadRequest> for Read {
    type Response = Document;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Document>, Status>> + Send>>;

    fn call(&mut self, request: Request<ReadRequest>) -> Self::Future {
        let Self(documents) = self;
        let documents = documents.clone();
        Box::pin(async move { read(&documents, request).await })
    }
}

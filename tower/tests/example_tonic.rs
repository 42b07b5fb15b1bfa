//! The tonic example, as its clients see it.

#[path = "../examples/tonic.rs"]
#[expect(dead_code, reason = "its `main` is for the command line")]
mod example;

use artos_auth_tower::testing::Issuer;
use example::{Document, Documents, ReadRequest};
use rstest::rstest;
use serde_json::json;
use tokio::net::TcpListener;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

/// The statuses that a gRPC client reports, over a connection.
#[rstest]
#[case::own(Some("org-a"), "doc-a", Ok("this is doc-a"))]
#[case::other(Some("org-b"), "doc-a", Err(Code::PermissionDenied))]
#[case::without_owner(Some("org-a"), "doc-without-owner", Err(Code::PermissionDenied))]
#[case::missing(Some("org-a"), "no-such", Err(Code::PermissionDenied))]
#[case::no_token(None, "doc-a", Err(Code::Unauthenticated))]
#[case::no_organization(Some(""), "doc-a", Err(Code::PermissionDenied))]
#[tokio::test]
async fn documents(
    #[case] organization: Option<&str>,
    #[case] id: &str,
    #[case] expected: Result<&str, Code>,
) {
    let issuer = Issuer::new();
    let address = serve(&issuer).await;
    let found = read(&address, organization.map(|organization| bearer(&issuer, organization)), id).await;
    let found = found.map(|document| document.text).map_err(|status| status.code());
    assert_eq!(found, expected.map(str::to_owned));
}

/// A token of another issuer, and one that has expired, never reach the method.
#[tokio::test]
async fn bad_tokens() {
    let issuer = Issuer::new();
    let address = serve(&issuer).await;
    let expired =
        format!("Bearer {}", issuer.token("alice", "org-a").claim("exp", json!(1_700_000_000)).mint());
    for token in [bearer(&Issuer::new(), "org-a"), expired, "Bearer x".to_owned()] {
        let status = read(&address, Some(token), "doc-a").await.expect_err("a refusal");
        assert_eq!(status.code(), Code::Unauthenticated);
    }
}

fn bearer(issuer: &Issuer, organization: &str) -> String {
    format!("Bearer {}", issuer.token("alice", organization).mint())
}

/// Serves the example on a free port of loopback, and returns its address.
async fn serve(issuer: &Issuer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let documents = Documents::demonstration().expect("a database");
    let engine = issuer.engine();
    tokio::spawn(async move { example::serve(listener, engine, documents).await.expect("a server") });
    address
}

async fn read(address: &str, authorization: Option<String>, id: &str) -> Result<Document, Status> {
    let channel: Channel = Endpoint::from_shared(address.to_owned()).expect("an address").connect_lazy();
    let mut client = Grpc::new(channel);
    client.ready().await.expect("a connection");
    let mut call = Request::new(ReadRequest { id: id.to_owned() });
    if let Some(authorization) = authorization {
        call.metadata_mut().insert("authorization", authorization.parse().expect("a header value"));
    }
    let path = http::uri::PathAndQuery::from_static("/documents.v1.Documents/Read");
    let codec: ProstCodec<ReadRequest, Document> = ProstCodec::default();
    client.unary(call, path, codec).await.map(tonic::Response::into_inner)
}

//! The same over HTTP/2 with prior knowledge, using hyper.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::Site;
use crate::connection::judge;
use crate::memory::Connection;
use crate::message::{Request, Wire};

const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Why a stream gets no response.
#[derive(Debug)]
struct Withheld;

impl std::fmt::Display for Withheld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the deployment resets the stream")
    }
}

impl std::error::Error for Withheld {}

/// Serves one connection to its end.
pub(crate) async fn serve(stream: TcpStream, site: Arc<Site>) {
    let connection = Arc::new(Connection::default());
    let service = service_fn(move |request| answer(site.clone(), connection.clone(), request));
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    site: Arc<Site>,
    connection: Arc<Connection>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Withheld> {
    let (head, body) = request.into_parts();
    let mut fields: Vec<(String, Vec<u8>)> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    if let Some(authority) = head.uri.authority() {
        fields.push(("host".into(), authority.as_str().as_bytes().to_vec()));
    }
    let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let request = Request {
        method: head.method.as_str().to_owned(),
        target: head.uri.path_and_query().map_or_else(String::new, |target| target.as_str().to_owned()),
        http10: false,
        fields,
        body: body.map(|body| body.to_bytes().to_vec()).unwrap_or_default(),
    };
    let answer = judge(&site, &request, &connection).await;
    match answer.wire {
        Wire::Sent => {}
        Wire::Silence => {
            let never: Infallible = std::future::pending().await;
            match never {}
        }
        Wire::Reset => return Err(Withheld),
    }
    let mut response = hyper::Response::builder()
        .status(answer.status)
        .header("date", httpdate::fmt_http_date(SystemTime::now()));
    for (name, value) in &answer.fields {
        response = response.header(name.as_str(), value.as_str());
    }
    let body = if request.method == "HEAD" { String::new() } else { answer.body };
    response.body(Full::new(Bytes::from(body))).map_err(|_| Withheld)
}

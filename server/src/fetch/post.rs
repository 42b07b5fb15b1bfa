//! One HTTP POST of JSON with a deadline, to an address that the operator trusts.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Request, Uri};
use rustls::ClientConfig;

use super::http::{connect, open};

/// How much of an answer is read, at most. Its content is not used.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Sends `body`; an answer other than 2xx is an error.
pub(crate) async fn post_json(
    tls: &Arc<ClientConfig>,
    url: &str,
    body: Vec<u8>,
    patience: Duration,
) -> Result<(), String> {
    let answer = tokio::time::timeout(patience, exchange(tls, url, body)).await;
    answer.unwrap_or_else(|_| Err(format!("no complete answer within {} s", patience.as_secs())))
}

async fn exchange(tls: &Arc<ClientConfig>, url: &str, body: Vec<u8>) -> Result<(), String> {
    let unreachable = |error: &dyn std::fmt::Display| format!("cannot be reached: {error}");
    let uri: Uri = url.parse().map_err(|error| unreachable(&error))?;
    let stream = connect(tls, &uri).await.map_err(|failed| failed.to_string())?;
    let (mut sender, _connection) = open(stream).await.map_err(|error| unreachable(&error))?;
    let request = Request::post(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(USER_AGENT, concat!("artos-auth/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| unreachable(&error))?;
    let response = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("answers {}, not 200", status.as_u16()));
    }
    let (mut body, mut received) = (response.into_body(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreachable(&error))?;
        received = received.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if received > MAX_ANSWER_BYTES {
            break;
        }
    }
    Ok(())
}

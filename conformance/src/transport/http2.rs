//! HTTP/2, with prior knowledge or ALPN.

use bytes::Bytes;
use h2::client::{SendRequest, handshake};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Method, Uri};

use super::connect::Stream;
use super::connect_error::ConnectError;
use super::message::{Request, RequestOutcome, Response};
use crate::USER_AGENT;

/// Maximum size of a stored body.
const MAX_BODY: usize = 1024 * 1024;

pub(super) struct Client {
    sender: SendRequest<Bytes>,
}

impl Client {
    pub(super) async fn handshake(stream: Box<dyn Stream>) -> Result<Self, ConnectError> {
        let failed = |error: h2::Error| ConnectError::new("no HTTP/2", format!("no HTTP/2: {error}"));
        let (sender, connection) = handshake(stream).await.map_err(failed)?;
        // The connection ends when its last sender is dropped; errors are reported by the exchange itself.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender: sender.ready().await.map_err(failed)? })
    }

    pub(super) async fn exchange(&mut self, authority: &str, tls: bool, request: &Request) -> RequestOutcome {
        let head = match encode(authority, tls, request) {
            Ok(head) => head,
            Err(why) => return RequestOutcome::NotCarried(why),
        };
        self.carry(head, request).await.unwrap_or_else(|error| match error.is_io() || error.is_reset() {
            true => RequestOutcome::Closed,
            false => RequestOutcome::Garbled(format!("an answer that is not HTTP/2: {error}")),
        })
    }

    async fn carry(
        &mut self,
        head: http::Request<()>,
        request: &Request,
    ) -> Result<RequestOutcome, h2::Error> {
        let body = request.body.as_ref().map(super::message::TokenText::bytes);
        self.sender = self.sender.clone().ready().await?;
        let (response, mut stream) = self.sender.send_request(head, body.is_none())?;
        if let Some(body) = body {
            // A server may respond and reset the stream before it has read the body.
            drop(stream.send_data(Bytes::from(body), true));
        }
        let (parts, mut incoming) = response.await?.into_parts();
        let mut body = Vec::new();
        while let Some(piece) = incoming.data().await {
            let piece = piece?;
            drop(incoming.flow_control().release_capacity(piece.len()));
            body.extend(piece.iter().take(MAX_BODY.saturating_sub(body.len())));
        }
        Ok(RequestOutcome::Response(Response {
            status: parts.status.as_u16(),
            fields: parts
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
                .collect(),
            body,
        }))
    }
}

fn encode(authority: &str, tls: bool, request: &Request) -> Result<http::Request<()>, String> {
    let target = request.target.bytes();
    let path = PathAndQuery::from_maybe_shared(Bytes::from(target.clone()))
        .ok()
        .filter(|path| path.as_str().as_bytes() == target)
        .ok_or("HTTP/2 cannot carry the target")?;
    let uri = Uri::builder()
        .scheme(if tls { Scheme::HTTPS } else { Scheme::HTTP })
        .authority(Authority::try_from(authority).map_err(|error| error.to_string())?)
        .path_and_query(path)
        .build()
        .map_err(|error| error.to_string())?;
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|error| error.to_string())?;
    let mut head = http::Request::new(());
    *head.method_mut() = method;
    *head.uri_mut() = uri;
    *head.version_mut() = http::Version::HTTP_2;
    let fixed = [
        ("user-agent", USER_AGENT.as_bytes().to_vec()),
        ("accept", b"application/json".to_vec()),
        ("accept-encoding", b"identity".to_vec()),
        ("x-request-id", request.request_id.as_bytes().to_vec()),
    ];
    let own = request.fields.iter().map(|field| (field.name.as_str(), field.value.bytes()));
    for (name, value) in fixed.into_iter().chain(own) {
        let lower = name.to_ascii_lowercase();
        if matches!(lower.as_str(), "connection" | "keep-alive" | "transfer-encoding" | "upgrade" | "host") {
            return Err(format!("HTTP/2 cannot carry a field `{name}`"));
        }
        let name = HeaderName::from_bytes(lower.as_bytes()).map_err(|error| error.to_string())?;
        let value = HeaderValue::from_bytes(&value).map_err(|error| error.to_string())?;
        head.headers_mut().append(name, value);
    }
    if let Some(body) = &request.body {
        head.headers_mut().append("content-length", HeaderValue::from(body.bytes().len()));
    }
    Ok(head)
}

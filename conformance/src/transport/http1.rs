//! A strict HTTP/1.1 client (RFC 9112) that sends requests byte for byte.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connect::Stream;
use super::message::{Request, RequestOutcome, Response};
use crate::USER_AGENT;

/// Maximum size of a response head.
const MAX_HEAD: usize = 256 * 1024;
/// Maximum size of a stored body.
const MAX_BODY: usize = 1024 * 1024;

pub(super) struct Client {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    reusable: bool,
}

/// Why no response could be read.
enum Broken {
    Closed,
    Garbled(String),
}

impl From<std::io::Error> for Broken {
    fn from(_: std::io::Error) -> Self {
        Self::Closed
    }
}

impl Client {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self { stream, buffer: Vec::new(), reusable: true }
    }

    pub(super) fn is_reusable(&self) -> bool {
        self.reusable
    }

    pub(super) async fn exchange(&mut self, authority: &str, request: &Request) -> RequestOutcome {
        self.write(&encode(authority, request)).await;
        self.read(request).await
    }

    pub(super) async fn pipeline(
        &mut self,
        authority: &str,
        first: &Request,
        second: &Request,
    ) -> (RequestOutcome, RequestOutcome) {
        self.write(&[encode(authority, first), encode(authority, second)].concat()).await;
        let answer = self.read(first).await;
        if !self.reusable {
            return (answer, RequestOutcome::Closed);
        }
        (answer, self.read(second).await)
    }

    /// A server may respond and close the connection before it has read everything, so a failed write is not a result
    /// yet: reading shows whether there is a response.
    async fn write(&mut self, bytes: &[u8]) {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        if written.await.is_err() {
            self.reusable = false;
        }
    }

    async fn read(&mut self, request: &Request) -> RequestOutcome {
        match self.read_response(request).await {
            Ok(response) => RequestOutcome::Response(response),
            Err(broken) => {
                self.reusable = false;
                match broken {
                    Broken::Closed => RequestOutcome::Closed,
                    Broken::Garbled(how) => RequestOutcome::Garbled(how),
                }
            }
        }
    }

    async fn read_response(&mut self, request: &Request) -> Result<Response, Broken> {
        loop {
            let head = self.read_head().await?;
            let (mut response, version) = parse_head(&head)?;
            // Interim responses (RFC 9110 §15.2) come before the final one.
            if (100..200).contains(&response.status) && response.status != 101 {
                continue;
            }
            let tokens = |name| response.values(name).collect::<Vec<_>>().join(",").to_ascii_lowercase();
            let connection = tokens("connection");
            if connection.contains("close") || (version == 0 && !connection.contains("keep-alive")) {
                self.reusable = false;
            }
            let chunked = tokens("transfer-encoding").contains("chunked");
            let bodiless = request.method == "HEAD" || matches!(response.status, 101 | 204 | 304);
            let length = response.value("content-length");
            response.body = match length {
                _ if bodiless => Vec::new(),
                _ if chunked => self.read_chunks().await?,
                Some(length) => {
                    let length = length.trim().parse().map_err(|_| {
                        Broken::Garbled("an answer with a Content-Length that is not a number".into())
                    })?;
                    self.read_exactly(length).await?
                }
                None => self.read_to_end().await?,
            };
            return Ok(response);
        }
    }

    async fn fill(&mut self) -> Result<usize, Broken> {
        Ok(self.stream.read_buf(&mut self.buffer).await?)
    }

    async fn read_head(&mut self) -> Result<Vec<u8>, Broken> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                return Ok(self.buffer.drain(..end + 4).collect());
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(Broken::Garbled("an answer whose head does not end".into()));
            }
            if self.fill().await? == 0 {
                return match self.buffer.is_empty() {
                    true => Err(Broken::Closed),
                    false if !self.buffer.starts_with(b"HTTP/") => {
                        Err(Broken::Garbled("an answer that is not HTTP".into()))
                    }
                    false => Err(Broken::Garbled("an answer that ends in its head".into())),
                };
            }
        }
    }

    async fn read_line(&mut self) -> Result<Vec<u8>, Broken> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let mut line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                line.truncate(end);
                return Ok(line);
            }
            if self.buffer.len() > MAX_HEAD || self.fill().await? == 0 {
                return Err(Broken::Closed);
            }
        }
    }

    /// Reads a part of a body of this length; bytes beyond [`MAX_BODY`] are read and discarded.
    async fn read_exactly(&mut self, length: usize) -> Result<Vec<u8>, Broken> {
        let mut body = Vec::new();
        let mut rest = length;
        while rest > 0 {
            if self.buffer.is_empty() && self.fill().await? == 0 {
                return Err(Broken::Closed);
            }
            let taken = rest.min(self.buffer.len());
            let piece = self.buffer.drain(..taken);
            body.extend(piece.take(MAX_BODY.saturating_sub(body.len())));
            rest -= taken;
        }
        Ok(body)
    }

    async fn read_chunks(&mut self) -> Result<Vec<u8>, Broken> {
        let mut body = Vec::new();
        loop {
            let line = self.read_line().await?;
            let size = String::from_utf8_lossy(&line);
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16)
                .map_err(|_| Broken::Garbled("an answer with a chunk whose size is not a number".into()))?;
            if size == 0 {
                while !self.read_line().await?.is_empty() {}
                return Ok(body);
            }
            let chunk = self.read_exactly(size).await?;
            body.extend(chunk.into_iter().take(MAX_BODY.saturating_sub(body.len())));
            self.read_line().await?;
        }
    }

    async fn read_to_end(&mut self) -> Result<Vec<u8>, Broken> {
        self.reusable = false;
        while self.buffer.len() < MAX_BODY && self.fill().await? > 0 {}
        self.buffer.truncate(MAX_BODY);
        Ok(std::mem::take(&mut self.buffer))
    }
}

/// The request's bytes.
pub(super) fn encode(authority: &str, request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut push = |parts: &[&[u8]]| parts.iter().for_each(|part| bytes.extend_from_slice(part));
    let version: &[u8] = if request.http10 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" };
    push(&[request.method.as_bytes(), b" ", &request.target.bytes(), version]);
    if !request.fields.iter().any(|field| field.name.eq_ignore_ascii_case("host")) {
        push(&[b"Host: ", authority.as_bytes(), b"\r\n"]);
    }
    push(&[b"User-Agent: ", USER_AGENT.as_bytes()]);
    push(&[
        b"\r\nAccept: application/json\r\nAccept-Encoding: identity\r\nX-Request-Id: ",
        request.request_id.as_bytes(),
        b"\r\n",
    ]);
    for field in &request.fields {
        push(&[field.name.as_bytes(), b": ", &field.value.bytes(), b"\r\n"]);
    }
    let body = request.body.as_ref().map(super::message::TokenText::bytes);
    if let Some(body) = &body {
        push(&[b"Content-Length: ", body.len().to_string().as_bytes(), b"\r\n"]);
    }
    push(&[b"\r\n", &body.unwrap_or_default()]);
    bytes
}

fn parse_head(head: &[u8]) -> Result<(Response, u8), Broken> {
    let mut fields = vec![httparse::EMPTY_HEADER; 256];
    let mut parsed = httparse::Response::new(&mut fields);
    let config = httparse::ParserConfig::default();
    let complete = config
        .parse_response(&mut parsed, head)
        .map_err(|error| Broken::Garbled(format!("an answer that is not HTTP/1.1: {error}")))?;
    if complete.is_partial() {
        // Empty lines alone look like the end of a head, but contain no status.
        return Err(Broken::Garbled("an answer that begins with empty lines".into()));
    }
    let status = parsed.code.filter(|status| (100..600).contains(status));
    let response = Response {
        // RFC 9110 §15: an invalid status is not a response, and 0 is neither 401 nor 403.
        status: status.ok_or_else(|| Broken::Garbled("an answer without a status from 100 to 599".into()))?,
        fields: parsed.headers.iter().map(|field| (field.name.to_owned(), field.value.to_vec())).collect(),
        body: Vec::new(),
    };
    Ok((response, parsed.version.unwrap_or(1)))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

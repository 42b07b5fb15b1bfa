//! Sends requests byte for byte and reads the responses.
//!
//! An HTTP library would repair or refuse many of the catalogue's requests, so the HTTP/1.1 client is custom. Redirects
//! are not followed and cookies are not stored. Content codings are decoded.

mod coding;
mod connect;
mod connect_error;
mod http1;
mod http2;
mod message;
mod protocol;
mod proxy;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

pub use connect_error::ConnectError;
pub use message::{Field, Piece, Request, RequestOutcome, Response, TokenText};
pub use protocol::Protocol;
pub use tls::TlsSetupError;

use crate::profile::Target;

/// How to connect to a deployment.
#[derive(Clone, Debug)]
pub struct TransportOptions {
    /// HTTP/2 instead of HTTP/1.1.
    pub http2: bool,
    /// For one request, from connecting to the last byte.
    pub timeout: Duration,
    /// How often a failed connection attempt is repeated.
    pub retries: u32,
    /// Additional trusted certificates, in PEM.
    pub ca_cert: Option<PathBuf>,
    /// Accepts any certificate.
    pub insecure: bool,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self { http2: false, timeout: Duration::from_secs(10), retries: 2, ca_cert: None, insecure: false }
    }
}

/// Opens connections to one deployment.
#[derive(Clone)]
pub struct Transport {
    target: Target,
    options: TransportOptions,
    connector: Arc<connect::Connector>,
}

impl Transport {
    /// Prepares TLS and reads the proxy settings of the environment.
    ///
    /// # Errors
    ///
    /// If the certificates cannot be read, or a proxy setting is not a URL.
    pub fn new(target: Target, options: TransportOptions) -> Result<Self, TlsSetupError> {
        let connector = Arc::new(connect::Connector::new(&target, &options)?);
        Ok(Self { target, options, connector })
    }

    /// Prepares connections to one instance of the deployment: to this host and port, without a proxy, with the name of
    /// the target in TLS and in `Host`.
    ///
    /// # Errors
    ///
    /// If the certificates cannot be read.
    pub fn to_instance(
        target: Target,
        options: TransportOptions,
        host: &str,
        port: u16,
    ) -> Result<Self, TlsSetupError> {
        let connector =
            Arc::new(connect::Connector::to_instance(&target, &options, (host.to_owned(), port))?);
        Ok(Self { target, options, connector })
    }

    /// The protocol of the requests.
    pub fn protocol(&self) -> Protocol {
        if self.options.http2 { Protocol::Http2 } else { Protocol::Http11 }
    }

    /// The deployment.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Opens a connection, with retries as long as nothing has been sent.
    ///
    /// # Errors
    ///
    /// The error of the last attempt.
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        let mut attempt = 0;
        loop {
            match self.connect_once().await {
                Err(_) if attempt < self.options.retries => {
                    attempt += 1;
                    tokio::time::sleep(Duration::from_millis(100) * attempt).await;
                }
                other => return other,
            }
        }
    }

    async fn connect_once(&self) -> Result<Connection, ConnectError> {
        let deadline = Instant::now() + self.options.timeout;
        let connecting = async {
            let stream = self.connector.connect().await?;
            if self.options.http2 {
                http2::Client::handshake(stream).await.map(|client| Wire::Http2(Box::new(client)))
            } else {
                Ok(Wire::Http1(Box::new(http1::Client::new(stream))))
            }
        };
        let wire = timeout_at(deadline, connecting)
            .await
            .unwrap_or_else(|_| Err(ConnectError::timed_out(self.options.timeout)))?;
        Ok(Connection {
            wire,
            authority: self.target.authority(),
            tls: self.target.tls,
            timeout: self.options.timeout,
            first_deadline: Some(deadline),
        })
    }
}

/// An open connection, which carries requests in sequence.
pub struct Connection {
    wire: Wire,
    authority: String,
    tls: bool,
    timeout: Duration,
    /// The time for connecting counts towards the first request's timeout.
    first_deadline: Option<Instant>,
}

enum Wire {
    Http1(Box<http1::Client>),
    Http2(Box<http2::Client>),
}

impl Connection {
    /// An HTTP/1.1 connection over an open stream. `timeout` applies to each request.
    pub fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        authority: &str,
        timeout: Duration,
    ) -> Self {
        Self {
            wire: Wire::Http1(Box::new(http1::Client::new(Box::new(stream)))),
            authority: authority.to_owned(),
            tls: false,
            timeout,
            first_deadline: None,
        }
    }

    /// Sends a request and waits for its response or timeout.
    pub async fn send(&mut self, request: &Request) -> RequestOutcome {
        let deadline = self.first_deadline.take().unwrap_or_else(|| Instant::now() + self.timeout);
        let exchange = async {
            match &mut self.wire {
                Wire::Http1(client) => client.exchange(&self.authority, request).await,
                Wire::Http2(client) => client.exchange(&self.authority, self.tls, request).await,
            }
        };
        decoded(timeout_at(deadline, exchange).await.unwrap_or(RequestOutcome::TimedOut))
    }

    /// Sends two pipelined requests and reads both responses in order (RFC 9112 §9.3.2); over HTTP/2, whose streams are
    /// independent, sends one after the other.
    pub async fn pipeline(&mut self, first: &Request, second: &Request) -> (RequestOutcome, RequestOutcome) {
        let deadline = self.first_deadline.take().unwrap_or_else(|| Instant::now() + self.timeout);
        let exchange = async {
            match &mut self.wire {
                Wire::Http1(client) => client.pipeline(&self.authority, first, second).await,
                Wire::Http2(client) => {
                    let answer = client.exchange(&self.authority, self.tls, first).await;
                    (answer, client.exchange(&self.authority, self.tls, second).await)
                }
            }
        };
        let (one, other) = timeout_at(deadline, exchange)
            .await
            .unwrap_or((RequestOutcome::TimedOut, RequestOutcome::TimedOut));
        (decoded(one), decoded(other))
    }

    /// Whether another request can be sent.
    pub fn is_reusable(&self) -> bool {
        match &self.wire {
            Wire::Http1(client) => client.is_reusable(),
            Wire::Http2(_) => true,
        }
    }
}

fn decoded(answer: RequestOutcome) -> RequestOutcome {
    match answer {
        RequestOutcome::Response(response) => RequestOutcome::Response(coding::decode(response)),
        other => other,
    }
}

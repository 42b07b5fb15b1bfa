//! From a URL to a byte stream: proxy, TCP, TLS.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::TransportOptions;
use super::connect_error::ConnectError;
use super::proxy::Proxy;
use super::tls::{self, TlsSetupError};
use crate::profile::Target;

/// A byte stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

pub(super) struct Connector {
    target: Target,
    /// Host and port of the instance that connections go to; otherwise those of the target.
    instance: Option<(String, u16)>,
    proxy: Option<Proxy>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    http2: bool,
}

impl Connector {
    pub(super) fn new(target: &Target, options: &TransportOptions) -> Result<Self, TlsSetupError> {
        let proxy = Proxy::from_environment(target, |name| std::env::var(name).ok())?;
        Ok(Self { proxy, ..Self::direct(target, options)? })
    }

    /// Connects to an instance instead of the target's host and port.
    pub(super) fn to_instance(
        target: &Target,
        options: &TransportOptions,
        instance: (String, u16),
    ) -> Result<Self, TlsSetupError> {
        Ok(Self { instance: Some(instance), ..Self::direct(target, options)? })
    }

    fn direct(target: &Target, options: &TransportOptions) -> Result<Self, TlsSetupError> {
        let tls = if target.tls {
            let config: ClientConfig = tls::client_config(options)?;
            let name = ServerName::try_from(target.host.clone()).map_err(|_| {
                TlsSetupError::new(format!("`{}` is not a host name that TLS can check", target.host))
            })?;
            Some((TlsConnector::from(Arc::new(config)), name))
        } else {
            None
        };
        Ok(Self { target: target.clone(), instance: None, proxy: None, tls, http2: options.http2 })
    }

    pub(super) async fn connect(&self) -> Result<Box<dyn Stream>, ConnectError> {
        let tcp = match (&self.instance, &self.proxy) {
            (Some((host, port)), _) => dial(host, *port).await?,
            (None, None) => dial(&self.target.host, self.target.port).await?,
            (None, Some(proxy)) => {
                let mut tcp = dial(&proxy.host, proxy.port).await?;
                proxy.tunnel(&mut tcp, &self.target).await?;
                tcp
            }
        };
        let Some((connector, name)) = &self.tls else { return Ok(Box::new(tcp)) };
        let stream = connector.connect(name.clone(), tcp).await.map_err(|error| {
            ConnectError::new(
                "no TLS",
                format!("no TLS with {}: {}", self.target.authority(), tls::words(&error)),
            )
        })?;
        if self.http2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            let message = format!("{} does not offer HTTP/2", self.target.authority());
            return Err(ConnectError::new("no HTTP/2", message));
        }
        Ok(Box::new(stream))
    }
}

async fn dial(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let whom = format!("{host}:{port}");
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| {
        ConnectError::new("unknown host", format!("the name `{host}` cannot be resolved: {error}"))
    })?;
    let mut last = ConnectError::new("unknown host", format!("the name `{host}` has no address"));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Disables Nagle's algorithm; if that fails, writes are only slower.
                drop(stream.set_nodelay(true));
                return Ok(stream);
            }
            Err(error) => last = ConnectError::io(&whom, &error),
        }
    }
    Err(last)
}

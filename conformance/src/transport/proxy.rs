//! Proxies from the environment, with the same variables as curl: `HTTPS_PROXY`, `http_proxy`, `ALL_PROXY`, `NO_PROXY`.
//!
//! Every request goes through a tunnel (CONNECT), including plaintext ones: a proxy that parses requests would rewrite
//! the bytes that the cases test.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connect_error::ConnectError;
use super::tls::TlsSetupError;
use crate::profile::Target;
use crate::secret::Secret;

#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) host: String,
    pub(super) port: u16,
    credentials: Option<Secret>,
}

impl Proxy {
    /// The proxy for this target, if there is one.
    pub(super) fn from_environment(
        target: &Target,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, TlsSetupError> {
        let get = |names: &[&str]| names.iter().find_map(|name| variable(name).filter(|url| !url.is_empty()));
        let exempt = get(&["no_proxy", "NO_PROXY"]).unwrap_or_default();
        if target.is_loopback() || exempt.split(',').any(|entry| covers(entry.trim(), &target.host)) {
            return Ok(None);
        }
        // Upper-case `HTTP_PROXY` is ignored: in a CGI environment it contains a client's header.
        let names: &[&str] = if target.tls { &["https_proxy", "HTTPS_PROXY"] } else { &["http_proxy"] };
        get(names).or_else(|| get(&["all_proxy", "ALL_PROXY"])).map(|url| Self::parse(&url)).transpose()
    }

    fn parse(url: &str) -> Result<Self, TlsSetupError> {
        let wrong = || {
            TlsSetupError::new(
                "the proxy of the environment must look like `http://[user:password@]host:port`",
            )
        };
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(_) => return Err(wrong()),
            None => url,
        };
        let rest = rest.split('/').next().unwrap_or_default();
        let (credentials, address) = match rest.rsplit_once('@') {
            Some((credentials, address)) => (Some(Secret::new(credentials)), address),
            None => (None, rest),
        };
        let authority: http::uri::Authority = address.parse().map_err(|_| wrong())?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: authority.port_u16().unwrap_or(80), credentials })
    }

    /// Asks the proxy to connect the stream to the target.
    pub(super) async fn tunnel(&self, stream: &mut TcpStream, target: &Target) -> Result<(), ConnectError> {
        let whom = format!("the proxy {}:{}", self.host, self.port);
        let failed = |what: String| ConnectError::new("no connection through the proxy", what);
        let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
        let mut head =
            format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n", port = target.port);
        if let Some(credentials) = &self.credentials {
            let encoded = base64_simd::STANDARD.encode_to_string(credentials.expose());
            head.push_str(&format!("Proxy-Authorization: Basic {encoded}\r\n"));
        }
        head.push_str("\r\n");
        stream
            .write_all(head.as_bytes())
            .await
            .map_err(|error| failed(format!("{whom} closed the connection: {error}")))?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            // Byte by byte: the bytes after the head belong to the target.
            let byte = stream
                .read_u8()
                .await
                .map_err(|error| failed(format!("{whom} closed the connection: {error}")))?;
            answer.push(byte);
            if answer.len() > 16_384 {
                return Err(failed(format!("{whom} does not answer in HTTP")));
            }
        }
        let status = answer.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
        if status.first() == Some(&b'2') {
            return Ok(());
        }
        let status = String::from_utf8_lossy(status).into_owned();
        Err(failed(format!("{whom} refused to connect to {}: {status}", target.authority())))
    }
}

fn covers(entry: &str, host: &str) -> bool {
    let entry = entry.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
    let host = host.to_ascii_lowercase();
    entry == "*" || (!entry.is_empty() && (host == entry || host.ends_with(&format!(".{entry}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(target: &str, variables: &[(&str, &str)]) -> Option<String> {
        let target = Target::parse(target).unwrap();
        let proxy = Proxy::from_environment(&target, |name| {
            variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
        });
        proxy.unwrap().map(|proxy| format!("{}:{}", proxy.host, proxy.port))
    }

    #[test]
    fn the_environment_selects_by_scheme_and_exempts_by_host() {
        let both = [("https_proxy", "http://secure:3128"), ("http_proxy", "plain:8080")];
        assert_eq!(chosen("https://api.example", &both).as_deref(), Some("secure:3128"));
        assert_eq!(chosen("http://api.example", &both).as_deref(), Some("plain:8080"));
        assert_eq!(chosen("http://127.0.0.1:1", &both), None);
        let exempt = [("ALL_PROXY", "http://u:p@proxy:1"), ("NO_PROXY", "other, .example")];
        assert_eq!(chosen("https://api.example", &exempt), None);
        assert_eq!(chosen("https://api.examples", &exempt).as_deref(), Some("proxy:1"));
        assert_eq!(chosen("http://api.examples", &[("HTTP_PROXY", "http://proxy:1")]), None);
    }

    async fn tunnelled(answer: &'static str) -> (Result<(), ConnectError>, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = Proxy::parse(&format!("http://user:pass@{address}")).unwrap();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 1_024];
            let length = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let mut stream = TcpStream::connect(address).await.unwrap();
        let tunnel = proxy.tunnel(&mut stream, &Target::parse("https://api.example").unwrap()).await;
        (tunnel, asked.await.unwrap())
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_a_tunnel() {
        let (tunnel, asked) = tunnelled("HTTP/1.1 200 Connection established\r\n\r\n").await;
        assert_eq!(tunnel, Ok(()));
        assert!(
            asked.starts_with("CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n"),
            "{asked}"
        );
        assert!(asked.contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn a_refused_tunnel_is_reported_without_credentials() {
        let (tunnel, _) = tunnelled("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
        let message = tunnel.unwrap_err().to_string();
        assert!(message.ends_with("refused to connect to api.example: 407"), "{message}");
        assert!(!message.contains("pass"), "{message}");
    }
}

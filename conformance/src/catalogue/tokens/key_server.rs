//! A listener of the checker, to detect whether a deployment fetches a URL in a token.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use crate::profile::Target;
use crate::token::SigningKey;

/// Serves one key set until it is dropped.
pub(super) struct KeyServer {
    /// The URL of the key set.
    pub(super) url: String,
    asked: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl KeyServer {
    /// Whether a client connected.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves the public key on an address of this machine that the target can reach; `None` if there is no such address.
pub(super) async fn serve(target: &Target, key: &SigningKey) -> Option<KeyServer> {
    let host = local_address(target).await?;
    let listener = TcpListener::bind((host, 0)).await.ok()?;
    let url = format!("http://{}/keys.json", listener.local_addr().ok()?);
    let public = key.public_jwk().replacen('{', "{\"kid\":\"remote\",", 1);
    let body = format!("{{\"keys\":[{public}]}}");
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let asked = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&asked);
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            seen.store(true, Ordering::SeqCst);
            let mut request = [0; 4096];
            // Whether the peer reads the response does not matter; the connection itself is the finding.
            if stream.read(&mut request).await.is_ok() {
                drop(stream.write_all(response.as_bytes()).await);
            }
        }
    });
    Some(KeyServer { url, asked, task })
}

/// The address of this machine from which the target is reached.
async fn local_address(target: &Target) -> Option<IpAddr> {
    if target.is_loopback() {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    let socket = UdpSocket::bind("0.0.0.0:0").await.ok()?;
    // Connecting a UDP socket sends nothing; it selects the route.
    socket.connect((target.host.as_str(), target.port)).await.ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

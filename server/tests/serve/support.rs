//! A server with a configuration file and a fixed time, and clients that send it bytes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use artos_auth_engine::Algorithm;
use artos_auth_server::config::{self, Limits};
use artos_auth_server::signing::PrivateKey;
use artos_auth_server::{Builder, Metrics, Server, Snapshot};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// The current time of every decision.
pub(crate) const NOW: u64 = 1_700_000_000;

/// Far longer than any step takes, even on a busy machine: a test that hangs fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A configuration file and the files that it names, in a temporary folder.
pub(crate) struct Files {
    pub(crate) folder: TempDir,
    pub(crate) key: PrivateKey,
}

impl Files {
    /// The file contains this text after the tables that name the other files.
    pub(crate) fn new(config: &str) -> Self {
        let key = PrivateKey::generate(Algorithm::ES256, Some("test-only".to_owned())).unwrap();
        let files = Self { folder: tempfile::tempdir().unwrap(), key };
        files.write_keys(&files.key);
        files.write("revocations.json", r#"{"tokens": ["revoked"]}"#);
        files.write_config(config);
        files
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Replaces the file by renaming a new one, as editors and deployments do.
    pub(crate) fn replace(&self, name: &str, text: &str) {
        self.write("new", text);
        std::fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    pub(crate) fn write_config(&self, config: &str) {
        self.write("artos-auth.toml", &Self::config_text(config));
    }

    pub(crate) fn config_text(config: &str) -> String {
        format!("{config}\n[keys]\nfile = \"keys.jwks.json\"\n[revocations]\nfile = \"revocations.json\"\n")
    }

    pub(crate) fn write_keys(&self, key: &PrivateKey) {
        self.write("keys.jwks.json", &Self::keys_text(key));
    }

    pub(crate) fn keys_text(key: &PrivateKey) -> String {
        json!({ "keys": [key.to_public_jwk().unwrap()] }).to_string()
    }

    pub(crate) fn load(&self) -> (Snapshot, Limits) {
        let loaded = config::load_all(&self.path("artos-auth.toml")).unwrap();
        let limits = loaded.config.limits;
        let state = Snapshot::new(loaded.engine, loaded.config.realms, loaded.config.resources)
            .with_forward(loaded.config.forward)
            .with_ext_authz(loaded.config.ext_authz);
        (state, limits)
    }

    /// A token of an accepted issuer, with these claims replaced; `null` removes a claim.
    pub(crate) fn token(&self, claims: Value) -> String {
        token(&self.key, claims)
    }
}

pub(crate) fn token(key: &PrivateKey, claims: Value) -> String {
    let mut all = json!({
        "sub": "u1", "org_id": "org-a", "permissions": ["documents:read"], "jti": "t1",
        "iat": NOW - 60, "exp": NOW + 60,
    });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    key.token(&all.to_string()).unwrap()
}

/// A server that runs until it is stopped or dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) files: Files,
    pub(crate) metrics: Metrics,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(config: &str) -> Self {
        Self::with(config, |builder| builder).await
    }

    pub(crate) async fn with(config: &str, change: impl FnOnce(Builder) -> Builder) -> Self {
        let files = Files::new(config);
        let (state, limits) = files.load();
        let builder = Server::builder(Arc::new(ArcSwap::from_pointee(state)))
            .clock(|| Duration::from_secs(NOW))
            .limits(limits);
        let server = change(builder).build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = server.metrics().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            server
                .serve(listener, async {
                    let _ = stopped.await;
                })
                .await;
        });
        Self { address, files, metrics, stop: Some(stop), task }
    }

    pub(crate) async fn connect(&self) -> Client<TcpStream> {
        Client(TcpStream::connect(self.address).await.unwrap())
    }

    /// Sends the bytes on a new connection and returns everything received until its end.
    pub(crate) async fn exchange(&self, request: impl AsRef<[u8]>) -> String {
        let mut client = self.connect().await;
        client.send(request).await;
        client.rest().await
    }

    /// A GET with a token.
    pub(crate) async fn get(&self, path: &str, token: &str) -> String {
        self.exchange(get(path, token)).await
    }

    /// Starts the shutdown; returns a future for its end.
    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    pub(crate) async fn ended(self) {
        timeout(PATIENCE, self.task).await.expect("the server ends").unwrap();
    }
}

pub(crate) fn get(path: &str, token: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
}

/// One end of a connection.
pub(crate) struct Client<I>(pub(crate) I);

impl<I: AsyncRead + AsyncWrite + Unpin> Client<I> {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads until the end of the connection, including a reset.
    pub(crate) async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut all)).await.expect("the connection ends");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Reads one response with its body, by its `Content-Length`.
    pub(crate) async fn answer(&mut self) -> String {
        let mut all = Vec::new();
        let read = async {
            loop {
                let head = all.windows(4).position(|window| window == b"\r\n\r\n");
                if let Some(head) = head {
                    let text = String::from_utf8_lossy(&all[..head]).to_lowercase();
                    let length = text.split("content-length: ").nth(1).expect("a length");
                    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
                    if all.len() >= head + 4 + length {
                        return;
                    }
                }
                let mut buffer = [0; 1024];
                let read = self.0.read(&mut buffer).await.unwrap();
                assert!(read > 0, "the connection ended within an answer: {}", String::from_utf8_lossy(&all));
                all.extend_from_slice(&buffer[..read]);
            }
        };
        timeout(PATIENCE, read).await.expect("an answer");
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// The status code of a response.
#[track_caller]
pub(crate) fn status(answer: &str) -> u16 {
    answer
        .get(9..12)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// The value of a response field; the name is case-insensitive.
pub(crate) fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap();
    head.lines().skip(1).find_map(|line| {
        let (its, value) = line.split_once(':')?;
        its.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

pub(crate) fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

//! New connections: a TLS 1.3 handshake and one request on each, as many as the server takes.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use artos_auth_benches::load::Figure;
use artos_auth_benches::machine;
use artos_auth_benches::process::Running;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned, version,
};

/// Enough to keep the server busy while one of them is waiting.
const THREADS: usize = 8;

/// New connections to one server.
pub(crate) struct Handshakes<'r> {
    server: &'r Running,
    client: Arc<Client>,
    length: Duration,
    rounds: Vec<Figure>,
}

struct Client {
    address: SocketAddr,
    request: String,
    config: Arc<ClientConfig>,
}

impl<'r> Handshakes<'r> {
    pub(crate) fn new(server: &'r Running, path: &str, token: String, length: Duration) -> Self {
        let address = server.address();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
        let client = Arc::new(Client { address, request, config: config() });
        // Its token is cached afterwards.
        client.connect();
        Self { server, client, length, rounds: Vec::new() }
    }

    pub(crate) fn run(&mut self) {
        let figure = Figure::of(self.server, || self.connect_without_pause());
        self.rounds.push(figure);
    }

    /// The results of each round.
    pub(crate) fn rounds(self) -> Vec<Figure> {
        self.rounds
    }

    /// The number of connections and the seconds they took.
    fn connect_without_pause(&self) -> (f64, f64) {
        let (connections, over) = (AtomicU64::new(0), AtomicBool::new(false));
        let begun = Instant::now();
        std::thread::scope(|threads| {
            for _ in 0..THREADS {
                threads.spawn(|| {
                    machine::pin_to_last_core();
                    while !over.load(Ordering::Relaxed) {
                        self.client.connect();
                        connections.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            std::thread::sleep(self.length);
            over.store(true, Ordering::Relaxed);
        });
        (connections.into_inner() as f64, begun.elapsed().as_secs_f64())
    }
}

impl Client {
    /// One connection with one request; panics unless it is answered with a success.
    fn connect(&self) {
        let name = ServerName::IpAddress(self.address.ip().into());
        let connection = ClientConnection::new(Arc::clone(&self.config), name).expect("the client is set up");
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream.set_nodelay(true).expect("the connection is open");
        let mut stream = StreamOwned::new(connection, stream);
        stream.write_all(self.request.as_bytes()).expect("the server completes the handshake");
        let mut answer = Vec::with_capacity(2 << 10);
        let mut part = [0; 2 << 10];
        while !is_whole(&answer) {
            let length = stream.read(&mut part).expect("the server answers");
            assert!(length > 0, "cut off: {}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&part[..length]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&answer));
    }
}

/// Whether an answer is there with its body.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    body.len() >= length.unwrap_or(0)
}

/// TLS 1.3 with X25519, which both servers have, and without resumption.
fn config() -> Arc<ClientConfig> {
    let provider = CryptoProvider { kx_groups: vec![kx_group::X25519], ..default_provider() };
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&version::TLS13])
        .expect("the provider has TLS 1.3");
    let mut config =
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified)).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// Accepts every certificate: verification would take the client longer than the whole handshake takes the server.
#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

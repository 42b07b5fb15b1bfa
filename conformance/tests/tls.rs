//! TLS: trusted and untrusted certificates, and HTTP/2 with ALPN.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use artos_auth_conformance::revocation::{End, Probe};
use artos_auth_conformance::{Profile, Report, RunError, Suite, TransportOptions};
use artos_auth_deployment::{Behaviour, Deployment, Power};
use rstest::rstest;
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A deployment behind a TLS terminator.
struct Site {
    url: String,
    ca_cert: PathBuf,
    folder: TempDir,
    deployment: Deployment,
}

impl Site {
    async fn start() -> Self {
        let deployment = Deployment::start(Behaviour::correct()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let ca_cert = folder.path().join("ca.pem");
        std::fs::write(&ca_cert, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        tokio::spawn(end_tls(listener, TlsAcceptor::from(Arc::new(config)), deployment.address()));
        Self { url, ca_cert, folder, deployment }
    }

    async fn run(&self, options: TransportOptions) -> Result<Report, RunError> {
        let path = self.deployment.write_profile(self.folder.path(), Power::Tokens).unwrap();
        let profile = Profile::load(&path, Some(&self.url)).unwrap();
        let filters = ["header", "state"].map(|filter| filter.parse().unwrap());
        Suite::new(profile).transport(options).filters(filters.to_vec()).rate(5_000.0).run().await
    }
}

async fn end_tls(listener: TcpListener, acceptor: TlsAcceptor, behind: SocketAddr) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Ok(mut stream) = acceptor.accept(stream).await
                && let Ok(mut plain) = TcpStream::connect(behind).await
            {
                drop(tokio::io::copy_bidirectional(&mut stream, &mut plain).await);
            }
        });
    }
}

#[tokio::test]
async fn an_untrusted_certificate_is_untestable() {
    let error = Site::start().await.run(TransportOptions { retries: 0, ..TransportOptions::default() }).await;
    let message = error.unwrap_err().to_string();
    assert!(message.contains("unreachable: no TLS with localhost"), "{message}");
    assert!(message.contains("certificate"), "{message}");
}

#[rstest]
#[tokio::test]
async fn a_certificate_in_ca_cert_or_with_insecure_is_accepted(
    #[values(true, false)] named: bool,
    #[values(true, false)] http2: bool,
) {
    let site = Site::start().await;
    let options = TransportOptions {
        http2,
        ca_cert: named.then(|| site.ca_cert.clone()),
        insecure: !named,
        ..TransportOptions::default()
    };
    let report = site.run(options).await.unwrap();
    report.assert_conforms();
    assert!(report.summary.passed > 20, "{:?}", report.summary);
    assert_eq!(report.target, site.url);
}

/// The port of the target is closed: only the address of the instance leads to the deployment, and only the name of the
/// target fits its certificate. The command revokes nothing.
#[tokio::test]
async fn an_instance_is_asked_under_the_name_of_the_target() {
    let site = Site::start().await;
    let path = site.deployment.write_profile(site.folder.path(), Power::Signing).unwrap();
    let instance = site.url.replace("https://localhost", "127.0.0.1");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str(&format!("\n[revocation]\ncommand = [\"true\"]\naddresses = [\"{instance}\"]\n"));
    std::fs::write(&path, text).unwrap();
    let profile = Profile::load(&path, Some("https://localhost:1")).unwrap();
    let options = TransportOptions { ca_cert: Some(site.ca_cert.clone()), ..TransportOptions::default() };
    let report = Probe::new(profile).transport(options).max_seconds(1).run().await.unwrap();
    let found = &report.runs[0].instances[0];
    assert_eq!((&found.address, &found.end), (&instance, &End::Accepted));
}

#[tokio::test]
async fn an_invalid_certificate_file_is_an_error() {
    let site = Site::start().await;
    let options = TransportOptions {
        ca_cert: Some(site.folder.path().join("profile.toml")),
        ..TransportOptions::default()
    };
    let error = site.run(options).await.unwrap_err();
    assert!(matches!(&error, RunError::Usage(why) if why.starts_with("--ca-cert ")), "{error}");
}

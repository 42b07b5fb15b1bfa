//! TLS: trusted and untrusted certificates, and HTTP/2 with ALPN.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use artos_auth_conformance::revocation::{End, Probe};
use artos_auth_conformance::{Profile, Report, RunError, Suite, TransportOptions};
use artos_auth_deployment::{Behavior, Deployment, Power};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType, date_time_ymd,
};
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
        Self::with(|_| ()).await
    }

    /// A site with a self-signed certificate for `localhost`, changed by `change`.
    async fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let deployment = Deployment::start(Behavior::correct()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut params);
        let key_pair = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key_pair).unwrap();
        let ca_cert = folder.path().join("ca.pem");
        std::fs::write(&ca_cert, certificate.pem()).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key_pair.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
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

fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2025, 1, 1);
}

fn not_yet(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(4000, 1, 1);
}

fn another_host(params: &mut CertificateParams) {
    params.subject_alt_names = vec![SanType::DnsName("elsewhere.example".try_into().unwrap())];
}

fn an_authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

fn for_clients(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

/// A certificate given by `--ca-cert` must still be valid now, and for this host.
#[rstest]
#[case::self_signed(|_: &mut _| (), false, "not signed by a trusted authority")]
#[case::authority(an_authority, false, "is a CA certificate, not a server certificate")]
#[case::expired(expired, false, "has expired")]
#[case::expired_in_ca_cert(expired, true, "has expired")]
#[case::not_yet_in_ca_cert(not_yet, true, "is not valid yet")]
#[case::for_clients_in_ca_cert(for_clients, true, "is not for servers")]
#[case::another_host_in_ca_cert(another_host, true, "is for another host name")]
#[tokio::test]
async fn a_rejected_certificate_is_untestable_and_the_message_says_why(
    #[case] change: fn(&mut CertificateParams),
    #[case] given: bool,
    #[case] why: &str,
) {
    let site = Site::with(change).await;
    let ca_cert = given.then(|| site.ca_cert.clone());
    let error = site.run(TransportOptions { retries: 0, ca_cert, ..TransportOptions::default() }).await;
    let message = error.unwrap_err().to_string();
    assert!(message.contains("unreachable: no TLS with localhost"), "{message}");
    assert!(message.contains(why), "{message}");
}

/// curl accepts it too.
#[tokio::test]
async fn an_authority_in_ca_cert_may_be_the_certificate_of_the_server() {
    let site = Site::with(an_authority).await;
    let ca_cert = Some(site.ca_cert.clone());
    site.run(TransportOptions { ca_cert, ..TransportOptions::default() }).await.unwrap().assert_conforms();
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
async fn an_instance_gets_the_name_of_the_target() {
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

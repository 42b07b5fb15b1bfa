//! TLS 1.2 and 1.3: certificate, key and client CA as one validated value, which a reload replaces as a whole.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::calendar::{LAST_SECOND, rfc3339};
use crate::config::TlsFiles;
use crate::files;

/// The TLS configuration for new connections. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Tls(Arc<ArcSwap<Loaded>>);

/// A certificate with its matching key, and a description for people.
#[derive(Debug)]
pub(crate) struct Loaded {
    config: Arc<ServerConfig>,
    /// The names in the certificate.
    pub(crate) names: Vec<String>,
    /// The last second of its validity, in seconds since the Unix epoch.
    pub(crate) not_after: u64,
}

/// Maximum file size in bytes.
const MAX_BYTES: u64 = 1 << 20;

impl Tls {
    pub(crate) fn new(loaded: Loaded) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(loaded)))
    }

    /// The configuration for new connections.
    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        self.0.load_full()
    }

    /// The configuration for a new connection.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.load().config)
    }

    /// Sets another certificate, key and client CA for new connections.
    pub(crate) fn replace(&self, loaded: Loaded) {
        self.0.store(Arc::new(loaded));
    }
}

impl Loaded {
    /// Reads and validates the files: they parse, the key matches the certificate, and the certificate is valid at
    /// `now`, in seconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// One sentence that names the file.
    pub(crate) fn read(tls: &TlsFiles, now: u64) -> Result<Self, String> {
        let chain = certificates(&tls.certificate)?;
        let key = private_key(&tls.key)?;
        let leaf = chain.first().map(AsRef::as_ref).unwrap_or_default();
        let Described { names, not_before, not_after } =
            describe(leaf).map_err(|problem| of(&tls.certificate, &problem))?;
        if now < not_before {
            return Err(of(
                &tls.certificate,
                &format!("the certificate is not valid before {}", date(not_before)),
            ));
        }
        if now > not_after {
            return Err(of(&tls.certificate, &format!("the certificate expired at {}", date(not_after))));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => of(
                &tls.key,
                &format!("it is not the key of the certificate in {}", tls.certificate.display()),
            ),
            error => of(&tls.key, &format!("it cannot be used: {error}")),
        })?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let builder = match &tls.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(file)? {
                    roots.add(certificate).map_err(|error| of(file, &format!("not a CA: {error}")))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
                builder.with_client_cert_verifier(
                    verifier.map_err(|error| of(file, &format!("it cannot be used: {error}")))?,
                )
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), names, not_after })
    }

    /// The message for a certificate that has expired while in use.
    pub(crate) fn expired(&self, now: u64) -> Option<String> {
        (now > self.not_after)
            .then(|| format!("the certificate in use expired at {}; replace it", date(self.not_after)))
    }

    /// A one-line description for people.
    pub(crate) fn summary(&self) -> String {
        let names = if self.names.is_empty() { "no name".to_owned() } else { self.names.join(", ") };
        format!("{names}, valid until {}", date(self.not_after))
    }
}

fn of(file: &Path, problem: &str) -> String {
    format!("{}: {problem}", file.display())
}

fn date(seconds: u64) -> String {
    rfc3339(seconds.min(LAST_SECOND))
}

fn read(file: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
    let contents = files::read(file, MAX_BYTES).map_err(|problem| of(file, &problem))?;
    Ok(zeroize::Zeroizing::new(contents.bytes))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(file)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(of(file, "no certificate; expected a PEM block `CERTIFICATE`"))
        }
        Ok(certificates) => Ok(certificates),
        Err(_) => Err(of(file, "not PEM; expected blocks `CERTIFICATE` of base64")),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|_| {
        of(file, "no private key; expected PEM with a PKCS #8, SEC 1 or PKCS #1 key that is not encrypted")
    })
}

struct Described {
    names: Vec<String>,
    not_before: u64,
    not_after: u64,
}

fn describe(certificate: &[u8]) -> Result<Described, String> {
    let (_, certificate) =
        X509Certificate::from_der(certificate).map_err(|_| "not an X.509 certificate".to_owned())?;
    let validity = certificate.validity();
    let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0);
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names = alternatives.iter().flat_map(|extension| &extension.value.general_names);
    let mut names: Vec<String> = names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => ip_address(bytes),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        names.extend(common.map(str::to_owned));
    }
    Ok(Described { names, not_before: seconds(validity.not_before), not_after: seconds(validity.not_after) })
}

fn ip_address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| std::net::Ipv4Addr::from(octets).to_string());
    let v6 = <[u8; 16]>::try_from(bytes).map(|octets| std::net::Ipv6Addr::from(octets).to_string());
    v4.or(v6).ok()
}

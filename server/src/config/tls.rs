//! `[tls]`: which files hold the certificate, its key and the CA of clients.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;
use super::locate::Document;

/// The table as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSpec {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// The files that TLS needs, all of them PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The certificate of the server, and those between it and a root.
    pub certificate: PathBuf,
    /// Its private key: PKCS #8, SEC 1 or PKCS #1.
    pub key: PathBuf,
    /// The CA that signs the certificates that clients must present; none: clients present none.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    pub(super) fn new(document: &Document<'_>, spec: TlsSpec) -> Result<Self, ConfigError> {
        let file = |key, name| super::named_file(document, key, name);
        Ok(Self {
            certificate: file("tls.certificate", spec.certificate)?,
            key: file("tls.key", spec.key)?,
            client_ca: spec.client_ca.map(|name| file("tls.client_ca", name)).transpose()?,
        })
    }

    /// All of them, with the key of the configuration that names each.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        [("tls.certificate", &self.certificate), ("tls.key", &self.key)]
            .into_iter()
            .chain(self.client_ca.as_ref().map(|file| ("tls.client_ca", file)))
    }
}

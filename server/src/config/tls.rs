//! `[tls]`: the files of the certificate, its key and the client CA.

use std::path::PathBuf;

use serde::Deserialize;

use super::ConfigError;
use super::locate::Document;

/// The table as written in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsSpec {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// The files for TLS, all of them PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The server's certificate and the intermediate certificates.
    pub certificate: PathBuf,
    /// The private key: PKCS #8, SEC 1 or PKCS #1.
    pub key: PathBuf,
    /// The CA of client certificates; `None` if clients present none.
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

    /// All files, each with its key in the configuration.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &PathBuf)> {
        [("tls.certificate", &self.certificate), ("tls.key", &self.key)]
            .into_iter()
            .chain(self.client_ca.as_ref().map(|file| ("tls.client_ca", file)))
    }
}

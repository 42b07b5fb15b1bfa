//! The supported protocols.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The protocol of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// HTTP/1.1, written byte by byte.
    #[serde(rename = "HTTP/1.1")]
    Http11,
    /// HTTP/2: negotiated with TLS, with prior knowledge without.
    #[serde(rename = "HTTP/2")]
    Http2,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

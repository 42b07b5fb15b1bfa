//! The peer of a connection.

use std::net::SocketAddr;

use crate::config::TrustedProxies;

/// The peer of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// An IP address and port.
    Address(SocketAddr),
    /// A local process, which the mode of a Unix socket allows to connect.
    Unix,
    /// A stream without peer information.
    Unknown,
}

impl Peer {
    /// Whether the peer is a proxy that is trusted to describe requests.
    pub(crate) fn is_trusted(self, proxies: &TrustedProxies) -> bool {
        match self {
            Self::Address(address) => proxies.contain(address.ip()),
            Self::Unix => true,
            Self::Unknown => false,
        }
    }

    /// Its address and port, or `unix`, as shown in the audit log.
    pub(crate) fn text(self) -> Option<Box<str>> {
        match self {
            Self::Address(address) => Some(address.to_string().into()),
            Self::Unix => Some("unix".into()),
            Self::Unknown => None,
        }
    }
}

//! The other end of a connection.

use std::net::SocketAddr;

use crate::config::TrustedProxies;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// An address of a network.
    Address(SocketAddr),
    /// A process of this machine, which the mode of a Unix socket lets connect.
    Unix,
    /// A stream of which nothing is known.
    Unknown,
}

impl Peer {
    /// Whether it is one of the proxies whose descriptions of a request are believed.
    pub(crate) fn is_trusted(self, proxies: &TrustedProxies) -> bool {
        match self {
            Self::Address(address) => proxies.contain(address.ip()),
            Self::Unix => true,
            Self::Unknown => false,
        }
    }

    /// Its address and port, or `unix`, as the audit log has it.
    pub(crate) fn text(self) -> Option<Box<str>> {
        match self {
            Self::Address(address) => Some(address.to_string().into()),
            Self::Unix => Some("unix".into()),
            Self::Unknown => None,
        }
    }
}

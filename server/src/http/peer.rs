//! The other end of a connection.

use std::net::{IpAddr, SocketAddr};

use crate::config::TrustedProxies;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// An address of a network.
    Address(SocketAddr),
    /// A stream of which nothing is known.
    Unknown,
}

impl Peer {
    /// Whether it is one of the proxies whose descriptions of a request are believed.
    pub(crate) fn is_trusted(self, proxies: &TrustedProxies) -> bool {
        self.address().is_some_and(|address| proxies.contain(address))
    }

    /// Its address and port, as the audit log has it.
    pub(crate) fn text(self) -> Option<Box<str>> {
        match self {
            Self::Address(address) => Some(address.to_string().into()),
            Self::Unknown => None,
        }
    }

    /// Its address, if it has one.
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address.ip()),
            Self::Unknown => None,
        }
    }
}

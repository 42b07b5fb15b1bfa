//! A port that takes connections: of IP, or a Unix socket.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdUnixListener;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use super::socket_file::SocketFile;
use crate::config::ListenAddress;

/// A port that takes connections.
#[derive(Debug)]
pub(crate) enum Port {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A port, and the file of its socket, which is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Bound {
    // Dropped first: while the port is open, no other file can be taken for its own.
    pub(crate) file: Option<SocketFile>,
    pub(crate) port: Port,
    /// Where it listens, with the real port instead of 0.
    pub(crate) address: ListenAddress,
}

/// A connection that was taken.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// How many connections may wait to be taken, where the system lets as many: the usual 128 are a burst, and a client
/// that does not fit tries again a whole second later.
const BACKLOG: u32 = 4096;

impl Port {
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                listener.accept().await.map(|(stream, address)| Accepted::Tcp(stream, address))
            }
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
        }
    }

    /// The port for the runtime in which this is called: a listener belongs to the one that it was made in.
    pub(crate) fn detach(self) -> io::Result<Detached> {
        match self {
            Self::Tcp(listener) => listener.into_std().map(|listener| Detached::Tcp(listener.into())),
            Self::Unix(listener) => listener.into_std().map(|listener| Detached::Unix(listener.into())),
        }
    }
}

/// A port of no runtime.
pub(crate) enum Detached {
    Tcp(OwnedFd),
    Unix(OwnedFd),
}

impl Detached {
    /// The port in the current runtime.
    pub(crate) fn attach(self) -> io::Result<Port> {
        match self {
            Self::Tcp(listener) => TcpListener::from_std(listener.into()).map(Port::Tcp),
            Self::Unix(listener) => UnixListener::from_std(StdUnixListener::from(listener)).map(Port::Unix),
        }
    }
}

/// Listens at an address.
///
/// # Errors
///
/// Names the address by its `key` and says how to fix it.
pub(crate) async fn bind(key: &str, address: &ListenAddress, socket_mode: u32) -> Result<Bound, String> {
    match address {
        ListenAddress::Ip(address) => bind_ip(key, *address),
        ListenAddress::Unix(path) => {
            let bound = SocketFile::bind(path, socket_mode, BACKLOG).await;
            let (file, listener) =
                bound.map_err(|problem| format!("`{key}`: cannot listen on {address}: {problem}"))?;
            Ok(Bound { file: Some(file), port: Port::Unix(listener), address: address.clone() })
        }
    }
}

fn bind_ip(key: &str, address: SocketAddr) -> Result<Bound, String> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = ListenAddress::Ip(listener.local_addr()?);
        Ok(Bound { file: None, port: Port::Tcp(listener), address })
    };
    bound().map_err(|error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another process listens there; say another port, or 0 for a free one"
            }
            io::ErrorKind::PermissionDenied => "ports below 1024 need a permission; say a higher one",
            io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address; `127.0.0.1` is always there"
            }
            _ => "say another address",
        };
        format!("`{key}`: cannot listen on {address}: {error}: {hint}")
    })
}

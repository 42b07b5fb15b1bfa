//! A listening port: TCP or a Unix socket.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener as StdUnixListener;

use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream};

use super::socket_file::SocketFile;
use crate::config::ListenAddress;

/// A listening port.
#[derive(Debug)]
pub(crate) enum Port {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A port and, for a Unix socket, its file, which is removed on drop.
#[derive(Debug)]
pub(crate) struct Bound {
    // Dropped first: while the port is open, no other socket file can be mistaken for its own.
    pub(crate) file: Option<SocketFile>,
    pub(crate) port: Port,
    /// The listening address, with the real port instead of 0.
    pub(crate) address: ListenAddress,
}

/// An accepted connection.
pub(super) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// Length of the accept queue, as far as the system allows. The usual 128 are too few for a burst, and a client that
/// does not fit retries only after one second.
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

    /// The listener for the current runtime: a tokio listener belongs to the runtime that created it.
    pub(crate) fn detach(self) -> io::Result<Detached> {
        match self {
            Self::Tcp(listener) => listener.into_std().map(|listener| Detached::Tcp(listener.into())),
            Self::Unix(listener) => listener.into_std().map(|listener| Detached::Unix(listener.into())),
        }
    }
}

/// A listener that belongs to no runtime.
#[derive(Debug)]
pub(crate) enum Detached {
    Tcp(OwnedFd),
    Unix(OwnedFd),
}

impl Detached {
    /// The listener in the current runtime.
    pub(crate) fn attach(self) -> io::Result<Port> {
        match self {
            Self::Tcp(listener) => TcpListener::from_std(listener.into()).map(Port::Tcp),
            Self::Unix(listener) => UnixListener::from_std(StdUnixListener::from(listener)).map(Port::Unix),
        }
    }
}

/// Listens on an address.
///
/// # Errors
///
/// One sentence that names the address by its `key` and says how to fix it.
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
                "another process listens there; choose another port, or 0 for a free one"
            }
            io::ErrorKind::PermissionDenied => "ports below 1024 need a permission; choose a higher one",
            io::ErrorKind::AddrNotAvailable => {
                "this machine has no such address; choose one that it has, such as `127.0.0.1`"
            }
            _ => "choose another address",
        };
        format!("`{key}`: cannot listen on {address}: {error}: {hint}")
    })
}

//! `health`: checks whether a running server is ready, for a container's health check or a script.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::commands::{Exit, Failure};
use crate::config::UNIX_PREFIX;
use crate::quote::quoted;

/// The timeout for connecting and for each part of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// More bytes than the answer has.
const MAX_BYTES: u64 = 64 << 10;

/// Requests `/readyz` from the admin port at `address`, an IP address and port or `unix:PATH`.
pub(crate) fn run(address: &str) -> Result<Exit, Failure> {
    let unreachable =
        |error: io::Error| Failure::Bad(format!("`--admin`: {} cannot be reached: {error}", quoted(address)));
    let answer = if let Some(path) = address.strip_prefix(UNIX_PREFIX) {
        let stream = UnixStream::connect(path).map_err(unreachable)?;
        let timeouts =
            stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        timeouts.and_then(|()| ask(stream, "localhost"))
    } else {
        if !has_port(address) {
            let expected = "expected an address and a port, such as `127.0.0.1:9090`, or `unix:PATH`";
            return Err(Failure::Bad(format!("`--admin`: {} is not valid; {expected}", quoted(address))));
        }
        let resolved = address.to_socket_addrs().map_err(unreachable)?.next();
        let resolved = resolved.ok_or_else(|| unreachable(io::ErrorKind::NotFound.into()))?;
        let stream = TcpStream::connect_timeout(&resolved, PATIENCE).map_err(unreachable)?;
        let timeouts =
            stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        timeouts.and_then(|()| ask(stream, address))
    };
    let is_ready = answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "));
    Ok(if is_ready { Exit::Done } else { Exit::No })
}

fn has_port(address: &str) -> bool {
    let parts = address.rsplit_once(':');
    parts.is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok_and(|port| port != 0)
    })
}

fn ask(mut stream: impl Read + Write, host: &str) -> io::Result<String> {
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

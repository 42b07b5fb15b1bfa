//! `health`: whether a running server is ready, for the health check of a container or a script.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::commands::{Exit, Failure};
use crate::quote::quoted;

/// How long connecting and each part of the answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than the answer has.
const MAX_BYTES: u64 = 64 << 10;

/// Asks the admin port at `address` for `/readyz`.
pub(crate) fn run(address: &str) -> Result<Exit, Failure> {
    let unreachable = |error: std::io::Error| {
        Failure::Bad(format!("`--admin`: {} cannot be reached: {error}", quoted(address)))
    };
    let resolved = address.to_socket_addrs().map_err(unreachable)?.next();
    let resolved = resolved.ok_or_else(|| unreachable(std::io::ErrorKind::NotFound.into()))?;
    let mut stream = TcpStream::connect_timeout(&resolved, PATIENCE).map_err(unreachable)?;
    let is_ready = ask(&mut stream, address).is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "));
    Ok(if is_ready { Exit::Done } else { Exit::No })
}

fn ask(stream: &mut TcpStream, address: &str) -> std::io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_BYTES).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

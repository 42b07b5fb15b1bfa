//! A restart under load: the socket stays open, and no request is lost.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, spawn};

use rustix::process::Signal;

use super::{Passed, Service};
use crate::process::eventually;
use crate::support::{Files, PATIENCE, field, status};

const REQUEST: &[u8] = b"GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n";
const RESTARTS: usize = 3;

/// Counts the answers to clients of a kind, until it is stopped.
#[derive(Clone, Default)]
struct Load {
    answers: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

fn is_whole(answer: &str) -> bool {
    let Some((_, body)) = answer.split_once("\r\n\r\n") else { return false };
    field(answer, "content-length").and_then(|length| length.parse().ok()) == Some(body.len())
}

/// Sends a request and reads its answer; tells whether the connection stays open.
fn exchange(stream: &mut TcpStream) -> Result<bool, String> {
    stream.write_all(REQUEST).map_err(|error| format!("the request cannot be sent: {error}"))?;
    let mut answer = Vec::new();
    while !is_whole(&String::from_utf8_lossy(&answer)) {
        let mut bytes = [0; 1024];
        match stream.read(&mut bytes) {
            Ok(0) => return Err(format!("no answer: {:?}", String::from_utf8_lossy(&answer))),
            Ok(read) => answer.extend_from_slice(&bytes[..read]),
            Err(error) => return Err(format!("the answer cannot be read: {error}")),
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    match status(&answer) {
        200 => Ok(field(&answer, "connection").is_none()),
        _ => Err(format!("another answer: {answer}")),
    }
}

impl Load {
    /// A client; with `keeps`, it uses a connection for as long as the server lets it.
    fn client(&self, address: SocketAddr, keeps: bool) -> JoinHandle<Result<(), String>> {
        let load = self.clone();
        let exchanges = move || {
            while !load.stop.load(Ordering::Relaxed) {
                let mut stream =
                    TcpStream::connect(address).map_err(|error| format!("no connection: {error}"))?;
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                loop {
                    let stays_open = exchange(&mut stream)?;
                    load.answers.fetch_add(1, Ordering::Relaxed);
                    if !stays_open || !keeps || load.stop.load(Ordering::Relaxed) {
                        break;
                    }
                }
            }
            Ok(())
        };
        let load = self.clone();
        spawn(move || exchanges().inspect_err(|_| load.stop.store(true, Ordering::Relaxed)))
    }

    /// Until this many more answers have come, or a client has failed.
    fn answered(&self, more: usize) {
        let before = self.answers.load(Ordering::Relaxed);
        let failed = || self.stop.load(Ordering::Relaxed);
        eventually("answers", || failed() || self.answers.load(Ordering::Relaxed) >= before + more);
    }
}

#[test]
fn a_restart_under_load_loses_no_request() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let start = || {
        let sockets = vec![listener.try_clone().unwrap().into()];
        Service::start(Files::new(""), Passed { sockets, notified: true, ..Passed::default() })
    };
    let (new_connections, kept) = (Load::default(), Load::default());
    let clients: Vec<_> = (0..8)
        .map(|number| match number {
            0..6 => new_connections.client(address, false),
            _ => kept.client(address, true),
        })
        .collect();

    let mut service = start();
    for _ in 0..RESTARTS {
        assert!(service.notification().starts_with("READY=1\n"));
        new_connections.answered(200);
        kept.answered(200);
        service.signal(Signal::TERM);
        let (status, errors) = service.ended();
        assert_eq!(status.code(), Some(0), "{errors}");
        service = start();
    }
    new_connections.answered(200);
    kept.answered(200);
    for load in [&new_connections, &kept] {
        load.stop.store(true, Ordering::Relaxed);
    }
    for client in clients {
        assert_eq!(client.join().unwrap(), Ok(()));
    }
}

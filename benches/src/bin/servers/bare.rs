//! The null server: reads what has arrived without parsing it, and writes a prepared response.
//!
//! Its processor time is that of two system calls and the kernel's transfer between sockets: the floor for a server
//! that reads requests, decides and responds.

use std::io::{ErrorKind, Read as _, Write as _};
use std::process::ExitCode;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// The argument that starts this server.
pub(crate) const COMMAND: &str = "serve-bare";

const LISTENER: Token = Token(usize::MAX);

/// Answers all input with the content of this file, until killed.
pub(crate) fn serve(answer_file: &str) -> ExitCode {
    let answer = std::fs::read(answer_file).expect("the answer is there");
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("loopback has a free port");
    let mut poll = Poll::new().expect("the system tells of events");
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE).expect("a listener has events");
    println!("listening on http://{}", listener.local_addr().expect("a bound socket has an address"));

    let mut streams: Vec<Option<TcpStream>> = Vec::new();
    let mut events = Events::with_capacity(64);
    let mut asking = Vec::new();
    let mut request = [0; 8 << 10];
    loop {
        poll.poll(&mut events, None).expect("waiting goes on until killed");
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true).expect("the connection is open");
                    let token = Token(streams.len());
                    poll.registry()
                        .register(&mut stream, token, Interest::READABLE)
                        .expect("a socket has events");
                    streams.push(Some(stream));
                }
                continue;
            }
            let Token(index) = event.token();
            let Some(stream) = &mut streams[index] else { continue };
            // The client sends a request immediately, and the next one after the response.
            match stream.read(&mut request) {
                Ok(length) if length > 0 => asking.push(index),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => streams[index] = None,
            }
        }
        // Written after all received bytes were read, as the product does: the client wakes once for several responses.
        for index in asking.drain(..) {
            let sent = streams[index].as_mut().map(|stream| stream.write_all(&answer));
            if !matches!(sent, Some(Ok(()))) {
                streams[index] = None;
            }
        }
    }
}

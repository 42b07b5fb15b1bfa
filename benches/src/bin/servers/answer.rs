//! One request, whose answer the null server repeats.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use artos_auth_benches::process::Running;

/// Sends one request on a new connection that stays open, and returns the response; panics unless it is 200 with a JSON
/// object.
pub(crate) fn answer(server: &Running, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("the server listens");
    let host = server.address();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("the server reads");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("five seconds are a time-out");
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let mut part = [0; 4 << 10];
        let length = stream.read(&mut part).expect("the server answers");
        assert!(length > 0, "no JSON object: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&part[..length]);
    }
    let answer = String::from_utf8(answer).expect("the answer is UTF-8");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    answer
}

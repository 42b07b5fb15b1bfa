//! Slow, endless and excessive HTTP/1.1.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::victim::{ATTACK, Victim, until_closed};

/// One byte of a head now and then, on many connections: each is closed at its timeout.
#[test]
fn slow_headers() {
    let victim = Victim::start("header_seconds = 1");
    victim.survives(48, || {
        let mut slow: Vec<TcpStream> = (0..200).map(|_| victim.connect()).collect();
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
        let started = Instant::now();
        for byte in head.iter().cycle() {
            if started.elapsed() > ATTACK {
                break;
            }
            for stream in &mut slow {
                let _ = stream.write_all(&[*byte]);
            }
            thread::sleep(Duration::from_millis(50));
        }
        for mut stream in slow {
            until_closed(&mut stream);
        }
    });
}

/// An endless body of a request that was answered immediately: the connection does not stay open for it.
#[test]
fn slow_bodies() {
    let victim = Victim::start("header_seconds = 1");
    victim.survives(48, || {
        let mut slow: Vec<TcpStream> = (0..200).map(|_| victim.connect()).collect();
        for (at, stream) in slow.iter_mut().enumerate() {
            let framing =
                if at % 2 == 0 { "Content-Length: 1000000000" } else { "Transfer-Encoding: chunked" };
            let head = format!("POST /x HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
            stream.write_all(head.as_bytes()).expect("a head");
        }
        let started = Instant::now();
        while started.elapsed() < ATTACK {
            for stream in &mut slow {
                let _ = stream.write_all(b"1");
            }
            thread::sleep(Duration::from_millis(50));
        }
        for mut stream in slow {
            let answer = until_closed(&mut stream);
            assert!(answer.starts_with(b"HTTP/1.1 401"), "{:?}", String::from_utf8_lossy(&answer));
        }
    });
}

/// Thousands of pipelined requests whose responses are not read: the server waits instead of buffering them.
#[test]
fn pipelining() {
    let victim = Victim::start("header_seconds = 3\nidle_seconds = 3");
    victim.survives(64, || {
        let requests = victim.good_request().repeat(200);
        let mut attackers: Vec<TcpStream> = (0..20).map(|_| victim.connect()).collect();
        for stream in &mut attackers {
            stream.set_nonblocking(true).expect("a stream that does not wait");
            let started = Instant::now();
            while started.elapsed() < ATTACK / 10 {
                if stream.write(requests.as_bytes()).is_err() {
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
        drop(attackers);

        let mut reader = victim.connect();
        let mut writer = reader.try_clone().expect("another handle");
        let last = victim.good_request().replace("Host: a", "Host: a\r\nConnection: close");
        let sending = thread::spawn(move || {
            writer
                .write_all(requests.as_bytes())
                .and_then(|()| writer.write_all(last.as_bytes()))
                .expect("requests");
        });
        let mut answers = Vec::new();
        reader.read_to_end(&mut answers).expect("answers");
        sending.join().expect("requests that were sent");
        let answered = answers.windows(15).filter(|part| *part == b"HTTP/1.1 200 OK").count();
        assert_eq!(answered, 201, "each request has its answer");
    });
}

/// Endless heads: more lines, longer lines and longer targets than the limits.
#[test]
fn header_floods() {
    let victim = Victim::start("header_seconds = 2");
    victim.survives(64, || {
        let floods = [
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}", "X: y\r\n".repeat(200_000)),
            format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}", "a".repeat(1 << 20)),
            format!("GET / HTTP/1.1\r\nHost: a\r\n{}", "Authorization: Bearer a.b.c\r\n".repeat(50_000)),
            format!("GET /{}", "a".repeat(1 << 20)),
            "A".repeat(1 << 20),
        ];
        for flood in floods.iter().cycle().take(40) {
            let mut stream = victim.connect();
            // The server closes the connection before it has read everything.
            let _ = stream.write_all(flood.as_bytes());
            let answer = until_closed(&mut stream);
            let refused = [&b"HTTP/1.1 431"[..], b"HTTP/1.1 414", b"HTTP/1.1 400"];
            let text = String::from_utf8_lossy(&answer);
            assert!(answer.is_empty() || refused.iter().any(|status| answer.starts_with(status)), "{text}");
        }
    });
}

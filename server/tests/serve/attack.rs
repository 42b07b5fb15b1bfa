//! The server under attack: a good client is answered all through, and when it is over everything is as before.
//!
//! Each attack is against a process of its own, over loopback, and bounded in time and number.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;

use super::process::{PORTS, Process, eventually};

/// Megabytes of memory in use.
fn memory(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

/// How many connections this process can hold open, of those wanted.
fn affordable(wanted: u64) -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let hard = maximum.unwrap_or(u64::MAX);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    wanted.min(hard / 10 * 9)
}

/// Ten thousand connections that say nothing, or as many as 90 % of the hard limit on open files.
#[test]
fn idle_connections_by_the_thousand() {
    let idle = affordable(10_000);
    println!("{idle} idle connections");
    let process = Process::start(&format!("{PORTS}[limits]\nconnections = {idle}\n"));
    let good = process.token(json!({}));
    assert_eq!(process.status("/api/v1/templates/", &good), 200);
    let before = memory(&process);

    let mut connections = Vec::new();
    for index in 0..idle {
        connections.push(TcpStream::connect(process.address()).unwrap());
        // In between, so that the server has taken those before.
        if index % 250 == 0 {
            assert_eq!(process.status("/api/v1/templates/", &good), 200);
        }
    }
    assert_eq!(process.status("/api/v1/templates/", &good), 200, "the longest idle one has given way");
    let during = memory(&process);
    assert!(during < before + 200, "{before} MB, and {during} MB with {idle} connections");
    assert!(process.metric("artos_auth_connections") <= idle as f64);
    drop(connections);
    eventually("they are gone", || process.metric("artos_auth_connections") <= 1.0);
    assert_eq!(process.status("/api/v1/templates/", &good), 200);
}

/// Attacks for two seconds with all of these at once, on both ports, several of each.
#[test]
fn everything_at_once() {
    let process = Process::start(&format!(
        "{PORTS}[audit]\noutput = \"off\"\n[limits]\nconnections = 1000\nheader_seconds = 1\n"
    ));
    let good = process.token(json!({}));
    assert_eq!(process.status("/api/v1/templates/", &good), 200);
    let before = memory(&process);
    let attacks: [fn(SocketAddr, &AtomicBool); 9] = [
        slow_heads,
        slow_bodies,
        half_open,
        pipelining_without_reading,
        header_floods,
        rapid_reset,
        garbage,
        malformed_http2,
        connections_that_go_at_once,
    ];
    let over = AtomicBool::new(false);
    let answered = scope(|threads| {
        for attack in attacks {
            for address in [process.address(), process.admin()] {
                let over = &over;
                threads.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        attack(address, over);
                        sleep(Duration::from_millis(10));
                    }
                });
            }
        }
        let started = Instant::now();
        let mut answered = 0;
        while started.elapsed() < Duration::from_secs(2) {
            assert_eq!(process.status("/api/v1/templates/", &good), 200);
            assert_eq!(process.status("/api/v1/templates/", "not.a.token"), 401);
            answered += 2;
        }
        over.store(true, Ordering::Relaxed);
        answered
    });
    println!("{answered} requests of the good client were answered");
    eventually("they are gone", || process.metric("artos_auth_connections") <= 1.0);
    let after = memory(&process);
    assert!(after < before + 100, "{before} MB before, and {after} MB after");
    assert_eq!(process.status("/api/v1/templates/", &good), 200);
    assert_eq!(process.admin_get("/readyz").0, 200);
}

/// A connection whose reads and writes end soon, whatever the server does; none, if it takes none right now.
fn connect(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(200))).ok()?;
    stream.set_write_timeout(Some(Duration::from_millis(200))).ok()?;
    Some(stream)
}

/// Sends as long as it is taken, and the attack goes on.
fn send(stream: &mut TcpStream, mut pieces: impl Iterator<Item = Vec<u8>>, over: &AtomicBool) {
    let _ = pieces.all(|piece| !over.load(Ordering::Relaxed) && stream.write_all(&piece).is_ok());
}

fn slow_heads(address: SocketAddr, over: &AtomicBool) {
    let mut streams: Vec<TcpStream> = (0..20).filter_map(|_| connect(address)).collect();
    for byte in b"GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\nX-Slow: ".iter().chain(&[b'x'; 100]) {
        streams.retain_mut(|stream| stream.write_all(&[*byte]).is_ok());
        if over.load(Ordering::Relaxed) {
            return;
        }
        sleep(Duration::from_millis(20));
    }
}

fn slow_bodies(address: SocketAddr, over: &AtomicBool) {
    let Some(mut stream) = connect(address) else { return };
    let head = b"POST /api/v1/search/status HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n".to_vec();
    let dribble = std::iter::repeat_with(|| {
        sleep(Duration::from_millis(20));
        vec![b'x']
    });
    send(&mut stream, std::iter::once(head).chain(dribble.take(50)), over);
}

fn half_open(address: SocketAddr, _: &AtomicBool) {
    let streams: Vec<TcpStream> = (0..20).filter_map(|_| connect(address)).collect();
    for stream in &streams {
        let _ = stream.shutdown(Shutdown::Write);
    }
}

fn pipelining_without_reading(address: SocketAddr, over: &AtomicBool) {
    let Some(mut stream) = connect(address) else { return };
    let requests = b"GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500);
    send(&mut stream, std::iter::repeat_with(|| requests.clone()).take(50), over);
}

fn header_floods(address: SocketAddr, over: &AtomicBool) {
    let Some(mut stream) = connect(address) else { return };
    let head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    send(&mut stream, std::iter::once(head).chain((0..100).map(|_| b"X-Flood: y\r\n".repeat(1000))), over);
}

/// The frames of HTTP/2, by hand (RFC 9113 §4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat()
}

fn rapid_reset(address: SocketAddr, over: &AtomicBool) {
    let Some(mut stream) = connect(address) else { return };
    let head = [0x82, 0x86, 0x84, 0x41, 0x01, b'a'];
    let resets = (1..10_000_u32)
        .step_by(2)
        .map(|stream| [frame(1, 0x5, stream, &head), frame(3, 0, stream, &8_u32.to_be_bytes())].concat());
    send(&mut stream, std::iter::once(preface()).chain(resets), over);
}

fn malformed_http2(address: SocketAddr, over: &AtomicBool) {
    let pieces = [
        frame(1, 0x5, 1, &[0xff; 100]),
        frame(1, 0, 1, &[0x82]),
        frame(8, 0, 0, &[0; 4]),
        frame(9, 0x4, 3, &[0x82]),
        vec![0xff; 5000],
    ];
    for piece in pieces {
        let Some(mut stream) = connect(address) else { return };
        send(&mut stream, [preface(), piece].into_iter(), over);
        let _ = stream.read(&mut [0; 1024]);
    }
}

fn garbage(address: SocketAddr, over: &AtomicBool) {
    // The same every time, and of every byte: a generator, not a source of chance.
    let mut state = 1_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    for _ in 0..10 {
        let Some(mut stream) = connect(address) else { return };
        let bytes: Vec<u8> = std::iter::repeat_with(&mut byte).take(2000).collect();
        send(&mut stream, std::iter::once(bytes), over);
    }
}

fn connections_that_go_at_once(address: SocketAddr, _: &AtomicBool) {
    for _ in 0..100 {
        drop(TcpStream::connect(address));
    }
}

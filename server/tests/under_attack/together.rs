//! All attacks at the same time, and all memory uses at the same time.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use crate::connections::{descriptors, unfinished_heads};
use crate::http2::{frame, that_take_no_answer, used_to_the_limit, with_many_fields};
use crate::victim::{ATTACK, Victim};

/// The memory of the connections, and everything besides them, must not exceed the total given in the manual, which counts
/// 40 KiB for each HTTP/1 connection and 160 KiB for each HTTP/2 connection. There are fewer connections than the defaults
/// allow, because the tests of this suite share one limit on open files.
#[test]
fn memory_stays_below_the_total_in_the_manual() {
    const HTTP1: u64 = 2_000;
    const HTTP2: u64 = 400;
    const TAKE_NO_ANSWER: usize = 80;
    descriptors();
    // Default limits except for the timeouts: everything is held until the end.
    let victim = Victim::start("header_seconds = 300\nidle_seconds = 300");
    // Besides the connections: answers and unfinished heads, their streams, the cache and the audit log.
    let memory = 64 + 64 + 32 + 16 + (HTTP1 * 40 + HTTP2 * 160) / 1024;
    victim.survives(memory, || {
        let [http1, _] = unfinished_heads();
        let unfinished: Vec<TcpStream> = (0..HTTP1)
            .map(|_| {
                let mut stream = victim.connect();
                let _ = stream.write_all(&http1);
                stream
            })
            .collect();
        let used = used_to_the_limit(&victim, usize::try_from(HTTP2).expect("a number of connections"));
        let many_fields = with_many_fields(&victim, 600);
        let answers = that_take_no_answer(&victim, TAKE_NO_ANSWER);
        sleep(ATTACK / 2);
        victim.admin_answers();
        drop((unfinished, used, many_fields, answers));
    });
}

/// Two seconds of all attacks, each on both ports.
#[test]
fn all_attacks_at_once() {
    let victim = Victim::start("connections = 1000\nheader_seconds = 1");
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
    victim.survives(100, || {
        let over = AtomicBool::new(false);
        scope(|threads| {
            for attack in attacks {
                for address in [victim.address, victim.admin] {
                    let over = &over;
                    threads.spawn(move || {
                        while !over.load(Ordering::Relaxed) {
                            attack(address, over);
                            sleep(Duration::from_millis(10));
                        }
                    });
                }
            }
            sleep(ATTACK);
            over.store(true, Ordering::Relaxed);
        });
    });
}

/// A connection whose reads and writes soon time out, whatever the server does; `None` if the server accepts none at
/// the moment.
fn connect(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_millis(200))).ok()?;
    stream.set_write_timeout(Some(Duration::from_millis(200))).ok()?;
    Some(stream)
}

/// Sends until a write fails; the attack continues.
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
    // The same bytes every time, covering all values: a deterministic generator.
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

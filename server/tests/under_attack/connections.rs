//! Attacks with many connections, half-open connections and garbage.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::victim::{ATTACK, Victim, connect, until_closed};

/// Raises this process's own file limit to its maximum, which the server, a child process, inherits.
pub(crate) fn descriptors() -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("the limit on open files");
    maximum.unwrap_or(1 << 20)
}

/// As many connections as there may be open files, or 10,000: all connected, none with a request.
#[test]
fn ten_thousand_idle_connections() {
    let hard = descriptors();
    let many = 10_000.min(hard * 9 / 10);
    println!("{many} idle connections, for the hard limit on open files is {hard}");
    let victim = Victim::start("connections = 12000\nidle_seconds = 300\nheader_seconds = 300");
    // 8 KiB for each.
    let memory = 64 + many * 8 / 1024;
    victim.survives(memory, || {
        let idle: Vec<TcpStream> = (0..many).map(|_| victim.connect()).collect();
        thread::sleep(Duration::from_millis(500));
        victim.admin_answers();
        drop(idle);
    });
}

/// Heads of maximum length that never end, over HTTP/1.1 and HTTP/2.
pub(crate) fn unfinished_heads() -> [Vec<u8>; 2] {
    let http1 = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(16_000)).into_bytes();
    // A HEADERS frame without END_HEADERS, whose first field is a literal.
    let field = [&[0, 1, b'x', 0x7f, 0x80, 0x7c][..], &vec![b'y'; 15_900]].concat();
    let length = u32::try_from(field.len()).expect("a frame").to_be_bytes();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    [http1, [&preface[..], &length[1..], &[1, 0], &1_u32.to_be_bytes(), &field].concat()]
}

#[test]
fn incomplete_heads() {
    descriptors();
    let victim = Victim::start("connections = 12000\nheader_seconds = 300");
    let [http1, http2] = unfinished_heads();
    let many = 2000_u64;
    // 40 KiB for each, as documented in the manual.
    victim.survives(32 + many * 40 / 1024, || {
        let open = |bytes: &[u8]| {
            let mut stream = victim.connect();
            // The server may have closed the connection at a limit.
            let _ = stream.write_all(bytes);
            stream
        };
        let streams: Vec<TcpStream> = (0..many / 2).flat_map(|_| [open(&http1), open(&http2)]).collect();
        thread::sleep(Duration::from_millis(500));
        victim.admin_answers();
        drop(streams);
    });
}

/// More connections than the limit: those without a request are closed first, and the valid client never is.
#[test]
fn more_connections_than_the_limit() {
    descriptors();
    let victim = Victim::start("connections = 100");
    victim.survives(48, || {
        let mut idle: Vec<TcpStream> = Vec::new();
        for _ in 0..50 {
            idle.extend((0..20).map(|_| victim.connect()));
            // At the limit the oldest unused connection is closed. The valid client's is one until its request arrives,
            // so a hundred others must not come in between.
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(ATTACK / 2);
        drop(idle);
    });
}

/// The client half-closes the connection in the middle of a request, and stays.
#[test]
fn half_open_connections() {
    descriptors();
    let victim = Victim::start("header_seconds = 1");
    victim.survives(48, || {
        let beginnings = [
            "",
            "G",
            "GET / HTTP/1.1\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bea",
            "PRI * HTTP/2.0\r\n",
        ];
        let halves: Vec<TcpStream> = (0..500)
            .map(|at| {
                let mut stream = victim.connect();
                stream.write_all(beginnings[at % beginnings.len()].as_bytes()).expect("a beginning");
                stream.shutdown(Shutdown::Write).expect("half an end");
                stream
            })
            .collect();
        for mut half in halves {
            until_closed(&mut half);
        }
    });
}

/// Random bytes, on both ports.
#[test]
fn garbage_on_both_ports() {
    let victim = Victim::start("header_seconds = 1");
    victim.survives(48, || {
        for seed in 0..150_u64 {
            for address in [victim.address, victim.admin] {
                let mut stream = connect(address);
                // The server may close the connection before all bytes are sent.
                let _ = stream.write_all(&garbage(seed, 4_000));
                let _ = stream.shutdown(Shutdown::Write);
                until_closed(&mut stream);
            }
        }
        victim.admin_answers();
    });
}

/// The same bytes every time (xorshift).
fn garbage(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(byte).take(length).collect()
}

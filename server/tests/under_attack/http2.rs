//! Malformed or abusive HTTP/2. Frames are written by hand, because libraries refuse to send them.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use crate::victim::{ATTACK, Victim, token_with, until_closed};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame (RFC 9113 §4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A literal field (RFC 7541 §6.2.2).
fn field(name: &str, value: &str) -> Vec<u8> {
    [&[0][..], &length(name), name.as_bytes(), &length(value), value.as_bytes()].concat()
}

/// The length of a text as an integer with a prefix of seven bits (RFC 7541 §5.1).
fn length(text: &str) -> Vec<u8> {
    let Some(mut rest) = text.len().checked_sub(127) else { return vec![text.len() as u8] };
    let mut bytes = vec![127];
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes
}

fn request() -> Vec<u8> {
    let fields =
        [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/api/v1/templates/")];
    fields.into_iter().flat_map(|(name, value)| field(name, value)).collect()
}

fn open(victim: &Victim) -> TcpStream {
    let mut stream = victim.connect();
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).expect("a preface");
    stream
}

/// Repeats the same bytes until the server closes the connection or the attack ends. Responses are read and discarded.
fn flood(victim: &Victim, mut next: impl FnMut(u32) -> Vec<u8>) {
    let mut stream = open(victim);
    let mut reader = stream.try_clone().expect("another handle");
    let reading = thread::spawn(move || until_closed(&mut reader));
    let started = Instant::now();
    for at in 0.. {
        if started.elapsed() > ATTACK || stream.write_all(&next(at)).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(std::net::Shutdown::Both);
    reading.join().expect("a connection that ends");
}

/// Connections that send an unfinished head with as many fields as its limit allows. h2 keeps them decoded, in much more
/// memory than their bytes.
pub(crate) fn with_many_fields(victim: &Victim, connections: usize) -> Vec<TcpStream> {
    let fields: Vec<u8> = (0..460).flat_map(|index| field(&format!("{index:03x}"), "")).collect();
    let bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(HEADERS, 0, 1, &fields)].concat();
    send_on_each(victim, connections, &bytes)
}

fn send_on_each(victim: &Victim, connections: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let streams = (0..connections).map(|_| {
        let mut stream = victim.connect();
        // The server may have closed it already.
        let _ = stream.write_all(bytes);
        stream
    });
    streams.collect()
}

/// Connections that have had as many requests at once as they may, and have a full compression table.
pub(crate) fn used_to_the_limit(victim: &Victim, connections: usize) -> Vec<TcpStream> {
    // In the compression table from the first request on.
    let indexed: Vec<u8> =
        (0..90).flat_map(|index| [&[0x40][..], &field(&format!("{index:03x}"), "")[1..]].concat()).collect();
    let heads = std::iter::once([request(), indexed].concat()).chain((1..100).map(|_| request()));
    let requests: Vec<u8> = (0_u32..)
        .zip(heads)
        .flat_map(|(stream, head)| frame(HEADERS, END_STREAM | END_HEADERS, stream * 2 + 1, &head))
        .collect();
    send_on_each(victim, connections, &[PREFACE, &frame(SETTINGS, 0, 0, &[]), &requests].concat())
}

/// What a connection keeps after its requests, as documented in the manual.
#[test]
fn many_requests_at_once() {
    let victim = Victim::start("idle_seconds = 300");
    let many = 300_u64;
    victim.survives(32 + many * 160 / 1024, || {
        let streams = used_to_the_limit(&victim, usize::try_from(many).expect("a number of connections"));
        thread::sleep(ATTACK / 2);
        victim.admin_answers();
        drop(streams);
    });
}

/// The total memory of unfinished heads is limited, too: a few bytes become many fields.
#[test]
fn many_fields_in_unfinished_heads() {
    crate::connections::descriptors();
    let victim = Victim::start("idle_seconds = 300");
    let many = 1500_u64;
    victim.survives(64 + 32 + many * 40 / 1024, || {
        let streams = with_many_fields(&victim, usize::try_from(many).expect("a number of connections"));
        thread::sleep(ATTACK / 2);
        victim.admin_answers();
        drop(streams);
    });
}

/// Connections with the maximum number of streams, and a window that has no room for a response.
pub(crate) fn that_take_no_answer(victim: &Victim, connections: usize) -> Vec<TcpStream> {
    let no_window = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    // Long responses: the fields fill the socket, and the bodies wait for a window.
    let permissions: Vec<String> = (0..250).map(|number| format!("permission-{number:08}")).collect();
    let token = token_with(&serde_json::json!({ "permissions": permissions }));
    let head = [request(), field("authorization", &format!("Bearer {token}"))].concat();
    let requests: Vec<u8> =
        (0..100).flat_map(|stream| frame(HEADERS, END_STREAM | END_HEADERS, stream * 2 + 1, &head)).collect();
    send_on_each(victim, connections, &[PREFACE, &no_window, &requests].concat())
}

/// The total memory of unsent responses is limited.
#[test]
fn unread_responses() {
    let victim = Victim::start("idle_seconds = 300");
    victim.survives(96, || {
        let streams = that_take_no_answer(&victim, 80);
        thread::sleep(ATTACK / 2);
        victim.admin_answers();
        drop(streams);
    });
}

/// Streams opened and reset immediately, so that none counts as open (CVE-2023-44487).
#[test]
fn rapid_reset() {
    let victim = Victim::start("");
    victim.survives(64, || {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    flood(&victim, |at| {
                        let some = (0..50).flat_map(|one| {
                            let stream = (at * 50 + one) * 2 + 1;
                            let open = frame(HEADERS, END_STREAM | END_HEADERS, stream, &request());
                            [open, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
                        });
                        some.collect()
                    });
                });
            }
        });
    });
}

/// An endless sequence of CONTINUATION frames (CVE-2024-27316).
#[test]
fn endless_continuation() {
    let victim = Victim::start("");
    victim.survives(64, || {
        let piece = field("x", &"y".repeat(100)).repeat(100);
        flood(&victim, |at| match at {
            0 => frame(HEADERS, END_STREAM, 1, &request()),
            _ => frame(CONTINUATION, 0, 1, &piece),
        });
    });
}

/// Unread responses to frames that each require one.
#[test]
fn pings_and_settings() {
    let victim = Victim::start("");
    victim.survives(64, || {
        flood(&victim, |_| frame(PING, 0, 0, &[0; 8]).repeat(200));
        flood(&victim, |_| frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0x10, 0]).repeat(200));
    });
}

/// One protocol violation each: the connection is closed.
#[test]
fn malformed_frames() {
    let victim = Victim::start("header_seconds = 1\nidle_seconds = 2");
    let get = request();
    let upper = [request(), field("Authorization", "Bearer x")].concat();
    let violations: Vec<(&str, Vec<u8>)> = vec![
        ("a frame larger than allowed", frame(DATA, 0, 1, &vec![0; 20_000])),
        ("data on an idle stream", frame(DATA, 0, 1, b"x")),
        ("headers on stream 0", frame(HEADERS, END_HEADERS, 0, &get)),
        ("headers on an even stream", frame(HEADERS, END_HEADERS, 2, &get)),
        ("settings that acknowledge something", frame(SETTINGS, 1, 0, &[0; 6])),
        ("settings of half a length", frame(SETTINGS, 0, 0, &[0; 5])),
        ("settings on a stream", frame(SETTINGS, 0, 1, &[])),
        ("a window that grows by nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("a window that overflows", frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()).repeat(2)),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &get)),
        ("a stream that depends on itself", frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 0]).repeat(20_000)),
        ("a reset of an idle stream", frame(RST_STREAM, 0, 5, &[0; 4])),
        ("a ping of half a length", frame(PING, 0, 0, &[0; 4])),
        ("invalid field compression", frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0xff; 40])),
        ("an index beyond the table", frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0xfe, 0xff, 0x03])),
        ("a name in capitals", frame(HEADERS, END_STREAM | END_HEADERS, 1, &upper)),
        ("half a frame", frame(HEADERS, END_STREAM | END_HEADERS, 1, &get)[..12].to_vec()),
    ];
    victim.survives(48, || {
        for (name, bytes) in &violations {
            println!("{name}");
            let mut stream = open(&victim);
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let answer = until_closed(&mut stream);
            let opened = answer.windows(9).any(|part| part == b"x-auth-us");
            assert!(!opened, "{name}: somebody was let in");
        }
    });
}

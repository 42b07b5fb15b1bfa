//! A custom HTTP/1.1 server: it reads byte for byte and repairs nothing, and can write a response in any valid form, or
//! none.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Site;
use crate::fault::Fault;
use crate::judge::detail;
use crate::memory::Connection;
use crate::message::{Answer, Request, Wire, latin1};
use crate::variation::Variation;

const MAX_HEAD_BYTES: usize = 256 * 1024;
const MAX_BODY_BYTES: usize = 1024 * 1024;
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const INTERIM: &str = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";

/// The result of reading if there is no request.
enum Trouble {
    /// The connection has ended.
    Closed,
    /// A response to bytes that are not a request; the connection closes after it.
    Refused(Answer),
}

impl From<std::io::Error> for Trouble {
    fn from(_: std::io::Error) -> Trouble {
        Trouble::Closed
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(mut stream: TcpStream, site: Arc<Site>) {
    let _ = stream.set_nodelay(true);
    let mut start = [0; HTTP2_PREFACE.len()];
    loop {
        match stream.peek(&mut start).await {
            Ok(0) | Err(_) => return,
            Ok(count) if start[..count] != HTTP2_PREFACE[..count] => break,
            Ok(count) if count == HTTP2_PREFACE.len() => return crate::http2::serve(stream, site).await,
            Ok(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
    let connection = Connection::default();
    let mut unread = Vec::new();
    loop {
        let (answer, head_only, http10, close) = match read_request(&mut stream, &mut unread).await {
            Ok((request, body_read)) => {
                let answer = judge(&site, &request, &connection).await;
                let asked = request.field("connection").unwrap_or_default().to_ascii_lowercase();
                let keep =
                    if request.http10 { asked.contains("keep-alive") } else { !asked.contains("close") };
                let close = !keep || !body_read || site.behavior.variation == Some(Variation::Closing);
                (answer, request.method == "HEAD", request.http10, close)
            }
            Err(Trouble::Refused(answer)) => (answer, false, false, true),
            Err(Trouble::Closed) => return,
        };
        match answer.wire {
            Wire::Sent => {}
            Wire::Silence => return std::future::pending().await,
            Wire::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
        }
        if site.behavior.variation == Some(Variation::EarlyHints)
            && !http10
            && stream.write_all(INTERIM.as_bytes()).await.is_err()
        {
            return;
        }
        let bytes = written(&answer, head_only, http10, close, site.behavior.variation);
        if send(&mut stream, &bytes, site.behavior.variation).await.is_err() || close {
            let _ = stream.shutdown().await;
            return drain(&mut stream).await;
        }
    }
}

/// Answers a request, with a delay if a fault or variation says so.
pub(crate) async fn judge(site: &Site, request: &Request, connection: &Connection) -> Answer {
    if site.behavior.variation == Some(Variation::Slow) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if matches!(site.behavior.fault, Some(Fault::ForgeryAcceptedInParallel | Fault::CallersMixedUp)) {
        site.memory.enter();
        site.memory.wait_for_crowd().await;
        let answer = site.judge().answer(request, connection);
        site.memory.leave();
        return answer;
    }
    site.judge().answer(request, connection)
}

/// Reads the remaining bytes of the peer, so that closing does not reset unread data.
async fn drain(stream: &mut TcpStream) {
    let mut sink = [0; 4096];
    let rest = async { while stream.read(&mut sink).await.is_ok_and(|count| count > 0) {} };
    let _ = tokio::time::timeout(Duration::from_secs(1), rest).await;
}

/// The next request, and whether its body was read completely.
async fn read_request(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Result<(Request, bool), Trouble> {
    let end = loop {
        if let Some(at) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if unread.len() > MAX_HEAD_BYTES {
            return Err(Trouble::Refused(detail(431, "Request Header Fields Too Large")));
        }
        more(stream, unread).await?;
    };
    let head: Vec<u8> = unread.drain(..end + 4).take(end).collect();
    let mut request = parse(&head).ok_or_else(|| Trouble::Refused(detail(400, "Bad Request")))?;
    if request.field("transfer-encoding").is_some() {
        return Err(Trouble::Refused(detail(411, "Length Required")));
    }
    let length = match request.field("content-length") {
        None => 0,
        Some(length) => length.parse().map_err(|_| Trouble::Refused(detail(400, "Bad Request")))?,
    };
    if length > MAX_BODY_BYTES {
        return Err(Trouble::Refused(detail(413, "Content Too Large")));
    }
    if request.field("expect").is_some() {
        return Ok((request, length == 0));
    }
    while unread.len() < length {
        more(stream, unread).await?;
    }
    request.body = unread.drain(..length).collect();
    Ok((request, true))
}

async fn more(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Result<(), Trouble> {
    if stream.read_buf(unread).await? == 0 { Err(Trouble::Closed) } else { Ok(()) }
}

/// The request of a head, if it is one: RFC 9112 §3 and §5, and exactly one `Host` in HTTP/1.1.
fn parse(head: &[u8]) -> Option<Request> {
    let mut lines = split_lines(head).into_iter();
    let line = latin1(lines.next()?);
    let [method, target, version] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
    let http10 = match version {
        "HTTP/1.1" => false,
        "HTTP/1.0" => true,
        _ => return None,
    };
    if !is_token(method.as_bytes()) || target.is_empty() {
        return None;
    }
    let fields = lines.map(field).collect::<Option<Vec<_>>>()?;
    let hosts = fields.iter().filter(|(name, _)| name == "host").count();
    let hosts_fit = if http10 { hosts <= 1 } else { hosts == 1 };
    hosts_fit.then(|| Request {
        method: method.into(),
        target: target.into(),
        http10,
        fields,
        body: Vec::new(),
    })
}

fn split_lines(head: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut rest = head;
    while let Some(at) = rest.windows(2).position(|window| window == b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    lines
}

fn field(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |at| at + 1);
    is_token(name).then(|| (latin1(name).to_ascii_lowercase(), value[start..end].to_vec()))
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// The answer's bytes.
fn written(
    answer: &Answer,
    head_only: bool,
    http10: bool,
    close: bool,
    variation: Option<Variation>,
) -> Vec<u8> {
    let plain = variation == Some(Variation::LowercaseFields);
    let chunked =
        variation == Some(Variation::Chunked) && !http10 && answer.status != 204 && answer.status != 304;
    let reason = if plain { "" } else { reason_phrase(answer.status) };
    let mut fields = vec![("Date".to_owned(), httpdate::fmt_http_date(SystemTime::now()))];
    if chunked {
        fields.push(("Transfer-Encoding".into(), "chunked".into()));
    } else if answer.status != 204 && answer.status != 304 {
        fields.push(("Content-Length".into(), answer.body.len().to_string()));
    }
    if close {
        fields.push(("Connection".into(), "close".into()));
    }
    fields.extend(answer.fields.iter().cloned());
    let packed =
        (variation == Some(Variation::Compressed) && !answer.body.is_empty()).then(|| gzip(&answer.body));
    if let Some(packed) = &packed {
        fields.retain(|(name, _)| name != "Content-Length");
        fields.push(("Content-Length".into(), packed.len().to_string()));
        fields.push(("Content-Encoding".into(), "gzip".into()));
    }
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", answer.status);
    for (name, value) in &fields {
        let name = if plain { name.to_ascii_lowercase() } else { name.clone() };
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    if head_only || answer.status == 204 || answer.status == 304 {
        return text.into_bytes();
    }
    if let Some(packed) = packed {
        return [text.into_bytes(), packed].concat();
    }
    if chunked {
        for piece in answer.body.as_bytes().chunks(20) {
            text.push_str(&format!("{:x};piece\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece)));
        }
        text.push_str("0\r\nX-Trailer: end\r\n\r\n");
    } else {
        text.push_str(&answer.body);
    }
    text.into_bytes()
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).unwrap_or_default()
}

async fn send(stream: &mut TcpStream, bytes: &[u8], variation: Option<Variation>) -> std::io::Result<()> {
    if variation != Some(Variation::Dribbling) {
        return stream.write_all(bytes).await;
    }
    for piece in bytes.chunks(13) {
        stream.write_all(piece).await?;
        tokio::task::yield_now().await;
    }
    Ok(())
}

fn reason_phrase(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unassigned")
}

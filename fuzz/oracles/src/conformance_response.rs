//! How the checker interprets the bytes of a response.

use std::time::Duration;

use artos_auth_conformance::case::Accept;
use artos_auth_conformance::judge::{self, Known};
use artos_auth_conformance::transport::{Connection, Request, RequestOutcome, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The maximum stored size of a body.
const MAX_BODY: usize = 1024 * 1024;

/// The first byte selects the method and the chunk sizes; the rest is the response of a deployment.
pub(crate) fn run(input: &[u8]) {
    let Some((first, bytes)) = input.split_first() else { return };
    let method = if first & 1 == 1 { "HEAD" } else { "GET" };
    let piece = [usize::MAX, 1, 7, 100][usize::from(first >> 1 & 3)];
    let request = Request::new(method, "/api/v1/templates/").bearer("not.a.token");
    let answer = exchange(&request, bytes, piece);
    assert_eq!(answer, exchange(&request, bytes, usize::MAX), "read otherwise in pieces of {piece}");
    let RequestOutcome::Response(response) = &answer else {
        assert!(
            matches!(answer, RequestOutcome::Closed | RequestOutcome::Garbled(_)),
            "{answer:?} of bytes that ended"
        );
        return;
    };
    assert!((100..600).contains(&response.status), "no status code: {}", response.status);
    assert!(response.body.len() <= MAX_BODY);
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |end| end + 4);
    assert!(response.body.len() <= bytes.len() - head, "more body than came");
    reads_the_same_anew(&request, response);
    is_judged_in_one_way(&request, &answer, response);
}

fn exchange(request: &Request, bytes: &[u8], piece: usize) -> RequestOutcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(async {
        let (near, far) = tokio::io::duplex(64 << 10);
        let (mut requests, mut answers) = tokio::io::split(far);
        let client = async {
            // Bytes after a complete response are dropped with the connection.
            let mut connection = Connection::over(near, "api.example", Duration::from_secs(10));
            connection.send(request).await
        };
        let server = async {
            let mut one = [0; 1024];
            let _ = requests.read(&mut one).await;
            for piece in bytes.chunks(piece.min(bytes.len().max(1))) {
                if answers.write_all(piece).await.is_err() {
                    break;
                }
            }
            let _ = answers.shutdown().await;
        };
        tokio::join!(client, server).0
    })
}

/// The status, fields and body, written without any coding, are read back unchanged.
fn reads_the_same_anew(request: &Request, response: &Response) {
    let about_the_body = |name: &str| {
        ["content-length", "transfer-encoding"].iter().any(|other| name.eq_ignore_ascii_case(other))
    };
    if (100..200).contains(&response.status) && response.status != 101 {
        panic!("an interim answer was taken for the last");
    }
    let mut text = format!("HTTP/1.1 {} X\r\n", response.status).into_bytes();
    for (name, value) in response.fields.iter().filter(|(name, _)| !about_the_body(name)) {
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value);
        text.extend_from_slice(b"\r\n");
    }
    text.extend(format!("Content-Length: {}\r\n\r\n", response.body.len()).into_bytes());
    text.extend_from_slice(&response.body);
    let RequestOutcome::Response(anew) = exchange(request, &text, usize::MAX) else {
        panic!("a response that was read cannot be read again: {response:?}")
    };
    let fields = |response: &Response| -> Vec<(String, Vec<u8>)> {
        response.fields.iter().filter(|(name, _)| !about_the_body(name)).cloned().collect()
    };
    assert_eq!((anew.status, &anew.body, fields(&anew)), (response.status, &response.body, fields(response)));
}

/// A response that keeps a caller out does not let it through, and its description is one line.
fn is_judged_in_one_way(request: &Request, answer: &RequestOutcome, response: &Response) {
    let known = Known { public: Some(response.clone()), ..Known::default() };
    let accepted = |accept: Accept| judge::accepts(&[accept], request, answer, &known);
    let refusals = [Accept::NotAuthenticated, Accept::InvalidCredentials, Accept::Forbidden];
    let refused = refusals.into_iter().filter(|accept| accepted(*accept)).count();
    // "Method not supported" refuses every request in every form, and authenticates nobody.
    let no_such_method = matches!(response.status, 405 | 501);
    assert!(
        no_such_method || refused == 0 || !accepted(Accept::LetThrough),
        "refused and let through: {response:?}"
    );
    assert!(no_such_method || refused <= 1 || request.method == "HEAD", "refused in two ways: {response:?}");
    assert!(!(accepted(Accept::Success) && accepted(Accept::Closed)), "open and closed: {response:?}");
    assert!(no_such_method || !accepted(Accept::PublicContent) || accepted(Accept::Success));
    let words = judge::describe(answer, &known);
    assert!(!words.is_empty() && !words.chars().any(char::is_control), "{words:?}");
}

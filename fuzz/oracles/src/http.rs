//! Sends raw bytes to the server over an in-memory stream.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use artos_auth_engine::{ResourceSpec, Resources};
use artos_auth_fixtures::case::NOW;
use artos_auth_server::config::Realms;
use artos_auth_server::{Server, Snapshot};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::choices::Choices;
use crate::differential::{PAIRS, question};
use crate::mint;

/// The statuses that the server may return.
const STATUSES: [u16; 8] = [200, 400, 401, 403, 405, 408, 414, 431];
/// Longer than any timeout of a connection.
const A_DAY: Duration = Duration::from_secs(86_400);

/// The first byte selects the chunk size. `%T` stands for the valid token.
pub(crate) fn run(input: &[u8]) {
    let mut choices = Choices::new(input);
    let piece = choices.pick(&[usize::MAX, 1, 5, 64]);
    let bytes = with_tokens(choices.rest());
    let answers = exchange(&bytes, piece);
    if bytes.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") {
        return;
    }
    let mut left = &answers[..];
    while !left.is_empty() {
        left = judge(left, &bytes);
    }
}

/// The complete output of the server until it closes the connection, which it must do.
fn exchange(bytes: &[u8], piece: usize) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(async {
        let server = Server::builder(Arc::clone(&STATE)).clock(|| Duration::from_secs(NOW)).build();
        let (near, far) = tokio::io::duplex(16 << 10);
        let (mut reader, mut writer) = tokio::io::split(near);
        let serving = async {
            let served = tokio::time::timeout(A_DAY, server.serve_stream(far)).await;
            assert!(served.is_ok(), "a connection that never ends");
        };
        let asking = async {
            for piece in bytes.chunks(piece.min(bytes.len().max(1))) {
                if writer.write_all(piece).await.is_err() {
                    return;
                }
            }
            let _ = writer.shutdown().await;
        };
        let listening = async {
            let mut answers = Vec::new();
            let _ = reader.read_to_end(&mut answers).await;
            answers
        };
        tokio::join!(serving, asking, listening).2
    })
}

static STATE: LazyLock<Arc<ArcSwap<Snapshot>>> = LazyLock::new(|| {
    let resources = [("/api/v1/orgs/{org}/{*rest}", Some("{org}"), None), ("/{*rest}", None, Some(true))];
    let resources = resources.map(|(path, organization, unowned)| ResourceSpec {
        path: path.to_owned(),
        organization: organization.map(str::to_owned),
        unowned,
    });
    let resources = Resources::new(&resources).unwrap_or_else(|error| panic!("{error}"));
    let engine = PAIRS[0].engine.engine().clone();
    Arc::new(ArcSwap::from_pointee(Snapshot::new(engine, Realms::default(), resources)))
});

/// Parses one response from the front: documented, correctly framed, and allowed only if the request is entitled to it.
fn judge<'a>(answers: &'a [u8], asked: &[u8]) -> &'a [u8] {
    let end = answers.windows(4).position(|end| end == b"\r\n\r\n");
    let end = end.unwrap_or_else(|| panic!("an answer without an end: {:?}", lossy(answers)));
    let (head, rest) = (lossy(&answers[..end]), &answers[end + 4..]);
    let mut lines = head.split("\r\n");
    let status_line = lines.next().unwrap_or_default();
    let status = status_line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse::<u16>().ok());
    let status = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
    assert!(STATUSES.contains(&status), "an undocumented status: {head}");
    let fields = Fields::read(lines);
    let values = |name| fields.values(name);
    let length = match fields.values("content-length")[..] {
        [] => 0,
        [one] => one.parse::<usize>().unwrap_or_else(|error| panic!("{error}: {head}")),
        _ => panic!("two lengths: {head}"),
    };
    assert!(values("transfer-encoding").is_empty(), "a coding that is not needed: {head}");
    // A response to HEAD has a length and no body.
    let follows = |rest: &[u8]| rest.is_empty() || rest.starts_with(b"HTTP/1.");
    let (body, rest) = match rest.split_at_checked(length) {
        Some((body, rest)) if follows(rest) => (body, rest),
        _ if follows(rest) => (&[][..], rest),
        _ => panic!("a body of another length than {length}: {:?}", lossy(rest)),
    };
    match status {
        200 => is_entitled(&fields, asked, &head),
        401 | 403 => {
            assert!(values("x-auth-org-id").is_empty() && values("x-auth-user-id").is_empty(), "{head}");
            let details = [
                "",
                r#"{"detail":"Not authenticated"}"#,
                r#"{"detail":"Invalid authentication credentials"}"#,
                r#"{"detail":"User has no organization or not authorized"}"#,
            ];
            assert!(details.contains(&&*lossy(body)), "an undocumented body: {:?}", lossy(body));
            let [challenge] = values("www-authenticate")[..] else { panic!("not one challenge: {head}") };
            assert!(challenge.starts_with("Bearer realm=\"artos\""), "{challenge}");
        }
        _ => assert!(values("x-auth-org-id").is_empty(), "{head}"),
    }
    if matches!(status, 200 | 401 | 403) {
        assert_eq!(values("cache-control"), ["no-store"], "{head}");
        assert_eq!(values("vary").join(",").to_ascii_lowercase(), "authorization", "{head}");
    }
    rest
}

/// Field lines, with names in lower case.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read<'l>(lines: impl Iterator<Item = &'l str>) -> Self {
        let field = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field line: {line:?}"));
            (name.to_ascii_lowercase(), value.to_owned())
        };
        Self(lines.map(field).collect())
    }

    fn values(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(its, _)| its == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// An identity requires the valid token; an empty identity requires the public path.
fn is_entitled(answer: &Fields, asked: &[u8], head: &str) {
    let fields = ["x-auth-user-id", "x-auth-org-id", "x-auth-permissions", "x-auth-token-id"];
    let identity = fields.map(|name| match answer.values(name)[..] {
        [one] => one.to_owned(),
        _ => panic!("not one {name}: {head}"),
    });
    if identity.iter().all(String::is_empty) {
        let public = b"/api/v1/search/status";
        assert!(
            asked.windows(public.len()).any(|part| part == public),
            "no identity outside the public path: {head}"
        );
    } else {
        let holders: Vec<[String; 4]> = tokens(asked).filter_map(holder).collect();
        assert!(holders.contains(&identity), "{identity:?} is not one of {holders:?}");
    }
}

/// Every substring that could be a token.
fn tokens(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let outside = |byte: &u8| !(byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
    bytes.split(outside).filter(|part| part.iter().filter(|byte| **byte == b'.').count() == 2)
}

/// The identity in a token according to the reference decider, encoded as in response fields.
fn holder(token: &[u8]) -> Option<[String; 4]> {
    let principal = PAIRS[0].check(&question(vec![mint::bearer(token)])).principal?;
    let escape = |text: &str| -> String {
        let plain = |byte: u8| (b'!'..=b'~').contains(&byte) && !b"%,".contains(&byte);
        let spell = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
        text.bytes().map(spell).collect()
    };
    let permissions: Vec<String> = principal.permissions.iter().map(|one| escape(one)).collect();
    let id = principal.token_id.unwrap_or_default();
    Some([escape(&principal.user_id), escape(&principal.org_id), permissions.join(" "), escape(&id)])
}

static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| mint::good("hs256"));

fn with_tokens(input: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    let mut left = input;
    while let Some(at) = left.windows(2).position(|part| part == b"%T") {
        output.extend_from_slice(&left[..at]);
        output.extend_from_slice(&GOOD);
        left = &left[at + 2..];
    }
    output.extend_from_slice(left);
    output
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

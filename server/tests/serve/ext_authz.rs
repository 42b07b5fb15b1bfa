//! Envoy's `ext_authz` over gRPC, with messages encoded and decoded here byte by byte.

use artos_auth_server::{Clock, Reading};
use bytes::Bytes;
use h2::client::SendRequest;
use hyper::http::{HeaderMap, Request};
use rstest::rstest;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::process::Process;
use super::support::{Files, PATIENCE, Running};

const ON: &str = "[ext_authz]\n";
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// A field of bytes, text or a message. Lengths are below 16,384, and field numbers below 16.
fn field(number: u8, data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    let mut all = vec![number << 3 | 2];
    if data.len() >= 0x80 {
        all.push((data.len() & 0x7f) as u8 | 0x80);
        all.push((data.len() >> 7) as u8);
    } else {
        all.push(data.len() as u8);
    }
    all.extend_from_slice(data);
    all
}

fn varint(input: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let (byte, rest) = input.split_first().expect("a whole number");
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

/// All values of a field: numbers as their bytes, little-endian.
fn values(mut message: &[u8], number: u64) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let value = match key & 7 {
            0 => varint(&mut message).to_le_bytes().to_vec(),
            2 => {
                let length = usize::try_from(varint(&mut message)).unwrap();
                let (value, rest) = message.split_at(length);
                message = rest;
                value.to_vec()
            }
            other => panic!("wire type {other}"),
        };
        if key >> 3 == number {
            found.push(value);
        }
    }
    found
}

/// The only value at the end of a path of field numbers.
fn at(message: &[u8], path: &[u64]) -> Option<Vec<u8>> {
    path.iter().try_fold(message.to_vec(), |message, number| {
        let mut found = values(&message, *number);
        assert!(found.len() <= 1, "field {number} is repeated");
        found.pop()
    })
}

fn number_at(message: &[u8], path: &[u64]) -> u64 {
    at(message, path).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[derive(Clone)]
struct Check {
    method: &'static str,
    path: &'static str,
    host: &'static str,
    headers: Vec<(&'static str, String)>,
    /// Key, value and raw value.
    map: Vec<(&'static str, String, Vec<u8>)>,
    extensions: Vec<(&'static str, &'static str)>,
}

impl Check {
    fn new(headers: &[(&'static str, &str)]) -> Self {
        Self {
            method: "GET",
            path: "/api/v1/templates/",
            host: "api.example",
            headers: headers.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
            map: Vec::new(),
            extensions: Vec::new(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let entry = |key: &str, value: &str| [field(1, key), field(2, value)].concat();
        let mut http =
            [field(1, "id"), field(2, self.method), field(4, self.path), field(5, self.host)].concat();
        for (key, value) in &self.headers {
            http.extend(field(3, entry(key, value)));
        }
        let lines = self.map.iter();
        let map: Vec<u8> = lines
            .flat_map(|(key, value, raw)| field(1, [field(1, key), field(2, value), field(3, raw)].concat()))
            .collect();
        if !map.is_empty() {
            http.extend(field(13, map));
        }
        let mut attributes = field(4, field(2, http));
        for (key, value) in &self.extensions {
            attributes.extend(field(10, entry(key, value)));
        }
        field(1, attributes)
    }
}

struct Grpc {
    client: SendRequest<Bytes>,
}

impl Grpc {
    async fn connect(server: &Running) -> Self {
        Self::over(TcpStream::connect(server.address).await.unwrap()).await
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (client, connection) = h2::client::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self { client: client.ready().await.unwrap() }
    }

    /// HTTP status, gRPC status and data.
    async fn send(&mut self, request: Request<()>, pieces: &[&[u8]]) -> (u16, Option<String>, Vec<u8>) {
        let (response, mut body) = self.client.send_request(request, pieces.is_empty()).unwrap();
        for (index, piece) in pieces.iter().enumerate() {
            // The response may arrive before the last chunk is sent, whose write then fails.
            let _ = body.send_data(Bytes::copy_from_slice(piece), index + 1 == pieces.len());
        }
        let (head, mut stream) = timeout(PATIENCE, response).await.unwrap().unwrap().into_parts();
        let mut data = Vec::new();
        while let Some(frame) = timeout(PATIENCE, stream.data()).await.unwrap() {
            let Ok(frame) = frame else { break };
            let _ = stream.flow_control().release_capacity(frame.len());
            data.extend_from_slice(&frame);
        }
        let trailers = stream.trailers().await.ok().flatten().unwrap_or_default();
        let code = |fields: &HeaderMap| Some(fields.get("grpc-status")?.to_str().unwrap().to_owned());
        (head.status.as_u16(), code(&head.headers).or_else(|| code(&trailers)), data)
    }

    async fn call(&mut self, path: &str, framed: &[u8]) -> (u16, Option<String>, Vec<u8>) {
        self.send(request(path), &[framed]).await
    }

    /// The message in the response to a check.
    async fn check(&mut self, check: &Check) -> Vec<u8> {
        let (status, code, data) = self.call(CHECK, &framed(&check.encode())).await;
        assert_eq!((status, code.as_deref()), (200, Some("0")));
        let (prefix, message) = data.split_at(5);
        assert_eq!(prefix, [&[0], &(message.len() as u32).to_be_bytes()[..]].concat());
        message.to_vec()
    }
}

fn request(path: &str) -> Request<()> {
    let request = Request::post(format!("http://localhost{path}")).header("content-type", "application/grpc");
    request.header("te", "trailers").body(()).unwrap()
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat()
}

/// Names and values of the fields to set, all of which overwrite.
fn set_fields(options: &[Vec<u8>]) -> Vec<(String, String)> {
    let read = |option: &Vec<u8>| {
        assert_eq!(number_at(option, &[2, 1]), 0, "`append` is false");
        assert!(at(option, &[2]).is_some(), "`append` is said");
        assert_eq!(number_at(option, &[3]), 2, "OVERWRITE_IF_EXISTS_OR_ADD");
        (text(&at(option, &[1, 1]).unwrap()), text(&at(option, &[1, 2]).unwrap()))
    };
    options.iter().map(read).collect()
}

fn reasons(server: &Running, outcome: &str, reason: &str) -> bool {
    let series = format!("artos_auth_decisions_total{{outcome=\"{outcome}\",reason=\"{reason}\"}} 1");
    server.metrics.encode().unwrap().lines().any(|line| line == series)
}

#[tokio::test]
async fn an_allow_sets_the_identity_and_carries_it_as_metadata() {
    let server = Running::start(ON).await;
    let token = server.files.token(json!({ "sub": "u 1", "permissions": ["a", "b c"], "jti": null }));
    let answer = Grpc::connect(&server)
        .await
        .check(&Check::new(&[("authorization", &format!("Bearer {token}"))]))
        .await;
    assert_eq!(number_at(&answer, &[1, 1]), 0);
    assert!(at(&answer, &[2]).is_none(), "no denied_response");
    let ok = at(&answer, &[3]).unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        set_fields(&values(&ok, 2)),
        [
            pair("x-auth-user-id", "u%201"),
            pair("x-auth-org-id", "org-a"),
            pair("x-auth-permissions", "a b%20c")
        ]
    );
    let mut removed: Vec<String> = values(&ok, 5).iter().map(|name| text(name)).collect();
    removed.sort();
    assert_eq!(
        removed,
        ["x-auth-token-id", "x_auth_org_id", "x_auth_permissions", "x_auth_token_id", "x_auth_user_id"]
    );

    let metadata = at(&answer, &[4]).unwrap();
    let member = |name: &str| {
        let entry =
            values(&metadata, 1).into_iter().find(|entry| at(entry, &[1]).unwrap() == name.as_bytes());
        at(&entry.unwrap(), &[2]).unwrap()
    };
    assert_eq!(text(&at(&member("user_id"), &[3]).unwrap()), "u 1");
    assert_eq!(text(&at(&member("org_id"), &[3]).unwrap()), "org-a");
    let permissions = values(&at(&member("permissions"), &[6]).unwrap(), 1);
    assert_eq!(
        permissions.iter().map(|value| text(&at(value, &[3]).unwrap())).collect::<Vec<_>>(),
        ["a", "b c"]
    );
    assert!(at(&member("token_id"), &[1]).is_some(), "null");
    assert!(reasons(&server, "allow", "authorized"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_peer_of_a_unix_socket_is_trusted() {
    let process = Process::of_files(Files::new(
        "listen = \"unix:main.sock\"\nadmin_listen = \"unix:admin.sock\"\n[ext_authz]\ntrusted = [\"192.0.2.1\"]\n",
    ));
    let stream = UnixStream::connect(process.files.path("main.sock")).await.unwrap();
    let authorization = format!("Bearer {}", process.token(json!({})));
    let check = Check::new(&[("authorization", &authorization)]);
    let answer = Grpc::over(stream).await.check(&check).await;
    assert_eq!(number_at(&answer, &[1, 1]), 0);
    assert!(at(&answer, &[3]).is_some(), "an ok_response");
}

#[tokio::test]
async fn a_public_path_removes_every_identity_field_and_has_no_metadata() {
    let server = Running::start(ON).await;
    let check = Check { path: "/api/v1/search/status?q=1", ..Check::new(&[("authorization", "nonsense")]) };
    let answer = Grpc::connect(&server).await.check(&check).await;
    assert_eq!(number_at(&answer, &[1, 1]), 0);
    let ok = at(&answer, &[3]).unwrap();
    assert_eq!((values(&ok, 2).len(), values(&ok, 5).len()), (0, 8));
    assert!(at(&answer, &[4]).is_none());
    assert!(reasons(&server, "allow", "public_path"));
}

#[rstest]
#[case::no_token(None, 16, 401, "Not authenticated", "Bearer realm=\"artos\"")]
#[case::bad_token(
    Some("Bearer a.b.c"),
    16,
    401,
    "Invalid authentication credentials",
    "Bearer realm=\"artos\", error=\"invalid_token\""
)]
#[case::other_organization(
    Some(""),
    7,
    403,
    "User has no organization or not authorized",
    "Bearer realm=\"artos\", error=\"insufficient_scope\""
)]
#[tokio::test]
async fn a_denial_has_the_documented_response(
    #[case] authorization: Option<&str>,
    #[case] code: u64,
    #[case] status: u64,
    #[case] detail: &str,
    #[case] challenge: &str,
) {
    let owned = "[[resources]]\npath = \"/{*rest}\"\norganization = \"org-b\"\n";
    let server = Running::start(&format!("{owned}{ON}")).await;
    let good = format!("Bearer {}", server.files.token(json!({})));
    let value = authorization.map(|value| if value.is_empty() { good.as_str() } else { value });
    let headers: Vec<_> = value.iter().map(|value| ("authorization", *value)).collect();
    let answer = Grpc::connect(&server).await.check(&Check::new(&headers)).await;
    assert_eq!(number_at(&answer, &[1, 1]), code);
    assert_eq!(number_at(&answer, &[2, 1, 1]), status);
    assert_eq!(text(&at(&answer, &[2, 3]).unwrap()), format!("{{\"detail\":\"{detail}\"}}"));
    let mut fields = set_fields(&values(&at(&answer, &[2]).unwrap(), 2));
    fields.sort();
    let expected = [
        ("cache-control", "no-store"),
        ("content-type", "application/json"),
        ("vary", "Authorization"),
        ("www-authenticate", challenge),
    ];
    assert_eq!(fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(at(&answer, &[3]).is_none() && at(&answer, &[4]).is_none());
}

#[tokio::test]
async fn with_an_invalid_clock_nothing_is_allowed() {
    struct Stopped;
    impl Clock for Stopped {
        fn now(&self) -> Reading {
            Reading::of_system(std::time::SystemTime::UNIX_EPOCH)
        }
    }
    let server = Running::with(ON, |builder| builder.clock(Stopped)).await;
    let answer = Grpc::connect(&server).await.check(&Check::new(&[])).await;
    assert_eq!((number_at(&answer, &[1, 1]), number_at(&answer, &[2, 1, 1])), (14, 503));
    let fields = set_fields(&values(&at(&answer, &[2]).unwrap(), 2));
    assert!(fields.contains(&("retry-after".to_owned(), "1".to_owned())), "{fields:?}");
}

/// `GOOD` stands for the value of a valid token.
type Line = (&'static str, &'static str);

#[rstest]
#[case::headers(&[("authorization", "GOOD")], &[], "authorized")]
#[case::letter_case(&[("Authorization", "GOOD")], &[], "authorized")]
#[case::header_map(&[], &[("authorization", "GOOD", "")], "authorized")]
#[case::raw_value(&[], &[("Authorization", "", "GOOD")], "authorized")]
#[case::raw_value_before_value(&[], &[("authorization", "x", "GOOD")], "authorized")]
#[case::both_the_same(&[("authorization", "GOOD")], &[("authorization", "", "GOOD")], "authorized")]
#[case::two_entries(&[("authorization", "GOOD"), ("Authorization", "GOOD")], &[], "header_repeated")]
#[case::two_lines(&[], &[("authorization", "GOOD", ""), ("AUTHORIZATION", "GOOD", "")], "header_repeated")]
#[case::joined(&[("authorization", "GOOD,GOOD")], &[], "token_extra_characters")]
#[case::only_in_headers(&[("authorization", "GOOD")], &[("accept", "x", "")], "forwarded_request_unclear")]
#[case::different(&[("authorization", "x")], &[("authorization", "GOOD", "")], "forwarded_request_unclear")]
#[case::in_neither(&[("accept", "x")], &[("accept", "x", "")], "header_missing")]
#[tokio::test]
async fn raw_authorization_lines_take_precedence(
    #[case] headers: &[Line],
    #[case] map: &[(&'static str, &'static str, &'static str)],
    #[case] reason: &str,
) {
    let server = Running::start(ON).await;
    let good = format!("Bearer {}", server.files.token(json!({})));
    let fill = |value: &str| value.replace("GOOD", &good);
    let mut check = Check::new(&[]);
    check.headers = headers.iter().map(|(key, value)| (*key, fill(value))).collect();
    check.map = map.iter().map(|(key, value, raw)| (*key, fill(value), fill(raw).into_bytes())).collect();
    let answer = Grpc::connect(&server).await.check(&check).await;
    assert_eq!(number_at(&answer, &[1, 1]) == 0, reason == "authorized");
    assert!(reasons(&server, if reason == "authorized" { "allow" } else { "deny" }, reason), "{reason}");
}

#[rstest]
#[case::no_method(ON, Check { method: "", ..Check::new(&[]) })]
#[case::no_path(ON, Check { path: "", ..Check::new(&[]) })]
#[case::no_host(ON, Check { host: "", ..Check::new(&[]) })]
#[case::no_host_name(ON, Check { host: "a, b", ..Check::new(&[]) })]
#[case::untrusted("[ext_authz]\ntrusted = [\"10.0.0.0/8\"]\n", Check::new(&[]))]
#[case::nobody_trusted("[ext_authz]\ntrusted = []\n", Check::new(&[]))]
#[tokio::test]
async fn an_unclear_description_is_refused(#[case] config: &str, #[case] mut check: Check) {
    let server = Running::start(config).await;
    check.headers.push(("authorization", format!("Bearer {}", server.files.token(json!({})))));
    let answer = Grpc::connect(&server).await.check(&check).await;
    assert_eq!((number_at(&answer, &[1, 1]), number_at(&answer, &[2, 1, 1])), (7, 403));
    assert!(reasons(&server, "deny", "forwarded_request_unclear"));
}

#[tokio::test]
async fn a_message_without_a_request_is_refused() {
    let server = Running::start(ON).await;
    let mut grpc = Grpc::connect(&server).await;
    for message in [vec![], field(1, []), field(1, field(4, [])), field(1, field(4, field(2, [])))] {
        let (_, code, data) = grpc.call(CHECK, &framed(&message)).await;
        assert_eq!(code.as_deref(), Some("0"));
        assert_eq!(number_at(&data[5..], &[2, 1, 1]), 403);
    }
}

#[rstest]
#[case::own(&[("resource_org", "org-a")], 0, "authorized")]
#[case::unowned(&[("resource_org", "")], 0, "authorized")]
#[case::other(&[("resource_org", "org-b")], 7, "resource_of_other_organization")]
#[case::missing(&[("other", "org-a")], 7, "resource_unresolved")]
#[case::repeated(&[("resource_org", "org-a"), ("resource_org", "org-a")], 7, "resource_unresolved")]
#[tokio::test]
async fn a_trusted_owner_is_read_from_the_context_extensions(
    #[case] extensions: &[Line],
    #[case] code: u64,
    #[case] reason: &str,
) {
    let server = Running::start(&format!("{ON}trust_resource_org = true\n")).await;
    let mut check = Check::new(&[("authorization", &format!("Bearer {}", server.files.token(json!({}))))]);
    check.extensions = extensions.to_vec();
    let answer = Grpc::connect(&server).await.check(&check).await;
    assert_eq!(number_at(&answer, &[1, 1]), code);
    assert!(reasons(&server, if code == 0 { "allow" } else { "deny" }, reason));
}

#[rstest]
#[case::unknown_method("/envoy.service.auth.v3.Authorization/Allow", framed(&[]), "12")]
#[case::unknown_method_of_health("/grpc.health.v1.Health/Watch", framed(&[]), "12")]
#[case::too_long(CHECK, framed(&vec![0; 65_537]), "8")]
#[case::announced_too_long(CHECK, vec![0, 1, 0, 0, 0], "8")]
#[case::nothing(CHECK, vec![], "13")]
#[case::half_a_prefix(CHECK, vec![0, 0], "13")]
#[case::short(CHECK, vec![0, 0, 0, 0, 9, 1], "13")]
#[case::two_messages(CHECK, [framed(&[]), framed(&[])].concat(), "13")]
#[case::compressed(CHECK, vec![1, 0, 0, 0, 0], "13")]
#[case::not_a_message(CHECK, framed(&[0xff, 0xff, 0xff]), "3")]
#[case::a_field_of_another_type(CHECK, framed(&[0x08, 1]), "3")]
#[case::not_utf8(CHECK, framed(&field(1, field(4, field(2, field(4, [0xff]))))), "3")]
#[case::too_long_health_check(HEALTH, framed(&field(1, [b'a'; 254])), "8")]
#[case::long_health_check(HEALTH, framed(&field(1, [b'a'; 253])), "5")]
#[case::unknown_service(HEALTH, framed(&field(1, "other")), "5")]
#[tokio::test]
async fn a_grpc_error_never_allows(#[case] path: &str, #[case] body: Vec<u8>, #[case] expected: &str) {
    let server = Running::start(ON).await;
    let (status, code, data) = Grpc::connect(&server).await.call(path, &body).await;
    assert_eq!((status, code.as_deref()), (200, Some(expected)));
    assert!(data.is_empty());
}

#[tokio::test]
async fn a_message_may_arrive_in_chunks() {
    let server = Running::start(ON).await;
    let token = server.files.token(json!({}));
    let mut check = Check::new(&[("authorization", &format!("Bearer {token}"))]);
    check.headers.push(("x-long", "x".repeat(16_000)));
    let message = framed(&check.encode());
    let pieces: Vec<&[u8]> = message.chunks(1000).collect();
    let (_, code, data) = Grpc::connect(&server).await.send(request(CHECK), &pieces).await;
    assert_eq!((code.as_deref(), number_at(&data[5..], &[1, 1])), (Some("0"), 0));
}

#[rstest]
#[case::json("application/json")]
#[case::grpc_json("application/grpc+json")]
#[case::grpc_web("application/grpc-web")]
#[tokio::test]
async fn another_media_type_is_415(#[case] media_type: &str) {
    let server = Running::start(ON).await;
    let mut request = request(CHECK);
    request.headers_mut().insert("content-type", media_type.parse().unwrap());
    let (status, code, _) = Grpc::connect(&server).await.send(request, &[&framed(&[])]).await;
    assert_eq!((status, code), (415, None));
}

#[tokio::test]
async fn without_ext_authz_the_paths_are_ordinary() {
    let server = Running::start("").await;
    let mut grpc = Grpc::connect(&server).await;
    for path in [CHECK, HEALTH] {
        let (status, code, body) = grpc.call(path, &framed(&[])).await;
        assert_eq!((status, code), (401, None), "{path}");
        assert_eq!(text(&body), r#"{"detail":"Not authenticated"}"#);
    }
}

#[rstest]
#[case::the_server("")]
#[case::the_service("envoy.service.auth.v3.Authorization")]
#[tokio::test]
async fn health_is_serving(#[case] service: &str) {
    let server = Running::start(ON).await;
    let (_, code, data) = Grpc::connect(&server).await.call(HEALTH, &framed(&field(1, service))).await;
    assert_eq!((code.as_deref(), number_at(&data[5..], &[1])), (Some("0"), 1));
}

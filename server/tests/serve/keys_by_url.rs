//! Keys from an identity provider: valid, rotated, slow, invalid, redirected and failed responses.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use artos_auth_engine::Algorithm;
use artos_auth_server::signing::PrivateKey;
use rstest::rstest;
use serde_json::{Value, json};

use super::process::{PORTS, Process, current, eventually};
use super::support::Files;

const PROTECTED: &str = "/api/v1/templates/";

/// The issuer's behavior: a complete HTTP response, or none.
type Script = Arc<Mutex<Option<String>>>;
/// What follows in a response is sent one byte at a time, ten a second.
const DRIP: &str = "DRIP";
/// The responses at paths with another behavior.
type Paths = Arc<Mutex<Vec<(String, String)>>>;

/// A configurable issuer on loopback, which records the request heads.
pub(super) struct Issuer {
    pub(super) port: u16,
    answer: Script,
    paths: Paths,
    pub(super) requests: Arc<Mutex<Vec<String>>>,
}

impl Issuer {
    pub(super) fn start(answer: Option<String>) -> Self {
        Self::start_with(answer, |stream| Box::new(stream))
    }

    fn start_with(
        answer: Option<String>,
        wrap: impl Fn(TcpStream) -> Box<dyn Stream> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answer, requests) = (Arc::new(Mutex::new(answer)), Arc::<Mutex<Vec<String>>>::default());
        let paths = Paths::default();
        let (script, seen, wrap) = (Arc::clone(&answer), Arc::clone(&requests), Arc::new(wrap));
        let at_paths = Arc::clone(&paths);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (script, seen, wrap) = (Arc::clone(&script), Arc::clone(&seen), Arc::clone(&wrap));
                let paths = Arc::clone(&at_paths);
                std::thread::spawn(move || serve(wrap(stream), port, &script, &paths, &seen));
            }
        });
        Self { port, answer, paths, requests }
    }

    pub(super) fn set(&self, answer: impl Into<Option<String>>) {
        *self.answer.lock().unwrap() = answer.into();
    }

    /// Answers requests at this path differently.
    pub(super) fn set_at(&self, path: &str, answer: String) {
        let mut paths = self.paths.lock().unwrap();
        paths.retain(|(other, _)| other != path);
        paths.push((path.to_owned(), answer));
    }

    /// The number of requests at this path.
    pub(super) fn count_at(&self, path: &str) -> usize {
        let line = format!("GET {path} ");
        self.requests.lock().unwrap().iter().filter(|head| head.starts_with(&line)).count()
    }

    pub(super) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/jwks", self.port)
    }
}

trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

fn serve(mut stream: Box<dyn Stream>, port: u16, script: &Script, paths: &Paths, seen: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    seen.lock().unwrap().push(head.clone());
    let path = head.split(' ').nth(1).unwrap_or_default();
    let at_path = paths.lock().unwrap().iter().find(|(its, _)| its == path).map(|(_, answer)| answer.clone());
    let answer = at_path.or_else(|| script.lock().unwrap().clone());
    let Some(answer) = answer else {
        // It hangs for longer than any timeout.
        std::thread::sleep(Duration::from_secs(60));
        return;
    };
    // A response with a known ETag or date is not sent again.
    let is_known = [("ETag: ", "if-none-match: "), ("Last-Modified: ", "if-modified-since: ")].iter().any(
        |(field, condition)| {
            let value = answer.lines().find_map(|line| line.strip_prefix(field));
            value.is_some() && value == head.lines().find_map(|line| line.strip_prefix(condition))
        },
    );
    let answer = match is_known {
        true => "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned(),
        false => answer.replace("PORT", &port.to_string()),
    };
    let (whole, drops) = answer.split_once(DRIP).unwrap_or((&answer, ""));
    let _ = stream.write_all(whole.as_bytes()).and_then(|()| stream.flush());
    for drop in drops.as_bytes() {
        std::thread::sleep(Duration::from_millis(100));
        if stream.write_all(&[*drop]).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

pub(super) fn response(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

pub(super) fn ok(body: &str) -> String {
    response("200 OK", "", body)
}

pub(super) fn key(kid: &str) -> PrivateKey {
    PrivateKey::generate(Algorithm::ES256, Some(kid.to_owned())).unwrap()
}

pub(super) fn set(keys: &[&PrivateKey]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.to_public_jwk().unwrap()).collect();
    json!({ "keys": keys }).to_string()
}

pub(super) fn start(keys: &str) -> Process {
    let files = Files::new(PORTS);
    files.write("artos-auth.toml", &format!("{PORTS}[keys]\n{keys}\n"));
    Process::of_files(files)
}

pub(super) fn failure(process: &Process) -> Value {
    process.readiness().1["failed"][0].clone()
}

pub(super) fn fetches(process: &Process, result: &str) -> f64 {
    let (_, text) = process.admin_get("/metrics");
    let of_result = format!("result=\"{result}\"");
    let series = |line: &&str| line.starts_with("artos_auth_key_fetches_total{") && line.contains(&of_result);
    text.lines().find(series).map_or(0.0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

#[test]
fn until_the_first_load_only_public_paths_are_allowed() {
    let first = key("test-only-1");
    let issuer = Issuer::start(None);
    let process =
        start(&format!("url = \"{}?secret=x\"\ntimeout_seconds = 1\ncooldown_seconds = 1\n", issuer.url()));
    let token = current(&first, json!({}));
    assert_eq!(process.status(PROTECTED, &token), 503);
    assert_eq!(process.status("/api/v1/search/status", ""), 200);
    eventually("the deadline is told", || fetches(&process, "timeout") >= 1.0);
    assert_eq!(process.readiness().0, 503);
    assert_eq!(failure(&process)["source"], "keys[0] 127.0.0.1");
    eventually("the log has the reason", || process.errors().contains("keys_unavailable"));
    issuer.set(ok(&set(&[&first])));
    eventually("the keys are there", || process.status(PROTECTED, &token) == 200);
    eventually("it is ready", || process.readiness() == (200, json!({ "status": "ready", "failed": [] })));
    assert!(!process.errors().contains("secret"), "{}", process.errors());
}

/// Each byte arrives in time, the whole set does not: `timeout_seconds` covers the response to its end.
#[rstest]
#[case::head(&format!("HTTP/1.1 200 OK\r\n{DRIP}X-Padding: {}\r\n\r\n", "x".repeat(200)))]
#[case::body(&ok(&"x".repeat(200)).replace("\r\n\r\n", &format!("\r\n\r\n{DRIP}")))]
fn a_response_that_drips_is_a_timeout(#[case] answer: &str) {
    let first = key("test-only-1");
    let issuer = Issuer::start(Some(answer.to_owned()));
    let process = start(&format!("url = \"{}\"\ntimeout_seconds = 1\ncooldown_seconds = 1\n", issuer.url()));
    eventually("it is counted", || fetches(&process, "timeout") >= 1.0);
    assert_eq!(failure(&process)["error"], "no complete answer within 1 s");
    issuer.set(ok(&set(&[&first])));
    eventually("the keys are there", || process.status(PROTECTED, &current(&first, json!({}))) == 200);
}

#[test]
fn an_unknown_key_triggers_a_fetch_without_waiting() {
    let (first, second) = (key("test-only-1"), key("test-only-2"));
    let issuer = Issuer::start(Some(ok(&set(&[&first]))));
    let process = start(&format!("url = \"{}\"\ncooldown_seconds = 1\n", issuer.url()));
    eventually("the keys are there", || process.status(PROTECTED, &current(&first, json!({}))) == 200);
    assert_eq!(issuer.count(), 1);

    // A token without `kid` or with an invalid signature triggers no fetch.
    let nameless = current(&second, json!({}));
    let (_, rest) = nameless.split_once('.').unwrap();
    let header = base64_simd::URL_SAFE_NO_PAD.encode_to_string(br#"{"alg":"ES384"}"#);
    assert_eq!(process.status(PROTECTED, &format!("{header}.{rest}")), 401);
    let good = current(&first, json!({}));
    let broken = format!("{}{}", &good[..good.len() - 6], "AAAAAA");
    assert_eq!(process.status(PROTECTED, &broken), 401);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(issuer.count(), 1);

    // The issuer rotates its key: the first token of the new key is refused immediately, and the next ones are
    // accepted.
    issuer.set(ok(&set(&[&first, &second])));
    assert_eq!(process.status(PROTECTED, &current(&second, json!({}))), 401);
    eventually("the new key is there", || process.status(PROTECTED, &current(&second, json!({}))) == 200);
    assert_eq!(process.status(PROTECTED, &good), 200);

    // Any number of unknown keys causes one fetch within a cooldown, whether it fails or not.
    issuer.set(response("500 Internal Server Error", "", ""));
    let (before, started) = (issuer.count(), Instant::now());
    for index in 0..200 {
        let unknown = key(&format!("test-only-unknown-{index}"));
        assert_eq!(process.status(PROTECTED, &current(&unknown, json!({}))), 401);
    }
    let most = started.elapsed().as_secs() + 2;
    assert!(u64::try_from(issuer.count() - before).unwrap() <= most, "{} fetches", issuer.count() - before);
    assert_eq!(process.status(PROTECTED, &good), 200, "by the last good set");
}

#[rstest]
#[case::status(response("500 Internal Server Error", "", ""), "status", "answers 500")]
#[case::redirect(
    response("302 Found", "Location: /elsewhere\r\n", ""),
    "status",
    "redirects are not followed"
)]
#[case::too_large(ok(&"x".repeat(5 << 20)), "too_large", "has more than 262144 bytes")]
#[case::no_json(ok("<html>"), "malformed", "is not a JWK Set")]
#[case::no_set(ok("{}"), "malformed", "is not a JWK Set")]
#[case::no_keys(ok(r#"{"keys": []}"#), "refused", "no usable key in the set")]
#[case::unusable_keys(
    ok(r#"{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}"#),
    "refused",
    "no usable key"
)]
#[case::two_of_one_id(
    ok(&set(&[&key("test-only-twice"), &key("test-only-twice")])), "refused", "test-only-twice"
)]
#[case::cut_off("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_owned(), "unreachable", "cannot be reached")]
fn an_invalid_response_changes_nothing(#[case] answer: String, #[case] result: &str, #[case] error: &str) {
    let first = key("test-only-1");
    let issuer = Issuer::start(Some(ok(&set(&[&first]))));
    let process = start(&format!("url = \"{}\"\nrefresh_seconds = 1\ncooldown_seconds = 1\n", issuer.url()));
    let token = current(&first, json!({}));
    eventually("the keys are there", || process.status(PROTECTED, &token) == 200);
    issuer.set(answer);
    eventually("it is counted", || fetches(&process, result) >= 2.0);
    assert_eq!(process.status(PROTECTED, &token), 200, "by the last good set");
    let failure = failure(&process);
    assert_eq!(failure["source"], "keys[0] 127.0.0.1");
    assert!(failure["error"].as_str().unwrap().contains(error), "{failure}");
    assert_eq!(process.readiness().0, 200);
    let told = |text: &str| text.matches("the previous version stays in use").count();
    eventually("the log tells it", || told(&process.errors()) == 1);
    assert!(!issuer.requests.lock().unwrap().iter().any(|head| head.contains("/elsewhere")));
    issuer.set(ok(&set(&[&first])));
    eventually("it works again", || process.readiness().1["failed"] == json!([]));
}

#[rstest]
#[case::etag("ETag: \"v1\"", "if-none-match: \"v1\"")]
#[case::date(
    "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT",
    "if-modified-since: Wed, 21 Oct 2015 07:28:00 GMT"
)]
fn an_unchanged_set_is_not_sent_again(#[case] field: &str, #[case] condition: &str) {
    let first = key("test-only-1");
    let issuer = Issuer::start(Some(response("200 OK", &format!("{field}\r\n"), &set(&[&first]))));
    let process = start(&format!("url = \"{}\"\nrefresh_seconds = 1\n", issuer.url()));
    eventually("304 is a success", || fetches(&process, "unchanged") >= 1.0);
    assert_eq!(process.status(PROTECTED, &current(&first, json!({}))), 200);
    assert!(issuer.requests.lock().unwrap()[1].contains(condition));
}

#[test]
fn a_set_that_is_too_old_is_not_used() {
    let first = key("test-only-1");
    let issuer = Issuer::start(Some(ok(&set(&[&first]))));
    let keys =
        format!("url = \"{}\"\nrefresh_seconds = 1\ncooldown_seconds = 1\nstale_seconds = 2\n", issuer.url());
    let process = start(&keys);
    let token = current(&first, json!({}));
    eventually("the keys are there", || process.status(PROTECTED, &token) == 200);
    issuer.set(response("500 Internal Server Error", "", ""));
    eventually("it is too old", || process.status(PROTECTED, &token) == 503);
    eventually("it is not ready", || process.readiness().0 == 503);
    issuer.set(ok(&set(&[&first])));
    eventually("it is fresh again", || process.status(PROTECTED, &token) == 200);
}

#[test]
fn a_fallback_file_serves_until_the_first_fetch() {
    let (first, second) = (key("test-only-1"), key("test-only-2"));
    let issuer = Issuer::start(Some(response("500 Internal Server Error", "", "")));
    let files = Files::new(PORTS);
    files.write("fallback.json", &set(&[&first]));
    let keys = "refresh_seconds = 1\nfallback_file = \"fallback.json\"";
    files.write("artos-auth.toml", &format!("{PORTS}[keys]\nurl = \"{}\"\n{keys}\n", issuer.url()));
    let process = Process::of_files(files);
    assert_eq!(process.status(PROTECTED, &current(&first, json!({}))), 200);
    assert_eq!(process.readiness().0, 200);
    eventually("it is named", || {
        failure(&process)["error"].as_str().unwrap().contains("the fallback file is used")
    });
    issuer.set(ok(&set(&[&second])));
    eventually("the fetched set counts", || process.status(PROTECTED, &current(&second, json!({}))) == 200);
    assert_eq!(process.status(PROTECTED, &current(&first, json!({}))), 401);
}

#[rstest]
#[case::openid("http://127.0.0.1:PORT", true)]
#[case::another_issuer("http://127.0.0.1:PORT/", false)]
fn discovery_requires_the_expected_issuer(#[case] says: &str, #[case] good: bool) {
    let first = key("test-only-1");
    // One response for both requests: metadata and key set.
    let mut document: Value = serde_json::from_str(&set(&[&first])).unwrap();
    document["issuer"] = json!(says);
    document["jwks_uri"] = json!("http://127.0.0.1:PORT/jwks");
    let mut text = document.to_string();
    let issuer = Issuer::start(None);
    text = text.replace("PORT", &issuer.port.to_string());
    issuer.set(ok(&text));
    let name = format!("http://127.0.0.1:{}", issuer.port);
    let process = start(&format!("discover = \"{name}\"\ncooldown_seconds = 1\n"));
    if good {
        let token = |iss: &str| current(&first, json!({ "iss": iss }));
        eventually("the keys are there", || process.status(PROTECTED, &token(&name)) == 200);
        assert_eq!(
            process.status(PROTECTED, &token("https://other.example")),
            401,
            "it is bound to its issuer"
        );
        let heads = issuer.requests.lock().unwrap().clone();
        assert!(heads[0].starts_with("GET /.well-known/openid-configuration "), "{}", heads[0]);
    } else {
        eventually("it is refused", || fetches(&process, "refused") >= 1.0);
        assert_eq!(process.status(PROTECTED, &current(&first, json!({ "iss": name }))), 503);
    }
}

/// An https issuer is verified against only the certification authority in the file.
#[rstest]
#[case::named(true)]
#[case::unknown(false)]
fn a_certificate_must_be_issued_by_the_configured_authority(#[case] named: bool) {
    let first = key("test-only-1");
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let private =
        rustls::pki_types::PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], private)
        .unwrap();
    let config = Arc::new(config);
    let issuer = Issuer::start_with(Some(ok(&set(&[&first]))), move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        Box::new(rustls::StreamOwned::new(connection, stream))
    });
    let files = Files::new(PORTS);
    files.write("ca.pem", &if named { certificate.cert.pem() } else { other.cert.pem() });
    let keys = format!("url = \"https://localhost:{}/jwks\"\nca_file = \"ca.pem\"\n", issuer.port);
    files.write("artos-auth.toml", &format!("{PORTS}[keys]\n{keys}"));
    let process = Process::of_files(files);
    let token = current(&first, json!({}));
    if named {
        eventually("the keys are there", || process.status(PROTECTED, &token) == 200);
    } else {
        eventually("it is not trusted", || fetches(&process, "unreachable") >= 1.0);
        assert_eq!(process.status(PROTECTED, &token), 503);
    }
}

fn check(files: &Files, extra: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(["check", "--config"])
        .arg(files.path("artos-auth.toml"))
        .args(extra)
        .output()
        .unwrap()
}

#[test]
fn check_fetches_once_unless_offline() {
    let first = key("test-only-1");
    let issuer = Issuer::start(Some(ok(&set(&[&first]))));
    let files = Files::new("");
    let keys = format!("[keys]\nurl = \"{}\"\n", issuer.url());
    files.write("artos-auth.toml", &keys);
    let output = check(&files, &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("1 key from 127.0.0.1") && text.contains("test-only-1"), "{text}");
    assert_eq!((output.status.code(), issuer.count()), (Some(0), 1));

    let output = check(&files, &["--offline"]);
    assert_eq!((output.status.code(), issuer.count()), (Some(2), 1), "there is no fallback file");
    files.write("fallback.json", &set(&[&first]));
    files.write("artos-auth.toml", &format!("{keys}fallback_file = \"fallback.json\"\n"));
    assert_eq!((check(&files, &["--offline"]).status.code(), issuer.count()), (Some(0), 1));

    issuer.set(response("500 Internal Server Error", "", ""));
    let output = check(&files, &[]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors.contains("keys[0] 127.0.0.1: answers 500, not 200"), "{errors}");
}

#[rstest]
#[case("url = \"http://issuer.example/jwks\"", "plain http")]
#[case("url = \"https://u:p@issuer.example/jwks\"", "user information")]
#[case("url = \"https://issuer.example/jwks#x\"", "fragment")]
#[case("url = \"https://issuer.example/jwks\"\nfile = \"k\"", "one of `file`, `url` and `discover`")]
#[case("url = \"https://issuer.example/jwks\"\nrefresh_seconds = 0", "must be 1 or more")]
#[case("url = \"https://issuer.example/jwks\"\nmax_bytes = 0", "must be 1 or more")]
#[case(
    "discover = \"https://issuer.example\"\nissuer = \"https://issuer.example/\"",
    "the same as `discover`"
)]
#[case("file = \"keys.jwks.json\"\nstale_seconds = 1", "is for keys by `url` or `discover`")]
fn invalid_remote_settings_are_refused_at_load(#[case] keys: &str, #[case] problem: &str) {
    let files = Files::new("");
    files.write("artos-auth.toml", &format!("[keys]\n{keys}\n"));
    let output = check(&files, &["--offline"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(errors.contains(problem) && errors.contains("artos-auth.toml:"), "{errors}");
}

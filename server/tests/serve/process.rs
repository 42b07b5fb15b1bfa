//! `artos-auth serve` as a separate process, as clients see it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::support::{Files, PATIENCE};

/// A server process; killed on drop.
pub(crate) struct Process {
    child: Child,
    /// The lines of standard output so far, including the addresses.
    pub(crate) first: Vec<String>,
    errors: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    pub(crate) files: Files,
}

pub(crate) const PORTS: &str = "listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n";

impl Process {
    /// `serve --config` with this configuration, once it listens.
    pub(crate) fn start(config: &str) -> Self {
        Self::of_files(Files::new(config))
    }

    pub(crate) fn of_files(files: Files) -> Self {
        let config = files.path("artos-auth.toml");
        Self::spawn(files, &["--config", config.to_str().unwrap()], |lines| lines.len() == 2)
    }

    /// `serve` with these arguments, once `enough` accepts its output.
    pub(crate) fn spawn(files: Files, arguments: &[&str], enough: impl Fn(&[String]) -> bool) -> Self {
        Self::spawn_with(files, arguments, &[], enough)
    }

    /// The same, with additional environment variables.
    pub(crate) fn spawn_with(
        files: Files,
        arguments: &[&str],
        environment: &[(&str, PathBuf)],
        enough: impl Fn(&[String]) -> bool,
    ) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
            .arg("serve")
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (*name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = child.stderr.take().unwrap();
        let collected = Arc::<Mutex<String>>::default();
        let into = Arc::clone(&collected);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = errors.read(&mut buffer) {
                into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
            }
        });
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).all(|line| sender.send(line).is_ok())
        });
        let mut process = Self { child, first: Vec::new(), errors: collected, reader: Some(reader), files };
        while !enough(&process.first) {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => process.first.push(line),
                Err(error) => panic!("{error}: {:#?} {}", process.first, process.errors()),
            }
        }
        assert_schema_takes(&process.files);
        process
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.first[0].strip_prefix("listening on http://").expect("the first line").parse().unwrap()
    }

    pub(crate) fn admin(&self) -> SocketAddr {
        self.first[1].strip_prefix("admin on http://").expect("the second line").parse().unwrap()
    }

    /// Kills it without cleanup.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    /// Its exit status and its standard error.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let mut status = None;
        eventually("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        self.reader.take().unwrap().join().unwrap();
        (status.unwrap(), self.errors())
    }

    pub(crate) fn status(&self, path: &str, token: &str) -> u16 {
        let request = super::support::get(path, token);
        super::support::status(&exchange(self.address(), request.as_bytes()))
    }

    pub(crate) fn admin_get(&self, path: &str) -> (u16, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let answer = exchange(self.admin(), request.as_bytes());
        (super::support::status(&answer), super::support::body(&answer).to_owned())
    }

    pub(crate) fn readiness(&self) -> (u16, Value) {
        let (status, body) = self.admin_get("/readyz");
        let report = serde_json::from_str(&body).unwrap();
        super::runbook::assert_explains(&report);
        (status, report)
    }

    pub(crate) fn metric(&self, series: &str) -> f64 {
        let (_, text) = self.admin_get("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {series} in {text}")).parse().unwrap()
    }

    pub(crate) fn token(&self, claims: Value) -> String {
        current(&self.files.key, claims)
    }
}

/// A token that is valid now.
pub(crate) fn current(key: &artos_auth_server::signing::PrivateKey, claims: Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut all = json!({ "iat": now - 60, "exp": now + 600 });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    super::support::token(key, all)
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The schema takes every configuration that a server of a test started with.
fn assert_schema_takes(files: &Files) {
    static SCHEMA: LazyLock<jsonschema::Validator> =
        LazyLock::new(|| jsonschema::draft202012::new(&artos_auth_server::config::schema()).unwrap());
    let Ok(text) = std::fs::read_to_string(files.path("artos-auth.toml")) else { return };
    let table: toml::Table = text.trim_start_matches('\u{feff}').parse().unwrap();
    let value = serde_json::to_value(table).unwrap();
    let errors: Vec<String> = SCHEMA.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{text}");
}

pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: it does not come");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_first_lines_name_the_addresses() {
    let process = Process::start(PORTS);
    assert_eq!(process.status("/api/v1/search/status", ""), 200);
    assert_eq!(process.admin_get("/healthz"), (200, r#"{"status":"ok"}"#.to_owned()));
    assert_eq!(process.errors().matches("warning").count(), 0, "{}", process.errors());
}

#[test]
fn a_flag_overrides_the_file() {
    let files = Files::new("listen = \"127.0.0.1:1\"\n");
    let config = files.path("artos-auth.toml");
    let process =
        Process::spawn(files, &["--config", config.to_str().unwrap(), "--listen", "127.0.0.1:0"], |lines| {
            lines.len() == 1
        });
    assert_eq!(process.status("/api/v1/search/status", ""), 200);
}

#[test]
fn plaintext_on_other_interfaces_is_a_warning() {
    let files = Files::new("admin_listen = \"0.0.0.0:0\"\n");
    let config = files.path("artos-auth.toml");
    let process =
        Process::spawn(files, &["--config", config.to_str().unwrap(), "--listen", "0.0.0.0:0"], |lines| {
            lines.len() == 2
        });
    eventually("both warnings", || {
        let errors = process.errors();
        errors.contains("`--listen`: 0.0.0.0:0 is not loopback")
            && errors.contains("`admin_listen`: 0.0.0.0:0")
    });
}

fn refused(arguments: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_artos-auth")).arg("serve").args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_address_in_use_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let files = Files::new("");
    let error = refused(&["--config", files.path("artos-auth.toml").to_str().unwrap(), "--listen", &address]);
    assert!(error.starts_with(&format!("error: `listen`: cannot listen on {address}: ")), "{error}");
    assert!(error.contains("another process listens there"), "{error}");
}

#[test]
fn invalid_files_are_errors() {
    let files = Files::new("listen = \"127.0.0.1:0\"\n");
    let config = files.path("artos-auth.toml");
    let arguments = ["--config", config.to_str().unwrap()];
    for name in ["revocations.json", "keys.jwks.json", "artos-auth.toml"] {
        files.write(name, "{");
        let error = refused(&arguments);
        assert!(error.starts_with(&format!("error: {}", files.path(name).display())), "{error}");
    }
}

#[test]
fn signals_end_it() {
    for signal in [Signal::TERM, Signal::INT] {
        let process = Process::start(PORTS);
        let mut idle = TcpStream::connect(process.address()).unwrap();
        process.signal(signal);
        let (status, errors) = process.ended();
        assert_eq!(status.code(), Some(0), "{errors}");
        assert!(errors.contains("answers in flight may finish"));
        assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0, "idle connections are let go");
    }
}

/// A client that sends requests without pause and reads nothing delays the graceful shutdown.
fn stuck(process: &Process) -> TcpStream {
    let mut stream = TcpStream::connect(process.address()).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let requests = "GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
    while stream.write_all(requests.as_bytes()).is_ok() {}
    stream
}

#[test]
fn a_second_signal_ends_it_immediately() {
    let process =
        Process::start(&format!("{PORTS}[audit]\noutput = \"off\"\n[limits]\nshutdown_seconds = 600\n"));
    let stuck = stuck(&process);
    process.signal(Signal::TERM);
    eventually("it is not ready any more", || process.readiness().0 == 503);
    assert_eq!(process.readiness().1["status"], "stopping");
    process.signal(Signal::TERM);
    let (status, errors) = process.ended();
    assert_eq!(status.code(), Some(143), "{errors}");
    drop(stuck);
}

#[test]
fn the_shutdown_has_a_deadline() {
    let process =
        Process::start(&format!("{PORTS}[audit]\noutput = \"off\"\n[limits]\nshutdown_seconds = 1\n"));
    let stuck = stuck(&process);
    process.signal(Signal::TERM);
    let (status, errors) = process.ended();
    assert_eq!(status.code(), Some(0), "{errors}");
    drop(stuck);
}

/// Decisions wait for an audit log whose output is blocked; the admin port and signals do not.
#[test]
fn a_blocked_audit_log_blocks_only_decisions() {
    let files = Files::new(&format!("{PORTS}[limits]\nshutdown_seconds = 0\n"));
    let config = files.path("artos-auth.toml");
    let mut child = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(["serve", "--config", config.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Standard error is never read.
    let output = BufReader::new(child.stdout.take().unwrap());
    let first: Vec<String> = output.lines().take(2).map(Result::unwrap).collect();
    let address: SocketAddr = first[0].strip_prefix("listening on http://").unwrap().parse().unwrap();
    let admin: SocketAddr = first[1].strip_prefix("admin on http://").unwrap().parse().unwrap();

    let path = "x".repeat(512);
    let request = format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(100);
    let flood = |address| {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut answers = stream.try_clone().unwrap();
        stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
        // About ten megabytes of lines: more than the queue and the pipe hold.
        (0..200).all(|_| stream.write_all(request.as_bytes()).is_ok())
    };
    assert!(!flood(address), "decisions wait");
    let health = exchange(admin, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(super::support::status(&health), 200);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    eventually("it ends all the same", || child.try_wait().unwrap().is_some());
}

#[test]
fn the_audit_log_has_a_line_for_each_decision_and_no_token() {
    let process = Process::start(PORTS);
    let good = process.token(json!({}));
    process.status("/api/v1/search/status?secret=1", &good);
    process.status("/api/v1/templates/", &good);
    process.status("/api/v1/templates/", "not.a.token");
    let files = process.files.folder.path().to_owned();
    process.signal(Signal::TERM);
    let (status, errors) = process.ended();
    assert_eq!(status.code(), Some(0), "{errors}");
    drop(files);
    let lines: Vec<Value> = errors.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let decisions: Vec<&Value> = lines.iter().filter(|line| line["outcome"].is_string()).collect();
    let shown: Vec<_> = decisions
        .iter()
        .map(|line| {
            (
                line["path"].as_str().unwrap(),
                line["status"].as_u64().unwrap(),
                line["reason"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("/api/v1/search/status", 200, "public_path"),
        ("/api/v1/templates/", 200, "authorized"),
        ("/api/v1/templates/", 401, "token_malformed"),
    ];
    assert_eq!(shown, expected);
    assert!(good.as_bytes().windows(8).all(|part| !errors.contains(std::str::from_utf8(part).unwrap())));
    assert!(!errors.contains("secret"));
}

/// A standard error that cannot be written at shutdown does not affect clients.
#[test]
fn an_unread_standard_error_does_not_matter() {
    let files = Files::new(PORTS);
    let config = files.path("artos-auth.toml");
    let mut child = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(["serve", "--config", config.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    drop(output);
    let address: SocketAddr = first.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
    for _ in 0..3 {
        let answer = exchange(address, super::support::get("/api/v1/search/status", "").as_bytes());
        assert_eq!(super::support::status(&answer), 200);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

pub(crate) fn path_text(path: &Path) -> &str {
    path.to_str().unwrap()
}

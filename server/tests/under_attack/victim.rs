//! The server, a separate process, and the valid client that sends requests during an attack.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use artos_auth_fixtures::TokenSpec;
use artos_auth_fixtures::keys::TestKey;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Timeout of the valid client: far longer than a response takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(8);
/// Duration of an attack that does not end by design.
pub(crate) const ATTACK: Duration = Duration::from_secs(2);
/// How long descriptors are counted for one number of them.
const COUNT_TIME: Duration = Duration::from_millis(250);
const MIB: u64 = 1 << 20;

/// A server process.
pub(crate) struct Victim {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    process: Child,
    token: String,
    _folder: TempDir,
}

impl Victim {
    /// A server with this in its `[limits]`.
    pub(crate) fn start(limits: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = TestKey::named("hs256").expect("a test key");
        let keys = json!({ "keys": [Value::Object(key.published())] });
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
        write("keys.jwks.json", &keys.to_string());
        let config = format!(
            "listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n[keys]\nfile = \"keys.jwks.json\"\n\
             [audit]\noutput = \"off\"\n[limits]\n{limits}\n"
        );
        write("artos-auth.toml", &config);
        let mut process = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
            .args(["serve", "--config"])
            .arg(folder.path().join("artos-auth.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a server");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let mut address = |before: &str| -> SocketAddr {
            let line = lines.next().expect("a line").expect("text");
            line.strip_prefix(before).and_then(|rest| rest.parse().ok()).unwrap_or_else(|| panic!("{line}"))
        };
        let address_of_main = address("listening on http://");
        let admin = address("admin on http://");
        Self { address: address_of_main, admin, process, token: good_token(), _folder: folder }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        connect(self.address)
    }

    /// The request of the valid client.
    pub(crate) fn good_request(&self) -> String {
        good_request(&self.token)
    }

    /// Attacks while a valid client sends requests, then checks that everything has returned to normal. `memory` is the
    /// maximum growth of the server's memory, in MiB.
    pub(crate) fn survives(&self, memory: u64, attack: impl Fn()) {
        // The first responses allocate lasting structures.
        ask(self.address, &self.token).expect("an answer before the attack");
        let before = self.look_when_steady();
        let patron = Patron::start(self.address, self.token.clone());
        let watch = Watch::start(self.process.id());
        attack();
        // An attack that ends before a few responses on a busy machine is repeated.
        while patron.answers.load(Ordering::Relaxed) < FEW && !patron.thread.is_finished() {
            attack();
        }
        let answers = patron.stop();
        let worst = watch.stop();
        println!(
            "{answers} answers during the attack; {} MiB before, {} at worst",
            before.memory / MIB,
            worst / MIB
        );
        assert!(worst <= before.memory + memory * MIB, "{} MiB more", (worst - before.memory) / MIB);

        self.look_when(|after| after.connections == 0 && after.descriptors <= before.descriptors);
        ask(self.address, &self.token).expect("an answer after the attack");
    }

    /// Open connections and memory, once they have returned to normal.
    fn look_when(&self, mut settled: impl FnMut(&State) -> bool) -> State {
        let started = Instant::now();
        loop {
            let state = self.look();
            if settled(&state) {
                return state;
            }
            assert!(started.elapsed() < PATIENCE, "still {state:?}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Open connections and memory, once there are no connections and the number of descriptors is the same twice: the
    /// server opens some of its files after its first response.
    fn look_when_steady(&self) -> State {
        let mut last = 0;
        self.look_when(|state| {
            let is_steady = state.connections == 0 && state.descriptors == last;
            last = state.descriptors;
            is_steady
        })
    }

    /// Open connections and memory while only this function sends requests.
    fn look(&self) -> State {
        let metrics = get(self.admin, "/metrics");
        let line = metrics.lines().find(|line| line.starts_with("artos_auth_connections "));
        let connections = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        State {
            connections: connections.unwrap_or_else(|| panic!("no number of connections in {metrics}")),
            descriptors: self.descriptors(),
            memory: resident(self.process.id()),
        }
    }

    /// Open descriptors: the lowest of many counts. The server closes the descriptor of a connection shortly after the
    /// client sees its end, so one count may include the connection that asked for the metrics.
    fn descriptors(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.process.id());
        let (started, mut lowest) = (Instant::now(), usize::MAX);
        while started.elapsed() < COUNT_TIME {
            lowest = lowest.min(std::fs::read_dir(&folder).expect("descriptors").count());
            thread::sleep(Duration::from_millis(10));
        }
        lowest
    }

    /// The admin port remains available to operators.
    pub(crate) fn admin_answers(&self) {
        assert!(get(self.admin, "/healthz").starts_with("HTTP/1.1 200"), "no health");
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Debug)]
struct State {
    connections: u64,
    descriptors: usize,
    memory: u64,
}

/// Minimum number of responses to the valid client during an attack.
const FEW: usize = 5;

/// A client that repeatedly sends a request on a new connection; each must be answered.
struct Patron {
    stop: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl Patron {
    fn start(address: SocketAddr, token: String) -> Self {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (stopped, answered) = (Arc::clone(&stop), Arc::clone(&answers));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Err(problem) = ask(address, &token) {
                    panic!("the good client, after {answered:?} answers: {problem}");
                }
                answered.fetch_add(1, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(10));
            }
        });
        Self { stop, answers, thread }
    }

    fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a good client that was answered all through");
        self.answers.load(Ordering::Relaxed)
    }
}

/// Samples the memory of a process.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Watch {
    fn start(process: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut worst = 0;
            while !stopped.load(Ordering::Relaxed) {
                worst = worst.max(resident(process));
                thread::sleep(Duration::from_millis(20));
            }
            worst
        });
        Self { stop, thread }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("a look at the memory")
    }
}

/// `VmRSS`, in bytes.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the state of the server");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}

fn good_token() -> String {
    token_with(&json!({}))
}

/// A valid token with these claims.
pub(crate) fn token_with(claims: &Value) -> String {
    // Valid until the year 9999, because the server uses the real clock.
    let mut spec = json!({"claims": {"exp": 253_402_300_799_u64}});
    let all = spec["claims"].as_object_mut().expect("an object");
    all.extend(claims.as_object().expect("an object").clone());
    let spec: TokenSpec = serde_json::from_value(spec).expect("a token");
    String::from_utf8(spec.mint().expect("a token")).expect("text")
}

fn good_request(token: &str) -> String {
    format!("GET /api/v1/templates/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n")
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit");
    stream.set_write_timeout(Some(PATIENCE)).expect("a limit");
    stream
}

/// Sends one request with the token.
fn ask(address: SocketAddr, token: &str) -> Result<(), String> {
    let mut stream =
        TcpStream::connect_timeout(&address, PATIENCE).map_err(|error| format!("connecting: {error}"))?;
    let failed = |error: std::io::Error| format!("asking: {error}");
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let request = good_request(token).replace("Host: a", "Host: a\r\nConnection: close");
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| format!("listening: {error}, after {answer:?}"))?;
    let good =
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(r#""user_id":"u1","org_id":"org-a""#);
    if good { Ok(()) } else { Err(format!("answered {answer:?}")) }
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = connect(address);
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Reads until the end of a connection, which must come; a reset counts too.
pub(crate) fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let started = Instant::now();
    let mut buffer = [0; 16 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return all,
            Ok(read) => all.extend_from_slice(&buffer[..read]),
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) =>
            {
                panic!("a connection that is not closed after {:?}", started.elapsed());
            }
            Err(_) => return all,
        }
    }
}

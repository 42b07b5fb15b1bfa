//! `overflow = "block"`, as a process: every decision has exactly one complete line, however writes fail.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::process::{PORTS, Process, current, eventually, exchange};
use super::support::{Files, PATIENCE, status};

/// A server whose standard error the test controls; killed on drop.
struct Server {
    child: Child,
    main: SocketAddr,
    admin: SocketAddr,
    files: Files,
    token: String,
}

impl Server {
    /// A server with this configuration. `limit_blocks` is the maximum file size in blocks of 512 bytes.
    fn start(config: &str, errors: impl Into<Stdio>, limit_blocks: Option<u32>) -> Self {
        let files = Files::new(&format!("{PORTS}[limits]\nshutdown_seconds = 0\n{config}"));
        let binary = env!("CARGO_BIN_EXE_artos-auth");
        let mut command = match limit_blocks {
            None => Command::new(binary),
            Some(blocks) => {
                let mut command = Command::new("sh");
                command.args(["-c", &format!("ulimit -f {blocks}; exec \"$0\" \"$@\""), binary]);
                command
            }
        };
        let mut child = command
            .args(["serve", "--config"])
            .arg(files.path("artos-auth.toml"))
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |before: &str| -> SocketAddr {
            lines.next().unwrap().unwrap().strip_prefix(before).unwrap().parse().unwrap()
        };
        let (main, admin) = (address("listening on http://"), address("admin on http://"));
        let token = current(&files.key, json!({}));
        Self { child, main, admin, files, token }
    }

    fn request(&self, path: &str) -> String {
        let token = &self.token;
        format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
    }

    /// The status of the response, if it arrives soon.
    fn answer(&self, path: &str) -> Option<u16> {
        let mut stream = TcpStream::connect(self.main).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        stream.write_all(self.request(path).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok().map(|_| status(&answer))
    }

    fn get(&self, path: &str) -> String {
        exchange(
            self.admin,
            format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
        )
    }

    fn readiness(&self) -> (u16, Value) {
        let answer = self.get("/readyz");
        (status(&answer), serde_json::from_str(super::support::body(&answer)).unwrap())
    }

    fn metric(&self, name: &str) -> u64 {
        let metrics = self.get("/metrics");
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name}: {metrics}")).parse().unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Decisions wait; everything else continues, and the blocked state is reported.
    fn is_blocked(&self) {
        eventually("decisions wait", || self.answer("/api/v1/templates/").is_none());
        assert_eq!(self.answer("/api/v1/search/status"), Some(200), "a public path does not wait");
        assert!(self.get("/healthz").starts_with("HTTP/1.1 200"));
        let mut waiting = TcpStream::connect(self.main).unwrap();
        waiting.write_all(self.request("/api/v1/templates/").as_bytes()).unwrap();
        eventually("it is not ready", || self.readiness().0 == 503);
        let (_, readiness) = self.readiness();
        assert_eq!(readiness["failed"][0]["source"], "audit", "{readiness}");
        assert!(readiness["failed"][0]["error"].as_str().unwrap().contains("decisions wait"), "{readiness}");
        assert!(self.metric("artos_auth_decisions_waiting") > 0);
        assert!(self.metric("artos_auth_audit_queue_bytes") > 0);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number of complete decision lines, and of torn ones.
fn whole_and_torn(lines: &[u8]) -> (usize, usize) {
    let (mut whole, mut torn) = (0, 0);
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Value>(line) {
            Ok(line) => whole += usize::from(line["outcome"].is_string()),
            Err(_) => torn += 1,
        }
    }
    (whole, torn)
}

#[test]
fn decisions_wait_for_a_full_disk() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let server = Server::start("", full, None);
    server.is_blocked();
    let error = server.readiness().1["failed"][0]["error"].to_string();
    assert!(error.contains("No space left on device"), "{error}");
    server.signal(Signal::TERM);
    let mut server = server;
    eventually("it ends", || server.child.try_wait().unwrap().is_some());
    assert_eq!(server.child.wait().unwrap().code(), Some(2), "lines are lost");
}

#[test]
fn decisions_wait_for_a_reader_that_has_exited() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let server = Server::start("", writer, None);
    server.is_blocked();
}

/// A slow reader of a non-blocking pipe: as many complete lines as responses.
#[test]
fn a_non_blocking_pipe_loses_nothing() {
    const REQUESTS: usize = 2000;
    let (mut reader, writer) = std::io::pipe().unwrap();
    let writer = OwnedFd::from(writer);
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    let server = Server::start("", writer, None);

    let mut stream = TcpStream::connect(server.main).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = server.request("/api/v1/templates/").replace("Connection: close\r\n", "");
    let mut answers = 0;
    for _ in 0..REQUESTS {
        stream.write_all(request.as_bytes()).unwrap();
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        while !answer.ends_with(b"}") {
            let read = stream.read(&mut buffer).unwrap();
            assert!(read > 0, "after {answers} answers");
            answer.extend_from_slice(&buffer[..read]);
        }
        answers += 1;
    }
    server.signal(Signal::TERM);
    let mut lines = Vec::new();
    reader.read_to_end(&mut lines).unwrap();
    assert_eq!(whole_and_torn(&lines), (answers, 0));
}

const IN_FILE: &str = "[audit]\noutput = \"file\"\nfile = \"audit.jsonl\"\n";

/// The file size limit acts as a full disk, and its signal does not end the process.
#[test]
fn a_file_at_its_limit_is_rotated_and_nothing_is_lost() {
    let server = Server::start(IN_FILE, Stdio::null(), Some(8));
    let mut answers = 0;
    eventually("decisions wait", || {
        let answered = server.answer("/api/v1/templates/").is_some();
        answers += usize::from(answered);
        !answered
    });
    assert!(answers > 0);
    server.is_blocked();
    std::fs::rename(server.files.path("audit.jsonl"), server.files.path("audit.1")).unwrap();
    server.signal(Signal::HUP);
    eventually("it goes on", || server.answer("/api/v1/templates/") == Some(200));
    eventually("it is ready", || server.readiness().0 == 200);
    eventually("everything is written", || server.metric("artos_auth_audit_queue_bytes") == 0);
    let read = |name: &str| std::fs::read(server.files.path(name)).unwrap();
    let (old, new) = (whole_and_torn(&read("audit.1")), whole_and_torn(&read("audit.jsonl")));
    assert_eq!((old.1, new.1), (0, 0), "no line is torn");
    assert!(old.0 + new.0 > answers);
    assert_eq!(server.metric("artos_auth_audit_dropped_total"), 0);
}

#[test]
fn a_file_holds_decisions_and_standard_error_the_rest() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let server = Server::start(IN_FILE, writer, None);
    assert_eq!(server.answer("/api/v1/templates/"), Some(200));
    eventually("the line", || {
        whole_and_torn(&std::fs::read(server.files.path("audit.jsonl")).unwrap()) == (1, 0)
    });
    server.signal(Signal::TERM);
    let mut errors = Vec::new();
    reader.read_to_end(&mut errors).unwrap();
    assert_eq!(whole_and_torn(&errors), (0, 0), "{}", String::from_utf8_lossy(&errors));
    assert!(!errors.is_empty());
}

#[rstest]
#[case::no_folder("none/audit.jsonl", "No such file or directory")]
#[case::fifo("fifo", "not a regular file")]
#[case::device("/dev/full", "not a regular file")]
fn a_file_that_cannot_be_opened_is_status_2(#[case] file: &str, #[case] problem: &str) {
    let files = Files::new(&format!("{PORTS}[audit]\noutput = \"file\"\nfile = \"{file}\"\n"));
    assert!(Command::new("mkfifo").arg(files.path("fifo")).status().unwrap().success());
    let output = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(["serve", "--config"])
        .arg(files.path("artos-auth.toml"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("`audit.file`: "), "{error}");
    assert!(error.contains(&format!("{file} cannot be opened: {problem}")), "{error}");
}

/// Opening a FIFO without a reader would never end, and no line would be written any more.
#[test]
fn a_file_that_is_replaced_by_a_fifo_stays_in_use() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let server = Server::start(IN_FILE, writer, None);
    let (file, old) = (server.files.path("audit.jsonl"), server.files.path("audit.1"));
    std::fs::rename(&file, &old).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    server.signal(Signal::USR1);
    let failures = "artos_auth_reload_failures_total{file=\"audit\"}";
    eventually("it is counted", || server.metric(failures) == 1);
    assert_eq!(server.answer("/api/v1/templates/"), Some(200));
    eventually("the line", || whole_and_torn(&std::fs::read(&old).unwrap()) == (1, 0));
    server.signal(Signal::TERM);
    let mut errors = String::new();
    reader.read_to_string(&mut errors).unwrap();
    assert!(errors.contains("cannot be reopened: not a regular file; the old file stays in use"), "{errors}");
}

/// A log collector that is stuck when the server starts.
#[test]
fn a_full_pipe_as_standard_output_stops_nothing() {
    let files = Files::new("");
    let [main, admin] = ["main", "admin"].map(|name| files.path(name));
    files.write_config(&format!(
        "listen = \"unix:{}\"\nadmin_listen = \"unix:{}\"\n",
        main.display(),
        admin.display()
    ));
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::empty()).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(["serve", "--config"])
        .arg(files.path("artos-auth.toml"))
        .stdout(writer)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let healthy = || {
        let Ok(mut stream) = std::os::unix::net::UnixStream::connect(&admin) else { return false };
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).is_ok() && status(&answer) == 200
    };
    eventually("the admin port answers", healthy);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    eventually("SIGTERM ends it", || child.try_wait().unwrap().is_some());
    drop(reader);
}

/// An earlier process could not write the end of its last line.
#[test]
fn a_line_without_an_end_is_ended_before_the_next() {
    let files = Files::new(&format!("{PORTS}[audit]\noutput = \"file\"\nfile = \"audit.log\"\n"));
    files.write("audit.log", "{\"time\": \"2026");
    let server = Process::of_files(files);
    server.status("/first", "");
    let lines = || std::fs::read_to_string(server.files.path("audit.log")).unwrap();
    eventually("the line", || lines().ends_with("}\n"));
    let text = lines();
    let second: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!((text.lines().count(), second["path"].as_str()), (2, Some("/first")));
}

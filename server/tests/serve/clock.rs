//! The real binary with an invalid clock, set by a preloaded library.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::process::{PORTS, Process, eventually};
use super::support::Files;

const PROTECTED: &str = "/api/v1/templates/";
const PUBLIC: &str = "/api/v1/search/status";

/// Makes the file named by `TEST_CLOCK` the system clock.
const LIBRARY: &str = include_str!("../../../fixtures/clock.c");

/// Compiles the library with the C compiler that the workspace requires anyway.
fn library(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    std::fs::write(&source, LIBRARY).unwrap();
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-ldl").output();
    let compiled = compiled.expect("cc is installed");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    library
}

fn set_clock(files: &Files, seconds: i64) {
    files.replace("clock", &seconds.to_string());
}

fn start(seconds: i64) -> Process {
    let files = Files::new(PORTS);
    set_clock(&files, seconds);
    let environment = [("LD_PRELOAD", library(files.folder.path())), ("TEST_CLOCK", files.path("clock"))];
    let config = files.path("artos-auth.toml");
    let arguments = ["--config", config.to_str().unwrap()];
    Process::spawn_with(files, &arguments, &environment, |lines| lines.len() == 2)
}

fn expired(process: &Process) -> String {
    process.token(json!({ "iat": null, "exp": 1_600_000_000 }))
}

fn names_the_clock(process: &Process) -> bool {
    let (status, report) = process.readiness();
    let failed = report["failed"].as_array().unwrap();
    let named = failed.iter().any(|failure| {
        failure["source"] == "clock" && failure["error"].as_str().unwrap().contains("before 2025-01-01")
    });
    assert_eq!(named, status == 503, "{report}");
    named
}

#[rstest]
#[case::epoch(0, 503)]
#[case::never_set(1_000, 503)]
#[case::the_end_of_2024(1_735_689_599, 503)]
#[case::the_beginning_of_2025(1_735_689_600, 401)]
fn with_a_clock_before_2025_only_public_paths_are_allowed(#[case] seconds: i64, #[case] expected: u16) {
    let process = start(seconds);
    assert_eq!(process.status(PROTECTED, &expired(&process)), expected);
    assert_eq!(process.status(PUBLIC, ""), 200);
    assert_eq!(names_the_clock(&process), expected == 503);
    let reason = if expected == 503 { "clock_unusable" } else { "token_expired" };
    eventually("the audit line has the reason", || process.errors().contains(reason));
    assert_eq!(process.errors().contains("set the clock"), expected == 503, "{}", process.errors());
}

#[test]
fn a_clock_that_changes_while_the_server_runs_is_noticed() {
    let process = start(1_800_000_000);
    assert_eq!(process.status(PROTECTED, &expired(&process)), 401);
    set_clock(&process.files, 5);
    assert_eq!(process.status(PROTECTED, &expired(&process)), 503, "the next decision counts");
    eventually("it is told", || names_the_clock(&process));
    set_clock(&process.files, 1_800_000_000);
    assert_eq!(process.status(PROTECTED, &expired(&process)), 401);
    eventually("it is told", || !names_the_clock(&process));
    assert_eq!(process.errors().matches("set the clock").count(), 1, "once until it changes");
    eventually("the log says so", || process.errors().contains("the system clock is usable again"));
}

/// A connection that is open when the clock moves to a date that HTTP cannot represent is closed, without a panic.
#[rstest]
#[case::http1(
    b"GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api/v1/search/status HTTP/1.1\r\nHost: a\r\n\r\n"
)]
// A preface, settings and two requests for `/` at `a`, with fields from the static table of RFC 7541.
#[case::http2(
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a",
    b"\0\0\x06\x01\x05\0\0\0\x03\x82\x86\x84\x41\x01a"
)]
fn an_open_connection_survives_a_clock_beyond_the_year_9999(#[case] first: &[u8], #[case] second: &[u8]) {
    let process = start(1_800_000_000);
    let mut stream = TcpStream::connect(process.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(first).unwrap();
    let mut part = [0; 4096];
    let length = stream.read(&mut part).unwrap();
    let mut answers = part[..length].to_vec();
    set_clock(&process.files, 253_402_300_800);
    // The server may have closed it already.
    let _ = stream.write_all(second);
    // HTTP/1 needs a date and is refused; over HTTP/2 both requests are without a token, and bodies are readable in frames.
    let (text, count) =
        if first.starts_with(b"GET") { ("Service unavailable", 1) } else { ("Not authenticated", 2) };
    while String::from_utf8_lossy(&answers).matches(text).count() < count {
        let length = stream.read(&mut part).unwrap();
        assert!(length > 0, "the connection is closed after {}", String::from_utf8_lossy(&answers));
        answers.extend_from_slice(&part[..length]);
    }
    set_clock(&process.files, 1_800_000_000);
    assert_eq!(process.status(PUBLIC, ""), 200, "the server goes on");
    assert!(!process.errors().contains("panicked"), "{}", process.errors());
}

/// No clock value causes a panic, even if HTTP cannot represent it.
#[rstest]
#[case::before_1970(-1_000_000_000)]
#[case::year_10000(253_402_300_800)]
#[case::as_late_as_can_be(i64::MAX)]
fn no_clock_value_panics(#[case] seconds: i64) {
    let process = start(seconds);
    assert_eq!(process.status(PROTECTED, &expired(&process)), 503);
    let (status, errors) = {
        process.signal(rustix::process::Signal::TERM);
        process.ended()
    };
    assert_eq!(status.code(), Some(0), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

#[rstest]
#[case::before_1970(-1)]
#[case::epoch(0)]
#[case::year_10000(253_402_300_800)]
fn the_development_server_starts_at_any_time(#[case] seconds: i64) {
    let files = Files::new(PORTS);
    set_clock(&files, seconds);
    let environment = [("LD_PRELOAD", library(files.folder.path())), ("TEST_CLOCK", files.path("clock"))];
    let arguments = ["--dev", "--listen", "127.0.0.1:0"];
    let process = Process::spawn_with(files, &arguments, &environment, |lines| !lines.is_empty());
    assert_eq!(process.status(PROTECTED, "x"), 503);
    assert!(!process.errors().contains("panicked"), "{}", process.errors());
}

#[rstest]
#[case::never_set(1_000, 2, "clock_unusable")]
#[case::before_1970(-1, 2, "clock_unusable")]
#[case::year_10000(253_402_300_800, 1, "")]
fn explain_requires_a_time(#[case] seconds: i64, #[case] expected: i32, #[case] message: &str) {
    let files = Files::new("");
    set_clock(&files, seconds);
    files.write("header", &format!("Bearer {}", files.token(json!({}))));
    let explain = |extra: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_artos-auth"))
            .args(["explain", "--path", PROTECTED, "--config"])
            .arg(files.path("artos-auth.toml"))
            .arg("--header-file")
            .arg(files.path("header"))
            .args(extra)
            .env("LD_PRELOAD", library(files.folder.path()))
            .env("TEST_CLOCK", files.path("clock"))
            .output()
            .unwrap()
    };
    let output = explain(&[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(expected), "{errors}");
    assert!(errors.contains(message) && !errors.contains("panicked"), "{errors}");
    assert_eq!(explain(&["--now", "1700000000"]).status.code(), Some(0), "`--now` needs no clock");
}

//! Unix sockets: created with their mode, replacing only stale ones, and removed at shutdown.

use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use rstest::rstest;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::process::{Process, eventually, path_text};
use super::support::{Files, PATIENCE, body, get, status};

const SOCKETS: &str = "listen = \"unix:main.sock\"\nadmin_listen = \"unix:admin.sock\"\n";
const PROTECTED: &str = "/api/v1/templates/";

fn exchange(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

/// The error of a `serve` that does not start.
fn refused(files: &Files) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(["serve", "--config", path_text(&files.path("artos-auth.toml"))])
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), b"".as_slice()));
    String::from_utf8(output.stderr).unwrap().replace(path_text(files.folder.path()), "")
}

fn health(address: &str) -> Option<i32> {
    let program = env!("CARGO_BIN_EXE_artos-auth");
    Command::new(program).args(["health", "--admin", address]).output().unwrap().status.code()
}

#[test]
fn sockets_serve_requests_and_are_removed_at_shutdown() {
    let process = Process::of_files(Files::new(SOCKETS));
    let (main, admin) = (process.files.path("main.sock"), process.files.path("admin.sock"));
    let line = |what: &str, path: &Path| format!("{what} on unix:{}", path.display());
    assert_eq!(process.first, [line("listening", &main), line("admin", &admin)]);
    assert_eq!((mode(&main), mode(&admin)), (0o660, 0o660));
    assert!(!process.errors().contains("warning"), "{}", process.errors());

    let good = process.token(json!({}));
    assert_eq!(status(&exchange(&main, &get(PROTECTED, &good))), 200);
    assert_eq!(status(&exchange(&main, &get(PROTECTED, "x"))), 401);
    let readiness = exchange(&admin, &get("/readyz", ""));
    assert_eq!(serde_json::from_str::<Value>(body(&readiness)).unwrap()["status"], "ready");
    let address = format!("unix:{}", admin.display());
    assert_eq!(health(&address), Some(0));

    let curl = Command::new("curl")
        .args(["--silent", "--http2-prior-knowledge", "--write-out", "%{http_code} HTTP/%{http_version}"])
        .args(["--output", "/dev/null", "--unix-socket", path_text(&main)])
        .args(["http://localhost/api/v1/search/status"])
        .output()
        .expect("curl");
    assert_eq!(String::from_utf8(curl.stdout).unwrap(), "200 HTTP/2");

    eventually("the audit log has all of it", || process.errors().contains("public_path"));
    let lines: Vec<Value> =
        process.errors().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let decisions: Vec<_> = lines.iter().filter(|line| line["outcome"].is_string()).collect();
    assert_eq!(decisions.len(), 3);
    assert!(decisions.iter().all(|line| line["peer"] == "unix"), "{decisions:#?}");

    let Process { files, .. } = &process;
    let folder = files.folder.path().to_owned();
    process.signal(Signal::TERM);
    eventually("the sockets are removed", || !main.exists() && !admin.exists());
    eventually("the server has stopped", || health(&address) == Some(2));
    assert!(folder.exists());
}

/// The mode comes from the configuration, whatever the umask.
#[rstest]
#[case::nothing_said("", "0", 0o660)]
#[case::a_narrow_umask("", "777", 0o660)]
#[case::wider("socket_mode = \"0666\"\n", "077", 0o666)]
#[case::narrower("socket_mode = \"0600\"\n", "0", 0o600)]
fn the_mode_does_not_depend_on_the_umask(#[case] config: &str, #[case] umask: &str, #[case] expected: u32) {
    let files = Files::new(&format!("{SOCKETS}{config}"));
    let script = format!("umask {umask}; exec \"$0\" serve --config \"$1\"");
    let mut child = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_artos-auth"), path_text(&files.path("artos-auth.toml"))])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let (main, admin) = (files.path("main.sock"), files.path("admin.sock"));
    let listens = |path| UnixStream::connect(path).is_ok();
    eventually("it listens", || listens(&main) && listens(&admin));
    let modes = (mode(&main), mode(&admin));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(modes, (expected, expected));
}

#[test]
fn only_a_stale_socket_is_replaced() {
    let mut first = Process::of_files(Files::new(SOCKETS));
    let main = first.files.path("main.sock");
    let said = refused(&first.files);
    assert!(
        said.contains("`listen`: cannot listen on unix:/main.sock: another process listens there"),
        "{said}"
    );
    assert!(is_socket(&main), "it is still there");
    let good = first.token(json!({}));
    assert_eq!(status(&exchange(&main, &get(PROTECTED, &good))), 200);

    // A killed server leaves its sockets behind.
    first.kill();
    assert!(is_socket(&main) && UnixStream::connect(&main).is_err());
    let config = first.files.path("artos-auth.toml");
    let second = Process::spawn(Files::new(""), &["--config", path_text(&config)], |lines| lines.len() == 2);
    assert_eq!(status(&exchange(&main, &get(PROTECTED, &good))), 200);
    drop(second);
}

/// The file at the path, and the expected error.
#[rstest]
#[case::file(|path: &Path| std::fs::write(path, "precious").unwrap(), "there is a file")]
#[case::folder(|path: &Path| std::fs::create_dir(path).unwrap(), "there is a folder")]
#[case::link(|path: &Path| symlink("elsewhere", path).unwrap(), "there is a link")]
#[case::link_to_a_stale_socket(
    |path: &Path| {
        let other = path.with_file_name("other.sock");
        drop(UnixListener::bind(&other).unwrap());
        symlink(other, path).unwrap();
    },
    "there is a link"
)]
#[case::another_kind_of_socket(
    |path: &Path| std::mem::forget(UnixDatagram::bind(path).unwrap()),
    "it is not known whether a process listens on it"
)]
fn other_files_are_not_replaced(#[case] put: fn(&Path), #[case] problem: &str) {
    let files = Files::new(SOCKETS);
    let path = files.path("main.sock");
    put(&path);
    let before = std::fs::symlink_metadata(&path).unwrap();
    let said = refused(&files);
    assert!(said.contains(problem), "{said}");
    let after = std::fs::symlink_metadata(&path).unwrap();
    assert_eq!(
        (std::os::unix::fs::MetadataExt::ino(&before), before.len()),
        (std::os::unix::fs::MetadataExt::ino(&after), after.len())
    );
}

#[test]
fn a_missing_folder_is_an_error() {
    let said = refused(&Files::new("listen = \"unix:missing/main.sock\"\n"));
    assert!(said.contains("choose a folder that exists"), "{said}");
}

#[test]
fn a_socket_replaced_by_another_server_is_not_removed() {
    let process = Process::of_files(Files::new(SOCKETS));
    let main = process.files.path("main.sock");
    std::fs::remove_file(&main).unwrap();
    let _other = UnixListener::bind(&main).unwrap();
    let admin = process.files.path("admin.sock");
    process.signal(Signal::TERM);
    eventually("its own is removed", || !admin.exists());
    assert!(is_socket(&main));
}

/// A failed start leaves no socket behind.
#[test]
fn a_failed_start_removes_its_sockets() {
    let files = Files::new(SOCKETS);
    files.write("revocations.json", "{");
    refused(&files);
    assert!(!files.path("main.sock").exists() && !files.path("admin.sock").exists());
}

#[test]
fn the_peer_is_trusted_to_describe_requests() {
    let process = Process::of_files(Files::new(&format!(
        "{SOCKETS}[forward]\nfields = \"x-original\"\ntrusted = [\"192.0.2.1\"]\n"
    )));
    let request = format!(
        "GET /_auth/verify HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Original-Method: GET\r\nX-Original-URI: \
         {PROTECTED}\r\nX-Original-Host: a\r\nAuthorization: Bearer {}\r\n\r\n",
        process.token(json!({}))
    );
    let answer = exchange(&process.files.path("main.sock"), &request);
    assert_eq!(status(&answer), 200, "{answer}");
}

/// The audit line has the reason why a description is unclear, for a misconfigured proxy.
#[rstest]
#[case::missing("X-Original-Method: GET\r\nX-Original-URI: /a\r\n", "missing field `x-original-host`")]
#[case::repeated(
    "X-Original-Method: GET\r\nX-Original-URI: /a\r\nX-Original-Host: a\r\nX-Original-Host: a\r\n",
    "repeated field `x-original-host`"
)]
#[case::another_spelling(
    "X-Original-Method: GET\r\nX-Original-URI: /a\r\nX_Original_URI: /b\r\nX-Original-Host: a\r\n",
    "a spelling of field `x-original-uri` with `_`"
)]
fn the_audit_line_has_the_cause_of_an_unclear_request(#[case] fields: &str, #[case] cause: &str) {
    let process = Process::of_files(Files::new(&format!("{SOCKETS}[forward]\nfields = \"x-original\"\n")));
    let request = format!("GET /_auth/verify HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    let answer = exchange(&process.files.path("main.sock"), &request);
    assert_eq!(status(&answer), 403);
    assert!(!answer.contains("field"), "the caller is told nothing of it: {answer}");
    let line = || {
        process.errors().lines().find(|line| line.contains("forwarded_request_unclear")).map(str::to_owned)
    };
    eventually("the line", || line().is_some());
    assert_eq!(serde_json::from_str::<Value>(&line().unwrap()).unwrap()["cause"], cause);
}

/// A TCP peer is trusted by its address; the cause is reported over gRPC as well.
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_line_has_the_cause_over_tcp() {
    let process = Process::of_files(Files::new(&format!(
        "{}[forward]\nfields = \"x-original\"\ntrusted = [\"192.0.2.1\"]\n[ext_authz]\ntrusted = [\"192.0.2.1\"]\n",
        super::process::PORTS
    )));
    assert_eq!(process.status("/_auth/verify", ""), 403);
    eventually("the line", || process.errors().contains("the peer is not a trusted proxy"));
    let stream = tokio::net::TcpStream::connect(process.address()).await.unwrap();
    let (requests, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = hyper::http::Request::post("http://auth/envoy.service.auth.v3.Authorization/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (response, mut body) = requests.ready().await.unwrap().send_request(request, false).unwrap();
    body.send_data(bytes::Bytes::from_static(&[0; 5]), true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    let told = || process.errors().matches("the peer is not a trusted proxy").count();
    eventually("the other line", || told() == 2);
}

#[test]
fn a_flag_can_name_a_socket() {
    let files = Files::new("");
    let (config, main) = (files.path("artos-auth.toml"), files.path("flag.sock"));
    let address = format!("unix:{}", main.display());
    let process = Process::spawn(files, &["--config", path_text(&config), "--listen", &address], |lines| {
        lines.len() == 1
    });
    assert_eq!(status(&exchange(&main, &get(PROTECTED, &process.token(json!({}))))), 200);
}

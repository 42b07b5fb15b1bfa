//! TLS in a server process, with curl and openssl as clients.

use std::os::unix::fs::symlink;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rstest::rstest;
use rustix::process::Signal;
use serde_json::json;

use super::process::{Process, current, eventually, path_text};
use super::support::Files;

pub(super) type Issuer = CertifiedIssuer<'static, KeyPair>;

pub(super) fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for localhost and its key, which expired at the beginning of this year.
fn certificate(issuer: &Issuer, until: i32) -> (String, String) {
    certificate_for(issuer, |params| params.not_after = date_time_ymd(until, 1, 1))
}

fn certificate_for(issuer: &Issuer, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    change(&mut params);
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    (certificate.pem(), key.serialize_pem())
}

const TLS: &str = "[tls]\ncertificate = \"tls.crt\"\nkey = \"tls.key\"\n";
const PORTS: &str = super::process::PORTS;

pub(super) fn files(config: &str, issuer: &Issuer, until: i32) -> Files {
    let files = Files::new(&format!("{PORTS}{TLS}{config}"));
    let (certificate, key) = certificate(issuer, until);
    files.write("ca.crt", &issuer.pem());
    files.write("tls.crt", &certificate);
    files.write("tls.key", &key);
    files
}

fn address(process: &Process) -> String {
    process.first[0].strip_prefix("listening on https://").expect("the first line").to_owned()
}

fn curl(process: &Process, arguments: &[&str]) -> Output {
    let token = current(&process.files.key, json!({}));
    let url = format!("https://{}/api/v1/templates/", address(process));
    Command::new("curl")
        .args(["--silent", "--show-error", "--max-time", "20", "--output", "/dev/null"])
        .args(["--write-out", "%{http_code} HTTP/%{http_version}", "--cacert"])
        .args([path_text(&process.files.path("ca.crt")), "--header"])
        .args([&format!("Authorization: Bearer {token}"), &url])
        .args(arguments)
        .output()
        .expect("curl")
}

fn answer(process: &Process, arguments: &[&str]) -> String {
    String::from_utf8(curl(process, arguments).stdout).unwrap()
}

/// The output of `openssl s_client` for a handshake, and the certificate that it received.
fn handshake(process: &Process, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &address(process), "-showcerts"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("openssl");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Whether a handshake presents this certificate.
fn shows(process: &Process, certificate: &str) -> bool {
    handshake(process, &[]).replace('\r', "").contains(certificate.trim().replace('\r', "").as_str())
}

#[rstest]
#[case::http1(&["--http1.1"], "200 HTTP/1.1")]
#[case::http2(&["--http2"], "200 HTTP/2")]
#[case::http2_at_once(&["--http2-prior-knowledge"], "200 HTTP/2")]
#[case::tls_1_2(&["--tls-max", "1.2"], "200 HTTP/2")]
#[case::tls_1_3(&["--tlsv1.3"], "200 HTTP/2")]
fn the_protocol_is_negotiated(#[case] arguments: &[&str], #[case] expected: &str) {
    let process = Process::of_files(files("", &authority("ca"), 4000));
    assert_eq!(answer(&process, arguments), expected);
    assert!(!process.errors().contains("warning: listen"), "{}", process.errors());
}

#[test]
fn old_versions_and_other_protocols_are_refused() {
    let process = Process::of_files(files("", &authority("ca"), 4000));
    for (arguments, expected) in [
        (&["-tls1_3", "-alpn", "h2"][..], "ALPN protocol: h2"),
        (&["-tls1_2", "-alpn", "http/1.1"], "ALPN protocol: http/1.1"),
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "alert"),
        (&["-alpn", "spdy/3"], "alert"),
    ] {
        let said = handshake(&process, arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    // Plain HTTP gets no response, and is counted with its own reason.
    let said = super::process::exchange(
        address(&process).parse().unwrap(),
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
    assert!(!said.starts_with("HTTP"), "{said}");
    eventually("it is counted", || {
        process.metric("artos_auth_connections_closed_total{reason=\"protocol_error\"}") >= 2.0
    });
    assert_eq!(answer(&process, &[]), "200 HTTP/2");
}

#[test]
fn invalid_files_are_status_2() {
    let (issuer, other) = (authority("ca"), authority("other"));
    let (_, other_key) = certificate(&other, 4000);
    let refused = |files: &Files| {
        let output = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
            .args(["serve", "--config", path_text(&files.path("artos-auth.toml"))])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
        let folder = files.folder.path().display().to_string();
        String::from_utf8(output.stderr).unwrap().replace(&folder, "")
    };
    let good = || files("", &issuer, 4000);
    let expired = files("", &issuer, 2021);
    let mut said = refused(&expired);
    for (name, text) in [
        ("tls.key", other_key.as_str()),
        ("tls.key", "no key"),
        ("tls.crt", "no certificate"),
        ("tls.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ] {
        let files = good();
        files.write(name, text);
        said.push_str(&refused(&files));
    }
    let without = good();
    std::fs::remove_file(without.path("tls.key")).unwrap();
    said.push_str(&refused(&without));
    insta::assert_snapshot!(said);
}

#[test]
fn client_certificates_are_required_if_configured() {
    let (issuer, proxies, other) = (authority("ca"), authority("proxies"), authority("other"));
    let files = files("client_ca = \"proxies.pem\"\n", &issuer, 4000);
    files.write("proxies.pem", &proxies.pem());
    for (name, issuer) in [("good", &proxies), ("bad", &other)] {
        let (certificate, key) = certificate(issuer, 4000);
        files.write(&format!("{name}.crt"), &certificate);
        files.write(&format!("{name}.key"), &key);
    }
    let process = Process::of_files(files);
    let path = |name: &str| path_text(&process.files.path(name)).to_owned();
    let with = |name: &str| {
        answer(&process, &["--cert", &path(&format!("{name}.crt")), "--key", &path(&format!("{name}.key"))])
    };
    assert_eq!(with("good"), "200 HTTP/2");
    assert!(with("bad").starts_with("000"));
    assert!(answer(&process, &[]).starts_with("000"));
    // The CA is reloaded like every other file.
    process.files.replace("proxies.pem", &other.pem());
    eventually("the other CA", || with("bad") == "200 HTTP/2");
    assert!(with("good").starts_with("000"));
    // One that does not load changes nothing.
    let failures = || process.metric("artos_auth_reload_failures_total{file=\"tls\"}");
    let before = failures();
    process.files.replace("proxies.pem", "no certificate");
    eventually("it is counted", || failures() > before);
    let (status, readiness) = process.readiness();
    assert_eq!((status, readiness["failed"][0]["source"].as_str()), (200, Some("tls")));
    assert!(readiness["failed"][0]["error"].as_str().unwrap().contains("proxies.pem"), "{readiness}");
    assert_eq!(with("bad"), "200 HTTP/2");
    assert!(with("good").starts_with("000") && answer(&process, &[]).starts_with("000"));
}

/// Writes the pairs into the folders `one` and `two` of a new folder.
fn write_pairs(files: &Files, folder: &str, pairs: &[(String, String); 2]) {
    std::fs::create_dir(files.path(folder)).unwrap();
    for (name, (certificate, key)) in ["one", "two"].into_iter().zip(pairs) {
        std::fs::create_dir(files.path(&format!("{folder}/{name}"))).unwrap();
        files.write(&format!("{folder}/{name}/tls.crt"), certificate);
        files.write(&format!("{folder}/{name}/tls.key"), key);
    }
}

/// As in Kubernetes: the target of a link to a folder changes, so certificate and key change together.
#[test]
fn a_certificate_is_replaced_by_a_link_change() {
    let issuer = authority("ca");
    let files =
        Files::new(&format!("{PORTS}[tls]\ncertificate = \"mounted/tls.crt\"\nkey = \"mounted/tls.key\"\n"));
    files.write("ca.crt", &issuer.pem());
    let pairs = [certificate(&issuer, 4000), certificate(&issuer, 4000)];
    write_pairs(&files, "mounted", &pairs);
    symlink("one", files.path("mounted/..data")).unwrap();
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{name}"), files.path(&format!("mounted/{name}"))).unwrap();
    }
    let process = Process::of_files(files);
    assert!(shows(&process, &pairs[0].0));
    symlink("two", process.files.path("mounted/..new")).unwrap();
    std::fs::rename(process.files.path("mounted/..new"), process.files.path("mounted/..data")).unwrap();
    eventually("the other certificate", || shows(&process, &pairs[1].0));
    eventually("it is ready", || process.readiness().1["failed"] == json!([]));
}

/// The link is in a folder that is not watched, as on a network file system, where no change causes an event.
#[test]
fn a_certificate_that_changes_without_an_event_is_found_by_the_poll() {
    let issuer = authority("ca");
    let files = Files::new(&format!(
        "{PORTS}[tls]\ncertificate = \"mounts/current/tls.crt\"\nkey = \"mounts/current/tls.key\"\n"
    ));
    files.write("ca.crt", &issuer.pem());
    let pairs = [certificate(&issuer, 4000), certificate(&issuer, 4000)];
    write_pairs(&files, "mounts", &pairs);
    symlink("one", files.path("mounts/current")).unwrap();
    let process = Process::of_files(files);
    assert!(shows(&process, &pairs[0].0));
    symlink("two", process.files.path("mounts/next")).unwrap();
    std::fs::rename(process.files.path("mounts/next"), process.files.path("mounts/current")).unwrap();
    eventually("the other certificate", || shows(&process, &pairs[1].0));
    assert_eq!(process.readiness().1["failed"], json!([]));
}

#[test]
fn a_mismatched_pair_leaves_the_old_certificate_in_use() {
    let issuer = authority("ca");
    let process = Process::of_files(files("", &issuer, 4000));
    let old = std::fs::read_to_string(process.files.path("tls.crt")).unwrap();
    let expiry = process.metric("artos_auth_tls_certificate_expiry_timestamp_seconds");
    assert_eq!(expiry, 64_060_588_800.0, "the beginning of the year 4000");
    let (certificate, key) = certificate(&issuer, 3000);
    process.files.replace("tls.crt", &certificate);
    eventually("it is told", || process.readiness().1["failed"][0]["source"] == "tls");
    let (status, readiness) = process.readiness();
    assert_eq!(status, 200, "the old certificate serves");
    let error = readiness["failed"][0]["error"].as_str().unwrap();
    assert!(error.contains("tls.key: it is not the key of the certificate in"), "{error}");
    assert!(process.metric("artos_auth_reload_failures_total{file=\"tls\"}") >= 1.0);
    assert!(shows(&process, &old));

    process.files.replace("tls.key", &key);
    eventually("the new certificate", || shows(&process, &certificate));
    eventually("all is well", || process.readiness().1["failed"] == json!([]));
    assert!(process.metric("artos_auth_tls_certificate_expiry_timestamp_seconds") < expiry);

    // An expired certificate is not loaded, not even by SIGHUP.
    let (expired, key) = super::tls::certificate(&issuer, 2021);
    process.files.replace("tls.key", &key);
    process.files.replace("tls.crt", &expired);
    process.signal(Signal::HUP);
    eventually("it is told", || {
        process.readiness().1["failed"].to_string().contains("expired at 2021-01-01")
    });
    assert!(shows(&process, &certificate));
}

/// It stays in use, because a client may still accept it, and `/readyz` reports it until it is replaced.
#[test]
fn a_certificate_expires_while_it_is_in_use() {
    let issuer = authority("ca");
    let files = files("", &issuer, 4000);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let (certificate, key) = certificate_for(&issuer, |params| {
        params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(now.as_secs() + 8);
    });
    files.write("tls.crt", &certificate);
    files.write("tls.key", &key);
    let process = Process::of_files(files);
    assert_eq!(process.readiness(), (200, json!({ "status": "ready", "failed": [] })));
    assert_eq!(answer(&process, &[]), "200 HTTP/2");
    eventually("it expires", || process.readiness().1["failed"][0]["source"] == "tls");
    let (status, readiness) = process.readiness();
    let error = readiness["failed"][0]["error"].as_str().unwrap();
    assert!(status == 200 && error.starts_with("the certificate in use expired at "), "{status} {error}");
    assert!(shows(&process, &certificate), "it stays in use");
    assert_eq!(answer(&process, &["--insecure"]), "200 HTTP/2");
    assert!(answer(&process, &[]).starts_with("000"), "whether it is accepted is the client's decision");

    // A SIGHUP that reloads the same files does not hide the problem.
    process.signal(Signal::HUP);
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(process.readiness().1["failed"][0]["source"], "tls");
    let (good, key) = super::tls::certificate(&issuer, 4000);
    process.files.replace("tls.key", &key);
    process.files.replace("tls.crt", &good);
    eventually("the new certificate", || shows(&process, &good));
    eventually("all is well", || process.readiness().1["failed"] == json!([]));
}

#[test]
fn a_handshake_has_the_timeout_of_a_request_head() {
    let process = Process::of_files(files("[limits]\nheader_seconds = 1\n", &authority("ca"), 4000));
    let mut silent = std::net::TcpStream::connect(address(&process)).unwrap();
    silent.set_read_timeout(Some(super::support::PATIENCE)).unwrap();
    let started = std::time::Instant::now();
    assert_eq!(std::io::Read::read(&mut silent, &mut [0; 16]).unwrap_or(0), 0);
    assert!(started.elapsed().as_secs_f32() < 10.0);
    eventually("it is counted", || {
        process.metric("artos_auth_connections_closed_total{reason=\"header_timeout\"}") >= 1.0
    });
}

#[test]
fn a_handshake_counts_against_the_limit_of_connections() {
    let process = Process::of_files(files("[limits]\nconnections = 2\n", &authority("ca"), 4000));
    let silent: Vec<_> = (0..2).map(|_| std::net::TcpStream::connect(address(&process)).unwrap()).collect();
    let open = || process.metric("artos_auth_connections");
    eventually("both are open", || open() >= 2.0);
    assert_eq!(answer(&process, &[]), "200 HTTP/2", "a new connection closes a silent one");
    assert!(process.metric("artos_auth_connections_closed_total{reason=\"evicted\"}") >= 1.0);
    drop(silent);
}

#[test]
fn check_shows_names_and_expiry() {
    let files = files("", &authority("ca"), 4000);
    let output = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(["check", "--config", path_text(&files.path("artos-auth.toml"))])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("localhost, 127.0.0.1, valid until 4000-01-01T00:00:00Z"), "{said}");
}

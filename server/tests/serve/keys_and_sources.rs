//! Keys from an identity provider beside other sources: discovery, fallback files, several sets, reloads and commands.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use rstest::rstest;
use serde_json::json;

use super::keys_by_url::{Issuer, failure, fetches, key, ok, response, set, start};
use super::process::{PORTS, Process, current, eventually, path_text};
use super::support::Files;

const PROTECTED: &str = "/api/v1/templates/";
const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// Metadata of the issuer, which name its keys at this path.
fn metadata(issuer: &Issuer, path: &str) -> String {
    let name = format!("http://127.0.0.1:{}", issuer.port);
    ok(&json!({ "issuer": name, "jwks_uri": format!("{name}{path}") }).to_string())
}

fn not_found() -> String {
    response("404 Not Found", "", "")
}

#[test]
fn rfc_8414_metadata_is_read_without_openid_metadata() {
    let first = key("test-only-1");
    let issuer = Issuer::start(Some(ok(&set(&[&first]))));
    issuer.set_at(OPENID, not_found());
    issuer.set_at(OAUTH, metadata(&issuer, "/jwks"));
    let name = format!("http://127.0.0.1:{}", issuer.port);
    let process = start(&format!("discover = \"{name}\"\nrefresh_seconds = 1\ncooldown_seconds = 1\n"));
    let token = current(&first, json!({ "iss": name }));
    eventually("the keys are there", || process.status(PROTECTED, &token) == 200);
    eventually("both are read again at every refresh", || {
        issuer.count_at(OPENID) >= 3 && issuer.count_at(OAUTH) >= 3
    });
    // From now on the issuer has metadata of OpenID, which name another set.
    issuer.set_at(OPENID, metadata(&issuer, "/elsewhere"));
    eventually("the other set is fetched", || issuer.count_at("/elsewhere") >= 1);
    let before = issuer.count_at(OAUTH);
    eventually("another refresh", || issuer.count_at(OPENID) >= 6);
    assert!(issuer.count_at(OAUTH) <= before + 1, "they are no longer read");
}

#[rstest]
#[case::failed(None, "status")]
#[case::not_json(Some("<html>"), "malformed")]
#[case::incomplete(Some(r#"{"issuer": "http://127.0.0.1:PORT"}"#), "malformed")]
#[case::plain_http(
    Some(r#"{"issuer": "http://127.0.0.1:PORT", "jwks_uri": "http://issuer.example/jwks"}"#),
    "refused"
)]
fn wrong_metadata_are_a_failure(#[case] metadata_of_openid: Option<&str>, #[case] result: &str) {
    let first = key("test-only-1");
    let issuer = Issuer::start(Some(ok(&set(&[&first]))));
    issuer.set_at(
        OPENID,
        match metadata_of_openid {
            None => response("500 Internal Server Error", "", ""),
            Some(text) => ok(&text.replace("PORT", &issuer.port.to_string())),
        },
    );
    issuer.set_at(OAUTH, metadata(&issuer, "/jwks"));
    let process = start(&format!("discover = \"http://127.0.0.1:{}\"\ncooldown_seconds = 1\n", issuer.port));
    eventually("it is counted", || fetches(&process, result) >= 1.0);
    assert_eq!(process.readiness().0, 503);
    assert_eq!((issuer.count_at(OAUTH), issuer.count_at("/jwks")), (0, 0));
}

#[test]
fn unusable_keys_beside_a_usable_one_are_ignored() {
    let first = key("test-only-1");
    let mut keys: serde_json::Value = serde_json::from_str(&set(&[&first])).unwrap();
    keys["keys"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "kty": "RSA", "kid": "small", "n": "AQAB", "e": "AQAB" }));
    let issuer = Issuer::start(Some(ok(&keys.to_string())));
    let process = start(&format!("url = \"{}\"\nrefresh_seconds = 1\n", issuer.url()));
    eventually("the keys are there", || process.status(PROTECTED, &current(&first, json!({}))) == 200);
    assert_eq!(process.metric("artos_auth_keys_ignored{source=\"keys[0] 127.0.0.1\"}"), 1.0);
    eventually("a warning", || process.errors().contains("key 1 of the set is ignored"));
    assert_eq!(process.readiness(), (200, json!({ "status": "ready", "failed": [] })));
}

/// The server is not ready until each set has been loaded, and decides by those that have.
#[test]
fn one_set_of_two_that_is_missing_is_named() {
    let (first, second) = (key("test-only-1"), key("test-only-2"));
    let (good, late) = (Issuer::start(Some(ok(&set(&[&first])))), Issuer::start(None));
    let files = Files::new(PORTS);
    let settings = "refresh_seconds = 1\ncooldown_seconds = 1\ntimeout_seconds = 1\nstale_seconds = 2\n";
    let config =
        [&good, &late].map(|issuer| format!("[[keys]]\nurl = \"{}\"\n{settings}", issuer.url())).concat();
    files.write("artos-auth.toml", &format!("{PORTS}{config}"));
    let process = Process::of_files(files);
    let statuses = || [&first, &second].map(|key| process.status(PROTECTED, &current(key, json!({}))));
    eventually("one set is there", || statuses() == [200, 401]);
    let (status, readiness) = process.readiness();
    assert_eq!((status, readiness["status"].as_str()), (503, Some("unready")));
    assert_eq!(readiness["failed"][0]["source"], "keys[1] 127.0.0.1");
    assert!(readiness["failed"][0]["since"].is_string());
    eventually("the reason is in the log", || process.errors().contains("key_unknown"));

    late.set(ok(&set(&[&second])));
    eventually("both are there", || statuses() == [200, 200] && process.readiness().0 == 200);
    late.set(response("500 Internal Server Error", "", ""));
    eventually("one is too old", || statuses() == [200, 401]);
    assert_eq!(process.readiness().0, 503);
    good.set(None);
    eventually("so is the other, while its issuer hangs", || statuses() == [503, 503]);
    good.set(ok(&set(&[&first])));
    late.set(ok(&set(&[&second])));
    eventually("both are there again", || statuses() == [200, 200] && process.readiness().0 == 200);
}

#[test]
fn a_set_becomes_too_old_while_its_issuer_hangs() {
    let first = key("test-only-1");
    let issuer = Issuer::start(Some(ok(&set(&[&first]))));
    let keys = "refresh_seconds = 1\nstale_seconds = 3\ntimeout_seconds = 3600\n";
    let process = start(&format!("url = \"{}\"\n{keys}", issuer.url()));
    let token = current(&first, json!({}));
    eventually("the keys are there", || process.status(PROTECTED, &token) == 200);
    issuer.set(None);
    eventually("it is too old", || process.status(PROTECTED, &token) == 503);
    assert_eq!(process.readiness().0, 503);
    assert!(failure(&process)["error"].as_str().unwrap().contains("not fetched for 3 seconds"));
}

#[test]
fn a_fallback_file_becomes_too_old() {
    let first = key("test-only-1");
    let issuer = Issuer::start(Some(response("500 Internal Server Error", "", "")));
    let files = Files::new(PORTS);
    files.write("fallback.json", &set(&[&first]));
    let keys = "cooldown_seconds = 1\nstale_seconds = 3\nfallback_file = \"fallback.json\"";
    files.write("artos-auth.toml", &format!("{PORTS}[keys]\nurl = \"{}\"\n{keys}\n", issuer.url()));
    let process = Process::of_files(files);
    let token = current(&first, json!({}));
    assert_eq!((process.status(PROTECTED, &token), process.readiness().0), (200, 200));
    eventually("it is too old", || process.status(PROTECTED, &token) == 503);
    assert_eq!(process.readiness().0, 503);
}

fn run(files: &Files, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    use std::io::Write as _;

    let mut child = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(arguments)
        .args(["--config", path_text(&files.path("artos-auth.toml"))])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // A command that ends at once does not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[test]
fn an_invalid_fallback_file_is_status_2() {
    let files = Files::new(PORTS);
    let keys = "url = \"https://issuer.example/jwks\"\nfallback_file = \"fallback.json\"";
    files.write("artos-auth.toml", &format!("{PORTS}[keys]\n{keys}\n"));
    for text in [None, Some("{"), Some(r#"{"keys": []}"#)] {
        if let Some(text) = text {
            files.write("fallback.json", text);
        }
        let (status, errors) = run(&files, &["serve"], "");
        assert_eq!(status, Some(2), "{text:?}");
        assert!(errors.contains("fallback.json"), "{errors}");
    }
}

/// `decide` and `explain` fetch each source once before they answer.
#[test]
fn commands_fetch_each_source_once() {
    let first = key("test-only-1");
    let issuer = Issuer::start(Some(ok(&set(&[&first]))));
    let files = Files::new("");
    files.write("artos-auth.toml", &format!("[keys]\nurl = \"{}\"\n", issuer.url()));
    let token = current(&first, json!({}));
    let bearer = format!("Bearer {token}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let line = json!({ "path": PROTECTED, "authorization": [bearer], "now": now });
    let (status, text) = run(&files, &["decide"], &format!("{line}\n{line}\n"));
    assert_eq!((status, text.matches("\"allow\"").count()), (Some(0), 2), "{text}");
    assert_eq!(issuer.count(), 1);
    let explain = ["explain", "--header-file", "-", "--path", PROTECTED];
    let (status, text) = run(&files, &explain, &bearer);
    assert_eq!((status, issuer.count()), (Some(0), 2), "{text}");
    issuer.set(response("500 Internal Server Error", "", ""));
    for arguments in [&["decide"][..], &explain] {
        let (status, text) = run(&files, arguments, &bearer);
        assert!(status == Some(2) && text.contains("answers 500"), "{status:?} {text}");
    }
}

/// A changed policy does not fetch the keys again, and another URL serves nothing until its first fetch, or its fallback.
#[test]
fn a_reload_keeps_the_keys_of_an_unchanged_entry() {
    let (first, second) = (key("test-only-1"), key("test-only-2"));
    let (issuer, other) = (Issuer::start(Some(ok(&set(&[&first])))), Issuer::start(None));
    let config = |policy: &str, issuer: &Issuer, more: &str| {
        format!("{PORTS}{policy}[keys]\nurl = \"{}\"\ntimeout_seconds = 3600\n{more}", issuer.url())
    };
    let files = Files::new(PORTS);
    files.write("fallback.json", &set(&[&second]));
    files.write("artos-auth.toml", &config("", &issuer, ""));
    let process = Process::of_files(files);
    let statuses = || [&first, &second].map(|key| process.status(PROTECTED, &current(key, json!({}))));
    eventually("the keys are there", || statuses()[0] == 200);
    issuer.set(None);
    let before = issuer.count();
    let policy = "[policy]\npublic = [{ path = \"/new\" }]\n";
    process.files.replace("artos-auth.toml", &config(policy, &issuer, ""));
    eventually("the policy counts", || process.status("/new", "") == 200);
    assert_eq!((statuses()[0], issuer.count()), (200, before));

    process.files.replace("artos-auth.toml", &config(policy, &other, ""));
    eventually("another URL serves nothing yet", || statuses() == [503, 503]);
    eventually("it is not ready", || process.readiness().0 == 503);
    process.files.replace("artos-auth.toml", &config(policy, &issuer, "fallback_file = \"fallback.json\"\n"));
    eventually("or its fallback", || statuses() == [401, 200]);
    eventually("which makes it ready", || process.readiness().0 == 200);
}

/// Keys before revocations: a server without both reports the keys.
#[test]
fn missing_keys_are_reported_before_stale_revocations() {
    let (issuer, list) = (Issuer::start(None), Issuer::start(None));
    let files = Files::new(PORTS);
    let config = format!(
        "{PORTS}[keys]\nurl = \"{}\"\n[revocations]\nurl = \"http://127.0.0.1:{}/\"\non_stale = \"serve\"\n",
        issuer.url(),
        list.port
    );
    files.write("artos-auth.toml", &config);
    let process = Process::of_files(files);
    let first = key("test-only-1");
    assert_eq!(process.status(PROTECTED, &current(&first, json!({}))), 503);
    let count = |reason: &str| {
        process.metric(&format!("artos_auth_decisions_total{{outcome=\"unavailable\",reason=\"{reason}\"}}"))
    };
    assert_eq!((count("keys_unavailable"), count("revocations_stale")), (1.0, 0.0));
    issuer.set(ok(&set(&[&first])));
}

/// An issuer that does not support conditional requests sends the same set again at every refresh.
#[test]
fn the_same_keys_once_more_do_not_empty_the_cache() {
    let first = key("test-only-1");
    let issuer = Issuer::start(Some(ok(&set(&[&first]))));
    let process = start(&format!("url = \"{}\"\nrefresh_seconds = 1\n", issuer.url()));
    let token = current(&first, json!({}));
    eventually("the keys are there", || process.status(PROTECTED, &token) == 200);
    let before = fetches(&process, "ok");
    eventually("the set was sent again", || fetches(&process, "ok") >= before + 2.0);
    assert_eq!(process.status(PROTECTED, &token), 200);
    let misses = || process.metric("artos_auth_cache_requests_total{result=\"miss\"}");
    assert_eq!(misses(), 1.0);
    // Other keys do: a token of a removed key must not stay valid.
    issuer.set(ok(&set(&[&first, &key("test-only-2")])));
    eventually("it is verified again", || process.status(PROTECTED, &token) == 200 && misses() > 1.0);
}

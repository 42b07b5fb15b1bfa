//! Files that change while the server runs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use artos_auth_engine::Algorithm;
use artos_auth_server::signing::PrivateKey;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::process::{PORTS, Process, current, eventually};
use super::support::Files;

const PATH: &str = "/api/v1/templates/";

fn other_key() -> PrivateKey {
    PrivateKey::generate(Algorithm::ES256, Some("test-only-2".to_owned())).unwrap()
}

#[test]
fn a_replaced_key_set_is_loaded() {
    let process = Process::start(PORTS);
    let (old, key) = (process.token(json!({})), other_key());
    let new = current(&key, json!({}));
    assert_eq!((process.status(PATH, &old), process.status(PATH, &new)), (200, 401));
    process.files.replace("keys.jwks.json", &Files::keys_text(&key));
    eventually("the new key counts", || process.status(PATH, &new) == 200);
    assert_eq!(process.status(PATH, &old), 401, "ROT-1: a key that is gone ends its tokens");
}

#[test]
fn rules_that_refuse_every_token_are_a_warning() {
    const WARNING: &str =
        "`keys`: no key serves an algorithm that the policy allows (RS256), so every token is refused";
    let wrong = format!("{PORTS}\n[policy]\nalgorithms = [\"RS256\"]");
    let process = Process::start(PORTS);
    assert!(!process.errors().contains("every token is refused"), "{}", process.errors());
    process.files.replace("artos-auth.toml", &Files::config_text(&wrong));
    eventually("the warning after a reload", || process.errors().contains(WARNING));

    let process = Process::start(&wrong);
    eventually("the warning at the start", || process.errors().contains(WARNING));
}

#[test]
fn a_wildcard_in_revocations_is_a_warning() {
    let files = Files::new(PORTS);
    files.write("revocations.json", r#"{"tokens": ["*"]}"#);
    let process = Process::of_files(files);
    eventually("at the start", || process.errors().contains("`*` does not revoke every token"));
    process.files.replace("revocations.json", r#"{"organizations": [{"org": "*", "issued_before": 1}]}"#);
    eventually("after a reload", || process.errors().contains("`*` does not revoke every organization"));
    assert_eq!(process.status(PATH, &process.token(json!({}))), 200);
}

#[test]
fn a_key_set_overwritten_in_place_is_loaded() {
    let process = Process::start(PORTS);
    let key = other_key();
    process.files.write_keys(&key);
    eventually("the new key counts", || process.status(PATH, &current(&key, json!({}))) == 200);
}

/// A ConfigMap as mounted by Kubernetes: the files are links through `..data`, whose target changes.
#[test]
fn changed_link_targets_are_loaded() {
    let files = Files::new(PORTS);
    let folder = files.folder.path().to_owned();
    let second = other_key();
    for (version, key) in [("..1", &files.key), ("..2", &second)] {
        fs::create_dir(folder.join(version)).unwrap();
        fs::write(folder.join(version).join("keys.jwks.json"), Files::keys_text(key)).unwrap();
    }
    symlink("..1", folder.join("..data")).unwrap();
    fs::remove_file(folder.join("keys.jwks.json")).unwrap();
    symlink("..data/keys.jwks.json", folder.join("keys.jwks.json")).unwrap();

    let process = Process::of_files(files);
    assert_eq!(process.status(PATH, &process.token(json!({}))), 200);
    symlink("..2", folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    eventually("the new key counts", || process.status(PATH, &current(&second, json!({}))) == 200);
}

#[test]
fn sighup_reloads_everything() {
    let process = Process::start(PORTS);
    let before = process.metric("artos_auth_snapshot_timestamp_seconds{file=\"config\"}");
    process.signal(Signal::HUP);
    eventually("the files are younger", || {
        ["config", "keys", "revocations"].iter().all(|file| {
            process.metric(&format!("artos_auth_snapshot_timestamp_seconds{{file=\"{file}\"}}")) > before
        })
    });
    assert_eq!(process.status(PATH, &process.token(json!({}))), 200);
}

/// The problem that `/readyz` reports for the source whose name starts with this.
fn failure(process: &Process, source: &str) -> Option<Value> {
    let (status, report) = process.readiness();
    assert_eq!((status, &report["status"]), (200, &json!("ready")), "the last good values serve on");
    let failed = report["failed"].as_array().unwrap().clone();
    failed.into_iter().find(|failure| failure["source"].as_str().unwrap().starts_with(source))
}

fn error(process: &Process, source: &str) -> String {
    let failure = failure(process, source).unwrap_or_default();
    failure["error"].as_str().unwrap_or_default().to_owned()
}

/// Each file is loaded independently under the current configuration: an error in one does not delay the others.
#[test]
fn each_file_is_loaded_independently() {
    let process = Process::start(PORTS);
    let (old, key) = (process.token(json!({ "jti": "t2" })), other_key());
    assert_eq!(process.readiness(), (200, json!({ "status": "ready", "failed": [] })));

    process.files.replace("keys.jwks.json", "{\"keys\": [");
    eventually("the failure is told", || error(&process, "keys[0] ").contains("keys.jwks.json"));
    assert!(failure(&process, "keys[0] ").unwrap()["since"].as_str().unwrap().ends_with('Z'));
    assert!(process.metric("artos_auth_reload_failures_total{file=\"keys\"}") >= 1.0);
    eventually("the log tells it", || process.errors().contains("the previous version stays in use"));
    let text = Files::config_text(&format!("{PORTS}[policy]\npublic = [{{ path = \"/open\" }}]\n"));
    process.files.replace("artos-auth.toml", &text);
    eventually("the new policy counts", || process.status("/open", "") == 200);
    assert_eq!(process.status(PATH, &old), 200, "by the last good keys");

    process.files.replace("artos-auth.toml", "listen = 1\n");
    eventually("that failure too", || error(&process, "config").contains("listen"));
    process.files.replace("revocations.json", r#"{"tokens": ["t2"]}"#);
    eventually("an urgent revocation counts", || process.status(PATH, &old) == 401);
    process.files.replace("keys.jwks.json", &Files::keys_text(&key));
    let new = current(&key, json!({}));
    eventually("and so do new keys", || process.status(PATH, &new) == 200);
    eventually("they work again", || failure(&process, "keys[0] ").is_none());

    process.files.replace("revocations.json", r#"{"tokens": "t3"}"#);
    eventually("that failure as well", || error(&process, "revocations").contains("revocations.json:1"));
    assert_eq!(process.status(PATH, &current(&key, json!({ "jti": "t2" }))), 401);
    assert_eq!(process.metric("artos_auth_reload_failures_total{file=\"revocations\"}"), 1.0);
}

#[test]
fn a_configuration_waits_for_its_files() {
    let process = Process::start(PORTS);
    let token = process.token(json!({ "jti": "t2" }));
    let key = other_key();
    let text = format!("{PORTS}[keys]\nfile = \"other.json\"\n[revocations]\nfile = \"others.json\"\n");
    process.files.replace("artos-auth.toml", &text);
    eventually("the failure is told", || error(&process, "config").contains("other.json"));
    assert_eq!(process.status(PATH, &token), 200);

    process.files.write("others.json", r#"{"tokens": ["t3"]}"#);
    process.files.replace("other.json", &Files::keys_text(&key));
    eventually("the new key counts", || process.status(PATH, &current(&key, json!({}))) == 200);
    assert_eq!(process.status(PATH, &current(&key, json!({ "jti": "t3" }))), 401, "with its revocations");
    process.files.replace("others.json", r#"{"tokens": ["t4"]}"#);
    eventually("and their changes", || process.status(PATH, &current(&key, json!({ "jti": "t4" }))) == 401);
}

#[test]
fn realms_and_resources_change_with_the_policy() {
    let process = Process::start(PORTS);
    let token = process.token(json!({}));
    let host = "[[realms]]\nhost = \"localhost\"\norganizations = [\"org-b\"]\n";
    process.files.write_config(&format!("{PORTS}{host}"));
    eventually("the realm counts", || process.status(PATH, &token) == 401);
    let any = "[[realms]]\nhost = \"*\"\nany = true\n";
    process.files.write_config(&format!(
        "{PORTS}{any}[[resources]]\npath = \"/{{*rest}}\"\norganization = \"org-b\"\n"
    ));
    eventually("the owner counts", || process.status(PATH, &token) == 403);
}

/// A removed table, and a removed last entry of each list: the file is rejected until a SIGHUP confirms it.
#[test]
fn a_reload_never_loosens_by_omission() {
    let open = format!("{PORTS}[audit]\noutput = \"file\"\nfile = \"audit.jsonl\"\n");
    let owned = format!("{open}[[resources]]\npath = \"/api/v1/templates/\"\norganization = \"org-b\"\n");
    let process = Process::start(&owned);
    let token = process.token(json!({}));
    assert_eq!(process.status(PATH, &token), 403);
    process.files.replace("artos-auth.toml", &Files::config_text(&open));
    let drops = || error(&process, "config") == "drops [[resources]]; send SIGHUP to confirm";
    eventually("it is told", drops);
    eventually("the log tells it", || {
        process.errors().contains("drops [[resources]]; send SIGHUP to confirm")
    });
    assert!(process.metric("artos_auth_reload_failures_total{file=\"config\"}") >= 1.0);
    assert_eq!(process.status(PATH, &token), 403, "what is in use stays in use");

    // Restoring the previous file needs no confirmation, and a SIGHUP does not confirm later changes in advance.
    process.files.replace("artos-auth.toml", &Files::config_text(&owned));
    eventually("it is whole again", || failure(&process, "config").is_none());
    let log = process.files.path("audit.jsonl");
    fs::rename(&log, process.files.path("audit.jsonl.1")).unwrap();
    process.signal(Signal::HUP);
    // A signal takes effect some time after it was sent. This one also opens the log again.
    eventually("the signal has taken effect", || log.exists());
    process.files.replace("artos-auth.toml", &Files::config_text(&open));
    eventually("it is told again", drops);
    assert_eq!(process.status(PATH, &token), 403);

    process.signal(Signal::HUP);
    eventually("confirmed, it counts", || process.status(PATH, &token) == 200);
    eventually("nothing fails", || failure(&process, "config").is_none());
}

/// The signal that rotates the audit log every night must not confirm a change of the configuration.
#[test]
fn reopening_the_audit_log_confirms_nothing() {
    let owned = "[[resources]]\npath = \"/api/v1/templates/\"\norganization = \"org-b\"\n";
    let audit = "[audit]\noutput = \"file\"\nfile = \"audit.jsonl\"\n";
    let process = Process::start(&format!("{PORTS}{audit}{owned}"));
    let token = process.token(json!({}));
    process.files.replace("artos-auth.toml", &Files::config_text(&format!("{PORTS}{audit}")));
    eventually("it is told", || error(&process, "config").contains("drops [[resources]]"));

    let log = process.files.path("audit.jsonl");
    fs::rename(&log, process.files.path("audit.jsonl.1")).unwrap();
    process.signal(Signal::USR1);
    eventually("the log is open again", || log.exists());
    assert_eq!(process.status(PATH, &token), 403);
    assert!(error(&process, "config").contains("drops [[resources]]"), "it is still held back");

    process.signal(Signal::HUP);
    eventually("confirmed, it counts", || process.status(PATH, &token) == 200);
}

/// The first part of a TOML file is itself a TOML file: a paused writer must never loosen access.
#[test]
fn a_file_written_in_place_is_read_when_complete() {
    let resources = "[[resources]]\npath = \"/api/v1/templates/\"\norganization = \"org-b\"\n";
    let process = Process::start(&format!("{PORTS}{resources}"));
    let token = process.token(json!({}));
    let whole =
        Files::config_text(&format!("{PORTS}{resources}[policy]\npublic = [{{ path = \"/open\" }}]\n"));
    let (first, second) = whole.split_at(whole.find("[[resources]]").unwrap());
    let keys = "[keys]\nfile = \"keys.jwks.json\"\n";
    process.files.write("artos-auth.toml", &format!("{first}{keys}"));
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(500) {
        assert_eq!(process.status(PATH, &token), 403);
    }
    assert!(failure(&process, "config").is_none(), "a file that is being written is not judged yet");
    process.files.write("artos-auth.toml", &format!("{first}{second}"));
    eventually("the whole file counts", || process.status("/open", "") == 200);
    assert_eq!(process.status(PATH, &token), 403);

    // Truncated for good.
    process.files.write("artos-auth.toml", &format!("{first}{keys}"));
    eventually("it is told", || error(&process, "config").starts_with("drops "));
    assert_eq!(process.status(PATH, &token), 403);
}

/// A FIFO, device or folder in place of a file is reported within seconds and blocks nothing.
#[test]
fn an_endless_file_blocks_nothing_else() {
    let process = Process::start(PORTS);
    let old = process.token(json!({}));
    let made = Command::new("mkfifo").arg(process.files.path("fifo")).status().unwrap();
    assert!(made.success());
    fs::rename(process.files.path("fifo"), process.files.path("keys.jwks.json")).unwrap();
    eventually("it is told", || error(&process, "keys[0] ").contains("it is a FIFO, not a regular file"));
    process.signal(Signal::HUP);
    process
        .files
        .replace("revocations.json", r#"{"organizations": [{"org": "org-a", "issued_before": 4000000000}]}"#);
    eventually("revocations go on", || process.status(PATH, &old) == 401);

    fs::remove_file(process.files.path("keys.jwks.json")).unwrap();
    symlink("/dev/zero", process.files.path("keys.jwks.json")).unwrap();
    eventually("it is told", || error(&process, "keys[0] ").contains("it is a device, not a regular file"));
    fs::remove_file(process.files.path("revocations.json")).unwrap();
    fs::create_dir(process.files.path("revocations.json")).unwrap();
    eventually("it is told", || error(&process, "revocations").contains("it is a folder"));
    assert_eq!(process.status(PATH, &old), 401, "what was revoked stays revoked");

    fs::remove_dir(process.files.path("revocations.json")).unwrap();
    process.files.replace("revocations.json", "{}");
    eventually("a file again", || process.status(PATH, &old) == 200);
    eventually("it works", || failure(&process, "revocations").is_none());
    process.signal(Signal::TERM);
    let (status, errors) = process.ended();
    assert_eq!(status.code(), Some(0), "{errors}");
}

/// A SIGHUP during startup does not end the process.
#[test]
fn a_sighup_during_startup_is_deferred() {
    let files = Files::new(PORTS);
    let many: Vec<String> = (0..300_000).map(|index| format!("\"token-{index}\"")).collect();
    files.write("revocations.json", &format!("{{\"tokens\": [{}]}}", many.join(",")));
    let mut child = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(["serve", "--config"])
        .arg(files.path("artos-auth.toml"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::HUP).unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on http://"), "{line:?}");
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Several sets, each bound to an issuer and organizations.
#[test]
fn several_key_sets_are_limited_to_their_bindings() {
    let files = Files::new(PORTS);
    let second = other_key();
    files.write("second.json", &Files::keys_text(&second));
    let keys = |more: &str| {
        format!(
            "{PORTS}[[keys]]\nfile = \"keys.jwks.json\"\n{more}\n[[keys]]\nfile = \"second.json\"\n\
             issuer = \"https://b.example\"\norganizations = [\"org-b\"]\n\
             [revocations]\nfile = \"revocations.json\"\n"
        )
    };
    files.write("artos-auth.toml", &keys("organizations = [\"org-a\"]"));
    let process = Process::of_files(files);
    let second_token = |claims: Value| current(&second, claims);
    assert_eq!(process.status(PATH, &process.token(json!({}))), 200);
    assert_eq!(process.status(PATH, &process.token(json!({ "org_id": "org-b" }))), 401);
    let b = json!({ "org_id": "org-b", "iss": "https://b.example" });
    assert_eq!(process.status(PATH, &second_token(b.clone())), 200);
    assert_eq!(process.status(PATH, &second_token(json!({ "org_id": "org-b" }))), 401, "another issuer");
    assert_eq!(process.status(PATH, &second_token(json!({ "iss": "https://b.example" }))), 401);
    eventually("the reasons are in the log", || {
        let errors = process.errors();
        errors.contains("organization_not_of_issuer") && errors.contains("issuer_not_accepted")
    });

    // Removing a binding loosens access.
    process.files.replace("artos-auth.toml", &keys(""));
    eventually("it is told", || error(&process, "config") == "drops organizations; send SIGHUP to confirm");
    // Each set changes independently.
    let third = other_key();
    process.files.replace("second.json", &Files::keys_text(&third));
    eventually("the new key counts", || process.status(PATH, &current(&third, b.clone())) == 200);
    assert_eq!(process.status(PATH, &process.token(json!({}))), 200);
}

#[test]
fn changes_that_need_a_restart_are_reported() {
    let process = Process::start(PORTS);
    process.files.write_config(
        "listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n[limits]\nconnections = 7\n",
    );
    eventually("it is said", || {
        process.errors().contains("`[limits]` changed; restart the server to apply it")
    });
    assert!(!process.errors().contains("`listen`"), "{}", process.errors());
}

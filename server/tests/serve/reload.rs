//! New files while the server runs.

use std::fs;
use std::os::unix::fs::symlink;

use artos_auth_engine::Algorithm;
use artos_auth_server::signing::PrivateKey;
use rustix::process::Signal;
use serde_json::json;

use super::process::{PORTS, Process, current, eventually};
use super::support::Files;

const PATH: &str = "/api/v1/templates/";

fn other_key() -> PrivateKey {
    PrivateKey::generate(Algorithm::ES256, Some("test-only-2".to_owned())).unwrap()
}

#[test]
fn a_replaced_key_set_is_noticed() {
    let process = Process::start(PORTS);
    let (old, key) = (process.token(json!({})), other_key());
    let new = current(&key, json!({}));
    assert_eq!((process.status(PATH, &old), process.status(PATH, &new)), (200, 401));
    process.files.replace("keys.jwks.json", &Files::keys_text(&key));
    eventually("the new key counts", || process.status(PATH, &new) == 200);
    assert_eq!(process.status(PATH, &old), 401, "ROT-1: a key that is gone ends its tokens");
}

#[test]
fn a_key_set_that_is_written_over_is_noticed() {
    let process = Process::start(PORTS);
    let key = other_key();
    process.files.write_keys(&key);
    eventually("the new key counts", || process.status(PATH, &current(&key, json!({}))) == 200);
}

/// As Kubernetes mounts a ConfigMap: the files are links through `..data`, and that is what is turned.
#[test]
fn turned_links_are_noticed() {
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
fn a_hang_up_loads_everything() {
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

#[test]
fn policy_and_keys_change_together_or_not_at_all() {
    let process = Process::start(PORTS);
    let (old, key) = (process.token(json!({})), other_key());
    assert_eq!(process.readiness(), (200, json!({ "status": "ready", "failed": [] })));

    // A new policy, whose keys are broken: neither counts.
    process.files.write("keys.jwks.json", "{\"keys\": [");
    process.files.write_config(&format!("{PORTS}[policy]\npublic = [{{ path = \"/open\" }}]\n"));
    process.signal(Signal::HUP);
    eventually("the failure is told", || process.readiness().1["failed"][0]["source"] == "keys");
    assert_eq!((process.status("/open", ""), process.status(PATH, &old)), (401, 200));
    let (status, report) = process.readiness();
    assert_eq!((status, &report["status"]), (200, &json!("ready")), "the old ones serve on");
    assert!(report["failed"][0]["error"].as_str().unwrap().contains("keys.jwks.json"));
    assert!(report["failed"][0]["since"].as_str().unwrap().ends_with('Z'));
    assert!(process.metric("artos_auth_reload_failures_total{file=\"keys\"}") >= 1.0);
    eventually("the log tells it too", || {
        process.errors().contains("not reloaded; the previous version stays in use")
    });

    // Once they are right, both do.
    process.files.replace("keys.jwks.json", &Files::keys_text(&key));
    eventually("the new policy counts", || process.status("/open", "") == 200);
    assert_eq!(process.status(PATH, &current(&key, json!({}))), 200);
    assert_eq!(process.status(PATH, &old), 401);
    eventually("nothing has failed", || process.readiness().1["failed"] == json!([]));
}

/// An urgent revocation waits for nobody's typing error.
#[test]
fn revocations_change_on_their_own() {
    let process = Process::start(PORTS);
    let token = process.token(json!({ "jti": "t2" }));
    assert_eq!(process.status(PATH, &token), 200);
    process.files.write_config("listen = 1\n");
    eventually("the failure is told", || process.readiness().1["failed"][0]["source"] == "config");
    process.files.replace("revocations.json", r#"{"tokens": ["t2"]}"#);
    eventually("the revocation counts", || process.status(PATH, &token) == 401);

    // And broken ones leave the old in force.
    process.files.replace("revocations.json", r#"{"tokens": "t3"}"#);
    eventually("that failure too", || process.readiness().1["failed"][1]["source"] == "revocations");
    assert_eq!(process.status(PATH, &token), 401);
    assert_eq!(process.metric("artos_auth_reload_failures_total{file=\"revocations\"}"), 1.0);
}

#[test]
fn the_file_may_name_other_files() {
    let process = Process::start(PORTS);
    let token = process.token(json!({ "jti": "t2" }));
    let key = other_key();
    let text = format!("{PORTS}[keys]\nfile = \"other.json\"\n[revocations]\nfile = \"others.json\"\n");
    process.files.replace("artos-auth.toml", &text);
    eventually("the failure is told", || process.readiness().1["failed"][0]["source"] == "keys");
    assert_eq!(process.status(PATH, &token), 200);

    // It is looked for where it was missed, and so are the other revocations.
    process.files.write("others.json", r#"{"tokens": ["t3"]}"#);
    process.files.replace("other.json", &Files::keys_text(&key));
    eventually("the new key counts", || process.status(PATH, &current(&key, json!({}))) == 200);
    eventually("so do the other revocations", || {
        process.status(PATH, &current(&key, json!({ "jti": "t3" }))) == 401
    });
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
    process
        .files
        .write_config(&format!("{PORTS}[[resources]]\npath = \"/{{*rest}}\"\norganization = \"org-b\"\n"));
    eventually("the owner counts", || process.status(PATH, &token) == 403);
}

#[test]
fn what_needs_a_restart_is_said() {
    let process = Process::start(PORTS);
    process.files.write_config(
        "listen = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n[limits]\nconnections = 7\n",
    );
    eventually("it is said", || {
        process.errors().contains("`[limits]` changed, which counts from the next start on")
    });
    assert!(!process.errors().contains("`listen`"), "{}", process.errors());
}

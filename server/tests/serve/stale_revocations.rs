//! Revocations by URL whose source is down.

use serde_json::json;

use super::keys_by_url::Issuer;
use super::process::{PORTS, Process, eventually};
use super::support::Files;

const PROTECTED: &str = "/api/v1/templates/";

fn config(port: u16, on_stale: &str) -> String {
    format!(
        "{PORTS}[keys]\nfile = \"keys.jwks.json\"\n[revocations]\nurl = \"http://127.0.0.1:{port}/\"\npoll_seconds = 1\n\
         max_staleness_seconds = 2\non_stale = \"{on_stale}\"\n"
    )
}

/// What an operator does in an outage must not lose what is known.
#[test]
fn on_stale_can_be_changed_while_the_source_is_down() {
    let list = r#"{"tokens": ["revoked"]}"#;
    let answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{list}", list.len());
    let source = Issuer::start(Some(answer.clone()));
    let files = Files::new("");
    files.write("artos-auth.toml", &config(source.port, "deny"));
    let process = Process::of_files(files);
    let (good, revoked) = (process.token(json!({})), process.token(json!({ "jti": "revoked" })));
    let statuses = || [&good, &revoked].map(|token| process.status(PROTECTED, token));
    eventually("the list is loaded", || statuses() == [200, 401]);

    source.set(None);
    eventually("it is stale", || statuses() == [503, 503]);
    process.files.replace("artos-auth.toml", &config(source.port, "serve"));
    eventually("the last list serves", || statuses() == [200, 401]);
    let (status, report) = process.readiness();
    assert_eq!((status, report["failed"][0]["source"].as_str()), (200, Some("revocations")), "{report}");

    process.files.replace("artos-auth.toml", &config(source.port, "deny"));
    eventually("nothing is judged any more", || statuses() == [503, 503]);
    source.set(answer);
    eventually("the source is back", || statuses() == [200, 401]);
    eventually("nothing is named any more", || {
        process.readiness() == (200, json!({"status": "ready", "failed": []}))
    });
}

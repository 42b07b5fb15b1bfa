//! Messages about the state of the service.

use artos_auth_engine::Algorithm;
use artos_auth_server::signing::PrivateKey;
use rustix::process::Signal;
use serde_json::json;

use super::{Passed, Service};
use crate::process::{PORTS, current, eventually, exchange};
use crate::support::{Files, get, status};

const PATH: &str = "/api/v1/templates/";

fn notified(config: &str, environment: &[(&'static str, &str)]) -> Service {
    let environment = environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Service::start(Files::new(config), Passed { notified: true, environment, ..Passed::default() })
}

fn answer(service: &Service, token: &str) -> u16 {
    status(&exchange(service.address(), get(PATH, token).as_bytes()))
}

#[test]
fn the_service_is_ready_once_it_accepts_connections() {
    let service = notified(PORTS, &[]);
    let told = service.notification();
    let address = service.address();
    assert_eq!(told, format!("READY=1\nSTATUS=listening on http://{address}: ready\n"));
    assert_eq!(answer(&service, &current(&service.files.key, json!({}))), 200);
    service.signal(Signal::TERM);
    assert_eq!(service.notification(), "STOPPING=1\nSTATUS=stopping\n");
    let (status, errors) = service.ended();
    assert_eq!(status.code(), Some(0), "{errors}");
}

/// A server that waits for its keys is a working service: restarting it would not help.
#[test]
fn the_service_is_ready_while_keys_are_missing() {
    let files = Files::new("");
    files.write("artos-auth.toml", &format!("{PORTS}[keys]\nurl = \"http://127.0.0.1:1/jwks\"\n"));
    let service = Service::start(files, Passed { notified: true, ..Passed::default() });
    let told = service.notification();
    assert!(told.starts_with("READY=1\n"), "{told}");
    let shown = ": not ready: keys[0] 127.0.0.1";
    assert!(told.contains(shown), "{told}");
    assert_eq!(answer(&service, "no"), 503);
}

#[test]
fn a_changed_status_is_sent() {
    let service = notified(PORTS, &[]);
    let ready = service.notification();
    service.files.replace("revocations.json", "{");
    let told = service.notification();
    let expected = ready.replace("READY=1\n", "").replace(": ready", ": ready, with failures: revocations");
    assert_eq!(told, expected);
    service.files.replace("revocations.json", "{}");
    assert_eq!(service.notification(), ready.replace("READY=1\n", ""));
}

/// The key set is written in place, so that it counts only once it has not changed for a second.
#[test]
fn a_reload_is_over_once_the_files_are_loaded() {
    let service = notified(&format!("{PORTS}[audit]\noutput = \"file\"\nfile = \"audit.jsonl\"\n"), &[]);
    let ready = service.notification();
    let key = PrivateKey::generate(Algorithm::ES256, Some("test-only-2".to_owned())).unwrap();
    let (old, new) = (current(&service.files.key, json!({})), current(&key, json!({})));
    assert_eq!((answer(&service, &old), answer(&service, &new)), (200, 401));

    std::fs::rename(service.files.path("audit.jsonl"), service.files.path("audit.jsonl.1")).unwrap();
    service.files.write_keys(&key);
    service.signal(Signal::HUP);
    let told = service.notification();
    let time = told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("a reload begins").trim_end();
    assert!(time.parse::<u64>().is_ok_and(|time| time > 0), "{told}");
    assert_eq!(service.notification(), ready);
    assert!(service.files.path("audit.jsonl").exists(), "the audit log has been opened again");
    assert_eq!((answer(&service, &old), answer(&service, &new)), (401, 200));
}

/// The signal that rotates the audit log is not reported as a reload.
#[test]
fn reopening_the_audit_log_is_no_reload() {
    let service = notified(&format!("{PORTS}[audit]\noutput = \"file\"\nfile = \"audit.jsonl\"\n"), &[]);
    let ready = service.notification();
    std::fs::rename(service.files.path("audit.jsonl"), service.files.path("audit.jsonl.1")).unwrap();
    service.signal(Signal::USR1);
    eventually("the log is open again", || service.files.path("audit.jsonl").exists());
    service.signal(Signal::HUP);
    let mut told = vec![service.notification(), service.notification()];
    service.signal(Signal::TERM);
    while !told.last().is_some_and(|told| told.starts_with("STOPPING=1\n")) {
        told.push(service.notification());
    }
    assert_eq!(told.len(), 3, "one reload, and the end: {told:#?}");
    assert!(told[0].starts_with("RELOADING=1\n") && told[1] == ready, "{told:#?}");
}

/// A refused file ends the reload, too; the log and `/readyz` report it.
#[test]
fn a_reload_that_fails_is_over() {
    let service = notified(PORTS, &[]);
    let ready = service.notification();
    service.files.replace("artos-auth.toml", "lisen = 1");
    service.signal(Signal::HUP);
    let mut told = Vec::new();
    while !told.last().is_some_and(|told: &String| told.starts_with("READY=1\n")) {
        told.push(service.notification());
    }
    let expected = ready.replace(": ready", ": ready, with failures: config");
    assert_eq!(told.last(), Some(&expected), "{told:#?}");
    assert!(told.iter().any(|told| told.starts_with("RELOADING=1\n")), "{told:#?}");
}

#[test]
fn the_watchdog_is_fed() {
    let service = notified(PORTS, &[("WATCHDOG_USEC", "100000")]);
    let mut told = Vec::new();
    while told.iter().filter(|told| *told == "WATCHDOG=1\n").count() < 4 {
        told.push(service.notification());
    }
    assert!(told[0].starts_with("READY=1\n"), "{told:#?}");
    assert_eq!(told.len(), 5, "{told:#?}");
}

/// The watchdog of another process, or none.
#[test]
fn only_its_own_watchdog_is_fed() {
    for environment in
        [&[("WATCHDOG_USEC", "1000"), ("WATCHDOG_PID", "1")][..], &[("WATCHDOG_USEC", "0")], &[]]
    {
        let service = notified(PORTS, environment);
        assert!(service.notification().starts_with("READY=1\n"));
        for _ in 0..20 {
            assert_eq!(answer(&service, "no"), 401);
        }
        service.signal(Signal::TERM);
        assert!(service.notification().starts_with("STOPPING=1\n"));
    }
}

/// A socket takes only a few messages that nobody reads. Nothing of the server waits for it.
#[test]
fn nothing_waits_for_a_systemd_that_does_not_read() {
    let service = notified(PORTS, &[("WATCHDOG_USEC", "1000")]);
    let admin = service.lines(2)[1].strip_prefix("admin on http://").unwrap().parse().unwrap();
    let blocked = || {
        std::fs::read_dir(format!("/proc/{}/task", service.child.id())).unwrap().any(|task| {
            let task = task.unwrap().path();
            std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "notify\n")
                && std::fs::read_to_string(task.join("wchan")).is_ok_and(|place| place.contains("unix"))
        })
    };
    eventually("the thread waits for systemd", blocked);
    let token = current(&service.files.key, json!({}));
    assert_eq!(answer(&service, &token), 200);
    let ready = exchange(admin, b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&ready), 200);
    service
        .files
        .replace("revocations.json", r#"{"organizations": [{"org": "org-a", "issued_before": 4000000000}]}"#);
    service.signal(Signal::HUP);
    eventually("the files are loaded again", || answer(&service, &token) == 401);
    service.signal(Signal::TERM);
    let (status, errors) = service.ended();
    assert_eq!(status.code(), Some(0), "{errors}");
}

#[test]
fn a_missing_socket_is_logged_once() {
    let environment =
        vec![("NOTIFY_SOCKET", "/nonexistent/notify".to_owned()), ("WATCHDOG_USEC", "1000".to_owned())];
    let service = Service::start(Files::new(PORTS), Passed { environment, ..Passed::default() });
    const MESSAGE: &str = "`NOTIFY_SOCKET`: systemd cannot be notified: No such file or directory";
    eventually("the message", || service.errors().contains(MESSAGE));
    assert_eq!(answer(&service, "no"), 401);
    service.signal(Signal::TERM);
    let (status, errors) = service.ended();
    assert_eq!((status.code(), errors.matches(MESSAGE).count()), (Some(0), 1), "{errors}");
}

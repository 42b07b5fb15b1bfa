//! Checks the statements of the operators' guide.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use artos_auth_server::config;

use super::process::{PORTS, Process, exchange};
use super::support::{Files, get, status};

const GUIDE: &str = include_str!("../../../docs/run-the-server.md");

/// The code blocks of a language, in order.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    GUIDE.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The first cells of the rows of the table under this heading.
fn first_cells(heading: &str) -> Vec<&'static str> {
    let table = GUIDE.split(&format!("| {heading} |")).nth(1).unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('`').nth(1).unwrap()).collect()
}

fn shell(script: &str, folder: &Path) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_artos-auth")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let output =
        Command::new("sh").args(["-e", "-c", script]).current_dir(folder).env("PATH", path).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{out}\n{err}");
    out.into_owned()
}

#[test]
fn its_first_commands_work() {
    let files = Files::new("");
    let folder = files.folder.path().to_owned();
    for name in ["artos-auth.toml", "keys.jwks.json", "revocations.json"] {
        std::fs::remove_file(folder.join(name)).unwrap();
    }
    let [setup, requests] = blocks("sh")[..] else { panic!("two blocks") };
    shell(setup, &folder);
    // Free ports in place of those in the guide.
    let config = std::fs::read_to_string(folder.join("artos-auth.toml")).unwrap();
    let config = config.replace(":8080", ":0").replace(":9090", ":0");
    std::fs::write(folder.join("artos-auth.toml"), config).unwrap();
    let process = Process::of_files(files);
    let statuses = requests.lines().map(|line| {
        let line = line
            .replace("127.0.0.1:8080", &process.address().to_string())
            .replace("127.0.0.1:9090", &process.admin().to_string());
        status(&shell(&line, &folder))
    });
    assert_eq!(statuses.collect::<Vec<_>>(), [200, 401, 200, 200]);
}

#[test]
fn its_file_has_every_key_and_its_default() {
    let [text, key_sets] = blocks("toml")[..] else { panic!("two blocks") };
    let load = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("artos-auth.toml");
        std::fs::write(&file, text).unwrap();
        config::load(&file).unwrap()
    };
    assert_eq!(load(key_sets).keys.len(), 2);
    let (whole, smallest) = (load(text), load("[keys]\nfile = \"keys.jwks.json\"\n"));
    assert_eq!(whole.listen, smallest.listen);
    assert_eq!(whole.limits, smallest.limits);
    assert_eq!(whole.audit, smallest.audit);
    assert_eq!(format!("{:?}", whole.policy), format!("{:?}", smallest.policy));

    // Keys without a default are commented out; they must be valid too.
    let uncommented: String = text
        .lines()
        .map(|line| {
            let key = line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || rest.contains(" = "));
            // Only a Unix socket has a mode.
            let line = key.unwrap_or(line);
            let line = line.replace("listen = \"127.0.0.1:9090\"", "listen = \"unix:admin.sock\"");
            format!("{line}\n")
        })
        .collect();
    let all = load(&uncommented);
    assert_eq!(all.realms.summary().len(), 2);
    assert!(!all.resources.is_empty());
    assert!(!format!("{:?}", all.policy).contains("issuers: None"));
    assert_eq!(all.socket_mode, smallest.socket_mode, "the default");
    let text = "[keys]\nfile = \"k\"\n[forward]\nfields = \"x-forwarded\"\n[ext_authz]\n";
    let defaults = load(text);
    assert_eq!((all.forward, all.ext_authz), (defaults.forward, defaults.ext_authz), "the defaults");
}

#[test]
fn its_revocations_load() {
    let [text] = blocks("json")[..] else { panic!("one block") };
    let revocations = artos_auth_engine::Revocations::from_json(text.as_bytes()).unwrap();
    assert_eq!((revocations.tokens(), revocations.users(), revocations.organizations()), (2, 1, 1));
}

#[test]
fn its_list_of_metrics_is_complete() {
    let files = Files::new(PORTS);
    // Nothing listens on this port: a set by URL has its metric series from the start.
    let url = "url = \"http://127.0.0.1:1/jwks\"";
    let text = format!(
        "{PORTS}[[keys]]\nfile = \"keys.jwks.json\"\n[[keys]]\n{url}\n[revocations]\nfile = \"revocations.json\"\n"
    );
    files.write("artos-auth.toml", &text);
    let process = Process::of_files(files);
    process.status("/api/v1/search/status", "");
    let (_, text) = process.admin_get("/metrics");
    let shown: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|rest| rest.split_once(' ').unwrap().0.to_owned())
        .collect();
    let mut told: BTreeSet<String> =
        first_cells("metric").iter().map(|cell| cell.split('{').next().unwrap().to_owned()).collect();
    assert!(told.remove("artos_auth_tls_certificate_expiry_timestamp_seconds"), "there only with `[tls]`");
    assert!(told.remove("artos_auth_revocations_age_seconds"), "there only for revocations from a server");
    assert_eq!(told, shown);
    for cell in first_cells("metric") {
        let Some((name, labels)) = cell.split_once('{') else { continue };
        let line = text.lines().find(|line| line.starts_with(&format!("{name}{{"))).unwrap();
        for label in labels.trim_end_matches('}').split(',') {
            assert!(line.contains(&format!("{label}=\"")), "{line} has {label}");
        }
    }
}

#[test]
fn its_list_of_audit_fields_is_complete() {
    let process = Process::start(PORTS);
    exchange(process.address(), get("/api/v1/search/status", "").as_bytes());
    super::process::eventually("the line", || process.errors().contains("public_path"));
    let errors = process.errors();
    let line = errors.lines().find(|line| line.contains("public_path")).unwrap();
    let fields: Vec<&str> = line.split("\":").filter_map(|part| Some(part.rsplit_once('"')?.1)).collect();
    assert_eq!(first_cells("field"), fields);
}

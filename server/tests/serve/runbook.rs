//! The runbook: each alert, each line of `/readyz` and each error at the start is in it, and its commands work.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use rstest::rstest;
use serde_json::{Value, json};

use super::observability::alerts;
use super::process::{PORTS, Process, eventually, exchange};
use super::support::{Files, get};

const PAGE: &str = include_str!("../../../docs/runbook.md");

/// The first cells of the rows of a section's tables, without the marks of code.
fn rows(section: &str, cells: usize) -> Vec<Vec<String>> {
    let text = PAGE.split(&format!("\n## {section}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let plain = |cell: &str| cell.trim().trim_matches('`').trim().to_owned();
    rows.map(|row| row.split(" | ").take(cells).map(|cell| plain(cell.trim_start_matches("| "))).collect())
        .collect()
}

/// Whether a text is what a row says: `…` stands for anything, `FILE:` for the path of a file.
fn is(pattern: &str, text: &str) -> bool {
    let pattern = pattern.strip_prefix("FILE:").map_or(pattern.to_owned(), |rest| format!("/…:{rest}"));
    let mut pieces = pattern.split('…');
    let Some(mut rest) = text.strip_prefix(pieces.next().unwrap()) else { return false };
    let mut last = None;
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = rest.get(at + piece.len()..).unwrap();
        last = Some(piece);
    }
    rest.is_empty() || last == Some("")
}

/// Panics if the runbook does not have a line that `/readyz` shows: every answer that a test sees is looked up.
pub(crate) fn assert_explains(readyz: &Value) {
    static ROWS: LazyLock<Vec<Vec<String>>> = LazyLock::new(|| rows("Lines of `/readyz`", 2));
    for failed in readyz["failed"].as_array().unwrap() {
        let (source, error) = (failed["source"].as_str().unwrap(), failed["error"].as_str().unwrap());
        let error = error.strip_suffix("; the fallback file is used").unwrap_or(error);
        let is_there = ROWS.iter().any(|row| is(&row[0], source) && is(&row[1], error));
        assert!(is_there, "docs/runbook.md does not have this line of /readyz: {source}: {error}");
    }
}

/// The text of the program, with the lines of a string literal joined.
fn source(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            source(&entry, text);
        } else if entry.extension().is_some_and(|end| end == "rs") {
            let file = std::fs::read_to_string(entry).unwrap();
            let lines = file.split("\\\n").map(str::trim_start);
            text.extend(lines);
        }
    }
}

/// A message that was changed must be changed in the runbook.
#[test]
fn every_row_is_of_a_message_of_the_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    source(&root.join("src"), &mut text);
    source(&root.join("../engine/src"), &mut text);
    let messages = rows("Lines of `/readyz`", 2).into_iter().map(|row| row[1].clone());
    let messages: Vec<String> =
        messages.chain(rows("Errors at the start", 1).into_iter().flatten()).collect();
    assert!(messages.len() > 35, "{messages:#?}");
    // The broker's own words.
    for message in messages.into_iter().filter(|message| message != "NOPERM …") {
        let keys = ["FILE:", "keys[", "`listen`: ", "`admin_listen`: ", "`--listen`: "];
        let message = keys.iter().fold(message, |message, key| message.replace(key, ""));
        for piece in message
            .split('…')
            .map(|piece| piece.trim_matches(['`', ';', ' ']))
            .filter(|piece| piece.len() > 2)
        {
            assert!(text.contains(piece), "no message of the program has `{piece}`: {message}");
        }
    }
}

fn headings() -> BTreeSet<String> {
    let lines = PAGE.lines().filter(|line| line.starts_with('#'));
    lines
        .map(|line| {
            line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-").replace(['`', '/'], "")
        })
        .collect()
}

#[test]
fn each_alert_has_its_section_and_each_link_leads_to_one() {
    let headings = headings();
    let mut linked = BTreeSet::new();
    for (name, _, texts) in alerts() {
        let link = texts.iter().find_map(|text| text.strip_prefix("docs/runbook.md#")).unwrap();
        assert!(headings.contains(link), "{name}: no section {link}");
        assert!(name.to_lowercase().starts_with(link), "{name} leads to {link}");
        linked.insert(link.to_owned());
    }
    let sections: BTreeSet<String> =
        headings.iter().filter(|heading| heading.starts_with("artosauth")).cloned().collect();
    assert_eq!(linked, sections);
    let links: Vec<&str> = PAGE.split("](#").skip(1).map(|rest| rest.split(')').next().unwrap()).collect();
    assert!(links.len() > 20, "{links:?}");
    for link in links {
        assert!(headings.contains(link), "no section {link}");
    }
}

#[rstest]
#[case::unknown_key("lisen = \"a\"\n", "FILE:…")]
#[case::listen("listen = \"TAKEN\"\n", "`listen`: cannot listen on …")]
#[case::admin("listen = \"127.0.0.1:0\"\nadmin_listen = \"TAKEN\"\n", "`admin_listen`: cannot listen on …")]
#[case::socket("listen = \"unix:keys.jwks.json\"\n", "`listen`: cannot listen on …")]
#[case::audit(
    "listen = \"127.0.0.1:0\"\n[audit]\noutput = \"file\"\nfile = \"none/a\"\n",
    "`audit.file`: … cannot be opened: …"
)]
#[case::tls("listen = \"127.0.0.1:0\"\n[tls]\ncertificate = \"none\"\nkey = \"none\"\n", "FILE:…")]
fn errors_at_the_start_are_explained(#[case] config: &str, #[case] row: &str) {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let files = Files::new(&config.replace("TAKEN", &taken.local_addr().unwrap().to_string()));
    let mut serve = Command::new(env!("CARGO_BIN_EXE_artos-auth"));
    let output = serve.args(["serve", "--config"]).arg(files.path("artos-auth.toml")).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let error = errors.trim_end().strip_prefix("error: ").unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(is(row, error), "{error}");
    let rows: Vec<String> = rows("Errors at the start", 1).into_iter().flatten().collect();
    let row = row.replace("`", "");
    assert!(rows.iter().any(|other| other.replace('`', "") == row), "{row} is not in {rows:#?}");
}

#[rstest]
#[case::names("LISTEN_FDNAMES=a:b", "`LISTEN_…`: …")]
#[case::no_socket("LISTEN_FDNAMES=main", "the passed socket …")]
fn errors_of_passed_sockets_are_explained(#[case] variable: &str, #[case] row: &str) {
    let files = Files::new(PORTS);
    let script = format!(
        "exec 3< /dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 {variable}; exec \"$0\" serve --config artos-auth.toml"
    );
    let mut shell = Command::new("sh");
    let output = shell
        .args(["-c", &script, env!("CARGO_BIN_EXE_artos-auth")])
        .current_dir(files.folder.path())
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(is(row, errors.trim_end().strip_prefix("error: ").unwrap()), "{errors}");
    assert!(rows("Errors at the start", 1).into_iter().flatten().any(|other| other == row));
}

/// Blocks of a shell, except the one that sets the variables; and commands within a line that can be run as they are.
fn commands() -> Vec<String> {
    let blocks = PAGE.split("```sh\n").skip(2).map(|rest| rest.split("```").next().unwrap().to_owned());
    let mut commands: Vec<String> = blocks.collect();
    let mut in_block = false;
    for line in PAGE.lines() {
        in_block ^= line.starts_with("```");
        let spans = line.split('`').skip(1).step_by(2);
        let runs = ["curl ", "ps ", "df ", "date ", "artos-auth "];
        let can_run = |span: &&str| {
            runs.iter().any(|run| span.starts_with(run))
                && (!span.starts_with("artos-auth ") || span.contains("--"))
        };
        commands.extend(spans.filter(can_run).filter(|_| !in_block).map(str::to_owned));
    }
    commands
}

#[test]
fn its_commands_work() {
    let config = "[audit]\noutput = \"file\"\nfile = \"audit.jsonl\"\n[[resources]]\npath = \"/{org}/x\"\norganization = \"{org}\"\n\
                  [[resources]]\npath = \"/{*rest}\"\nunowned = true\n";
    let files = Files::new(&format!("{PORTS}{config}"));
    let authority = super::tls::authority("an authority");
    files.write("tls.crt", &authority.pem());
    let process = Process::of_files(files);
    let folder = process.files.folder.path().to_owned();
    let token = process.token(json!({ "jti": null }));
    process.files.write("token.jwt", &token);
    process.files.write("header.txt", &format!("Bearer {token}"));
    let status = |path: &str, token: &str| {
        super::support::status(&exchange(process.address(), get(path, token).as_bytes()))
    };
    assert_eq!((status("/org-b/x", &token), status("/", "x.y.z")), (403, 401));
    exchange(process.address(), b"GET / HTTP/1.1\r\n\r\n");
    let audit = folder.join("audit.jsonl");
    eventually("the lines are written", || std::fs::read_to_string(&audit).unwrap().lines().count() == 3);

    let programs = Path::new(env!("CARGO_BIN_EXE_artos-auth")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let commands = commands();
    assert!(commands.len() > 15, "{commands:#?}");
    for command in commands {
        let mut shell = Command::new("sh");
        shell.args(["-ec", &command]).current_dir(&folder).env("PATH", &path);
        shell
            .env("ADMIN", process.admin().to_string())
            .env("PID", process.id().to_string())
            .env("AUDIT", &audit);
        let output = shell.output().unwrap();
        let is_silent = command.starts_with("kill ");
        assert!(output.status.success() && (is_silent || !output.stdout.is_empty()), "{command}\n{output:?}");
    }
    assert_eq!(process.readiness().0, 200);
}

#[test]
fn a_row_stands_for_a_message() {
    assert!(is("answers …, not 200…", "answers 404, not 200"));
    assert!(is("answers …, not 200…", "answers 302, not 200; redirects are not followed"));
    assert!(is("FILE:…", "/a/b.toml:3: `x`: unknown key"));
    assert!(!is("FILE:…", "a message: of something else"));
    assert!(!is("not fetched yet", "not fetched yet, or so"));
    assert!(is("not loaded yet", "not loaded yet"));
}

//! The built program: exit statuses, formats, messages.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::service::{Kind, Service};
use super::{OPENAPI, folder};

/// The program, without a limit of its rate.
pub(crate) async fn program(arguments: &[&str]) -> Output {
    checker(&[arguments, &["--rate", "100000"]].concat()).await
}

pub(crate) async fn checker(arguments: &[&str]) -> Output {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let run = move || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_artos-conformance"));
        for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            command.env_remove(name);
        }
        command.args(arguments).output().unwrap()
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The parts of the output that differ between runs, replaced.
fn stable(output: &str, target: &str) -> String {
    let text = output.replace(target, "http://127.0.0.1:PORT");
    let last = text.trim_end().rsplit('\n').next().unwrap_or_default();
    match last.rsplit_once(" in ") {
        Some((before, _)) => text.replace(last, &format!("{before} in TIME")),
        None => text,
    }
}

#[tokio::test]
async fn the_table_fits_a_hundred_columns() {
    let service = Service { fault: Some(("read", Kind::NoOrganization)), ..Service::default() };
    let address = service.start().await;
    let (_folder, profile) = folder(address);
    let profile = profile.to_str().unwrap();
    let output = program(&["matrix", "--profile", profile]).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("sends 107 requests to http://"), "{}", text(&output.stderr));
    let shown = text(&output.stdout).replace(profile, "conformance.toml");
    let shown = stable(&shown, &format!("http://{address}"));
    for line in shown.lines().take_while(|line| !line.is_empty()) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    insta::assert_snapshot!("human", shown);
}

#[tokio::test]
async fn every_format_names_the_fault_and_no_token() {
    let service = Service { fault: Some(("read", Kind::NoOrganization)), ..Service::default() };
    let (_folder, profile) = folder(service.start().await);
    let profile = profile.to_str().unwrap();
    for (format, named) in [
        ("human", "read/other_organization/own"),
        ("json", "\"caller\": \"other_organization\""),
        ("junit", "read/other_organization/own"),
        ("markdown", "read/other_organization/own"),
        ("html", "!! other_organization/own: expected 403 or 404, observed 200"),
        ("sarif", "read/other_organization/own"),
    ] {
        let output = program(&["matrix", "--profile", profile, "--format", format]).await;
        assert_eq!(output.status.code(), Some(1), "{format}: {}", text(&output.stderr));
        let report = text(&output.stdout);
        assert!(report.contains(named), "{format}: {report}");
        assert!(!report.contains("eyJ"), "{format} shows a token");
        assert!(!report.contains("<script"), "{format} has a script");
    }
    let output = program(&["matrix", "--profile", profile, "--format", "badge"]).await;
    let badge: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(badge["color"], "red");
    let output = program(&["matrix", "--profile", profile, "--format", "json", "--filter", "read/*"]).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["summary"]["operations"], 1);
    let cells = report["operations"][0]["cells"].as_array().unwrap();
    let wrong: Vec<_> = cells.iter().filter(|cell| cell["wrongly_allowed"] == true).collect();
    assert_eq!(wrong.len(), 2, "{wrong:#?}");
    assert_eq!(wrong[0]["evidence"]["response_head"][0], "HTTP/1.1 200");
}

#[tokio::test]
async fn a_baseline_knows_a_failure_by_a_glob() {
    let service = Service { fault: Some(("read", Kind::NoOrganization)), ..Service::default() };
    let (folder, profile) = folder(service.start().await);
    let profile = profile.to_str().unwrap();
    let baseline = folder.path().join("baseline.toml");
    let write = |observed: &str| {
        let entry =
            format!("[[known]]\ncase = \"read/*\"\nobserved = \"{observed}\"\nreason = \"until May\"\n");
        fs::write(&baseline, entry).unwrap();
    };
    let arguments = ["matrix", "--profile", profile, "--baseline", baseline.to_str().unwrap()];
    write("200");
    let output = program(&arguments).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    write("500");
    let output = program(&arguments).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("stale in the baseline: read/* is recorded as 500"));
}

/// Otherwise a typing error would hide that a known failure is gone.
#[tokio::test]
async fn an_entry_of_a_baseline_that_matches_no_cell_is_a_mistake() {
    let (folder, profile) = folder(Service::default().start().await);
    let profile = profile.to_str().unwrap();
    let baseline = folder.path().join("baseline.toml");
    let entry = "[[known]]\ncase = \"raed/*\"\nobserved = \"200\"\nreason = \"until May\"\n";
    fs::write(&baseline, entry).unwrap();
    let arguments = ["matrix", "--profile", profile, "--baseline", baseline.to_str().unwrap()];
    let output = program(&arguments).await;
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("baseline.toml:1: known.case: `raed/*` matches no cell of the matrix"), "{said}");
    // Of a part of the matrix, that cannot be known.
    let output = program(&[&arguments[..], &["--filter", "read/*"]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

/// A plan of more than 2,000 requests is not sent by mistake.
#[tokio::test]
async fn many_requests_need_yes() {
    let (folder, profile) = folder(Service::default().start().await);
    let mut paths = serde_json::Map::new();
    for number in 0..300 {
        let operation = serde_json::json!({"get": {"operationId": format!("o{number}"), "responses": {}}});
        paths.insert(format!("/api/v1/many/{number}"), operation);
    }
    let document = serde_json::json!({"openapi": "3.1.0", "security": [], "paths": paths});
    let many = folder.path().join("many.json");
    fs::write(&many, document.to_string()).unwrap();
    let only = fs::read_to_string(&profile).unwrap();
    let (start, _) = only.split_once("[matrix").unwrap();
    fs::write(&profile, start).unwrap();
    let arguments = ["matrix", "--profile", profile.to_str().unwrap(), "--openapi", many.to_str().unwrap()];
    let output = program(&arguments).await;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(said.contains("requests are more than 2000: pass --yes to send them"), "{said}");
}

#[tokio::test]
async fn a_plan_is_printed_and_nothing_is_sent() {
    let (_folder, profile) = folder("127.0.0.1:9".parse().unwrap());
    let profile = profile.to_str().unwrap();
    let output = program(&["matrix", "--profile", profile, "--dry-run", "--filter", "page/*"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!("dry_run", text(&output.stdout));
    let output = program(&["matrix", "--profile", profile]).await;
    assert_eq!(output.status.code(), Some(3), "nobody listens");
}

#[tokio::test]
async fn what_has_no_value_is_uncovered() {
    let (folder, profile) = folder(Service::default().start().await);
    let openapi = OPENAPI.replace("\"document_id\"", "\"id\"").replace("{document_id}", "{id}");
    fs::write(folder.path().join("openapi.json"), openapi).unwrap();
    let text_of = fs::read_to_string(&profile)
        .unwrap()
        .replace("\"GET /api/v1/documents/{document_id}\"", "\"GET /api/v1/documents/{id}\"");
    fs::write(&profile, text_of).unwrap();
    let profile = profile.to_str().unwrap();
    let output = program(&["matrix", "--profile", profile, "--format", "json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["verdict"], &report["summary"]["uncovered"]), (&"partial".into(), &4.into()));
    let output = program(&["matrix", "--profile", profile, "--complete"]).await;
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn mistakes_are_named_with_their_place() {
    let (folder, profile) = folder("127.0.0.1:9".parse().unwrap());
    let good = fs::read_to_string(&profile).unwrap();
    let broken = folder.path().join("broken.yaml");
    fs::write(&broken, "openapi: 3.0.0\npaths:\n  /a: {get: {parameters: {}}}\n").unwrap();
    let mut said = Vec::new();
    for (from, to, openapi) in [
        ("", "", Some(broken.as_path())),
        ("", "", Some(Path::new("missing.json"))),
        ("openapi = \"openapi.json\"\n", "", None),
        ("openapi = \"openapi.json\"", "opanapi = \"openapi.json\"", None),
        ("generate = {", "generates = {", None),
        ("\"POST /api/v1/documents\"", "\"POST /documents\"", None),
        ("openapi = \"openapi.json\"", "openapi = \"openapi.json\"\ninclude = [\"/v9/**\"]", None),
        ("openapi = \"openapi.json\"", "openapi = \"openapi.json\"\nexclude = [\"/a[\"]", None),
        ("{ own = \"doc-a\", other = \"doc-b\" }\norg", "{ mine = \"doc-a\" }\norg", None),
    ] {
        let text_of = if from.is_empty() { good.clone() } else { good.replacen(from, to, 1) };
        fs::write(&profile, text_of).unwrap();
        let mut arguments = vec!["matrix", "--profile", profile.to_str().unwrap()];
        if let Some(path) = openapi {
            arguments.extend(["--openapi", path.to_str().unwrap()]);
        }
        let output = program(&arguments).await;
        assert_eq!(output.status.code(), Some(2), "{to}: {}", text(&output.stderr));
        said.push(text(&output.stderr).replace(&folder.path().display().to_string(), "FOLDER"));
    }
    insta::assert_snapshot!("mistakes", said.concat());
}

#[tokio::test]
async fn help_describes_every_flag() {
    insta::assert_snapshot!("help", text(&program(&["matrix", "--help"]).await.stdout));
}

const PAGE: &str = include_str!("../../../docs/matrix.md");

/// The profile of the page reads, and the page shows what the checker prints, but for the port and the time.
#[tokio::test]
async fn the_page_shows_what_is_printed() {
    let service = Service { fault: Some(("read", Kind::NoOrganization)), ..Service::default() };
    let address = service.start().await;
    let (folder, profile) = folder(address);
    let profile = profile.to_str().unwrap();
    let output = checker(&["matrix", "--profile", profile]).await;
    let printed = text(&output.stderr) + &text(&output.stdout);
    let stable = |text: &str| {
        let line = |line: &str| match line.rsplit_once(" requests in ") {
            Some((before, _)) => before.to_owned(),
            None => line.trim_end().to_owned(),
        };
        text.lines().map(line).collect::<Vec<_>>()
    };
    let printed = printed
        .replace(profile, "conformance.toml")
        .replace(&format!("http://{address}/"), "http://127.0.0.1:8080/")
        .replace(&format!("http://{address}"), "http://127.0.0.1:8080 ");
    let printed = stable(&printed.replace(" \n", "\n"));
    let printed: Vec<String> =
        printed.iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let dry = checker(&["matrix", "--profile", profile, "--dry-run", "--filter", "page/*"]).await;
    let blocks: Vec<&str> =
        PAGE.split("```console\n").skip(1).filter_map(|block| block.split("```").next()).collect();
    let [plan, run] = blocks[..] else { panic!("the page shows a plan and a run") };
    assert_eq!(plan.split_once('\n').unwrap().1, text(&dry.stdout));
    for line in stable(run).iter().skip(1).filter(|line| line.trim() != "…") {
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(printed.contains(&line), "{line}\n{printed:#?}");
    }
    let toml = PAGE.split("```toml\n").nth(1).and_then(|block| block.split("```").next()).unwrap();
    let toml = toml
        .replace("{ file = \"revoked.jwt\" }", "{ value = \"e30.e30.AAAA\" }")
        .replace("{ file = \"left.jwt\" }", "{ value = \"e30.e30.AAAA\" }");
    fs::rename(folder.path().join("key.jwk.json"), folder.path().join("signing.jwk.json")).unwrap();
    fs::write(profile, toml).unwrap();
    let output = checker(&["matrix", "--profile", profile, "--dry-run"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).ends_with("\n107 requests\n"), "{}", text(&output.stdout));
}

#[tokio::test]
async fn a_document_is_read_from_a_url() {
    let address = Service::default().start().await;
    let (_folder, profile) = folder(address);
    let profile = profile.to_str().unwrap();
    for (path, status, says) in [
        ("openapi.json", 0, "107 requests"),
        ("nowhere.json", 2, "/nowhere.json: cannot be read: the answer is 404"),
    ] {
        let url = format!("http://{address}/{path}");
        let output = checker(&["matrix", "--profile", profile, "--openapi", &url, "--dry-run"]).await;
        assert_eq!(output.status.code(), Some(status), "{}", text(&output.stderr));
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.contains(says), "{said}");
    }
}

#[tokio::test]
async fn the_page_of_a_matrix_links_every_sign_to_its_request_and_answer() {
    let service = Service { fault: Some(("read", Kind::NoOrganization)), ..Service::default() };
    let (folder, profile) = folder(service.start().await);
    let page = folder.path().join("matrix.html");
    let profile = profile.to_str().unwrap();
    let output =
        program(&["matrix", "--profile", profile, "--format", "html", "--output", page.to_str().unwrap()])
            .await;
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("wrongly allowed: read/own/other: expected 403 or 404, observed 200"), "{said}");
    let page = fs::read_to_string(page).unwrap();
    let targets: Vec<&str> =
        page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(targets.len() > 100, "{}", targets.len());
    for target in targets {
        assert!(page.contains(&format!("id=\"{target}\"")), "{target}");
    }
    assert_eq!(page.matches("<td class=\"bad\">").count(), 2);
    assert_eq!(page.matches("<details").count(), 106);
    assert!(page.contains("HTTP/1.1 200") && page.contains("Quarterly numbers"));
    assert!(page.contains("Content-Security-Policy") && !page.contains("<script"));
}

//! The built program: exit statuses, messages, formats, and no tokens in its output.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ending;
mod publishing;
mod revocation;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use artos_auth_deployment::{AtHand, Behavior, Deployment, Fault, Power};
use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

const FORMATS: [&str; 6] = ["human", "json", "junit", "markdown", "html", "sarif"];

/// Runs the program to completion.
async fn program(arguments: &[&str]) -> Output {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    tokio::task::spawn_blocking(move || command().args(arguments).output().unwrap()).await.unwrap()
}

/// The program, without a proxy.
fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_artos-conformance"));
    for name in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

struct Started {
    deployment: Deployment,
    folder: TempDir,
    profile: String,
}

async fn started(behavior: Behavior, power: Power) -> Started {
    let deployment = Deployment::start(behavior).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let profile = deployment.write_profile(folder.path(), power).unwrap().display().to_string();
    Started { deployment, folder, profile }
}

impl Started {
    /// `run` with this profile, without a rate limit.
    async fn run(&self, more: &[&str]) -> Output {
        program(&[&["run", "--profile", &self.profile, "--rate", "5000", "--timeout", "5"], more].concat())
            .await
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correct_deployment_is_status_0() {
    let started = started(Behavior::correct(), Power::Signing).await;
    let output = started.run(&["--format", "json", "--level", "should", "--complete"]).await;
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["verdict"], "conforms", "{}", report["summary"]);
    assert_eq!(report["target"], started.deployment.url());
    for member in ["suite_version", "started_at"] {
        assert!(report[member].is_string(), "{member}");
    }
    assert!(report["requests"].as_u64().unwrap() <= 500);
    let case = &report["cases"][0];
    for member in [
        "id",
        "title",
        "clauses",
        "level",
        "outcome",
        "expected",
        "observed",
        "skipped_because",
        "duration_ms",
    ] {
        assert!(case.get(member).is_some(), "{member}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_status_1_in_every_format_and_wrongly_allowed_cases_come_first() {
    let started = started(Behavior::with_fault(Fault::SignatureIgnored), Power::Tokens).await;
    for format in FORMATS {
        let output = started.run(&["--format", format, "--filter", "signature", "--filter", "public"]).await;
        assert_eq!(status(&output), 1, "{format}: {}", stderr(&output));
    }
    let output = started.run(&["--format", "json"]).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let first = &report["cases"][0];
    assert_eq!((&first["wrongly_allowed"], &first["outcome"]), (&Value::from(true), &Value::from("failed")));
    assert!(first["evidence"]["curl"].as_str().unwrap().contains("${TOKEN}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_should_affects_the_status_only_if_requested() {
    let started = started(Behavior::with_fault(Fault::ChallengeMissing), Power::Tokens).await;
    let filter = ["--filter", "challenge"];
    assert_eq!(status(&started.run(&filter).await), 0);
    assert_eq!(status(&started.run(&[&filter[..], &["--level", "should"]].concat()).await), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn complete_turns_a_partial_result_into_a_failure() {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let filter = ["--filter", "key"];
    assert_eq!(status(&started.run(&filter).await), 0);
    assert_eq!(status(&started.run(&[&filter[..], &["--complete"]].concat()).await), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_affects_the_status_but_not_the_verdict() {
    let started = started(Behavior::with_fault(Fault::MissingHeader403), Power::Tokens).await;
    let entry = |case: &str, observed: &str| {
        format!("[[known]]\ncase = \"{case}\"\nobserved = \"{observed}\"\nreason = \"known to the test\"\n")
    };
    let run = |text: String| {
        let path = started.write("baseline.toml", &text);
        let started = &started;
        async move { started.run(&["--filter", "header/missing", "--baseline", &path, "--format", "json"]).await }
    };
    let observed: Value = serde_json::from_slice(&run(String::new()).await.stdout).unwrap();
    let observed = observed["cases"][0]["observed"].as_str().unwrap().to_owned();

    let known = run(entry("header/missing", &observed)).await;
    let report: Value = serde_json::from_slice(&known.stdout).unwrap();
    assert_eq!((status(&known), &report["verdict"]), (0, &Value::from("violates")));

    assert_eq!(status(&run(entry("header/missing", "418")).await), 1, "observed otherwise");
    let elsewhere = entry("header/missing", &observed) + &entry("header/empty", "200");
    assert_eq!(status(&run(elsewhere).await), 0, "entries of cases that are not selected are left alone");
    let unknown = run(entry("header/nothing-like-it", "200")).await;
    assert_eq!(status(&unknown), 2);
    assert!(stderr(&unknown).contains("baseline.toml:1: known.case: unknown case"), "{}", stderr(&unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_baseline_entry_that_passes_is_a_failure() {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let path = started.write(
        "baseline.toml",
        "[[known]]\ncase = \"header/missing\"\nobserved = \"200\"\nreason = \"fixed since\"\n",
    );
    let output = started.run(&["--filter", "header/missing", "--baseline", &path]).await;
    assert_eq!(status(&output), 1, "{}", stdout(&output));
    assert!(stdout(&output).contains("header/missing"), "{}", stdout(&output));
}

#[rstest]
#[case::unknown_key("taget = \"http://127.0.0.1:1\"\n", ":1: unknown field `taget`")]
#[case::no_target("allow_writes = false\n", ": missing `target`")]
#[case::no_url("target = \"127.0.0.1\"\n", ":1: target: `127.0.0.1` must begin with")]
#[case::wrong_type(
    "target = \"http://127.0.0.1:1\"\nallow_writes = \"yes\"\n",
    ":2: allow_writes: invalid type"
)]
#[case::unset_variable(
    "target = \"http://127.0.0.1:1\"\n[tokens]\nvalid = { env = \"ARTOS_CONFORMANCE_UNSET\" }\n",
    ":3: tokens.valid: the environment variable `ARTOS_CONFORMANCE_UNSET` is not set"
)]
#[case::unknown_token(
    "target = \"http://127.0.0.1:1\"\n[tokens]\nvalued = { value = \"x\" }\n",
    ":3: tokens.valued: unknown key"
)]
#[case::no_jwt(
    "target = \"http://127.0.0.1:1\"\n[tokens]\nvalid = { value = \"sesame\" }\n",
    ":3: tokens.valid: not a JWT"
)]
#[case::pasted_wrongly(
    "target = \"http://127.0.0.1:1\"\n[tokens]\nvalid = \"eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl\"\n",
    ":3: valid: invalid type: a string"
)]
#[case::string_for_an_endpoint(
    "target = \"http://127.0.0.1:1\"\n[endpoints]\nprotected = \"/api/v1/templates/\"\n",
    ":3: protected: invalid type: a string, expected a table such as `{ path = \"/…\" }`"
)]
#[case::number_for_the_endpoints(
    "target = \"http://127.0.0.1:1\"\nendpoints = 1\n",
    ":2: endpoints: invalid type: integer `1`, expected a table of endpoints"
)]
#[case::array_for_a_path(
    "target = \"http://127.0.0.1:1\"\n[endpoints]\nprotected = { path = [\"/\"] }\n",
    ":3: protected: invalid type: an array, expected a string"
)]
#[case::table_for_the_key(
    "target = \"http://127.0.0.1:1\"\n[signing]\nkey = {}\norganization = \"a\"\n",
    ":3: key: invalid type: a table, expected a string"
)]
#[case::string_for_the_permissions(
    "target = \"http://127.0.0.1:1\"\n[signing]\nkey = \"k\"\norganization = \"a\"\npermissions = \"p\"\n",
    ":5: permissions: invalid type: a string, expected an array"
)]
#[case::missing_key_file(
    "target = \"http://127.0.0.1:1\"\n[signing]\nkey = \"none.jwk\"\norganization = \"a\"\n",
    ":3: signing.key: `"
)]
#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_profile_is_status_2_with_its_position(#[case] text: &str, #[case] says: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.toml");
    std::fs::write(&path, text).unwrap();
    let output = program(&["run", "--profile", &path.display().to_string()]).await;
    assert_eq!(status(&output), 2);
    let message = stderr(&output);
    assert!(message.contains(says), "{message}");
    assert!(message.contains("profile.toml") && message.trim_end().lines().count() == 1, "{message}");
    assert!(!message.contains("eyJhbGci") && !message.contains("struct "), "{message}");
}

#[rstest]
#[case::no_command(&[])]
#[case::unknown_flag(&["run", "--profil", "x"])]
#[case::no_profile(&["run"])]
#[case::no_such_profile(&["run", "--profile", "no-such-profile.toml"])]
#[case::no_such_format(&["run", "--profile", "x", "--format", "pdf"])]
#[case::no_such_level(&["run", "--profile", "x", "--level", "may"])]
#[case::no_rate(&["run", "--profile", "x", "--rate", "0"])]
#[case::bad_glob(&["list", "--filter", "a["])]
#[case::no_such_case(&["explain", "header/nothing-like-it"])]
#[case::nothing_selected(&["list", "--filter", "nothing-like-it"])]
#[case::one_profile(&["compare", "--profile", "x"])]
#[tokio::test(flavor = "multi_thread")]
async fn invalid_usage_is_status_2(#[case] arguments: &[&str]) {
    let output = program(arguments).await;
    assert_eq!(status(&output), 2, "{}", stderr(&output));
    assert!(!stderr(&output).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_case_selected_is_status_2() {
    let started = started(Behavior::correct(), Power::Tokens).await;
    assert_eq!(status(&started.run(&["--filter", "nothing-like-it"]).await), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_target_is_status_3() {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let output = started.run(&["--target", &format!("http://{free}"), "--retries", "0"]).await;
    assert_eq!(status(&output), 3);
    assert!(stderr(&output).contains("unreachable"), "{}", stderr(&output));
    assert!(stderr(&output).contains(&free.to_string()), "{}", stderr(&output));
}

/// Answers every connection with these bytes, or, without bytes, holds it open.
async fn canned(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            if answer == "hold" {
                held.push(stream);
                continue;
            }
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                let read = stream.read(&mut request).await;
                assert!(read.is_ok());
                drop(stream.write_all(answer.as_bytes()).await);
            });
        }
    });
    url
}

#[rstest]
#[case::html(
    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    "200 with an HTML page"
)]
#[case::bad_gateway("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "502")]
#[case::redirect(
    "HTTP/1.1 301 Moved\r\nLocation: https://api.example/\r\nContent-Length: 0\r\n\r\n",
    "a redirect to https://api.example/"
)]
#[case::not_found("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404")]
#[case::closed("", "closed without an answer")]
#[case::no_http("SSH-2.0-OpenSSH_9.9\r\n", "not HTTP")]
#[case::silence("hold", "no answer in time")]
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_not_the_api_is_status_3(#[case] answer: &'static str, #[case] says: &str) {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let url = canned(answer).await;
    let output = started.run(&["--target", &url, "--timeout", "0.3"]).await;
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains(says), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_to_a_plaintext_port_is_status_3() {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let url = canned("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    let url = url.replace("http://", "https://");
    let output = started.run(&["--target", &url, "--retries", "0"]).await;
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("no TLS with 127.0.0.1"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_valid_token_is_status_3() {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let expired = started.deployment.token(AtHand::Revoked).to_owned();
    std::fs::write(started.folder.path().join("valid.jwt"), expired).unwrap();
    let output = started.run(&[]).await;
    assert_eq!(status(&output), 3);
    assert!(stderr(&output).contains("refuses its own good token"), "{}", stderr(&output));
    assert!(stderr(&output).contains("401 `Invalid authentication credentials`"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_stops_during_the_run_is_status_3_with_a_partial_report() {
    let Started { deployment, folder, profile } = started(Behavior::correct(), Power::Tokens).await;
    let report = folder.path().join("report.json").display().to_string();
    let arguments = ["run", "--profile", &profile, "--rate", "60", "--timeout", "2", "--retries", "0"];
    let arguments = [&arguments[..], &["--format", "json", "--output", &report]].concat();
    let running = program(&arguments);
    let dying = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        drop(deployment);
    };
    let (output, ()) = tokio::join!(running, dying);
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("stopped answering"), "{}", stderr(&output));
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    assert!(report["interrupted"].as_str().unwrap().contains("stopped answering"));
    assert!(report["summary"]["passed"].as_u64().unwrap() > 0);
    assert!(report["summary"]["skipped"].as_u64().unwrap() > 0);
}

/// Parts of eight characters of every secret in a profile's folder.
fn pieces(folder: &Path) -> Vec<String> {
    let mut pieces = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let secret = match path.extension().and_then(|extension| extension.to_str()) {
            Some("jwt") => std::fs::read_to_string(&path).unwrap(),
            Some("json") => {
                let jwk: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
                jwk["d"].as_str().unwrap().to_owned()
            }
            _ => continue,
        };
        let bytes: Vec<char> = secret.chars().collect();
        pieces.extend(bytes.windows(8).map(|window| window.iter().collect::<String>()));
    }
    assert!(pieces.len() > 200);
    pieces
}

#[rstest]
#[case::echoed(Fault::TokenEchoedInBody)]
#[case::accepted(Fault::SignatureIgnored)]
#[tokio::test(flavor = "multi_thread")]
async fn no_format_shows_a_part_of_a_token(
    #[case] fault: Fault,
    #[values(Power::Signing, Power::Tokens)] power: Power,
) {
    let started = started(Behavior::with_fault(fault), power).await;
    let pieces = pieces(started.folder.path());
    for format in FORMATS {
        let output = started.run(&["--format", format, "--filter", "s*", "--filter", "h*"]).await;
        assert_eq!(status(&output), 1, "{}", stderr(&output));
        let text = stdout(&output) + &stderr(&output);
        assert!(text.len() > 1_000, "{text}");
        for piece in &pieces {
            assert!(!text.contains(piece.as_str()), "{format} shows a piece of a token");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_and_explain_show_the_catalogue() {
    let list = program(&["list"]).await;
    assert_eq!(status(&list), 0);
    let text = stdout(&list);
    assert!(text.starts_with("PUB-1  "), "{text}");
    assert!(text.contains("└─ ") && text.contains("requests, the preflight's 7 among them"), "{text}");

    let explain = program(&["explain", "algorithm/none"]).await;
    assert_eq!(status(&explain), 0);
    insta::assert_snapshot!("explain", stdout(&explain));
    let nearly = program(&["explain", "none-capitalized"]).await;
    assert!(stderr(&nearly).contains("did you mean algorithm/none-capitalized?"), "{}", stderr(&nearly));
}

#[tokio::test(flavor = "multi_thread")]
async fn compare_shows_where_two_deployments_differ() {
    let one = started(Behavior::correct(), Power::Tokens).await;
    let same = started(Behavior::correct(), Power::Tokens).await;
    let other = started(Behavior::with_fault(Fault::Foreign404), Power::Tokens).await;
    let compare = async |other: &Started| {
        let profiles = ["compare", "--profile", &one.profile, "--profile", &other.profile];
        program(&[&profiles[..], &["--rate", "5000", "--filter", "organization"]].concat()).await
    };
    let alike = compare(&same).await;
    assert_eq!(status(&alike), 0, "{}", stdout(&alike));
    let different = compare(&other).await;
    assert_eq!(status(&different), 1, "{}", stdout(&different));
    assert!(stdout(&different).contains("organization/read  "), "{}", stdout(&different));
}

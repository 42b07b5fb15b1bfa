//! `revocation`, against small instances that find their revocations in a shared folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use artos_auth_conformance::revocation::Probe;
use artos_auth_conformance::{Profile, RunError};
use artos_auth_deployment::{Algorithm, authority};
use rstest::rstest;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{command, program, status, stderr, stdout};

/// When an instance learns of a revocation, and how it then behaves.
#[derive(Clone, Copy, PartialEq)]
enum Hears {
    /// It refuses after so many milliseconds.
    After(u64),
    /// It refuses three requests, accepts three, and refuses from then on.
    Flaps,
    Never,
    /// It answers 503.
    Fails,
    /// It closes every connection.
    Dies,
    /// It refuses every token from the start.
    RefusesAll,
}

struct Instance {
    hears: Hears,
    folder: PathBuf,
    /// For each revoked token: when its first request came, and how many have come.
    noticed: Mutex<HashMap<String, (Instant, usize)>>,
    hosts: Mutex<Vec<String>>,
}

impl Instance {
    /// The response to a request, or none.
    fn answer(&self, head: &str) -> Option<(u16, Value)> {
        let value = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        self.hosts.lock().unwrap().push(value("Host:").unwrap_or_default().to_owned());
        let Some(token) = value("Authorization: Bearer") else { return Some((200, json!({"status": "ok"}))) };
        let claims = token.split('.').nth(1).unwrap();
        let claims = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let id = claims["jti"].as_str().unwrap_or("none").to_owned();
        let revoked = self.folder.join("revoked").join(&id).exists().then(|| {
            let mut noticed = self.noticed.lock().unwrap();
            let (since, requests) = noticed.entry(id).or_insert_with(|| (Instant::now(), 0));
            *requests += 1;
            (since.elapsed(), *requests)
        });
        let refused = (401, json!({"detail": "Invalid authentication credentials"}));
        let accepted = (200, json!({"templates": ["letter"]}));
        Some(match (self.hears, revoked) {
            (Hears::RefusesAll, _) => refused,
            (_, None) | (Hears::Never, _) => accepted,
            (Hears::After(delay), Some((since, _))) if since < Duration::from_millis(delay) => accepted,
            (Hears::Flaps, Some((_, 4..=6))) => accepted,
            (Hears::After(_) | Hears::Flaps, Some(_)) => refused,
            (Hears::Fails, Some(_)) => (503, json!({"detail": "down"})),
            (Hears::Dies, Some(_)) => return None,
        })
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        loop {
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await?);
            }
            let Some((status, body)) = self.answer(&String::from_utf8_lossy(&head)) else { return Ok(()) };
            let body = body.to_string();
            let response = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(response.as_bytes()).await?;
            head.clear();
        }
    }
}

/// Instances that share a folder, and the profile of their deployment.
struct Site {
    folder: TempDir,
    addresses: Vec<String>,
    instances: Vec<Arc<Instance>>,
}

impl Site {
    async fn start(hears: &[Hears]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("revoked")).unwrap();
        let key = authority().private_jwk(Algorithm::Es256).to_string();
        std::fs::write(folder.path().join("signing.jwk.json"), key).unwrap();
        let mut site = Self { folder, addresses: Vec::new(), instances: Vec::new() };
        for hears in hears {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let instance = Arc::new(Instance {
                hears: *hears,
                folder: site.folder.path().to_owned(),
                noticed: Mutex::default(),
                hosts: Mutex::default(),
            });
            site.addresses.push(listener.local_addr().unwrap().to_string());
            site.instances.push(Arc::clone(&instance));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let instance = Arc::clone(&instance);
                    tokio::spawn(async move { drop(instance.serve(stream).await) });
                }
            });
        }
        site
    }

    /// Writes the profile: `target`, whether there is a key, and the lines of `[revocation]`.
    fn profile(&self, target: &str, power: &str, revocation: &str) -> String {
        let text = format!("target = \"{target}\"\n{power}\n[revocation]\n{revocation}\n");
        let path = self.folder.path().join("profile.toml");
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// A profile with every instance under the name of the target.
    fn all(&self, command: &str) -> String {
        let addresses = format!("{:?}", self.addresses);
        self.profile("http://api.example", SIGNING, &format!("command = {command}\naddresses = {addresses}"))
    }

    /// A profile with the first instance as the target.
    fn first(&self, power: &str, command: &str) -> String {
        self.profile(&format!("http://{}", self.addresses[0]), power, &format!("command = {command}"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The text with the addresses, ids and figures of this run replaced.
    fn shape(&self, text: &str) -> String {
        let mut text = text.replace(&self.folder.path().display().to_string(), "[folder]");
        for (number, address) in self.addresses.iter().enumerate() {
            text = text.replace(address, &format!("[instance {number}]"));
        }
        let word = |word: &str| match word {
            id if id.starts_with("artos-conformance-") => "[id]".to_owned(),
            figure if figure.parse::<f64>().is_ok() && figure.contains('.') => "0.00".to_owned(),
            word => word.to_owned(),
        };
        let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    }
}

const PAGE: &str = include_str!("../../../docs/how-long-a-revocation-takes.md");

/// The lines that begin like this, without ids and figures.
fn lines(text: &str, start: &str) -> Vec<String> {
    let word = |word: &str| match word.contains(|letter: char| letter.is_ascii_digit()) {
        true => "…".to_owned(),
        false => word.to_owned(),
    };
    let shape = |line: &str| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ");
    text.lines().filter(|line| line.starts_with(start)).map(shape).collect()
}

const SIGNING: &str = "[signing]\nkey = \"signing.jwk.json\"\norganization = \"org-a\"\n";
const TOUCH: &str = r#"["touch", "revoked/{token_id}"]"#;

async fn measure(profile: &str, more: &[&str]) -> Output {
    program(&[&["revocation", "--profile", profile], more].concat()).await
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", stderr(output)))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_is_measured() {
    let site = Site::start(&[Hears::After(0)]).await;
    let output = measure(&site.first(SIGNING, TOUCH), &[]).await;
    assert_eq!(status(&output), 0, "{}{}", stdout(&output), stderr(&output));
    assert_eq!(stderr(&output), "");
    for start in ["run 1: ", "first refusal: "] {
        let printed = lines(&stdout(&output), start);
        assert!(printed.iter().all(|line| lines(PAGE, start).contains(line)), "not on the page: {printed:?}");
    }
    insta::assert_snapshot!(site.shape(&stdout(&output)));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_instances_are_measured_in_each_run_under_the_host_of_the_target() {
    let delays: Vec<u64> = (0..10).map(|number| number * 40).collect();
    let hears: Vec<Hears> = delays.iter().map(|delay| Hears::After(*delay)).collect();
    let site = Site::start(&hears).await;
    let output = measure(&site.all(TOUCH), &["--runs", "2", "--format", "json"]).await;
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let report = report(&output);
    assert_eq!((&report["verdict"], &report["target"]), (&json!("conforms"), &json!("http://api.example")));
    assert!(report["suite_version"].is_string() && report["started_at"].is_string());
    assert_eq!(report["summary"]["runs"], 2);
    let runs = report["runs"].as_array().unwrap();
    assert_ne!(runs[0]["token_id"], runs[1]["token_id"]);
    let mut all = Vec::new();
    for run in runs {
        for (number, delay) in delays.iter().enumerate() {
            let instance = &run["instances"][number];
            let names: Vec<&String> = instance.as_object().unwrap().keys().collect();
            assert_eq!(names, ["address", "first_refusal_seconds", "last_acceptance_seconds"]);
            assert_eq!(instance["address"], site.addresses[number]);
            assert_eq!(instance["last_acceptance_seconds"], Value::Null);
            let first = instance["first_refusal_seconds"].as_f64().unwrap();
            assert!(*delay != 0 || first == 0.0, "a refusal that is already there is at 0, not {first}");
            // The clock of the instance starts with the first request that follows the command.
            assert!(
                Duration::from_secs_f64(first) >= Duration::from_millis(*delay),
                "{delay} ms measured as {first} s"
            );
            all.push(first);
        }
    }
    all.sort_by(f64::total_cmp);
    let summary = &report["summary"];
    assert_eq!(summary["max_seconds"], all[19]);
    assert!((summary["median_seconds"].as_f64().unwrap() - (all[9] + all[10]) / 2.0).abs() < 0.002);
    for instance in &site.instances {
        assert!(instance.hosts.lock().unwrap().iter().all(|host| host == "api.example"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_accepts_again_fails_or_never_refuses_is_a_failure() {
    let site = Site::start(&[Hears::After(0), Hears::Flaps, Hears::Never, Hears::Fails]).await;
    let profile = site.all(TOUCH);
    let output = measure(&profile, &["--max-seconds", "3"]).await;
    assert_eq!(status(&output), 1, "{}", stderr(&output));
    insta::assert_snapshot!(site.shape(&stdout(&output)));
    let violates = "http://api.example violates: ";
    assert_eq!(lines(PAGE, violates), lines(&stdout(&output), violates), "the page shows another verdict");
    let output = measure(&profile, &["--max-seconds", "3", "--format", "json"]).await;
    assert_eq!(status(&output), 1, "{}", stderr(&output));
    let report = report(&output);
    assert_eq!(report["verdict"], "violates");
    assert_eq!(report["summary"]["max_seconds"], Value::Null);
    let [_, flaps, never, fails] = &report["runs"][0]["instances"].as_array().unwrap()[..] else { panic!() };
    assert_eq!(flaps["first_refusal_seconds"], 0.0);
    for accepts in [flaps, never] {
        assert!(
            accepts["last_acceptance_seconds"].as_f64().is_some_and(|last| 0.0 < last && last <= 3.0),
            "{accepts}"
        );
    }
    assert_eq!(never["first_refusal_seconds"], Value::Null);
    let nulls = (&fails["first_refusal_seconds"], &fails["last_acceptance_seconds"]);
    assert_eq!(nulls, (&Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_stops_answering_is_status_3_with_a_report() {
    let site = Site::start(&[Hears::After(0), Hears::Dies]).await;
    let output = measure(&site.all(TOUCH), &["--max-seconds", "1", "--runs", "3"]).await;
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    insta::assert_snapshot!(site.shape(&stdout(&output)));
}

#[rstest]
#[case::refuses(Hears::RefusesAll, "refuses")]
#[case::not_there(Hears::After(0), "not_there")]
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_does_not_accept_the_token_before_is_untestable(
    #[case] hears: Hears,
    #[case] name: &str,
) {
    let mut site = Site::start(&[Hears::After(0), hears]).await;
    if name == "not_there" {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        site.addresses[1] = free.local_addr().unwrap().to_string();
    }
    let output = measure(&site.all(r#"["touch", "was-run"]"#), &["--timeout", "2"]).await;
    assert_eq!(status(&output), 3, "{}", stdout(&output));
    insta::assert_snapshot!(format!("untestable_{name}"), site.shape(&stderr(&output)));
    assert!(!site.path("was-run").exists(), "the command was run");
}

#[rstest]
#[case::fails("fails", r#"["sh", "-c", "echo {token_id}; echo {token_id} >&2; exit 3"]"#)]
#[case::signal("signal", r#"["sh", "-c", "kill -9 $$"]"#)]
#[case::missing("missing", r#"["artos-no-such-program", "{token_id}"]"#)]
#[case::missing_path("missing_path", r#"["./revoke.sh"]"#)]
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_does_not_succeed_is_status_2(#[case] name: &str, #[case] command: &str) {
    let site = Site::start(&[Hears::After(0)]).await;
    let output = measure(&site.first(SIGNING, command), &[]).await;
    assert_eq!((status(&output), stdout(&output)), (2, String::new()));
    insta::assert_snapshot!(format!("command_{name}"), site.shape(&stderr(&output)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_takes_too_long_is_killed() {
    let site = Site::start(&[Hears::After(0)]).await;
    let profile = site.first(SIGNING, r#"["sh", "-c", "sleep 4; touch was-run"]"#);
    let profile = Profile::load(Path::new(&profile), None).unwrap();
    let started = Instant::now();
    let error = Probe::new(profile).command_limit(Duration::from_millis(200)).run().await.unwrap_err();
    let RunError::Usage(why) = error else { panic!("{error}") };
    assert_eq!(why, "revocation.command: `sh` was killed: it took more than 0.2 s");
    assert!(started.elapsed() < Duration::from_secs(4));
    tokio::time::sleep(Duration::from_millis(4_500).saturating_sub(started.elapsed())).await;
    assert!(!site.path("was-run").exists(), "the command went on");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_command_runs_without_a_shell_and_the_token_file_is_private_and_removed() {
    let site = Site::start(&[Hears::After(0)]).await;
    std::fs::write(
        site.path("revoke.sh"),
        "#!/bin/sh\nset -e\nstat -c %a \"$1\" > mode\ncp \"$1\" token\nprintf %s \"$1\" > name\n\
         cat \"$1\"; cat \"$1\" >&2\nprintf %s \"$3\" > argument\nprintf '%s %s' \"$4\" \"$5\" > who\ntouch \"revoked/$2\"\n",
    )
    .unwrap();
    std::fs::set_permissions(site.path("revoke.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let command = r#"["./revoke.sh", "{token_file}", "{token_id}", "$(touch shell); `touch shell`", "{user}", "{organization}"]"#;
    let output = measure(&site.first(SIGNING, command), &[]).await;
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let read = |name: &str| std::fs::read_to_string(site.path(name)).unwrap();
    assert_eq!(read("mode").trim(), "600");
    assert!(!Path::new(&read("name")).exists(), "the token file is still there");
    assert_eq!(read("argument"), "$(touch shell); `touch shell`");
    assert!(!site.path("shell").exists(), "a shell was used");
    let (token, who) = (read("token"), read("who"));
    assert_eq!(token.split('.').count(), 3);
    assert!(who.starts_with("conformance-") && who.ends_with("-1 org-a"), "{who}");
    let shown = stdout(&output) + &stderr(&output);
    assert!(token.split('.').all(|segment| !shown.contains(segment)), "{shown}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signal_removes_the_token_file_and_ends_the_command() {
    let site = Site::start(&[Hears::After(0)]).await;
    let profile = site.first(
        SIGNING,
        r#"["sh", "-c", "printf %s {token_file} > name; mv name named; sleep 3; touch was-run"]"#,
    );
    let mut child = tokio::process::Command::from(command());
    let child = child
        .args(["revocation", "--profile", &profile])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !site.path("named").exists() {
        assert!(started.elapsed() < Duration::from_secs(20), "the command was not run");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let name = std::fs::read_to_string(site.path("named")).unwrap();
    assert!(Path::new(&name).exists());
    let process = child.id().unwrap().to_string();
    tokio::process::Command::new("kill").args(["-s", "TERM", &process]).status().await.unwrap();
    let output =
        tokio::time::timeout(Duration::from_secs(20), child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(status(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("interrupted by SIGTERM"), "{}", stderr(&output));
    assert!(!Path::new(&name).exists(), "the token file is still there");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!site.path("was-run").exists(), "the command went on");
}

/// A token as a profile holds it, with these claims beside the organization.
fn token(claims: Value) -> String {
    let encoded = |text: String| base64_simd::URL_SAFE_NO_PAD.encode_to_string(text);
    format!(
        "{}.{}.{}",
        encoded(json!({"alg": "ES256"}).to_string()),
        encoded(claims.to_string()),
        encoded("s".repeat(64))
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_the_token_of_the_profile_is_revoked_once() {
    let site = Site::start(&[Hears::After(0)]).await;
    let given = |claims: Value| format!("[tokens]\nvalid = {{ value = \"{}\" }}", token(claims));
    let profile = site.first(&given(json!({"jti": "given", "sub": "u"})), TOUCH);
    let output = measure(&profile, &["--runs", "2"]).await;
    assert_eq!(status(&output), 2);
    insta::assert_snapshot!("two_runs_without_a_key", site.shape(&stderr(&output)));
    let output = measure(&profile, &["--format", "json"]).await;
    assert_eq!((status(&output), &report(&output)["runs"][0]["token_id"]), (0, &json!("given")));

    let output = measure(&site.first(&given(json!({"sub": "u"})), TOUCH), &[]).await;
    assert_eq!(status(&output), 2);
    insta::assert_snapshot!("no_token_id", site.shape(&stderr(&output)));
    let output = measure(&site.first(&given(json!({"jti": "soon", "exp": 1_000})), TOUCH), &[]).await;
    assert_eq!(status(&output), 2);
    insta::assert_snapshot!("expires", site.shape(&stderr(&output)));
    let output = measure(&site.first("", TOUCH), &[]).await;
    assert_eq!(status(&output), 2);
    insta::assert_snapshot!("no_token", site.shape(&stderr(&output)));
}

#[rstest]
#[case::no_table("no_table", "")]
#[case::no_command("no_command", "[revocation]\n")]
#[case::empty_command("empty_command", "[revocation]\ncommand = []\n")]
#[case::a_string("a_string", "[revocation]\ncommand = \"revoke {token_id}\"\n")]
#[case::placeholder("placeholder", "[revocation]\ncommand = [\"revoke\",\n  \"{tokenid}\"]\n")]
#[case::no_address("no_address", "[revocation]\ncommand = [\"true\"]\naddresses = []\n")]
#[case::bad_address("bad_address", "[revocation]\ncommand = [\"true\"]\naddresses = [\n  \"10.0.0.11\"]\n")]
#[case::twice("twice", "[revocation]\ncommand = [\"true\"]\naddresses = [\"a:1\", \"a:1\"]\n")]
#[case::unknown_key("unknown_key", "[revocation]\ncommand = [\"true\"]\nadresses = [\"a:1\"]\n")]
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_without_a_valid_revocation_is_status_2(#[case] name: &str, #[case] table: &str) {
    let site = Site::start(&[]).await;
    let path = site.path("profile.toml");
    std::fs::write(&path, format!("target = \"http://127.0.0.1:1\"\n{table}")).unwrap();
    let output = measure(&path.display().to_string(), &[]).await;
    assert_eq!(status(&output), 2);
    insta::assert_snapshot!(format!("profile_{name}"), site.shape(&stderr(&output)));
}

#[tokio::test(flavor = "multi_thread")]
async fn help_is_complete() {
    insta::assert_snapshot!(stdout(&program(&["revocation", "--help"]).await));
}

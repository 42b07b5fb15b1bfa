//! The GitHub action and the GitLab component of deploy/ci, acted out: their scripts run with the built checker against a
//! deployment.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use artos_auth_deployment::{Behavior, Deployment, Fault, Power};
use rstest::rstest;
use serde_json::Value;

const ACTION: &str = include_str!("../../deploy/ci/github/action.yml");
const COMPONENT: &str = include_str!("../../deploy/ci/gitlab/templates/conformance/template.yml");

const OPENAPI: &str = r#"{
  "openapi": "3.1.0",
  "paths": {
    "/api/v1/templates/": {"get": {"operationId": "templates", "responses": {}}},
    "/api/v1/documents/{id}": {"get": {
      "operationId": "read", "responses": {},
      "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}]
    }}
  }
}"#;

type Inputs<'a> = BTreeMap<&'a str, String>;

/// What a job of CI leaves behind.
struct Job {
    status: Option<i32>,
    stderr: String,
    /// The folder of the reports.
    reports: &'static str,
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// A text of a template with its inputs: `open` and `close` enclose a name.
fn filled(text: &str, inputs: &Inputs<'_>, open: &str, close: &str) -> String {
    let mut text = text.to_owned();
    for (name, value) in inputs {
        text = text.replace(&format!("{open} inputs.{name} {close}"), value);
    }
    assert!(!text.contains(open), "an unknown expression in {text}");
    text
}

/// The inputs: those that are given, and the defaults of the template.
fn inputs<'a>(described: &'a Value, given: &[(&'a str, &str)]) -> Inputs<'a> {
    let mut inputs = Inputs::new();
    for (name, input) in described.as_object().unwrap() {
        let default = match &input["default"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        inputs.insert(name, default);
    }
    for (name, value) in given {
        assert!(inputs.insert(name, (*value).to_owned()).is_some(), "no input `{name}`");
    }
    inputs
}

fn shell(arguments: &[&str], folder: &Path, environment: &BTreeMap<String, String>) -> Output {
    let checker = Path::new(env!("CARGO_BIN_EXE_artos-conformance")).parent().unwrap();
    let path = format!("{}:{}", checker.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new(arguments[0]);
    command.args(&arguments[1..]).current_dir(folder).envs(environment).env("PATH", path).output().unwrap()
}

/// The steps of the action that have a script, as GitHub's runner starts them.
fn github(folder: &Path, given: &[(&str, &str)]) -> Job {
    let action = yaml(ACTION);
    let inputs = inputs(&action["inputs"], given);
    let steps = action["runs"]["steps"].as_array().unwrap();
    let output = folder.join("github-output");
    let environment = |step: &Value| {
        let mut environment = BTreeMap::new();
        for (name, value) in step["env"].as_object().unwrap() {
            let value = value.as_str().unwrap();
            let status = fs::read_to_string(&output).unwrap_or_default().trim().replace("status=", "");
            let value = value.replace("${{ steps.run.outputs.status }}", &status);
            environment.insert(name.clone(), filled(&value, &inputs, "${{", "}}"));
        }
        for (name, file) in [("GITHUB_OUTPUT", "github-output"), ("GITHUB_STEP_SUMMARY", "summary")] {
            environment.insert(name.into(), folder.join(file).display().to_string());
        }
        environment
    };
    let run = |step: &Value| {
        let script = step["run"].as_str().unwrap();
        let arguments = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script];
        shell(&arguments, folder, &environment(step))
    };
    let scripts: Vec<&Value> = steps.iter().filter(|step| step["env"].is_object()).collect();
    let [check, verdict] = scripts[..] else { panic!("one script runs the checker, one gives its status") };
    let checked = run(check);
    let stderr = String::from_utf8_lossy(&checked.stderr).into_owned();
    let reports =
        if inputs["command"] == "matrix" { "conformance-report/matrix" } else { "conformance-report/run" };
    match checked.status.success() {
        true => Job { status: run(verdict).status.code(), stderr, reports },
        false => Job { status: checked.status.code(), stderr, reports },
    }
}

/// The script of the component, as GitLab's runner starts it.
fn gitlab(folder: &Path, given: &[(&str, &str)]) -> Job {
    let (header, job) = COMPONENT.split_once("\n---\n").unwrap();
    let header = yaml(header);
    let inputs = inputs(&header["spec"]["inputs"], given);
    let job = yaml(&filled(job, &inputs, "$[[", "]]"));
    let job = &job["conformance"];
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let variables = job["variables"].as_object().unwrap();
    let environment = variables.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let lines: Vec<&str> =
        job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let output = shell(&["sh", "-e", "-c", &lines.join("\n")], folder, &environment);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Job { status: output.status.code(), stderr, reports: "conformance-report" }
}

type Template = fn(&Path, &[(&str, &str)]) -> Job;

/// Runs a job against a deployment in a folder with its profile and document.
async fn job(
    template: Template,
    behavior: Behavior,
    given: &[(&'static str, &str)],
) -> (tempfile::TempDir, Job) {
    let deployment = Deployment::start(behavior).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let profile = deployment.write_profile(folder.path(), Power::Signing).unwrap();
    let mut text = fs::read_to_string(&profile).unwrap();
    text += "\n[matrix.parameters]\nid = { own = \"doc-a\", other = \"doc-b\" }\n";
    fs::write(&profile, text).unwrap();
    fs::write(folder.path().join("openapi.json"), OPENAPI).unwrap();
    let mut given: Vec<(&str, String)> =
        given.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    given.push(("profile", "profile.toml".into()));
    let run = move || {
        let given: Vec<(&str, &str)> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let job = template(folder.path(), &given);
        (folder, job)
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[rstest]
#[case::github(github)]
#[case::gitlab(gitlab)]
#[tokio::test(flavor = "multi_thread")]
async fn a_job_keeps_every_report_and_fails_by_the_status_of_the_checker(
    #[case] template: Template,
    #[values("run", "matrix")] command: &'static str,
    #[values(true, false)] right: bool,
) {
    let fault = Behavior::with_fault(Fault::OwnershipIgnored);
    let behavior = if right { Behavior::correct() } else { fault };
    let mut given = vec![("command", command)];
    if command == "matrix" {
        given.push(("openapi", "openapi.json"));
    }
    let (folder, job) = job(template, behavior, &given).await;
    assert_eq!(job.status, Some(i32::from(!right)), "{}", job.stderr);
    let read = |name: &str| fs::read_to_string(folder.path().join(job.reports).join(name)).unwrap();
    let report: Value = serde_json::from_str(&read("report.json")).unwrap();
    assert_eq!(report["verdict"], if right { "conforms" } else { "violates" });
    assert_eq!(report.get("operations").is_some(), command == "matrix");
    for (name, start) in [
        ("report.sarif", "{"),
        ("report.junit", "<?xml"),
        ("report.markdown", "#"),
        ("report.html", "<!DOCTYPE html>"),
        ("report.badge", "{"),
    ] {
        assert!(read(name).starts_with(start), "{name}: {}", read(name));
    }
}

/// Nothing can be rendered then, and the status is the checker's all the same.
#[rstest]
#[case::github(github)]
#[case::gitlab(gitlab)]
#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_deployment_is_status_3(
    #[case] template: Template,
    #[values("run", "matrix")] command: &'static str,
) {
    let mut given = vec![("command", command), ("target", "http://127.0.0.1:9")];
    if command == "matrix" {
        given.push(("openapi", "openapi.json"));
    }
    let (folder, job) = job(template, Behavior::correct(), &given).await;
    assert_eq!(job.status, Some(3), "{}", job.stderr);
    assert!(!folder.path().join(job.reports).join("report.html").exists());
}

#[rstest]
#[case::github(github)]
#[case::gitlab(gitlab)]
#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_an_input_is_status_2(
    #[case] template: Template,
    #[values("baseline", "openapi")] input: &'static str,
) {
    let given = [("command", "matrix"), ("openapi", "openapi.json"), (input, "missing")];
    let (_folder, job) = job(template, Behavior::correct(), &given).await;
    assert_eq!(job.status, Some(2), "{}", job.stderr);
    assert!(job.stderr.contains("missing: cannot be read"), "{}", job.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_command_is_status_2_on_github() {
    let (_folder, job) = job(github, Behavior::correct(), &[("command", "explain")]).await;
    assert_eq!(job.status, Some(2));
    assert!(job.stderr.contains("unknown command: explain; expected run or matrix"), "{}", job.stderr);
}

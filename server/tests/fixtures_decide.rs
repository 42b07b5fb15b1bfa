//! Runs every case of `fixtures/` through `artos-auth decide`, with one process for each policy, key set and
//! revocations.

#![cfg(test)]

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use artos_auth_fixtures::case::{self, Case};
use artos_auth_fixtures::{DecideOutput, Setup};
use base64_simd::STANDARD;
use serde_json::{Value, json};

#[test]
fn the_command_line_decides_every_case_as_written() {
    let mut wrong = Vec::new();
    let mut decided = 0;
    for (setup, cases) in by_setup(case::load().unwrap()) {
        let answers = decide(&setup, &cases);
        assert_eq!(answers.len(), cases.len(), "one decision for each line");
        for (case, mut answer) in cases.into_iter().zip(answers) {
            decided += 1;
            let id = answer.as_object_mut().and_then(|answer| answer.remove("id"));
            assert_eq!(id, Some(Value::from(&*case.id)), "in order");
            let verdict: Result<DecideOutput, _> = serde_json::from_value(answer.clone());
            if verdict.as_ref().ok() != Some(&case.expected) {
                wrong.push(format!(
                    "{}/{}: expected {:?}\n  printed {answer}",
                    case.file, case.id, case.expected
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(decided, 880);
}

/// The cases of each setup, in order.
fn by_setup(cases: Vec<Case>) -> Vec<(Setup, Vec<Case>)> {
    let mut setups: Vec<(Setup, Vec<Case>)> = Vec::new();
    for case in cases {
        match setups.iter_mut().find(|(setup, _)| *setup == case.setup) {
            Some((_, cases)) => cases.push(case),
            None => setups.push((case.setup.clone(), vec![case])),
        }
    }
    setups
}

/// Whether a line on standard error is a warning about the configuration, and not about a request.
fn is_about_a_file(line: &str) -> bool {
    let rest = line.strip_prefix("warning: ").unwrap_or_default();
    rest.starts_with("auth.toml: ") || rest.split_once(".json: ").is_some_and(|(name, _)| !name.contains(' '))
}

/// The output of the binary for these cases, line by line.
fn decide(setup: &Setup, cases: &[Case]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        // `decide` warns about secrets that other users can read.
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    };
    write("keys.jwks.json", setup.keys.to_string());
    let mut sets = vec![json!({"file": "keys.jwks.json"})];
    for (index, more) in setup.more_keys.iter().enumerate() {
        let file = format!("more-{index}.jwks.json");
        write(&file, more.keys.to_string());
        let mut set = json!({"file": file});
        // TOML has no null.
        if let Some(issuer) = &more.issuer {
            set["issuer"] = json!(issuer);
        }
        if let Some(organizations) = &more.organizations {
            set["organizations"] = json!(organizations);
        }
        sets.push(set);
    }
    write("revocations.json", setup.revocations.to_string());
    let config = json!({
        "policy": setup.policy,
        "keys": sets,
        "revocations": {"file": "revocations.json"},
    });
    write("auth.toml", toml::to_string(&config).unwrap());

    let mut command = Command::new(env!("CARGO_BIN_EXE_artos-auth"));
    command.args(["decide", "--config", "auth.toml"]).current_dir(folder.path()).env("RUST_LOG", "trace");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: String = cases.iter().map(|case| format!("{}\n", line(case))).collect();
    // On a separate thread, so that neither side blocks on a full pipe.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", cases[0].id);
    let about_requests: Vec<&str> = errors.lines().filter(|line| !is_about_a_file(line)).collect();
    assert!(about_requests.is_empty(), "{}: {about_requests:?}", cases[0].id);
    writer.join().unwrap();
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A case as an input line: its `Authorization` values as text where they are valid UTF-8, else as bytes.
fn line(case: &Case) -> Value {
    let question = &case.question;
    let mut line = json!({
        "id": case.id, "method": question.method, "path": question.path, "now": question.now, "context": question.context,
    });
    let texts: Result<Vec<&str>, _> =
        question.authorization.iter().map(|value| std::str::from_utf8(value)).collect();
    match texts {
        Ok(texts) => line["authorization"] = json!(texts),
        Err(_) => {
            let encoded = question.authorization.iter().map(|value| STANDARD.encode_to_string(value));
            line["authorization_b64"] = encoded.collect();
        }
    }
    line
}

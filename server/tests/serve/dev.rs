//! `serve --dev`: its output can be pasted into a shell and works as described.

use std::process::Command;

use artos_auth_server::signing::PrivateKey;
use serde_json::json;

use super::process::{Process, current, path_text};
use super::support::{Files, body, status};

const NOT_AUTHENTICATED: &str = r#"{"detail":"Not authenticated"}"#;
const INVALID: &str = r#"{"detail":"Invalid authentication credentials"}"#;
const NOT_AUTHORIZED: &str = r#"{"detail":"User has no organization or not authorized"}"#;

/// Once the complete output is printed, including the profile.
fn start(arguments: &[&str]) -> Process {
    let all = [&["--dev", "--listen", "127.0.0.1:0"], arguments].concat();
    Process::spawn(Files::new(""), &all, |lines| lines.last().is_some_and(|line| line == "PROFILE"))
}

fn shell(script: &str, folder: &std::path::Path) -> String {
    let output = Command::new("sh").arg("-c").arg(script).current_dir(folder).output().unwrap();
    assert!(
        output.status.success(),
        "{}: curl has to be on this machine: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_printed_commands_have_the_printed_responses() {
    let process = start(&[]);
    let variables: Vec<&str> =
        process.first.iter().map(String::as_str).filter(|line| line.starts_with("TOKEN")).collect();
    assert_eq!(variables.len(), 11);
    let expected = [
        (200, r#"{"user_id":null,"org_id":null,"permissions":[],"token_id":null}"#),
        (
            200,
            r#"{"user_id":"alice","org_id":"org-a","permissions":["documents:read","documents:write"],"token_id":"dev-alice"}"#,
        ),
        (
            200,
            r#"{"user_id":"bob","org_id":"org-b","permissions":["documents:read","documents:write"],"token_id":"dev-bob"}"#,
        ),
        (
            200,
            r#"{"user_id":"alice","org_id":"org-a","permissions":["documents:read","documents:write"],"token_id":"dev-alice"}"#,
        ),
        (403, NOT_AUTHORIZED),
        (403, NOT_AUTHORIZED),
        (403, NOT_AUTHORIZED),
        (403, NOT_AUTHORIZED),
        (403, NOT_AUTHORIZED),
        (401, INVALID),
        (401, INVALID),
        (401, INVALID),
        (401, INVALID),
        (401, INVALID),
        (401, NOT_AUTHENTICATED),
    ];
    let lines: Vec<(&str, &str)> = process
        .first
        .windows(2)
        .filter(|pair| pair[1].starts_with("curl "))
        .map(|pair| (pair[0].as_str(), pair[1].as_str()))
        .collect();
    assert_eq!(lines.len(), expected.len());
    for ((comment, line), (code, text)) in lines.into_iter().zip(expected) {
        let answer = shell(&format!("{}\n{line}", variables.join("\n")), process.files.folder.path());
        assert_eq!((status(&answer), body(&answer)), (code, text), "{line}");
        assert!(comment.starts_with(&format!("# {code}: ")), "{comment}");
    }
}

#[test]
fn the_printed_profile_can_be_pasted_into_a_file() {
    let process = start(&[]);
    let begin = process.first.iter().position(|line| line.starts_with("cat > ")).unwrap();
    let folder = process.files.folder.path();
    shell(&process.first[begin..].join("\n"), folder);
    let profile: toml::Table =
        std::fs::read_to_string(folder.join("artos-auth-dev.toml")).unwrap().parse().unwrap();
    assert_eq!(profile["target"].as_str(), process.first[0].strip_prefix("listening on "));
    let endpoints = profile["endpoints"].as_table().unwrap();
    assert_eq!(endpoints.keys().collect::<Vec<_>>(), ["owned", "permission", "protected", "public"]);
    assert_eq!(endpoints["owned"]["organization"].as_str(), Some("org-a"));
    let answers =
        |name: &str, path: &str| process.status(path, profile["tokens"][name]["value"].as_str().unwrap());
    let owned = endpoints["owned"]["path"].as_str().unwrap();
    let protected = endpoints["protected"]["path"].as_str().unwrap();
    assert_eq!((answers("valid", protected), answers("valid", owned)), (200, 200));
    assert_eq!((answers("other_organization", protected), answers("other_organization", owned)), (200, 403));
    assert_eq!((answers("no_permission", protected), answers("no_organization", protected)), (200, 403));
    assert_eq!((answers("expired", protected), answers("revoked", protected)), (401, 401));
    assert!(!profile.contains_key("signing"), "the key is nowhere to be found");
}

#[test]
fn the_key_can_be_written_to_a_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dev.jwk.json");
    let process = start(&["--dev-key", path_text(&file)]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let begin = process.first.iter().position(|line| line.starts_with("cat > ")).unwrap();
    shell(&process.first[begin..].join("\n"), process.files.folder.path());
    let profile = std::fs::read_to_string(process.files.path("artos-auth-dev.toml")).unwrap();
    let profile: toml::Table = profile.parse().unwrap();
    let signing = profile["signing"].as_table().unwrap();
    assert_eq!(signing["key"].as_str(), Some(path_text(&file)));

    let key = PrivateKey::from_jwk(&std::fs::read(&file).unwrap()).unwrap();
    let claims = json!({
        "iss": signing["issuer"].as_str(), "aud": signing["audience"].as_str(),
        "org_id": signing["organization"].as_str(), "sub": signing["user"].as_str(),
    });
    let path = "/api/v1/documents/doc-a";
    assert_eq!(process.status(path, &current(&key, claims.clone())), 200);
    let mut elsewhere = claims;
    elsewhere["iss"] = "https://another.invalid".into();
    assert_eq!(process.status(path, &current(&key, elsewhere)), 401);

    let again = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--dev-key", path_text(&file)])
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("keys are never overwritten"));
}

/// The lines printed by `--dev-dir`, once all of them are printed.
fn start_in(folder: &std::path::Path) -> Process {
    let arguments = ["--dev", "--listen", "127.0.0.1:0", "--dev-dir", path_text(folder)];
    Process::spawn(Files::new(""), &arguments, |lines| {
        lines.last().is_some_and(|line| line.starts_with("artos-conformance run "))
    })
}

#[test]
fn a_folder_has_key_tokens_and_profile_for_a_short_script() {
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("it's a demo");
    let process = start_in(&folder);
    assert_eq!(process.first.len(), 11, "ten lines below an empty one");
    let lines: Vec<&str> =
        process.first.iter().map(String::as_str).filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(lines.len(), 7);
    for line in lines {
        let (_, code) = line.rsplit_once("  # ").unwrap();
        let answer = shell(line, parent.path());
        assert_eq!(status(&answer).to_string(), code, "{line}");
        assert!(!line.contains("eyJ"), "a token is shown: {line}");
    }

    let modes = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap());
    assert!(modes.map(|data| data.permissions().mode() & 0o777).all(|mode| mode == 0o600));
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let profile: toml::Table = std::fs::read_to_string(folder.join("profile.toml")).unwrap().parse().unwrap();
    for (name, token) in profile["tokens"].as_table().unwrap() {
        assert!(folder.join(token["file"].as_str().unwrap()).is_file(), "{name}");
    }
    assert_eq!(profile["signing"]["key"].as_str(), Some("key.jwk.json"));

    // Another start replaces the files.
    let token = || std::fs::read_to_string(folder.join("valid.token")).unwrap();
    let first = token();
    drop(process);
    let process = start_in(&folder);
    assert_ne!(token(), first);
    assert_eq!(process.status("/api/v1/templates/", token().trim()), 200);
}

#[test]
fn a_folder_with_other_files_is_left_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key.jwk.json"), r#"{"kid": "production"}"#).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_artos-auth"))
        .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--dev-dir", path_text(folder.path())])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.ends_with("contains other files; name a new or empty folder\n"), "{errors}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn it_warns_when_not_on_loopback() {
    let process =
        Process::spawn(Files::new(""), &["--dev", "--listen", "0.0.0.0:0"], |lines| lines.len() == 1);
    super::process::eventually("the warnings", || {
        let errors = process.errors();
        errors.contains("is not loopback")
            && errors.contains("anyone who reads its output can use its tokens")
    });
}

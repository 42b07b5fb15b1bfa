//! What a JSON report is good for afterwards: the shell lines in it, other formats, signatures.

use std::fs;
use std::path::Path;
use std::process::Command;

use artos_auth_conformance::matrix::report::MatrixReport;
use artos_auth_conformance::report::Format;
use artos_auth_deployment::{Algorithm, authority};

use super::folder;
use super::program::{checker, program, text};
use super::service::{Kind, Service};

/// Runs a pasted text as a person would, with the checker in the PATH, and gives the status of the answer.
async fn pasted(lines: String) -> String {
    let checker = Path::new(env!("CARGO_BIN_EXE_artos-conformance")).parent().unwrap().to_owned();
    let path = format!("{}:{}", checker.display(), std::env::var("PATH").unwrap_or_default());
    let run = move || Command::new("bash").args(["-c", &lines]).env("PATH", path).output().unwrap();
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().next().unwrap_or_default().to_owned()
}

/// Every kind of caller, with and without a body, for all permissions and for one; the target is given by flag.
#[tokio::test]
async fn the_lines_of_every_caller_work_when_they_are_pasted() {
    let service = Service { fault: Some(("read", Kind::NoOrganization)), ..Service::default() };
    let (folder, profile) = folder(service.start().await);
    let all = fs::read_to_string(&profile).unwrap();
    let (target, rest) = all.trim_start().split_once('\n').unwrap();
    fs::write(&profile, rest).unwrap();
    let target = target.trim_start_matches("target = ").trim_matches('"');
    let report = folder.path().join("report.json");
    let (profile, path) = (profile.to_str().unwrap(), report.to_str().unwrap());
    let arguments =
        ["matrix", "--profile", profile, "--target", target, "--format", "json", "--output", path];
    program(&arguments).await;
    let report: MatrixReport = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut sent = 0;
    for operation in &report.operations {
        for cell in &operation.cells {
            let evidence = cell.evidence.as_ref().unwrap();
            let lines = evidence.curl.clone().unwrap();
            assert_eq!(lines.contains("TOKEN"), cell.caller != "none", "{lines}");
            assert!(!lines.contains("eyJ"), "a token shows");
            if ["read", "create", "status"].contains(&operation.operation_id.as_str()) {
                let answer = pasted(lines.clone()).await;
                let first = evidence.response_head.first().unwrap();
                assert!(answer.starts_with(first.as_str()), "{lines}\nanswers {answer}, not {first}");
                sent += 1;
            }
        }
    }
    assert!(sent > 25, "{sent}");
}

#[tokio::test]
async fn a_token_is_refused_with_the_reason() {
    let (_folder, profile) = folder("127.0.0.1:9".parse().unwrap());
    let profile = profile.to_str().unwrap();
    for (case, more, says) in [
        ("matrix/none", &[][..], "the caller `none` sends no token"),
        ("matrix/nobody", &[], "unknown caller `nobody`; expected one of none, malformed, forged, "),
        ("matrix/own", &["--without", "a"], "--without is for matrix/no_permission, not matrix/own"),
        ("time/expired", &["--without", "a"], "--without is for matrix/no_permission, not time/expired"),
    ] {
        let output = checker(&[&["token", case, "--profile", profile], more].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{case}");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{case}");
    }
}

/// With tokens alone, and nothing to mint one.
#[tokio::test]
async fn a_token_of_the_profile_is_printed_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let profile = folder.path().join("conformance.toml");
    let tokens = "valid = { value = \"e30.e30.AAAA\" }\nno_permission = { value = \"e30.e30.AAAB\" }\n";
    fs::write(&profile, format!("[tokens]\n{tokens}")).unwrap();
    let profile = profile.to_str().unwrap();
    for (arguments, status, says) in [
        (&["matrix/own"][..], 0, "e30.e30.AAAA\n"),
        (&["matrix/no_permission"], 0, "e30.e30.AAAB\n"),
        (
            &["matrix/no_permission", "--without", "a"],
            2,
            "matrix/no_permission needs [signing] for --without",
        ),
        (&["matrix/expired"], 2, "matrix/expired needs tokens.expired or [signing]"),
        (&["matrix/revoked"], 2, "matrix/revoked needs tokens.revoked"),
    ] {
        let output = checker(&[&["token", "--profile", profile], arguments].concat()).await;
        assert_eq!(output.status.code(), Some(status), "{arguments:?}");
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}

/// `render` writes what the run itself would have written, and the signature is over the file.
#[tokio::test]
async fn a_report_is_rendered_in_every_format_and_its_signature_verified() {
    let service = Service { fault: Some(("read", Kind::NoOrganization)), ..Service::default() };
    let (folder, profile) = folder(service.start().await);
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut jwk = authority().private_jwk(Algorithm::Es256);
    fs::write(path("sign.jwk.json"), jwk.to_string()).unwrap();
    jwk.as_object_mut().unwrap().remove("d");
    fs::write(path("keys.json"), jwk.to_string()).unwrap();
    let output = program(&[
        "matrix",
        "--profile",
        profile.to_str().unwrap(),
        "--format",
        "json",
        "--output",
        &path("report.json"),
        "--sign",
        &path("sign.jwk.json"),
    ])
    .await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let report: MatrixReport = serde_json::from_slice(&fs::read(path("report.json")).unwrap()).unwrap();
    for format in Format::ALL {
        let output = checker(&["render", &path("report.json"), "--format", format.as_str()]).await;
        assert_eq!(output.status.code(), Some(0), "{format}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), report.render(format, false), "{format}");
    }
    let verify = ["verify", &path("report.json"), "--keys", &path("keys.json")];
    assert_eq!(checker(&verify).await.status.code(), Some(0));
    let mut bytes = fs::read(path("report.json")).unwrap();
    bytes.push(b'\n');
    fs::write(path("report.json"), bytes).unwrap();
    assert_eq!(checker(&verify).await.status.code(), Some(1), "another byte");
}

#[tokio::test]
async fn what_has_no_other_format_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json").display().to_string();
    for (report, says) in [
        (r#"{"runs": []}"#, "a report of `revocation` has no other format"),
        (r#"{"operations": []}"#, "not a report that was written with --format json: missing field"),
        ("[]", "not a report that was written with --format json"),
    ] {
        fs::write(&path, report).unwrap();
        let output = checker(&["render", &path, "--format", "html"]).await;
        assert_eq!(output.status.code(), Some(2), "{report}");
        assert!(text(&output.stderr).contains(says), "{}", text(&output.stderr));
    }
}

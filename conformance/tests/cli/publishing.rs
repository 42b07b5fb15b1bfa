//! Output other than reports: the token of a case, signatures, badges, completions, manual pages.

use std::path::Path;

use artos_auth_deployment::{Algorithm, Behavior, Fault, Power, authority};
use rstest::rstest;
use serde_json::{Value, json};

use super::{program, started, status, stderr, stdout};

/// A private JWK, and the set with its public key, as files in the folder.
fn keys(folder: &Path, algorithm: Algorithm) -> (String, String) {
    let mut jwk = authority().private_jwk(algorithm);
    let (private, public) = (folder.join("report-key.jwk.json"), folder.join("report-keys.json"));
    std::fs::write(&private, jwk.to_string()).unwrap();
    for member in ["d", "p", "q", "dp", "dq", "qi"] {
        jwk.as_object_mut().unwrap().remove(member);
    }
    std::fs::write(&public, json!({"keys": [jwk]}).to_string()).unwrap();
    (private.display().to_string(), public.display().to_string())
}

#[rstest]
#[case(Algorithm::Es256)]
#[case(Algorithm::Rs256)]
#[case(Algorithm::EdDsa)]
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_report_verifies_until_it_is_changed(#[case] algorithm: Algorithm) {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let (private, public) = keys(started.folder.path(), algorithm);
    let report = started.folder.path().join("report.html").display().to_string();
    let signing = ["--format", "html", "--output", &report, "--sign", &private, "--filter", "public"];
    let output = started.run(&signing).await;
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let jws = std::fs::read_to_string(format!("{report}.jws")).unwrap();
    assert!(jws.contains("..") && jws.ends_with('\n'), "{jws}");

    let verified = program(&["verify", &report, "--keys", &public]).await;
    assert_eq!(status(&verified), 0, "{}", stderr(&verified));
    assert!(stdout(&verified).contains(": signed by key `"), "{}", stdout(&verified));

    let changed = std::fs::read_to_string(&report).unwrap().replace("conforms", "complies");
    std::fs::write(&report, changed).unwrap();
    let refused = program(&["verify", &report, "--keys", &public]).await;
    assert_eq!(status(&refused), 1, "{}", stdout(&refused));
    assert!(stderr(&refused).contains("the report was changed"), "{}", stderr(&refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_sign_is_status_2_before_the_run() {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let (secret, _) = keys(started.folder.path(), Algorithm::Hs256);
    let report = started.folder.path().join("report.json").display().to_string();
    let output = started.run(&["--output", &report, "--sign", &secret]).await;
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("a shared secret cannot sign reports"), "{}", stderr(&output));
    assert!(!Path::new(&report).exists(), "the run began");

    let output = started.run(&["--sign", &secret]).await;
    assert_eq!(status(&output), 2, "without --output there is no file to sign");
    let missing = program(&["verify", &report, "--keys", &secret]).await;
    assert_eq!(status(&missing), 2, "{}", stderr(&missing));
}

#[rstest]
#[case::conforms(Behavior::correct(), "public", "conforms", "brightgreen")]
#[case::partial(Behavior::correct(), "key", "partial", "yellow")]
#[case::violates(
    Behavior::with_fault(Fault::MissingHeader403),
    "header/missing",
    "violates 1 requirement",
    "red"
)]
#[tokio::test(flavor = "multi_thread")]
async fn a_badge_has_the_format_of_its_endpoint(
    #[case] behavior: Behavior,
    #[case] filter: &str,
    #[case] message: &str,
    #[case] color: &str,
) {
    let started = started(behavior, Power::Tokens).await;
    let output = started.run(&["--format", "badge", "--filter", filter]).await;
    let badge: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(badge["schemaVersion"], 1);
    assert_eq!(badge["label"], "authentication");
    assert!(badge["message"].as_str().unwrap().starts_with(message), "{badge}");
    assert_eq!(badge["color"], color);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_report_renders_as_the_run_would_have_written_it() {
    let started = started(Behavior::with_fault(Fault::MissingHeader403), Power::Tokens).await;
    let report = started.folder.path().join("report.json").display().to_string();
    let output = started.run(&["--format", "json", "--output", &report, "--filter", "header"]).await;
    assert_eq!(status(&output), 1, "{}", stderr(&output));
    let again = program(&["render", &report, "--format", "json"]).await;
    assert_eq!(stdout(&again), std::fs::read_to_string(&report).unwrap());
    for (format, says) in
        [("sarif", "\"ruleId\": \"header/missing\""), ("junit", "<testcase name=\"header/missing\"")]
    {
        let rendered = program(&["render", &report, "--format", format]).await;
        assert_eq!(status(&rendered), 0, "{}", stderr(&rendered));
        assert!(stdout(&rendered).contains(says), "{}", stdout(&rendered));
    }
    let other = program(&["render", &started.profile, "--format", "html"]).await;
    assert_eq!(status(&other), 2);
    assert!(
        stderr(&other).contains("not a report that was written with --format json"),
        "{}",
        stderr(&other)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_case_is_printed() {
    let started = started(Behavior::correct(), Power::Tokens).await;
    let token =
        async |more: &[&str]| program(&[&["token", "--profile", &started.profile], more].concat()).await;
    let output = token(&["algorithm/none"]).await;
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    let (signed, signature) = text.trim_end().rsplit_once('.').unwrap();
    assert_eq!((signature, signed.matches('.').count()), ("", 1), "an unsigned token of three segments");

    for (arguments, says) in [
        (&["header/missing"][..], "header/missing sends no token"),
        (&["algorithm/none", "--nth", "9"], "there is no number 9"),
        (&["algorithm/nothing-like-it"], "unknown case"),
        (&["time/without-expiry"], "needs [signing]"),
    ] {
        let output = token(arguments).await;
        assert_eq!(status(&output), 2, "{arguments:?}");
        assert!(stderr(&output).contains(says), "{}", stderr(&output));
        assert!(output.stdout.is_empty());
    }
}

#[rstest]
#[case("bash")]
#[case("zsh")]
#[case("fish")]
#[tokio::test(flavor = "multi_thread")]
async fn completions_name_every_command(#[case] shell: &str) {
    let output = program(&["completions", shell]).await;
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    for command in ["run", "list", "explain", "token", "compare", "render", "verify"] {
        assert!(stdout(&output).contains(command), "{shell}: {command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_a_manual_page_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let output = program(&["man", &folder.path().display().to_string()]).await;
    assert_eq!(status(&output), 0, "{}", stderr(&output));
    for command in ["", "-run", "-list", "-explain", "-token", "-compare", "-render", "-verify"] {
        let page = folder.path().join(format!("artos-conformance{command}.1"));
        let text = std::fs::read_to_string(&page).unwrap();
        assert!(text.contains(".SH NAME"), "{}", page.display());
    }
    let missing = folder.path().join("missing").display().to_string();
    let output = program(&["man", &missing]).await;
    assert_eq!(status(&output), 2);
    assert!(stderr(&output).contains("the pages cannot be written"), "{}", stderr(&output));
}

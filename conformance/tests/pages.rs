//! README and the operators' pages show the checker's actual output.

#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

use artos_auth_deployment::{Behavior, Deployment, Power};

const README: &str = include_str!("../../README.md");
const PAGE: &str = include_str!("../../docs/check-a-deployment.md");

fn checker(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_artos-conformance"));
    command.args(arguments).current_dir(folder).output().unwrap()
}

/// The line without parts that vary between runs: words with digits, except names.
fn shape(line: &str) -> String {
    let word = |word: &str| match word.contains(|c: char| c.is_ascii_digit()) && !word.contains("HTTP") {
        true => "…".to_owned(),
        false => word.to_owned(),
    };
    line.split_whitespace().map(word).collect::<Vec<_>>().join(" ")
}

/// The lines of `page` that show the end of a run.
fn shown_endings(page: &str) -> Vec<&str> {
    page.lines().filter(|line| line.starts_with("http://") && line.contains(" cases tested, ")).collect()
}

#[tokio::test]
async fn a_run_ends_as_on_the_pages() {
    let deployment = Deployment::start(Behavior::correct()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let profile = deployment.write_profile(folder.path(), Power::Signing).unwrap();
    let profile = profile.to_str().unwrap().to_owned();
    let output = tokio::task::spawn_blocking(move || {
        checker(&["run", "--profile", &profile, "--rate", "2000"], folder.path())
    });
    let output = output.await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).unwrap();
    let shapes: Vec<String> = printed.lines().map(shape).collect();
    for page in [README, PAGE] {
        let [ending, ..] = shown_endings(page)[..] else { panic!("a page shows how a run ends") };
        let verdict = shape(ending.split(',').next().unwrap());
        assert!(shapes.last().unwrap().starts_with(&verdict), "{verdict}\n{printed}");
        for line in page.lines().filter(|line| line.starts_with("measured: ") || line.starts_with("run: ")) {
            assert!(shapes.contains(&shape(line)), "{line}\n{printed}");
        }
    }
}

#[test]
fn the_catalogue_has_the_size_in_the_readme() {
    let output = checker(&["list"], Path::new("."));
    let list = String::from_utf8(output.stdout).unwrap();
    let counts = list.lines().last().unwrap().split(':').next().unwrap();
    assert!(README.contains(counts), "README does not say `{counts}`");
}

#[test]
fn the_page_installs_the_checker_in_ci() {
    let page = PAGE.split("## In CI").nth(1).unwrap();
    assert!(page.contains("--complete") && page.contains("cargo install --locked --path "));
    assert!(!page.contains("URL-OF"), "a placeholder");
}

#[test]
fn commands_on_the_page_exist() {
    for command in ["run", "list", "explain", "compare", "token", "render", "verify"] {
        assert!(PAGE.contains(&format!("artos-conformance {command}")), "{command}");
        let help = checker(&[command, "--help"], Path::new("."));
        assert!(help.status.success(), "{command}");
    }
    let help = String::from_utf8(checker(&["run", "--help"], Path::new(".")).stdout).unwrap();
    for flag in
        ["--profile", "--filter", "--format", "--output", "--level", "--complete", "--baseline", "--rate"]
    {
        assert!(PAGE.contains(flag) && help.contains(flag), "{flag}");
    }
}

//! Runs the console blocks of pages as a reader would type them, and compares their output.

#![cfg(test)]

use std::path::Path;
use std::process::Command;

const README: &str = include_str!("../../README.md");
const INSTALL: &str = include_str!("../../docs/install.md");
const UPGRADE: &str = include_str!("../../docs/upgrade.md");

/// A command, and the output that the page shows for it.
struct Step {
    command: String,
    output: Vec<&'static str>,
}

/// `$ ` starts a command, `> ` continues it, and everything else is output.
fn steps(page: &'static str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for block in page.split("```console\n").skip(1) {
        for line in block.split("```").next().unwrap().lines() {
            match (line.strip_prefix("$ "), line.strip_prefix('>'), steps.last_mut()) {
                (Some(command), ..) => steps.push(Step { command: command.to_owned(), output: Vec::new() }),
                (None, Some(more), Some(step)) if step.output.is_empty() => {
                    step.command.push('\n');
                    step.command.push_str(more.strip_prefix(' ').unwrap_or(more));
                }
                (None, _, Some(step)) => step.output.push(line),
                (None, _, None) => panic!("a block begins with a command, not with {line}"),
            }
        }
    }
    steps
}

/// The combined standard output and standard error of the command.
fn shell(command: &str, folder: &Path) -> String {
    let binaries = Path::new(env!("CARGO_BIN_EXE_artos-auth")).parent().unwrap();
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{{ {command}\n}} 2>&1")]).current_dir(folder).env("PATH", path);
    let output = shell.output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// `…` matches the rest of a line, for output that differs between runs.
fn matches(shown: &str, printed: &str) -> bool {
    match shown.split_once('…') {
        Some((before, "")) => printed.starts_with(before),
        _ => shown == printed,
    }
}

/// Runs the commands of the page in this folder, and compares what they print.
fn assert_shows_the_actual_output(page: &'static str, folder: &Path, least: usize) {
    let steps = steps(page);
    assert!(steps.len() >= least, "the page shows {} commands", steps.len());
    for Step { command, output } in steps {
        let printed = shell(&command, folder);
        let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
        let agree = lines.len() == output.len()
            && output.iter().zip(&lines).all(|(shown, line)| matches(shown, line));
        assert!(
            agree,
            "$ {command}\nthe page shows:\n{}\nbut this is printed:\n{printed}",
            output.join("\n")
        );
    }
}

#[test]
fn readme_shows_the_actual_output() {
    assert_shows_the_actual_output(README, tempfile::tempdir().unwrap().path(), 8);
}

#[test]
fn the_page_about_upgrades_shows_the_actual_output() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[keys]\nfile = \"keys.jwks.json\"\n";
    std::fs::write(folder.path().join("artos-auth.toml"), config).unwrap();
    std::fs::write(folder.path().join("newer.toml"), format!("{config}[limits]\nburst = 10\n")).unwrap();
    let keys = "artos-auth keys generate --alg ES256 --out key.json && artos-auth keys public --in key.json > keys.jwks.json";
    shell(keys, folder.path());
    assert_shows_the_actual_output(UPGRADE, folder.path(), 3);
}

#[test]
fn the_page_about_installing_shows_the_actual_output() {
    let folder = tempfile::tempdir().unwrap();
    // What Debian's package installs, with the operator's keys beside it.
    let config = include_str!("../../deploy/packages/debian/artos-auth.toml");
    std::fs::write(folder.path().join("artos-auth.toml"), config).unwrap();
    let keys = "artos-auth keys generate --alg ES256 --out key.json && artos-auth keys public --in key.json > keys.jwks.json";
    shell(keys, folder.path());
    assert_shows_the_actual_output(INSTALL, folder.path(), 3);
}

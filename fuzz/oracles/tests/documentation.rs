//! `docs/fuzzing.md` describes the actual targets.

use std::path::Path;

use artos_auth_oracles::TARGETS;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_table_of_targets_is_complete() {
    let page = read("docs/fuzzing.md");
    let table: Vec<&str> =
        page.lines().skip_while(|line| *line != "| target | input and check |").skip(2).collect();
    let table: Vec<&str> = table.into_iter().take_while(|line| line.starts_with('|')).collect();
    let expected: Vec<String> =
        TARGETS.iter().map(|target| format!("| `{}` | {} |", target.name, target.oracle)).collect();
    assert_eq!(table, expected);
}

#[test]
fn every_target_has_exactly_one_program_of_its_name() {
    let manifest = read("fuzz/Cargo.toml");
    let programs: Vec<&str> =
        manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")).collect();
    let expected: Vec<String> = TARGETS.iter().map(|target| format!("{}.rs\"", target.name)).collect();
    assert_eq!(programs, expected);
    for target in TARGETS {
        let program = read(&format!("fuzz/fuzz_targets/{}.rs", target.name));
        assert!(program.contains(&format!("fuzz!(\"{}\");", target.name)), "{}", target.name);
    }
}

/// The engine's dependencies, as a table of name and requirement; `optional` does not matter.
fn dependencies(manifest: &str) -> toml::Table {
    let manifest: toml::Table = read(manifest).parse().expect("a manifest");
    let mut dependencies = manifest["dependencies"].as_table().expect("dependencies").clone();
    for (_, dependency) in &mut dependencies {
        if let Some(table) = dependency.as_table_mut() {
            table.remove("optional");
        }
    }
    dependencies
}

#[test]
fn the_copy_with_the_other_backend_has_the_engines_dependencies() {
    let mut engine = dependencies("engine/Cargo.toml");
    engine.remove("aws-lc-rs").expect("the backend that the copy does without");
    assert_eq!(dependencies("fuzz/engine-rust-crypto/Cargo.toml"), engine);
}

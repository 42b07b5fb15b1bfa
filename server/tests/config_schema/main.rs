//! The schema, the annotated example and the documented configurations agree with what the server really reads.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod documented;
mod example;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use artos_auth_server::config::{self, Config, ConfigError};
use jsonschema::Validator;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What `artos-auth config NAME` prints.
fn printed(name: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_artos-auth")).args(["config", name]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&printed("schema")).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

fn load(text: &str) -> Result<Config, ConfigError> {
    config::parse(Path::new("artos-auth.toml"), text)
}

/// The error of the server's own reader for a file.
fn problem(text: &str) -> Option<String> {
    load(text).err().map(|error| format!("{}: {}", error.key, error.problem))
}

/// Whether the problem is about a key, a type or a range, which a schema can check, and not about the meaning of a value.
fn is_about_shape(problem: &str) -> bool {
    let words = [
        ", found ",
        "unknown key",
        "missing key",
        "missing `",
        "must be between",
        "must be 1 or more",
        ": expected `",
    ];
    // The schema does not check the form of a URL.
    words.iter().any(|words| problem.contains(words)) && !problem.contains("://")
}

fn as_json(text: &str) -> Value {
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"));
    serde_json::to_value(table).unwrap()
}

/// The keys of each table of the schema, by its path; `[]` for a table of an array.
fn tables(schema: &Value) -> BTreeMap<String, BTreeSet<String>> {
    fn collect(schema: &Value, path: &str, found: &mut BTreeMap<String, BTreeSet<String>>) {
        if let Some(properties) = schema["properties"].as_object() {
            found.insert(path.to_owned(), properties.keys().cloned().collect());
            for (name, property) in properties {
                let step = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                collect(property, &step, found);
            }
        }
        if schema["items"].is_object() {
            collect(&schema["items"], &format!("{path}[]"), found);
        }
        schema["anyOf"].as_array().into_iter().flatten().for_each(|one| collect(one, path, found));
    }
    let mut found = BTreeMap::new();
    collect(schema, "", &mut found);
    found
}

#[test]
fn the_schema_is_one() {
    jsonschema::draft202012::meta::validate(&schema()).unwrap();
}

#[test]
fn the_schema_has_the_keys_that_the_server_reads_and_no_others() {
    let validator = validator();
    let tables = tables(&schema());
    assert_eq!(tables.len(), 17, "{:#?}", tables.keys());
    for (path, keys) in tables {
        let header = match path.strip_suffix("[]") {
            Some(path) => format!("[[{path}]]\n"),
            None if path.is_empty() => String::new(),
            None => format!("[{path}]\n"),
        };
        // A key that is like no other: the reader then names all that it knows.
        let text = format!("{header}qqqqqqqqqqqqqqqq = 1\n");
        let problem = problem(&text).unwrap();
        let (_, known) = problem.split_once("unknown key").unwrap_or_else(|| panic!("{text}{problem}"));
        let known: BTreeSet<String> = known.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(keys, known, "{path}");
        assert!(!validator.is_valid(&as_json(&text)), "{text}");
    }
}

/// An editor marks the value, not the table that it is in.
#[test]
fn a_wrong_value_is_named_itself() {
    let validator = validator();
    for (text, place) in [
        ("[keys]\nfile = 1\n", "/keys/file"),
        ("[[keys]]\nfile = \"k\"\n[[keys]]\nurl = 1\n", "/keys/1/url"),
        ("[keys]\nfile = \"k\"\n[policy]\nleeway_seconds = 121\n", "/policy/leeway_seconds"),
    ] {
        let value = as_json(text);
        let places: Vec<String> =
            validator.iter_errors(&value).map(|error| error.instance_path().to_string()).collect();
        assert_eq!(places, [place], "{text}");
    }
}

#[test]
fn the_shipped_files_are_what_the_program_prints() {
    for (name, file) in [("example", "artos-auth.toml"), ("schema", "artos-auth.schema.json")] {
        let shipped = std::fs::read_to_string(root().join("deploy/config").join(file)).unwrap();
        let is_current = shipped == printed(name);
        assert!(is_current, "write it anew: artos-auth config {name} > deploy/config/{file}");
    }
}

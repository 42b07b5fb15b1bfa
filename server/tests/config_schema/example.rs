//! The annotated example: it is accepted as it is shipped, and with each of its keys uncommented.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use artos_auth_server::config::Config;
use serde_json::Value;

use super::{as_json, load, printed, problem, root, schema, tables, validator};

/// A header, with `#` before it if it is commented out, and the keys below it.
struct Block {
    header: String,
    lines: Vec<String>,
}

impl Block {
    fn is_active(&self) -> bool {
        !self.header.starts_with('#')
    }

    fn path(&self) -> &str {
        self.header.trim_matches(['#', '[', ']'])
    }

    /// The active lines in it and this line; all lines, if it is commented out as a whole.
    fn text(&self, chosen: Option<usize>) -> String {
        let is_in_force = |index: usize, line: &str| {
            chosen.is_some() && !self.is_active() || chosen == Some(index) || !line.starts_with('#')
        };
        let lines = self.lines.iter().enumerate().filter(|(index, line)| is_in_force(*index, line));
        let lines: String = lines.map(|(_, line)| format!("{}\n", line.trim_start_matches('#'))).collect();
        format!("{}\n{lines}", self.header.trim_start_matches('#'))
    }
}

/// A valid file, and one of its lines, which the example shows.
pub(super) struct Case {
    /// The table of the line.
    pub(super) path: String,
    pub(super) key: String,
    pub(super) line: String,
    pub(super) text: String,
}

impl Case {
    /// The file with another line, or none, in place of this one.
    pub(super) fn with(&self, line: &str) -> String {
        let changed =
            format!("\n{}", self.text).replacen(&format!("\n{}\n", self.line), &format!("\n{line}\n"), 1);
        assert!(self.line == line || changed != format!("\n{}", self.text), "{}", self.line);
        changed
    }

    /// The schema of the key.
    pub(super) fn property<'s>(&self, schema: &'s Value) -> &'s Value {
        let steps = self.path.split('.').filter(|step| !step.is_empty());
        let table = steps.fold(schema, |table, step| {
            let table = &table["properties"][step];
            [&table["items"], &table["anyOf"][0], table]
                .into_iter()
                .find(|of| of["properties"].is_object())
                .unwrap()
        });
        &table["properties"][&self.key]
    }
}

/// The example without its comments.
fn blocks() -> Vec<Block> {
    let mut blocks = vec![Block { header: String::new(), lines: Vec::new() }];
    for line in printed("example").lines() {
        let is_comment = line.is_empty() || line == "#" || line.starts_with("# ") || line.starts_with("#:");
        match line.trim_start_matches('#') {
            _ if is_comment => {}
            header if header.starts_with('[') => {
                blocks.push(Block { header: line.to_owned(), lines: Vec::new() });
            }
            _ => blocks.last_mut().unwrap().lines.push(line.to_owned()),
        }
    }
    blocks
}

/// Every line of the example, in a file in which it is active.
pub(super) fn cases() -> Vec<Case> {
    let blocks = blocks();
    let mut cases = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        for (chosen, line) in block.lines.iter().enumerate() {
            let line = line.trim_start_matches('#').to_owned();
            let key = line.split(" = ").next().unwrap().to_owned();
            let mut text = String::new();
            for (other, its) in blocks.iter().enumerate() {
                // Of two variants of one table, the chosen one.
                let gives_way = its.path() == block.path() && !its.header.contains("[[");
                if other == index {
                    text += &its.text(Some(chosen));
                } else if its.is_active() && !gives_way {
                    text += &its.text(None);
                }
            }
            if key == "socket_mode" {
                // Only a Unix socket has a mode.
                text =
                    text.replace("admin_listen = \"127.0.0.1:9090\"", "admin_listen = \"unix:admin.sock\"");
            }
            cases.push(Case { path: block.path().to_owned(), key, line, text });
        }
    }
    cases
}

#[test]
fn it_is_accepted_as_shipped_and_with_each_key_uncommented() {
    let validator = validator();
    let shipped = printed("example");
    let texts: Vec<String> = cases().into_iter().map(|case| case.text).chain([shipped]).collect();
    assert!(texts.len() > 70, "{}", texts.len());
    for text in texts {
        assert_eq!(problem(&text), None, "{text}");
        let errors: Vec<String> =
            validator.iter_errors(&as_json(&text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:#?}\n{text}");
    }
}

#[test]
fn it_has_every_key_of_the_schema() {
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for block in blocks() {
        let path = block.path();
        if !path.is_empty() {
            let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
            shown.entry(table.to_owned()).or_default().insert(key.to_owned());
        }
        let keys = block
            .lines
            .iter()
            .map(|line| line.trim_start_matches('#').split(" = ").next().unwrap().to_owned());
        shown.entry(path.to_owned()).or_default().extend(keys);
    }
    // The one table that is written within a line; its comment shows both of its keys.
    assert!(printed("example").contains("`{ env = \"NAME\" }`, or `{ file = \"PATH\" }`"));
    shown.insert("revocations.password".to_owned(), ["env", "file"].map(str::to_owned).into());
    let all = tables(&schema()).into_iter().map(|(path, keys)| (path.replace("[]", ""), keys));
    assert_eq!(shown, all.collect());
}

/// The active values, without the text that they were read from.
fn in_force(config: &Config) -> String {
    format!(
        "{:?}",
        (
            (&config.listen, &config.admin_listen, config.socket_mode, &config.policy, &config.keys),
            (
                &config.revocations,
                &config.forward,
                &config.ext_authz,
                &config.audit,
                &config.tls,
                &config.limits
            ),
        )
    )
}

#[test]
fn leaving_out_a_key_means_its_default() {
    let schema = schema();
    let mut tried = BTreeSet::new();
    for case in cases() {
        let default = &case.property(&schema)["default"];
        let value = &as_json(&case.line)[&case.key];
        if default == value {
            assert_eq!(
                in_force(&load(&case.with("")).unwrap()),
                in_force(&load(&case.text).unwrap()),
                "{}",
                case.line
            );
            tried.insert(format!("{}.{}", case.path, case.key));
        } else {
            let variant = case.path == "audit" && case.key == "output";
            assert!(default.is_null() || variant, "{}: the default is {default}", case.line);
        }
    }
    assert_eq!(tried.len(), 38, "{tried:#?}");
    // These two are shown as tables.
    let keys = "\n[keys]\nfile = \"k\"\n";
    let public = &schema["properties"]["policy"]["properties"]["public"]["default"][0]["path"];
    let written = format!("[policy]\npublic = [{{ path = {public} }}]\nroutes = []{keys}");
    assert_eq!(in_force(&load(&written).unwrap()), in_force(&load(keys).unwrap()));
}

#[test]
fn it_says_what_every_key_means() {
    fn descriptions(schema: &Value, found: &mut Vec<String>) {
        for property in schema["properties"].as_object().into_iter().flat_map(|keys| keys.values()) {
            found.push(property["description"].as_str().unwrap().to_owned());
            let inner = [&property["items"], &property["anyOf"][0], property];
            inner.into_iter().for_each(|inner| descriptions(inner, found));
        }
    }
    let words = printed("example").replace("\n# ", " ");
    let mut schema = schema();
    schema["properties"]["revocations"]["properties"]["password"]["properties"] = Value::Null;
    let mut found = Vec::new();
    descriptions(&schema, &mut found);
    assert!(found.len() > 70, "{}", found.len());
    for description in found {
        assert!(words.contains(&description), "{description}");
    }
}

/// With the keys that its head tells how to make.
#[test]
fn check_accepts_it_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_artos-auth")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    std::fs::copy(root().join("deploy/config/artos-auth.toml"), folder.path().join("artos-auth.toml"))
        .unwrap();
    let example = printed("example");
    let commands: Vec<&str> = example.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
    assert_eq!(commands.len(), 2);
    for command in commands {
        let mut shell = Command::new("sh");
        let output =
            shell.args(["-c", command]).current_dir(folder.path()).env("PATH", &path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let mut check = Command::new(env!("CARGO_BIN_EXE_artos-auth"));
    let output =
        check.args(["check", "--config", "artos-auth.toml"]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

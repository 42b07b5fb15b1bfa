//! `docs/behind-a-proxy.md` shows the recipes that the lab runs, and their artos-auth files load.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use artos_auth_server::config;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files of all recipes, as paths below `deploy/proxies/`.
fn files() -> BTreeSet<String> {
    let folder = root().join("deploy/proxies");
    let mut files = BTreeSet::new();
    for recipe in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        if !recipe.join("artos-auth.toml").is_file() {
            continue;
        }
        for file in std::fs::read_dir(&recipe).unwrap().map(|entry| entry.unwrap().path()) {
            files.insert(file.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned());
        }
    }
    files
}

#[test]
fn the_page_shows_every_file_unchanged() {
    let page = std::fs::read_to_string(root().join("docs/behind-a-proxy.md")).unwrap();
    let files = files();
    assert!(files.len() > 12, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(root().join("deploy/proxies").join(&file)).unwrap();
        let shown = page.split(&format!("\n`{file}`\n\n```")).nth(1);
        let shown = shown.unwrap_or_else(|| panic!("the page does not show {file}"));
        let (_, shown) = shown.split_once('\n').unwrap();
        assert_eq!(shown.split("```\n").next().unwrap(), text, "{file}");
    }
}

#[test]
fn the_files_of_artos_auth_load() {
    for file in files().iter().filter(|file| file.ends_with("/artos-auth.toml")) {
        let config = config::load(&root().join("deploy/proxies").join(file)).unwrap();
        let asked_in_fields = !file.starts_with("envoy");
        assert_eq!(config.forward.is_some(), asked_in_fields, "{file}");
        assert_eq!(config.ext_authz.is_some(), file.starts_with("envoy-grpc"), "{file}");
        assert!(config.warnings.is_empty(), "{file}: {:?}", config.warnings);
    }
}

//! Every configuration of the documentation and of the recipes.

use std::path::PathBuf;

use super::{as_json, is_about_shape, problem, root, validator};

fn entries(folder: &str) -> Vec<PathBuf> {
    std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The blocks of TOML of all pages, the files of the recipes and the policy of `serve --dev`, each with its place.
fn documented() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let pages = entries("docs").into_iter().chain([root().join("README.md")]);
    for page in pages.filter(|path| path.extension().is_some_and(|end| end == "md")) {
        let text = std::fs::read_to_string(&page).unwrap();
        for (index, rest) in text.split("```toml\n").skip(1).enumerate() {
            let block = rest.split("\n```").next().unwrap();
            found.push((format!("{}, block {index}", page.display()), format!("{block}\n")));
        }
    }
    let recipes = entries("deploy/proxies").into_iter();
    let recipes = recipes.flat_map(|folder| ["artos-auth.toml", "hop.toml"].map(|name| folder.join(name)));
    for file in recipes.chain([root().join("server/src/dev/policy.toml")]).filter(|file| file.exists()) {
        found.push((file.display().to_string(), std::fs::read_to_string(&file).unwrap()));
    }
    found
}

#[test]
fn the_schema_takes_those_that_the_server_takes_and_refuses_other_files() {
    let validator = validator();
    let (mut taken, mut refused) = (0, 0);
    for (place, text) in documented() {
        let mut table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{place}: {error}"));
        // A page may show a part.
        if !table.contains_key("keys") {
            table.insert("keys".to_owned(), "file = \"k\"".parse::<toml::Table>().unwrap().into());
        }
        let whole = table.to_string();
        match problem(&whole) {
            None => {
                let value = as_json(&whole);
                let errors: Vec<String> =
                    validator.iter_errors(&value).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{place}: {errors:#?}\n{whole}");
                taken += 1;
            }
            // A profile of the checker, for example.
            Some(problem) if is_about_shape(&problem) => {
                assert!(!validator.is_valid(&as_json(&whole)), "{place}: {problem}");
                refused += 1;
            }
            Some(problem) => panic!("{place}: {problem}\n{whole}"),
        }
    }
    assert!(taken >= 20 && refused >= 3, "{taken} {refused}");
}

//! What the command line says of itself, and what it says to whoever uses it wrongly.

use rstest::rstest;

use crate::Workshop;

#[rstest]
#[case::artos_auth(&[])]
#[case::serve(&["serve"])]
#[case::decide(&["decide"])]
#[case::explain(&["explain"])]
#[case::check(&["check"])]
#[case::keys(&["keys"])]
#[case::keys_generate(&["keys", "generate"])]
#[case::keys_public(&["keys", "public"])]
#[case::token(&["token"])]
#[case::token_mint(&["token", "mint"])]
#[case::token_inspect(&["token", "inspect"])]
fn help_teaches(#[case] command: &[&str]) {
    let help = Workshop::new().run(&[command, &["--help"]].concat()).done();
    insta::assert_snapshot!(format!("help_{}", command.join("_")), help);
}

#[test]
fn the_version_is_the_packages() {
    let version = Workshop::new().run(&["--version"]).done();
    assert_eq!(version, concat!("artos-auth ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn wrong_usage_is_told_what_would_be_right() {
    let workshop = Workshop::new();
    let mut messages = String::new();
    for arguments in [
        &[][..],
        &["serv"],
        &["--verbose"],
        &["serve"],
        &["serve", "--dev", "--config", "auth.toml"],
        &["serve", "--config", "auth.toml", "--dev-key", "dev.json"],
        &["serve", "--dev", "--listen", "8080"],
        &["serve", "--dev", "--listen", "localhost:8080"],
        &["serve", "--config", "none.toml"],
        &["decide"],
        &["decide", "--config"],
        &["decide", "auth.toml"],
        &["decide", "--config", "auth.toml", "--now", "5"],
        &["explain", "--config", "auth.toml"],
        &["explain", "--path", "/"],
        &["explain", "--config", "auth.toml", "--path", "/", "--now", "-1"],
        &["explain", "--config", "auth.toml", "--path", "/", "--now", "253402300800"],
        &["explain", "--config", "auth.toml", "--path", "/", "--now", "today"],
        &["explain", "--config", "auth.toml", "--path", "/", "--account", "gone"],
        &["explain", "--config", "auth.toml", "--path", "/", "--host", "h", "--realm", "o"],
        &["explain", "--config", "auth.toml", "--path", "/", "--resource-org", "o", "--resource-unresolved"],
        &["explain", "--config", "auth.toml", "--path", "/", "--header-file", "none"],
        &["explain", "--config", "auth.toml", "--path", "/", "--header-file", "-", "--header-file", "-"],
        &["explain", "--config", "auth.toml", "--path", "/", "--path", "/"],
        &["check"],
        &["keys"],
        &["keys", "generate"],
        &["keys", "generate", "--alg", "none"],
        &["keys", "generate", "--alg", "es256"],
        &["keys", "generate", "--alg", "ES256", "--kid", ""],
        &["keys", "public"],
        &["token", "mint", "--user", "u", "--org", "o"],
        &["token", "mint", "--key", "key.jwk.json", "--org", "o"],
        &["token", "mint", "--key", "key.jwk.json", "--user", "u"],
        &["token", "inspect", "token.jwt"],
    ] {
        let run = workshop.run(arguments);
        messages += &format!("$ artos-auth {}\n{}\n", arguments.join(" "), run.refused());
    }
    insta::assert_snapshot!(messages);
}

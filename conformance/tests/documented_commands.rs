//! Every `artos-conformance` command line of README and `docs/` names subcommands and flags that exist.

use std::path::Path;

use artos_auth_fixtures::documented_commands;

#[test]
fn the_pages_name_flags_that_exist() {
    let commands = documented_commands::of("artos-conformance");
    assert!(commands.len() >= 10, "the pages show {} commands", commands.len());
    let refused =
        documented_commands::refused("artos-conformance", Path::new(env!("CARGO_BIN_EXE_artos-conformance")));
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

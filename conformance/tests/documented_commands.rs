//! Every `artos-conformance` command line in README and `docs/` uses subcommands and flags that exist.

use std::path::Path;

use artos_auth_fixtures::documented_commands;

#[test]
fn the_pages_use_existing_flags() {
    let commands = documented_commands::of("artos-conformance");
    assert!(commands.len() >= 10, "the pages show {} commands", commands.len());
    let refused =
        documented_commands::refused("artos-conformance", Path::new(env!("CARGO_BIN_EXE_artos-conformance")));
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

//! Every `artos-auth` command line in README and `docs/` uses subcommands and flags that exist.

use std::path::Path;

use artos_auth_fixtures::documented_commands;

#[test]
fn the_pages_use_existing_flags() {
    let commands = documented_commands::of("artos-auth");
    assert!(commands.len() >= 20, "the pages show {} commands", commands.len());
    let refused = documented_commands::refused("artos-auth", Path::new(env!("CARGO_BIN_EXE_artos-auth")));
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

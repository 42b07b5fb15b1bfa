//! README.md shows the program of tower/README.md, which `docs/test-first-steps` builds, starts and asks.

#![cfg(test)]

const README: &str = include_str!("../../README.md");
const OWN_README: &str = include_str!("../README.md");

/// The text of the first block that starts with this line.
fn block<'a>(page: &'a str, fence: &str) -> &'a str {
    let (_, rest) = page.split_once(fence).unwrap_or_else(|| panic!("the page has no {fence}"));
    rest.split("```").next().unwrap_or_default()
}

#[test]
fn the_readme_shows_the_program_that_is_tried() {
    let program = block(OWN_README, "```rust\n");
    assert!(program.contains("AuthLayer::new(engine)"), "{program}");
    assert_eq!(block(README, "```rust,ignore\n"), program);
}

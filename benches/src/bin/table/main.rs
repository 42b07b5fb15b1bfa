//! Prints the cost of a decision, next to floors and peers, with targets, as Markdown.
//!
//! `cargo run --release --bin table [-- SECTION…]`; all of it takes some minutes on one core, and up to four
//! gigabytes of memory. Its exit status is 1 if a target is not met.

mod rows;

use std::process::ExitCode;

use artos_auth_benches::{machine, measure, report};
use rows::SECTIONS;

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if wanted == [rows::COLD_HMAC_ALONE] {
        machine::pin_to_last_core();
        rows::cold_hmac_alone();
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) = wanted.iter().find(|wanted| !SECTIONS.iter().any(|section| section.0 == **wanted))
    {
        let known: Vec<&str> = SECTIONS.iter().map(|section| section.0).collect();
        eprintln!("`{unknown}` is no section; there are {}", known.join(" "));
        return ExitCode::from(2);
    }
    let description = machine::description();
    let pinned = machine::pin_to_last_core();
    println!("{description}; {}.\n", if pinned { "pinned to one core" } else { "not pinned" });
    println!("{}", report::HEAD);
    let mut all_pass = true;
    let mut disturbed = Vec::new();
    for (name, section) in SECTIONS {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        let disturbed_before = measure::disturbed_groups();
        for row in section() {
            println!("{row}");
            all_pass &= row.passes();
        }
        if measure::disturbed_groups() > disturbed_before {
            disturbed.push(name);
        }
    }
    if !disturbed.is_empty() {
        let sections = disturbed.join(", ");
        println!("\nMeasured on a machine that did not come to rest, by some of their rows: {sections}.");
    }
    if all_pass { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

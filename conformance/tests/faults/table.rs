//! The table of faults and the cases that find them, as the documentation shows it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use artos_auth_deployment::Level;

use crate::matrix::Row;

/// Set to any value, it has the table written anew instead of compared.
const UPDATE: &str = "UPDATE_FAULT_TABLE";
/// How many cases the table names for a fault; the rest are "others".
const NAMED: usize = 5;

/// Compares the table with the file in the documentation, or writes it.
pub(crate) fn check(rows: &[Row]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance-faults.md");
    let text = table(rows);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, text).expect("the documentation can be written");
        return;
    }
    let current = std::fs::read_to_string(&path).unwrap_or_default();
    let differing: Vec<(&str, &str)> =
        text.lines().zip(current.lines()).filter(|(new, old)| new != old).collect();
    assert!(
        text == current,
        "docs/conformance-faults.md is not current: run `{UPDATE}=1 cargo test -p artos-auth-conformance --test faults`; \
         lines now and before: {differing:#?}"
    );
}

fn table(rows: &[Row]) -> String {
    let mut out = String::from(
        "# Faults, and the cases that find them\n\n\
         The checker is tried on a deployment that was written for the purpose and can be given one fault at a\n\
         time (`conformance/tests/deployment`). A test runs the whole catalogue against each and writes this\n\
         table. A case in *italics* needs a signing key to find the fault; all others find it with the tokens\n\
         that a profile names, too.\n\n",
    );
    let musts = rows.iter().filter(|row| row.fault.level() == Level::Must).count();
    let _ =
        writeln!(out, "{} faults: {musts} break a `must`, {} a `should`.\n", rows.len(), rows.len() - musts);
    out.push_str("| fault | clause | | the deployment … | found by |\n|---|---|---|---|---|\n");
    for row in rows {
        let (level, cases) = match row.fault.level() {
            Level::Must => ("must", &row.failed),
            Level::Should => ("should", &row.warned),
        };
        let sentence = row.fault.sentence().replace('|', "\\|");
        let found = found(cases, &row.with_tokens);
        let _ = writeln!(
            out,
            "| `{}` | {} | {level} | {sentence} | {found} |",
            row.fault.id(),
            row.fault.clause()
        );
    }
    out
}

/// The cases, those that find the fault with tokens alone first.
fn found(cases: &BTreeSet<String>, with_tokens: &BTreeSet<String>) -> String {
    let (easy, hard): (Vec<&String>, Vec<&String>) =
        cases.iter().partition(|case| with_tokens.contains(*case));
    let mut named: Vec<String> = easy.into_iter().map(|case| format!("`{case}`")).collect();
    named.extend(hard.into_iter().map(|case| format!("*`{case}`*")));
    let more = named.len() > NAMED;
    named.truncate(NAMED);
    if more {
        named.push("others".into());
    }
    named.join(", ")
}

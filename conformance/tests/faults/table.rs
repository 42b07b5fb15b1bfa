//! The table of faults and the cases that find them, as in the documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use artos_auth_deployment::Level;

use crate::matrix::Row;
use crate::named::{Named, UPDATE, is_updated, path};

/// How many cases the table lists for a fault, besides those listed for no other fault; the rest are "others".
const NAMED: usize = 5;

/// Compares the table with the file in the documentation, or writes it.
pub(crate) fn check(rows: &[Row]) {
    if is_updated() {
        std::fs::write(path(), table(rows, &chosen(rows))).expect("the documentation can be written");
        return;
    }
    // A listed case that no longer finds the fault is missing in the new table.
    let again = |row: &Row| Named {
        cases: row.named.cases.iter().filter(|case| row.is_found_by(case)).cloned().collect(),
        others: row.named.others,
    };
    let text = table(rows, &rows.iter().map(again).collect::<Vec<_>>());
    let current = std::fs::read_to_string(path()).unwrap_or_default();
    let differing: Vec<(&str, &str)> =
        text.lines().zip(current.lines()).filter(|(new, old)| new != old).collect();
    assert!(
        text == current,
        "docs/conformance-faults.md is not current: run `{UPDATE}=1 cargo test -p artos-auth-conformance --test faults`; \
         lines now and before: {differing:#?}"
    );
}

/// The cases to list for each fault: first those that need no key and find few other faults. Every case is listed
/// somewhere.
fn chosen(rows: &[Row]) -> Vec<Named> {
    let mut finds: BTreeMap<&String, usize> = BTreeMap::new();
    for case in rows.iter().flat_map(|row| row.failed.union(&row.warned)) {
        *finds.entry(case).or_default() += 1;
    }
    let mut named: Vec<Named> = rows
        .iter()
        .map(|row| {
            let mut cases: Vec<String> = level(row).1.iter().cloned().collect();
            let needs_key = |case: &String| !row.with_tokens.contains(case);
            cases.sort_by_key(|case| {
                (case.starts_with("silence/"), needs_key(case), finds.get(case).copied())
            });
            let others = cases.len() > NAMED;
            cases.truncate(NAMED);
            Named { cases, others }
        })
        .collect();
    let nowhere = |named: &[Named], case: &String| !named.iter().any(|named| named.cases.contains(case));
    for case in finds.into_keys() {
        if nowhere(&named, case) {
            let finding = rows.iter().zip(&mut named).filter(|(row, _)| row.is_found_by(case));
            if let Some((_, shortest)) = finding.min_by_key(|(_, named)| named.cases.len()) {
                shortest.cases.push(case.clone());
            }
        }
    }
    named
}

/// The level of the row's fault, and the cases that identify it.
fn level(row: &Row) -> (&'static str, &BTreeSet<String>) {
    match row.fault.level() {
        Level::Must => ("must", &row.failed),
        Level::Should => ("should", &row.warned),
    }
}

fn table(rows: &[Row], named: &[Named]) -> String {
    let mut out = String::from(
        "# Faults, and the cases that find them\n\n\
         The checker is tried on a deployment that was written for the purpose and can be given one fault at a\n\
         time (`conformance/tests/deployment`). A test runs the whole catalogue against each and writes this\n\
         table; later runs test that the cases named here still find the fault. A case in *italics* needs a\n\
         signing key to find it; all others find it with the tokens that a profile names, too.\n\n",
    );
    let musts = rows.iter().filter(|row| row.fault.level() == Level::Must).count();
    let _ =
        writeln!(out, "{} faults: {musts} break a `must`, {} a `should`.\n", rows.len(), rows.len() - musts);
    out.push_str("| fault | clause | | the deployment … | found by |\n|---|---|---|---|---|\n");
    for (row, named) in rows.iter().zip(named) {
        let sentence = row.fault.sentence().replace('|', "\\|");
        let (id, clause, level) = (row.fault.id(), row.fault.clause(), level(row).0);
        let _ = writeln!(out, "| `{id}` | {clause} | {level} | {sentence} | {} |", found(row, named));
    }
    out
}

/// The cases, with those that find the fault with tokens only first.
fn found(row: &Row, named: &Named) -> String {
    let (easy, hard): (Vec<&String>, Vec<&String>) =
        named.cases.iter().partition(|case| row.with_tokens.contains(*case));
    let mut found: Vec<String> = easy.into_iter().map(|case| format!("`{case}`")).collect();
    found.extend(hard.into_iter().map(|case| format!("*`{case}`*")));
    if named.others {
        found.push("others".into());
    }
    found.join(", ")
}

//! Runs the instruction counts and compares them with the committed ones; `check-instructions` does the rest.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use artos_auth_benches::report::shown;
use serde_json::Value;

/// Allowed difference in either direction: a committed count that is too high would hide later regressions.
const TOLERANCE: f64 = 0.02;
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.csv");
const HEAD: &str = "scenario,instructions";

type Counts = BTreeMap<String, u64>;

fn main() -> ExitCode {
    let update = match env::args().nth(1).as_deref() {
        None => false,
        Some("--update") => true,
        Some(other) => {
            eprintln!("`{other}`: usage: check-instructions [--update]");
            return ExitCode::from(2);
        }
    };
    let counts = without_floors(measured());
    if update {
        let lines: String = counts.iter().map(|(scenario, count)| format!("{scenario},{count}\n")).collect();
        fs::write(FILE, format!("{HEAD}\n{lines}")).expect("the file is writable");
        println!("wrote {} counts to {FILE}", counts.len());
        return ExitCode::SUCCESS;
    }
    compare(&committed(), &counts)
}

/// Prints every scenario of both sides, and fails on one that differs or is missing on one side.
fn compare(committed: &Counts, counts: &Counts) -> ExitCode {
    let mut scenarios: Vec<&String> = committed.keys().chain(counts.keys()).collect();
    scenarios.sort();
    scenarios.dedup();
    println!("| scenario | committed | measured | change | |\n|---|---|---|---|---|");
    let mut all_pass = true;
    for scenario in scenarios {
        let number =
            |count: Option<&u64>| count.map_or_else(|| "none".to_owned(), |count| shown(*count as f64));
        let (before, now) = (committed.get(scenario), counts.get(scenario));
        let change = before.zip(now).map(|(before, now)| *now as f64 / *before as f64 - 1.0);
        let pass = change.is_some_and(|change| change.abs() <= TOLERANCE);
        let change = change.map_or_else(String::new, |change| format!("{:+.2} %", change * 100.0));
        let verdict = if pass { "pass" } else { "**fail**" };
        println!("| {scenario} | {} | {} | {change} | {verdict} |", number(before), number(now));
        all_pass &= pass;
    }
    if all_pass {
        ExitCode::SUCCESS
    } else {
        eprintln!(
            "if this is what the change was meant to do, commit what `check-instructions --update` writes"
        );
        ExitCode::FAILURE
    }
}

/// The engine's overhead on top of signature verification, which runs portable code here and is far slower than
/// elsewhere: the floor of the same algorithm is subtracted. The total is also recorded.
fn without_floors(mut counts: Counts) -> Counts {
    for (scenario, floor) in [("cold_hs256", "hs256"), ("cold_eddsa", "eddsa"), ("forged_hs256", "hs256")] {
        let floor = *counts.get(&format!("floor_of_{floor}")).expect("every floor was measured");
        let whole = *counts.get(scenario).expect("every scenario was measured");
        counts.insert(format!("{scenario}_without_floor"), whole.saturating_sub(floor));
    }
    counts
}

/// Runs the bench; the runner prints a line of JSON for each scenario.
fn measured() -> Counts {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["bench", "--quiet", "--no-default-features", "--bench", "instructions", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .args(["--", "--output-format=json"])
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo is there");
    assert!(output.status.success(), "the bench failed");
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let counts: Counts = text.lines().filter(|line| !line.is_empty()).map(count).collect();
    assert!(!counts.is_empty(), "the bench measured nothing");
    counts
}

fn count(line: &str) -> (String, u64) {
    let summary: Value = serde_json::from_str(line).expect("the runner prints JSON alone");
    let id = summary["id"].as_str().expect("every scenario has an id");
    let name = match summary["function_name"].as_str() {
        Some("floor_of") => format!("floor_of_{id}"),
        _ => id.to_owned(),
    };
    let total = summary.pointer("/profiles/0/data/total/metrics/Ir/values/new");
    (name, total.and_then(Value::as_u64).expect("Callgrind counts instructions"))
}

fn committed() -> Counts {
    let text = fs::read_to_string(FILE).expect("the counts are committed");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(HEAD), "{FILE}:1");
    let entry = |line: &str| {
        let (scenario, count) =
            line.split_once(',').unwrap_or_else(|| panic!("{FILE}: `{line}` is no entry"));
        (scenario.to_owned(), count.parse().unwrap_or_else(|_| panic!("{FILE}: `{count}` is no count")))
    };
    lines.map(entry).collect()
}

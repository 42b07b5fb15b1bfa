//! `artos-conformance list` and `explain`: the catalogue itself.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{ChoiceArgs, Failure, Status, write};
use crate::case::clause::{Clause, Level};
use crate::case::filter::Filter;
use crate::case::need::Need;
use crate::case::{self, Case};
use crate::catalogue::{PREFLIGHT_REQUESTS, all};
use crate::profile::Profile;
use crate::report::words::counted;

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// human or json
    #[arg(long, value_name = "FORMAT", default_value = "human", value_parser = ["human", "json"])]
    format: String,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Show which cases would be skipped with this profile
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct ExplainArgs {
    /// The case's id, as `list` and reports print it
    #[arg(value_name = "CASE")]
    case: String,
}

/// A case in the output of `list --format json`.
#[derive(Serialize)]
struct Entry {
    id: String,
    title: &'static str,
    clauses: &'static [Clause],
    level: Level,
    requests: u32,
    http1_only: bool,
    needs: Vec<&'static str>,
    sends: &'static str,
    requirement: &'static str,
    expected: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped_because: Option<String>,
}

pub(super) fn list(args: &ListArgs) -> Result<Status, Failure> {
    let cases: Vec<&Case> = all().iter().filter(|case| Filter::any(&args.choice.filters, case)).collect();
    if cases.is_empty() {
        return Err(Failure::usage("no case is selected: `artos-conformance list` shows them all"));
    }
    let profile = args.profile.as_deref().map(|path| Profile::load(path, None));
    let profile = profile.transpose().map_err(Failure::usage)?;
    let text = match args.format.as_str() {
        "json" => json(&cases, profile.as_ref())?,
        _ => tree(&cases, profile.as_ref()),
    };
    write(None, &text)?;
    Ok(Status::Done)
}

fn skipped(case: &Case, profile: Option<&Profile>) -> Option<String> {
    profile.and_then(|profile| Need::missing(case.needs, profile))
}

fn json(cases: &[&Case], profile: Option<&Profile>) -> Result<String, Failure> {
    let entries: Vec<Entry> = cases
        .iter()
        .map(|case| Entry {
            id: case.id(),
            title: case.title,
            clauses: case.clauses,
            level: case.level,
            requests: case::requests([*case]),
            http1_only: case.http1_only,
            needs: case.needs.iter().map(|need| need.words()).collect(),
            sends: case.sends,
            requirement: case.requirement,
            expected: case.expected(),
            skipped_because: skipped(case, profile),
        })
        .collect();
    let mut text = serde_json::to_string_pretty(&entries).map_err(Failure::usage)?;
    text.push('\n');
    Ok(text)
}

/// A tree by the first clause of each case.
fn tree(cases: &[&Case], profile: Option<&Profile>) -> String {
    let mut text = String::new();
    let mut selected = 0;
    for clause in Clause::ALL {
        let own: Vec<&&Case> = cases.iter().filter(|case| case.clauses.first() == Some(clause)).collect();
        if own.is_empty() {
            continue;
        }
        selected += 1;
        line(&mut text, &format!("{clause}  {} ({})", clause.summary(), counted(own.len(), "case", "cases")));
        for (index, case) in own.iter().enumerate() {
            let branch = if index + 1 == own.len() { "└─" } else { "├─" };
            let mut marks = Vec::new();
            if case.level == Level::Should {
                marks.push("should".to_owned());
            }
            let requests = case::requests([**case]);
            if requests > 1 {
                marks.push(format!("{requests} requests"));
            }
            if case.http1_only {
                marks.push("HTTP/1.1 only".to_owned());
            }
            marks.extend(skipped(case, profile));
            let marks = if marks.is_empty() { String::new() } else { format!("  [{}]", marks.join("; ")) };
            line(&mut text, &format!("{branch} {}{marks}", case.id()));
        }
    }
    let must = cases.iter().filter(|case| case.level == Level::Must).count();
    let requests = case::requests(cases.iter().copied());
    let total = requests + PREFLIGHT_REQUESTS;
    line(&mut text, "");
    line(
        &mut text,
        &format!(
            "{} under {}: {must} must, {} should; at most {total} requests, the preflight's {PREFLIGHT_REQUESTS} \
             among them",
            counted(cases.len(), "case", "cases"),
            counted(selected, "clause", "clauses"),
            cases.len() - must,
        ),
    );
    if let Some(profile) = profile {
        let lacking = cases.iter().filter(|case| skipped(case, Some(profile)).is_some()).count();
        line(&mut text, &format!("{} would be skipped with this profile", counted(lacking, "case", "cases")));
    }
    text
}

pub(super) fn explain(args: &ExplainArgs) -> Result<Status, Failure> {
    let Some(case) = all().iter().find(|case| case.id() == args.case) else {
        let like: Vec<String> = all()
            .iter()
            .map(Case::id)
            .filter(|id| id.rsplit('/').next() == args.case.rsplit('/').next() || id.contains(&args.case))
            .take(5)
            .collect();
        let hint = match like.as_slice() {
            [] => "`artos-conformance list` shows them all".to_owned(),
            like => format!("did you mean {}?", like.join(", ")),
        };
        return Err(Failure::usage(format!("unknown case `{}`: {hint}", args.case)));
    };
    let mut text = String::new();
    line(&mut text, &case.id());
    line(&mut text, case.title);
    line(&mut text, "");
    line(&mut text, case.sends);
    line(&mut text, case.requirement);
    line(&mut text, "");
    line(&mut text, &format!("Level     {}", case.level));
    for (index, clause) in case.clauses.iter().enumerate() {
        let label = if index == 0 { "Clauses" } else { "" };
        line(&mut text, &format!("{label:<9} {clause}  {}", clause.summary()));
    }
    line(&mut text, &format!("Expected  {}", case.expected()));
    line(&mut text, &format!("Requests  {}", case::requests([case])));
    let needs: Vec<&str> = case.needs.iter().map(|need| need.words()).collect();
    line(
        &mut text,
        &format!(
            "Needs     {}",
            if needs.is_empty() { "nothing more than a target".into() } else { needs.join(", and ") }
        ),
    );
    if case.http1_only {
        line(&mut text, "Carried   by HTTP/1.1 only");
    }
    line(&mut text, "");
    line(&mut text, &format!("“{}”", case.source.text));
    line(&mut text, &format!("  — {}", case.source.document));
    write(None, &text)?;
    Ok(Status::Done)
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

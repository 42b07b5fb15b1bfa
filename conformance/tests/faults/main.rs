//! The checker finds every fault of the test deployment, finds nothing in the correct deployment or its valid
//! variations, and has no case that finds no fault.

mod matrix;
mod named;
mod table;

use std::collections::BTreeSet;
use std::fmt::Write;

use artos_auth_conformance::report::{Outcome, Report, Verdict};
use artos_auth_conformance::{Filter, RunError, catalogue};
use artos_auth_deployment::{Algorithm, Behavior, Fault, Level, Power, Variation};

use matrix::{WAYS, matrix, run_all};

/// The failures in a report, for a test's message.
fn complaints(report: &Result<Report, RunError>) -> String {
    let report = match report {
        Ok(report) => report,
        Err(error) => return error.to_string(),
    };
    let mut out = String::new();
    for case in report.cases.iter().filter(|case| matches!(case.outcome, Outcome::Failed | Outcome::Warned)) {
        let observed = case.observed.as_deref().unwrap_or_default();
        let _ = write!(
            out,
            "\n    {} ({}): expected {}, observed {observed}",
            case.id, case.outcome, case.expected
        );
    }
    out
}

#[test]
fn the_correct_deployment_conforms() {
    let mut tested = BTreeSet::new();
    let mut skipped = BTreeSet::new();
    let mut wrong = String::new();
    let unnamed = Behavior::with_variation(Variation::EnvironmentUnnamed);
    let plan: Vec<(Behavior, Power, Vec<Filter>)> = [Behavior::correct(), unnamed]
        .iter()
        .flat_map(|behavior| {
            WAYS.map(|(algorithm, power)| (behavior.signing_with(algorithm), power, Vec::new()))
        })
        .collect();
    for ((behavior, power, _), report) in plan.iter().zip(&run_all(plan.clone())) {
        let clean =
            report.as_ref().is_ok_and(|report| report.summary.failed == 0 && report.summary.warned == 0);
        if !clean {
            let _ = write!(wrong, "\n  {:?}, {power:?}: {}", behavior.algorithm, complaints(report));
        }
        for case in report.iter().flat_map(|report| &report.cases) {
            match &case.skipped_because {
                None => tested.insert(case.id.clone()),
                Some(why) => skipped.insert(format!("{}: {why}", case.id)),
            };
        }
    }
    assert!(wrong.is_empty(), "the correct deployment is found wanting:{wrong}");
    let never: Vec<String> =
        catalogue::all().iter().map(|case| case.id()).filter(|id| !tested.contains(id)).collect();
    assert!(never.is_empty(), "cases that no profile of the deployment lets run: {never:#?}\n{skipped:#?}");
}

#[test]
fn lawful_variations_conform() {
    let behaviors: Vec<Behavior> =
        Variation::ALL.iter().map(|variation| Behavior::with_variation(*variation)).collect();
    let plan: Vec<(Behavior, Power, Vec<Filter>)> = behaviors
        .iter()
        .flat_map(|behavior| [Power::Signing, Power::Tokens].map(|power| (*behavior, power, Vec::new())))
        .collect();
    let mut wrong = String::new();
    for ((behavior, power, _), report) in plan.iter().zip(run_all(plan.clone())) {
        let conforms = report
            .as_ref()
            .is_ok_and(|report| report.verdict != Verdict::Violates && report.interrupted.is_none());
        if !conforms {
            let id = behavior.variation.map(Variation::id).unwrap_or_default();
            let _ = write!(wrong, "\n  {id}, {power:?}: {}", complaints(&report));
        }
    }
    assert!(wrong.is_empty(), "lawful variations are found wanting:{wrong}");
}

#[test]
fn every_fault_is_found() {
    let mut wrong = String::new();
    for row in matrix() {
        let id = row.fault.id();
        for why in &row.untestable {
            let _ = write!(wrong, "\n  {id}: {why}");
        }
        match row.fault.level() {
            Level::Must if row.failed.is_empty() => {
                let _ = write!(wrong, "\n  {id}: no case fails, warnings: {:?}", row.warned);
            }
            Level::Should if row.warned.is_empty() => {
                let _ = write!(wrong, "\n  {id}: no case warns, failures: {:?}", row.failed);
            }
            Level::Should if !row.failed.is_empty() => {
                let _ = write!(wrong, "\n  {id}: breaks a should, and yet fails {:?}", row.failed);
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "faults that are not found, or not for what they are:{wrong}");
}

#[test]
fn every_case_finds_a_fault() {
    let found: BTreeSet<&str> =
        matrix().iter().flat_map(|row| row.failed.iter().chain(&row.warned)).map(String::as_str).collect();
    let idle: Vec<String> =
        catalogue::all().iter().map(|case| case.id()).filter(|id| !found.contains(id.as_str())).collect();
    assert!(idle.is_empty(), "cases that pass whatever is wrong: {idle:#?}");
}

/// An operation that validates its body answers 422 to valid and invalid tokens alike. The 401 for a forged token shows
/// that a request with 422 was authenticated.
#[test]
fn faults_are_found_where_an_operation_validates_its_body() {
    let validating =
        |fault| Behavior { fault, variation: Some(Variation::ValidationFirst), ..Behavior::correct() };
    let faults = [
        (Fault::BodyTokenAccepted, "header-elsewhere/json-body-of-the-operation"),
        (Fault::NbfIgnoredOnOperation, "every-endpoint/not-yet-valid-on-operation"),
        (Fault::ExpiredAcceptedOnOperation, "every-endpoint/expired-on-operation"),
        (Fault::SignatureIgnoredOnOperation, "permission/with-forged-token"),
    ];
    let filters = || {
        let ids = faults.iter().map(|(_, case)| *case).chain(["permission/lacking"]);
        ids.map(|case| case.parse().expect("an id is a glob")).collect::<Vec<Filter>>()
    };
    let plan = faults.iter().map(|(fault, _)| Some(*fault)).chain([None]);
    let plan = plan.map(|fault| (validating(fault), Power::Signing, filters())).collect();
    let reports = run_all(plan);
    for ((fault, found), report) in faults.iter().zip(&reports) {
        let report = report.as_ref().expect("it can be tested");
        let failed: Vec<_> = report.with_outcome(Outcome::Failed).map(|case| case.id.as_str()).collect();
        assert_eq!(failed, [*found], "{fault:?}: {}", complaints(&Ok(report.clone())));
        assert_eq!(report.wrongly_allowed(), 0, "{fault:?}: 422 opens nothing");
    }
    let right = reports.last().and_then(|report| report.as_ref().ok()).expect("it can be tested");
    assert_eq!(right.summary.failed, 0, "{}", complaints(&Ok(right.clone())));
    let lacking = right.cases.iter().find(|case| case.id == "permission/lacking").expect("it was selected");
    let why = lacking.skipped_because.as_deref().unwrap_or_default();
    assert!(why.contains("needs endpoints.permission.body"), "{why}");
}

#[test]
fn the_table_of_faults_is_current() {
    table::check(matrix());
}

#[test]
fn there_are_enough_faults() {
    assert!(Fault::ALL.len() >= 80);
    assert!(Variation::ALL.len() >= 12);
    assert_eq!(Algorithm::ALL.len(), 4);
}

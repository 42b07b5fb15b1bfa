//! A correct deployment conforms, with a key and with tokens alone, over HTTP/1.1 and HTTP/2.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use artos_auth_conformance::report::Outcome;
use artos_auth_conformance::{Level, Profile, Report, Suite, TransportOptions};
use artos_auth_deployment::{Algorithm, Behavior, Deployment, Power, Variation};
use rstest::rstest;

async fn run(behavior: Behavior, power: Power, http2: bool) -> Report {
    let deployment = Deployment::start(behavior).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let profile = deployment.write_profile(folder.path(), power).unwrap();
    let profile = Profile::load(&profile, None).unwrap();
    let options = TransportOptions { http2, ..TransportOptions::default() };
    Suite::new(profile).transport(options).level(Level::Should).rate(5_000.0).run().await.unwrap()
}

fn complaints(report: &Report) -> Vec<String> {
    report
        .cases
        .iter()
        .filter(|case| matches!(case.outcome, Outcome::Failed | Outcome::Warned))
        .map(|case| {
            format!(
                "{}: expected {}, observed {:?} {:#?}",
                case.id, case.expected, case.observed, case.evidence
            )
        })
        .collect()
}

#[rstest]
#[case::signing(Power::Signing, false)]
#[case::tokens(Power::Tokens, false)]
#[case::signing_over_http2(Power::Signing, true)]
#[case::tokens_over_http2(Power::Tokens, true)]
#[tokio::test]
async fn a_correct_deployment_conforms(#[case] power: Power, #[case] http2: bool) {
    let report = run(Behavior::correct(), power, http2).await;
    assert_eq!(complaints(&report), Vec::<String>::new());
    assert!(!report.has_failures());
    if power == Power::Signing {
        let skipped: Vec<_> =
            report.with_outcome(Outcome::Skipped).map(|case| (&case.id, &case.skipped_because)).collect();
        assert!(skipped.len() < 6, "{skipped:#?}");
    }
    let not_carried: Vec<_> = report
        .with_outcome(Outcome::Skipped)
        .filter(|case| case.skipped_because.as_deref().is_some_and(|why| why.contains("needs HTTP/1.1")))
        .map(|case| &case.id)
        .collect();
    assert_eq!(not_carried, Vec::<&String>::new(), "cases that HTTP/2 cannot carry, and that do not say so");
    assert!(report.requests <= 500, "{} requests", report.requests);
    assert_eq!(report.selection.http1_only > 0, http2);
}

#[rstest]
#[tokio::test]
async fn any_algorithm_conforms(
    #[values(Algorithm::Hs256, Algorithm::Rs256, Algorithm::EdDsa)] algorithm: Algorithm,
) {
    let report = run(Behavior::correct().signing_with(algorithm), Power::Signing, false).await;
    assert_eq!(complaints(&report), Vec::<String>::new());
}

/// 405 opens nothing, before authentication or after it. The reader sees why such a case passed.
#[tokio::test]
async fn a_case_whose_method_does_not_exist_says_so() {
    let report = run(Behavior::with_variation(Variation::MethodsFirst), Power::Tokens, false).await;
    assert!(!report.has_failures(), "{:#?}", complaints(&report));
    let passed = report.with_outcome(Outcome::Passed);
    let missing: Vec<_> = passed
        .filter_map(|case| Some((&case.id, case.observed.as_deref()?)))
        .filter(|(id, observed)| id.starts_with("method/") && observed.starts_with("405"))
        .collect();
    assert!(!missing.is_empty());
    for (id, observed) in missing {
        assert!(observed.ends_with(": the method does not exist there"), "{id}: {observed}");
    }
}

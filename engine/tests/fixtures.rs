//! Every case of `fixtures/`, decided in this process.

use artos_auth_fixtures::Decider;
use artos_auth_fixtures::case::{self, Case};
use artos_auth_fixtures::engine::EngineDecider;

fn cases() -> Vec<Case> {
    case::load().unwrap()
}

#[test]
fn the_engine_decides_every_case_as_written() {
    let mut wrong = Vec::new();
    for case in cases() {
        let engine = EngineDecider::new(&case.setup).unwrap_or_else(|error| panic!("{}: {error}", case.id));
        let verdict = engine.decide(&case.question);
        if verdict != case.expected {
            wrong.push(format!(
                "{}/{}: {}\n  expected {:?}\n  decided  {verdict:?}",
                case.file, case.id, case.title, case.expected
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

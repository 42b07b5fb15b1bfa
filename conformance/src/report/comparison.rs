//! Differences between the responses of two deployments to the same probes, whether or not either conforms.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::report::{CaseReport, Outcome, Report};

/// Two runs side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The two deployments.
    pub targets: [String; 2],
    /// The number of cases that both runs tested.
    pub compared: usize,
    /// Cases that at least one run skipped.
    pub not_compared: Vec<NotCompared>,
    /// Cases with different responses.
    pub differences: Vec<Difference>,
}

/// A case with different responses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The case's id.
    pub case: String,
    /// Its title.
    pub title: String,
    /// The acceptable responses.
    pub expected: String,
    /// The observation of each run.
    pub observed: [String; 2],
    /// The outcome of each run.
    pub outcome: [Outcome; 2],
}

/// A case that could not be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotCompared {
    /// The case's id.
    pub case: String,
    /// Why each run skipped it; `None` if it did not.
    pub skipped_because: [Option<String>; 2],
}

impl Comparison {
    /// Compares two reports: what each case observed, not only whether it passed.
    pub fn of(one: &Report, other: &Report) -> Self {
        let others: BTreeMap<&str, &CaseReport> =
            other.cases.iter().map(|case| (case.id.as_str(), case)).collect();
        let mut comparison = Self {
            targets: [one.target.clone(), other.target.clone()],
            compared: 0,
            not_compared: Vec::new(),
            differences: Vec::new(),
        };
        for case in &one.cases {
            let Some(counterpart) = others.get(case.id.as_str()) else { continue };
            let (Some(seen), Some(seen_there)) = (&case.observed, &counterpart.observed) else {
                comparison.not_compared.push(NotCompared {
                    case: case.id.clone(),
                    skipped_because: [case.skipped_because.clone(), counterpart.skipped_because.clone()],
                });
                continue;
            };
            comparison.compared += 1;
            if seen != seen_there || case.outcome != counterpart.outcome {
                comparison.differences.push(Difference {
                    case: case.id.clone(),
                    title: case.title.clone(),
                    expected: case.expected.clone(),
                    observed: [seen.clone(), seen_there.clone()],
                    outcome: [case.outcome, counterpart.outcome],
                });
            }
        }
        comparison.differences.sort_by(|one, other| one.case.cmp(&other.case));
        comparison
    }

    /// The comparison as JSON, with a newline at its end.
    pub fn to_json(&self) -> String {
        super::pretty(self)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [one, other] = &self.targets;
        writeln!(f, "A  {one}\nB  {other}\n")?;
        for difference in &self.differences {
            writeln!(f, "{}  {}", difference.case, difference.title)?;
            writeln!(f, "   expected  {}", difference.expected)?;
            let [here, there] = &difference.observed;
            let [outcome, outcome_there] = difference.outcome;
            writeln!(f, "   A         {here} ({outcome})")?;
            writeln!(f, "   B         {there} ({outcome_there})\n")?;
        }
        let differences = self.differences.len();
        write!(f, "{} of {} cases answered differently", differences, self.compared)?;
        match self.not_compared.len() {
            0 => writeln!(f),
            count => writeln!(f, "; {count} could not be compared"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A run of cases, each with its observation, if it was not skipped, and its outcome.
    fn report(target: &str, cases: &[(&str, Option<&str>, Outcome)]) -> Report {
        let cases: Vec<_> = cases
            .iter()
            .map(|(id, observed, outcome)| {
                json!({
                    "id": id, "title": format!("about {id}"), "clauses": ["HDR-2"], "level": "must",
                    "outcome": outcome, "expected": "401", "observed": observed,
                    "skipped_because": observed.is_none().then(|| format!("{target} has no key")),
                    "duration_ms": 1, "wrongly_allowed": false, "sends": "", "requirement": "",
                    "source": {"document": "", "text": ""},
                })
            })
            .collect();
        serde_json::from_value(json!({
            "target": target, "suite_version": "", "started_at": "", "duration_ms": 1, "protocol": "HTTP/1.1",
            "level": "must", "verdict": "conforms",
            "summary": {"passed": 0, "failed": 0, "warned": 0, "skipped": 0},
            "selection": {"filters": [], "catalogue": 0, "http1_only": 0},
            "requests": 1, "measurements": {"leeway_seconds": null, "clock_offset_seconds": null},
            "notices": [], "interrupted": null, "stale_baseline": [], "cases": cases,
        }))
        .unwrap()
    }

    fn comparison() -> Comparison {
        use Outcome::{Failed, Passed, Skipped, Warned};
        let one = [
            ("same", Some("401"), Passed),
            ("z-observed", Some("401"), Failed),
            ("outcome", Some("401"), Failed),
            ("skipped-there", Some("401"), Passed),
            ("skipped-here", None, Skipped),
            ("not-there", Some("401"), Passed),
        ];
        let other = [
            ("same", Some("401"), Passed),
            ("z-observed", Some("200"), Failed),
            ("outcome", Some("401"), Warned),
            ("skipped-there", None, Skipped),
            ("skipped-here", Some("401"), Passed),
        ];
        Comparison::of(&report("a", &one), &report("b", &other))
    }

    #[test]
    fn observation_and_outcome_are_compared() {
        let comparison = comparison();
        assert_eq!(comparison.compared, 3);
        let differences: Vec<_> = comparison
            .differences
            .iter()
            .map(|difference| {
                (
                    difference.case.as_str(),
                    difference.observed.each_ref().map(String::as_str),
                    difference.outcome,
                )
            })
            .collect();
        let expected = [
            ("outcome", ["401", "401"], [Outcome::Failed, Outcome::Warned]),
            ("z-observed", ["401", "200"], [Outcome::Failed, Outcome::Failed]),
        ];
        assert_eq!(differences, expected);
        let not_compared = [
            ("skipped-there", [None, Some("b has no key".to_owned())]),
            ("skipped-here", [Some("a has no key".to_owned()), None]),
        ];
        let not_compared =
            not_compared.map(|(case, skipped_because)| NotCompared { case: case.into(), skipped_because });
        assert_eq!(comparison.not_compared, not_compared);
    }

    #[test]
    fn human_format() {
        insta::assert_snapshot!(comparison(), @"
        A  a
        B  b

        outcome  about outcome
           expected  401
           A         401 (failed)
           B         401 (warned)

        z-observed  about z-observed
           expected  401
           A         401 (failed)
           B         200 (failed)

        2 of 3 cases answered differently; 2 could not be compared
        ");
    }

    #[test]
    fn json_format() {
        let text = comparison().to_json();
        assert!(text.ends_with("}\n"), "{text}");
        assert_eq!(serde_json::from_str::<Comparison>(&text).unwrap(), comparison());
    }
}

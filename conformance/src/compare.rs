//! Where two deployments answer the same probes differently, whether or not either conforms.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::report::{CaseReport, Outcome, Report};

/// Two runs side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The two deployments.
    pub targets: [String; 2],
    /// How many cases both runs could test.
    pub compared: usize,
    /// Cases that one of the runs, or both, had to skip.
    pub not_compared: Vec<NotCompared>,
    /// Cases that the deployments answered differently.
    pub differences: Vec<Difference>,
}

/// A case that two deployments answered differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The case's id.
    pub case: String,
    /// What it is about.
    pub title: String,
    /// What would be right.
    pub expected: String,
    /// What each answered.
    pub observed: [String; 2],
    /// What became of the case in each run.
    pub outcome: [Outcome; 2],
}

/// A case that could not be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotCompared {
    /// The case's id.
    pub case: String,
    /// Why each run skipped it; `None` where it did not.
    pub skipped_because: [Option<String>; 2],
}

impl Comparison {
    /// Sets two reports side by side. What a case observed is compared, not only whether it passed.
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
        let mut text = serde_json::to_string_pretty(self)
            .unwrap_or_else(|error| format!("{{\"error\": \"the comparison cannot be written: {error}\"}}"));
        text.push('\n');
        text
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

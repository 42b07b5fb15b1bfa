//! Known failures: each with its observation, and the reason for accepting it.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use crate::catalogue;
use crate::profile::ProfileError;
use crate::report::{CaseReport, Outcome, StaleEntry};

/// Known failures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    entries: Vec<Known>,
}

/// A known failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The case's id.
    pub case: String,
    /// The observation, as shown in reports.
    pub observed: String,
    /// The reason for accepting it.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    known: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    case: String,
    observed: String,
    reason: String,
}

impl Baseline {
    /// Reads a baseline from its file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not TOML of this form, or contains a duplicate or unknown case.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        Self::load_with(path, of_catalogue)
    }

    /// Reads a baseline whose ids are valid if `check` says so.
    ///
    /// # Errors
    ///
    /// As [`Baseline::load`], with the message of `check` instead of an unknown case.
    pub fn load_with(path: &Path, check: impl Fn(&str) -> Result<(), String>) -> Result<Self, ProfileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ProfileError::file(path, format!("cannot be read: {error}")))?;
        Self::read(&text, path, check)
    }

    /// The entries.
    pub(crate) fn entries(&self) -> &[Known] {
        &self.entries
    }

    /// Reads a baseline from text; `path` is used in errors.
    ///
    /// # Errors
    ///
    /// As [`Baseline::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ProfileError> {
        Self::read(text, path, of_catalogue)
    }

    fn read(
        text: &str,
        path: &Path,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Self, ProfileError> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            ProfileError::at(path, text, offset, error.message().trim_end_matches('.'))
        })?;
        let mut baseline = Self::default();
        for entry in document.known {
            let offset = entry.span().start;
            let Entry { case, observed, reason } = entry.into_inner();
            check(&case).map_err(|why| ProfileError::at(path, text, offset, format!("known.case: {why}")))?;
            if baseline.entries.iter().any(|known| known.case == case) {
                let why = format!("known.case: `{case}` is duplicated");
                return Err(ProfileError::at(path, text, offset, why));
            }
            if reason.trim().is_empty() {
                let why = format!("known.reason: `{case}` needs a reason");
                return Err(ProfileError::at(path, text, offset, why));
            }
            baseline.entries.push(Known { case, observed, reason });
        }
        Ok(baseline)
    }

    /// A baseline of these entries.
    pub fn new(entries: Vec<Known>) -> Self {
        Self { entries }
    }

    /// Every entry names a case of the catalogue.
    pub(crate) fn check(&self) -> Result<(), String> {
        let ids: Vec<String> = catalogue::all().iter().map(crate::case::Case::id).collect();
        match self.entries.iter().find(|entry| !ids.contains(&entry.case)) {
            Some(entry) => Err(format!(
                "unknown case `{}` in the baseline; `artos-conformance list` prints all cases",
                entry.case
            )),
            None => Ok(()),
        }
    }

    /// Marks the known failures, and returns the entries whose observation differs. Entries of cases that were skipped
    /// or not selected are ignored.
    pub(crate) fn apply(&self, cases: &mut [CaseReport]) -> Vec<StaleEntry> {
        let mut stale = Vec::new();
        for entry in &self.entries {
            let Some(case) = cases.iter_mut().find(|case| case.id == entry.case) else { continue };
            match case.outcome {
                Outcome::Skipped => {}
                Outcome::Failed | Outcome::Warned
                    if case.observed.as_deref() == Some(entry.observed.as_str()) =>
                {
                    case.known = Some(entry.reason.clone());
                }
                outcome => stale.push(StaleEntry {
                    case: entry.case.clone(),
                    recorded: entry.observed.clone(),
                    observed: case.observed.clone().filter(|_| outcome != Outcome::Passed),
                }),
            }
        }
        stale
    }
}

/// The id is that of a case.
fn of_catalogue(id: &str) -> Result<(), String> {
    match catalogue::all().iter().any(|known| known.id() == id) {
        true => Ok(()),
        false => Err(format!("unknown case `{id}`; `artos-conformance list` shows them all")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::case::clause::Level;
    use crate::report::Source;

    fn parse(text: &str) -> Result<Baseline, String> {
        Baseline::parse(text, Path::new("baseline.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn entries_name_case_observation_and_reason() {
        let text = "[[known]]\ncase = \"public/without-token\"\nobserved = \"401\"\nreason = \"closed on purpose\"\n";
        assert_eq!(parse(text).unwrap().entries.len(), 1);
        let two = format!("{text}{}", text.replace("without-token", "with-garbage-token"));
        assert_eq!(parse(&two).map(|baseline| baseline.entries.len()), Ok(2));
    }

    #[test]
    fn errors_have_file_and_line() {
        let unknown = "[[known]]\ncase = \"public/nowhere\"\nobserved = \"\"\nreason = \"x\"\n";
        let error = parse(unknown).unwrap_err();
        assert!(error.starts_with("baseline.toml:1: known.case: unknown case `public/nowhere`"), "{error}");
        let misspelt = "[[known]]\nid = \"x\"\n";
        assert!(parse(misspelt).unwrap_err().starts_with("baseline.toml:2: unknown field `id`"));
        let twice =
            "[[known]]\ncase = \"public/without-token\"\nobserved = \"401\"\nreason = \"x\"\n".repeat(2);
        assert!(parse(&twice).unwrap_err().starts_with("baseline.toml:5: known.case:"));
    }

    /// A run of three cases, as input for a baseline.
    fn cases() -> Vec<CaseReport> {
        [
            ("header/missing", Outcome::Failed, Some("200")),
            ("challenge/realm", Outcome::Warned, Some("none")),
            ("public/without-token", Outcome::Passed, Some("200")),
            ("time/expired", Outcome::Skipped, None),
        ]
        .into_iter()
        .map(|(id, outcome, observed)| CaseReport {
            id: id.into(),
            title: String::new(),
            clauses: Vec::new(),
            level: Level::Must,
            outcome,
            expected: String::new(),
            observed: observed.map(Into::into),
            skipped_because: None,
            duration_ms: 0,
            wrongly_allowed: false,
            sends: String::new(),
            requirement: String::new(),
            source: Source { document: String::new(), text: String::new() },
            evidence: None,
            known: None,
        })
        .collect()
    }

    fn known(case: &str, observed: &str) -> Baseline {
        Baseline::new(vec![Known {
            case: case.into(),
            observed: observed.into(),
            reason: format!("why {case}"),
        }])
    }

    #[rstest]
    #[case::failure("header/missing", "200")]
    #[case::warning("challenge/realm", "none")]
    fn a_failure_with_the_recorded_observation_is_known(#[case] id: &str, #[case] observed: &str) {
        let mut cases = cases();
        assert_eq!(known(id, observed).apply(&mut cases), []);
        for case in cases {
            assert_eq!(case.known, (case.id == id).then(|| format!("why {id}")), "{}", case.id);
        }
    }

    #[rstest]
    #[case::observed_otherwise("header/missing", "418", Some("200"))]
    #[case::passes_now("public/without-token", "401", None)]
    #[case::passes_now_with_the_very_answer("public/without-token", "200", None)]
    fn an_entry_with_another_observation_is_stale(
        #[case] id: &str,
        #[case] recorded: &str,
        #[case] observed: Option<&str>,
    ) {
        let mut cases = cases();
        let stale =
            StaleEntry { case: id.into(), recorded: recorded.into(), observed: observed.map(Into::into) };
        assert_eq!(known(id, recorded).apply(&mut cases), [stale]);
        assert!(cases.iter().all(|case| case.known.is_none()));
    }

    #[rstest]
    #[case::skipped("time/expired")]
    #[case::not_selected("token-form/one-segment")]
    fn an_entry_of_an_untested_case_is_ignored(#[case] id: &str) {
        let mut cases = cases();
        assert_eq!(known(id, "200").apply(&mut cases), []);
        assert!(cases.iter().all(|case| case.known.is_none()));
    }

    #[test]
    fn entries_built_in_code_name_cases_too() {
        assert_eq!(known("public/without-token", "401").check(), Ok(()));
        let error = known("public/nowhere", "401").check().unwrap_err();
        assert!(error.starts_with("unknown case `public/nowhere` in the baseline"), "{error}");
    }

    #[test]
    fn a_file_is_read_and_a_missing_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("baseline.toml");
        let error = Baseline::load(&path).unwrap_err().to_string();
        assert!(error.contains("baseline.toml") && error.contains("cannot be read"), "{error}");
        std::fs::write(&path, "[[known]]\ncase = \"header/missing\"\nobserved = \"200\"\nreason = \"x\"\n")
            .unwrap();
        let entry = Known { case: "header/missing".into(), observed: "200".into(), reason: "x".into() };
        assert_eq!(Baseline::load(&path).unwrap(), Baseline::new(vec![entry]));
    }
}

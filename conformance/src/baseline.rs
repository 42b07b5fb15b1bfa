//! Failures that are known: each with what is observed, and why it is left as it is.

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
    /// What is observed, as reports print it.
    pub observed: String,
    /// Why it is left as it is.
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
    /// When the file cannot be read, is no TOML of this form, or names a case twice or one that there is not.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ProfileError::file(path, format!("cannot be read: {error}")))?;
        Self::parse(&text, path)
    }

    /// Reads a baseline from text; `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// As [`Baseline::load`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ProfileError> {
        let document: Document = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            ProfileError::at(path, text, offset, error.message().trim_end_matches('.'))
        })?;
        let mut baseline = Self::default();
        for entry in document.known {
            let offset = entry.span().start;
            let Entry { case, observed, reason } = entry.into_inner();
            if !catalogue::all().iter().any(|known| known.id() == case) {
                let why =
                    format!("known.case: there is no case `{case}`; `artos-conformance list` shows them all");
                return Err(ProfileError::at(path, text, offset, why));
            }
            if baseline.entries.iter().any(|known| known.case == case) {
                let why = format!("known.case: `{case}` is there twice");
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
            Some(entry) => Err(format!("the baseline names a case that there is not: `{}`", entry.case)),
            None => Ok(()),
        }
    }

    /// Marks the failures that are known, and returns the entries that are not observed as they say. Entries
    /// of cases that were skipped or not selected are left alone.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Baseline, String> {
        Baseline::parse(text, Path::new("baseline.toml")).map_err(|error| error.to_string())
    }

    #[test]
    fn entries_name_case_observation_and_reason() {
        let text = "[[known]]\ncase = \"public/without-token\"\nobserved = \"401\"\nreason = \"closed on purpose\"\n";
        assert_eq!(parse(text).unwrap().entries.len(), 1);
    }

    #[test]
    fn mistakes_are_named_with_file_and_line() {
        let unknown = "[[known]]\ncase = \"public/nowhere\"\nobserved = \"\"\nreason = \"x\"\n";
        let error = parse(unknown).unwrap_err();
        assert!(
            error.starts_with("baseline.toml:1: known.case: there is no case `public/nowhere`"),
            "{error}"
        );
        let misspelt = "[[known]]\nid = \"x\"\n";
        assert!(parse(misspelt).unwrap_err().starts_with("baseline.toml:2: unknown field `id`"));
        let twice =
            "[[known]]\ncase = \"public/without-token\"\nobserved = \"401\"\nreason = \"x\"\n".repeat(2);
        assert!(parse(&twice).unwrap_err().starts_with("baseline.toml:5: known.case:"));
    }
}

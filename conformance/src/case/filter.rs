//! Selects cases: a glob over ids, or a clause.

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

use crate::case::Case;
use crate::case::clause::Clause;

/// Chooses cases.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Clause(Clause),
    Id(GlobMatcher),
}

impl Filter {
    /// Whether the filter matches the case.
    pub fn takes(&self, case: &Case) -> bool {
        match &self.test {
            Test::Clause(clause) => case.clauses.contains(clause),
            Test::Id(glob) => glob.is_match(case.id()) || glob.is_match(case.group.replace('_', "-")),
        }
    }

    /// Whether a filter matches the case; without filters, every case matches.
    pub fn any(filters: &[Self], case: &Case) -> bool {
        filters.is_empty() || filters.iter().any(|filter| filter.takes(case))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Filter {
    type Err = String;

    /// A clause id such as `TOK-3`, or a glob over case ids such as `header/*`, `*none*`; the name of a group matches
    /// all its cases.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let test = match text.parse() {
            Ok(clause) => Test::Clause(clause),
            Err(_) => {
                let glob = GlobBuilder::new(text).build().map_err(|error| {
                    format!("`{text}` is neither a clause nor a glob over case ids: {}", error.kind())
                })?;
                Test::Id(glob.compile_matcher())
            }
        };
        Ok(Self { text: text.to_owned(), test })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn chosen(filter: &str) -> usize {
        let filter: Filter = filter.parse().unwrap();
        catalogue::all().iter().filter(|case| filter.takes(case)).count()
    }

    #[test]
    fn clauses_globs_and_groups_select_cases() {
        let public = catalogue::all().iter().filter(|case| case.group == "public").count();
        assert_eq!(chosen("public"), public);
        assert_eq!(chosen("public/*"), public);
        assert_eq!(chosen("*"), catalogue::all().len());
        assert_eq!(chosen("public/without-token"), 1);
        assert!(chosen("pub-1") >= public);
        assert_eq!(chosen("nothing-like-it"), 0);
        assert!("a[".parse::<Filter>().is_err());
    }
}

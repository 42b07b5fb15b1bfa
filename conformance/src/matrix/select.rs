//! Globs over operations and cells.

use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

use super::document::Operation;

/// A glob over path templates, with or without a method before it.
#[derive(Clone, Debug)]
pub struct PathGlob {
    method: Option<String>,
    path: GlobMatcher,
}

impl PathGlob {
    /// Whether it matches the operation.
    pub fn takes(&self, operation: &Operation) -> bool {
        self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&operation.method))
            && self.path.is_match(&operation.path)
    }
}

impl FromStr for PathGlob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (method, path) = match text.split_once(' ') {
            Some((method, path)) => (Some(method.to_owned()), path.trim_start()),
            None => (None, text),
        };
        if !path.starts_with('/') && !path.starts_with('*') {
            return Err(format!("`{text}` is not a path; expected `/path` or `METHOD /path`"));
        }
        Ok(Self { method, path: glob(path, true)? })
    }
}

/// A glob over `operation_id/caller` and `operation_id/caller/resource`.
#[derive(Clone, Debug)]
pub struct CellGlob(GlobMatcher);

impl CellGlob {
    /// Whether it matches a cell.
    pub fn takes(&self, operation: &str, caller: &str, resource: Option<&str>) -> bool {
        let short = format!("{operation}/{caller}");
        self.0.is_match(&short)
            || resource.is_some_and(|resource| self.0.is_match(format!("{short}/{resource}")))
    }
}

impl FromStr for CellGlob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(glob(text, false)?))
    }
}

/// Braces are literal, because path templates have them.
fn glob(text: &str, separated: bool) -> Result<GlobMatcher, String> {
    let literal: String = text
        .chars()
        .flat_map(|letter| match letter {
            '{' => "[{]".chars().collect::<Vec<_>>(),
            '}' => "[}]".chars().collect(),
            other => vec![other],
        })
        .collect();
    let glob = GlobBuilder::new(&literal).literal_separator(separated).build();
    Ok(glob.map_err(|error| format!("`{text}` is not a glob: {}", error.kind()))?.compile_matcher())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn operation(method: &str, path: &str) -> Operation {
        Operation {
            id: None,
            method: method.into(),
            path: path.into(),
            public: false,
            scopes: Vec::new(),
            parameters: Vec::new(),
            body: None,
            responses: std::collections::BTreeMap::new(),
        }
    }

    #[rstest]
    #[case("/api/v1/**", "GET", "/api/v1/documents/{id}", true)]
    #[case("/api/v1/documents/{id}", "GET", "/api/v1/documents/{id}", true)]
    #[case("/api/*", "GET", "/api/v1/documents", false)]
    #[case("DELETE /api/**", "GET", "/api/v1", false)]
    #[case("delete /api/**", "DELETE", "/api/v1", true)]
    fn globs_match_path_templates(
        #[case] glob: &str,
        #[case] method: &str,
        #[case] path: &str,
        #[case] taken: bool,
    ) {
        assert_eq!(glob.parse::<PathGlob>().unwrap().takes(&operation(method, path)), taken);
    }

    #[rstest]
    #[case("read/none", true)]
    #[case("read/*", true)]
    #[case("*/none/own", true)]
    #[case("read/none/other", false)]
    #[case("read", false)]
    fn globs_match_cells(#[case] glob: &str, #[case] taken: bool) {
        assert_eq!(glob.parse::<CellGlob>().unwrap().takes("read", "none", Some("own")), taken);
    }

    #[test]
    fn an_invalid_glob_is_refused() {
        assert!("a[".parse::<CellGlob>().is_err());
        assert!("documents".parse::<PathGlob>().unwrap_err().contains("METHOD /path"));
    }
}

//! The formats that a report can be written in.

use std::fmt;
use std::str::FromStr;

use super::{Report, badge, html, human, junit, markdown, sarif};

/// An output format. A report has the same verdict, and a run the same exit status, in every format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// For a person at a terminal.
    Human,
    /// Complete, for programs.
    Json,
    /// JUnit XML, one testcase for each case, for CI servers.
    Junit,
    /// Markdown, for a pull request or a wiki.
    Markdown,
    /// One self-contained HTML page, for an audit.
    Html,
    /// SARIF 2.1.0, for code-scanning dashboards.
    Sarif,
    /// The JSON of a badge endpoint (shields.io), for a README.
    Badge,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] =
        [Self::Human, Self::Json, Self::Junit, Self::Markdown, Self::Html, Self::Sarif, Self::Badge];

    /// The value of `--format`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Sarif => "sarif",
            Self::Badge => "badge",
        }
    }

    /// The report in this format, with a trailing newline. `color` applies only to [`Format::Human`].
    pub fn render(self, report: &Report, color: bool) -> String {
        match self {
            Self::Human => human::render(report, color),
            Self::Json => report.to_json(),
            Self::Junit => junit::render(report),
            Self::Markdown => markdown::render(report),
            Self::Html => html::render(report),
            Self::Sarif => sarif::render(report),
            Self::Badge => badge::render(report),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An unknown format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownFormat(String);

impl fmt::Display for UnknownFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = Format::ALL.iter().map(|format| format.as_str()).collect();
        write!(f, "unknown format `{}`; expected one of {}", self.0, known.join(", "))
    }
}

impl std::error::Error for UnknownFormat {}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|format| format.as_str() == text);
        named.ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

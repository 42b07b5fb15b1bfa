//! Errors of a TOML document. Messages name the key and TOML types, never Rust types.

use std::fmt::{self, Display};
use std::ops::Range;

use serde::de::{Error, Expected, Unexpected};

/// An error of a document, and its position.
#[derive(Debug)]
pub(super) struct Problem {
    /// The steps to the value, the innermost first.
    steps: Vec<Step>,
    /// The position of the value, or of its key, in the text.
    span: Option<Range<usize>>,
    what: String,
}

#[derive(Debug)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Problem {
    pub(super) fn wrong_type(expected: impl Display, found: &str) -> Self {
        Self::custom(format_args!("expected {expected}, found {found}"))
    }

    pub(super) fn within(mut self, step: Step, span: &Range<usize>) -> Self {
        self.steps.push(step);
        self.span.get_or_insert_with(|| span.clone());
        self
    }

    /// The path of the value, such as `policy.routes[2].path`.
    pub(super) fn key(&self) -> String {
        let mut path = String::new();
        for step in self.steps.iter().rev() {
            match step {
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path.extend([".", key]),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }

    /// The position of the value in the text, if it is not the whole document.
    pub(super) fn start(&self) -> Option<usize> {
        self.span.as_ref().map(|span| span.start)
    }

    /// The problem and the expected value, in one sentence.
    pub(super) fn what(&self) -> &str {
        &self.what
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Problem {}

impl Error for Problem {
    fn custom<T: Display>(what: T) -> Self {
        Self { steps: Vec::new(), span: None, what: what.to_string() }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong_type(expected, unexpected_kind(&found))
    }

    /// An integer out of the range of its type. Other visitors have their own messages.
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => Self::custom("integer out of range"),
            _ => Self::custom(format_args!("expected {expected}")),
        }
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::custom(format_args!("expected {expected}, found {length}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::custom(format_args!("expected {}", any_of(expected)))
    }

    /// A key that resembles none is perhaps one of a newer version.
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        match nearest_of(field, expected) {
            Some(name) => Self::custom(format_args!("unknown key; expected `{name}`")),
            None => Self::custom(format_args!("unknown key in this version; expected {}", any_of(expected))),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("missing key `{field}`"))
    }
}

/// The key that was probably meant.
fn nearest_of<'n>(field: &str, expected: &[&'n str]) -> Option<&'n str> {
    const MOST_EDITS: usize = 2;
    expected
        .iter()
        .map(|name| (strsim::damerau_levenshtein(field, name), *name))
        .filter(|(edits, name)| *edits <= MOST_EDITS && *edits < name.len() / 2)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

pub(super) fn any_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [one] => one.clone(),
        [one, other] => format!("{one} or {other}"),
        _ => format!("one of {}", quoted.join(", ")),
    }
}

fn unexpected_kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a number with a fraction",
        Unexpected::Str(_) | Unexpected::Char(_) => "a string",
        Unexpected::Seq => "an array",
        Unexpected::Map => "a table",
        _ => "another type",
    }
}

//! Path patterns of rules and resources: written decoded, with `{name}` for a segment and `{*name}` for the rest.

use std::fmt;

use super::plain_path::{PlainPath, split_first_segment};

/// A path pattern: literals, `{name}` for one non-empty segment, and at the end `{*name}` for the whole rest. The rest may
/// be empty, so a pattern for everything below a resource includes the resource itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub(super) segments: Vec<Segment>,
    /// The name of a `{*name}` at the end.
    pub(super) rest: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(Box<str>),
    Any(Box<str>),
}

/// The error of an invalid pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternError {
    /// It does not begin with `/`.
    NoLeadingSlash,
    /// It has an empty, `.` or `..` segment, which no unambiguous path has.
    EmptyOrDotSegment,
    /// It has a character that no unambiguous path contains.
    Character(char),
    /// It has braces that are not a placeholder for a whole segment.
    Placeholder,
    /// It has a `{*name}` that is not last.
    RestNotLast,
    /// It has a placeholder without a name.
    NameEmpty,
    /// It has two placeholders with the same name.
    NameTwice(Box<str>),
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeadingSlash => f.write_str("a pattern must begin with `/`"),
            Self::EmptyOrDotSegment => {
                f.write_str("an empty, `.` or `..` segment matches no path; remove it")
            }
            Self::Character(character) => {
                write!(f, "{character:?} is not allowed in a pattern; write it decoded and without a query")
            }
            Self::Placeholder => f.write_str("a placeholder must be a whole segment, `{name}` or `{*name}`"),
            Self::RestNotLast => {
                f.write_str("`{*name}` matches the rest of the path and must be the last segment")
            }
            Self::NameEmpty => f.write_str("a placeholder needs a name, such as `{id}`"),
            Self::NameTwice(name) => {
                write!(f, "duplicate placeholder `{name}`; give each its own name")
            }
        }
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    /// Parses a pattern.
    ///
    /// # Errors
    ///
    /// Refuses a pattern that can match nothing or that can be understood in two ways.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let inner = text.strip_prefix('/').ok_or(PatternError::NoLeadingSlash)?;
        if let Some(character) =
            text.chars().find(|c| c.is_control() || matches!(c, '?' | '\\' | ';' | '#' | '%'))
        {
            return Err(PatternError::Character(character));
        }
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let mut pattern = Self { segments: Vec::new(), rest: None };
        // "//" is an empty segment, "/" the empty path.
        if inner.is_empty() && text.len() <= 1 {
            return Ok(pattern);
        }
        for segment in inner.split('/') {
            if pattern.rest.is_some() {
                return Err(PatternError::RestNotLast);
            }
            match parse_segment(segment)? {
                Parsed::Literal => pattern.segments.push(Segment::Literal(segment.into())),
                Parsed::Any(name) => {
                    pattern.refuse_name_twice(name)?;
                    pattern.segments.push(Segment::Any(name.into()));
                }
                Parsed::Rest(name) => {
                    pattern.refuse_name_twice(name)?;
                    pattern.rest = Some(name.into());
                }
            }
        }
        Ok(pattern)
    }

    fn refuse_name_twice(&self, name: &str) -> Result<(), PatternError> {
        if self.has_placeholder(name) { Err(PatternError::NameTwice(name.into())) } else { Ok(()) }
    }

    /// Whether the pattern has a placeholder of this name.
    #[must_use]
    pub fn has_placeholder(&self, name: &str) -> bool {
        let is_it = |segment: &Segment| matches!(segment, Segment::Any(its) if **its == *name);
        self.segments.iter().any(is_it) || self.rest.as_deref() == Some(name)
    }

    /// Whether this pattern matches every path that `other` matches.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let mut theirs = other.segments.iter();
        for mine in &self.segments {
            match (mine, theirs.next()) {
                (Segment::Any(_), Some(_)) => {}
                (Segment::Literal(mine), Some(Segment::Literal(their))) if mine == their => {}
                _ => return false,
            }
        }
        let same_end = theirs.next().is_none() && other.rest.is_none();
        same_end || self.rest.is_some()
    }

    /// The literal segments.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(literal) => Some(&**literal),
            Segment::Any(_) => None,
        })
    }

    /// Sample paths that the pattern does not match but its author may expect it to: prefixes that include the owner's
    /// placeholder, and a path below. `sample` makes a segment of a placeholder's name.
    pub(crate) fn paths_beside(&self, owner: Option<&str>, sample: impl Fn(&str) -> String) -> Vec<String> {
        let place = |segment: &Segment| match (segment, owner) {
            (Segment::Any(name), Some(owner)) => **name == *owner,
            _ => false,
        };
        let mut paths = Vec::new();
        let mut path = String::new();
        let mut names_owner = false;
        for (index, segment) in self.segments.iter().enumerate() {
            path.push('/');
            match segment {
                Segment::Literal(literal) => path.push_str(&as_written_in_a_path(literal)),
                Segment::Any(name) => path.push_str(&as_written_in_a_path(&sample(name))),
            }
            names_owner |= place(segment);
            let is_whole = index.saturating_add(1) == self.segments.len();
            if names_owner && !is_whole {
                paths.push(path.clone());
            }
        }
        if self.rest.is_none() && !self.segments.is_empty() {
            paths.push(format!("{path}/{}", as_written_in_a_path(&sample("x"))));
        }
        paths
    }

    /// Sample paths in which the letters of one literal, or of all, have another case.
    pub(crate) fn paths_in_another_case(&self, sample: impl Fn(&str) -> String) -> Vec<String> {
        let has_letters = |literal: &str| literal.contains(|c: char| c.is_ascii_alphabetic());
        let with_letters: Vec<usize> = self
            .segments
            .iter()
            .enumerate()
            .filter(|(_, segment)| matches!(segment, Segment::Literal(literal) if has_letters(literal)))
            .map(|(index, _)| index)
            .collect();
        let changed = |which: &dyn Fn(usize) -> bool| {
            let mut path = String::new();
            for (index, segment) in self.segments.iter().enumerate() {
                path.push('/');
                path.push_str(&as_written_in_a_path(&match segment {
                    Segment::Literal(literal) if which(index) => in_another_case(literal),
                    Segment::Literal(literal) => literal.to_string(),
                    Segment::Any(name) => sample(name),
                }));
            }
            if self.rest.is_some() {
                path.push('/');
                path.push_str(&as_written_in_a_path(&sample("x")));
            }
            path
        };
        let mut paths: Vec<String> = with_letters.iter().map(|one| changed(&|index| index == *one)).collect();
        if with_letters.len() > 1 {
            paths.push(changed(&|_| true));
        }
        paths
    }

    /// The part of a matching path that the placeholder of this name matches.
    pub(crate) fn capture<'p>(&self, name: &str, path: PlainPath<'p>) -> Option<&'p str> {
        let mut left = path.segments();
        for segment in &self.segments {
            let (first, after) = split_first_segment(left?);
            if matches!(segment, Segment::Any(its) if **its == *name) {
                return std::str::from_utf8(first).ok();
            }
            left = after;
        }
        let rest = left.filter(|_| self.rest.as_deref() == Some(name))?;
        std::str::from_utf8(rest).ok()
    }
}

fn in_another_case(literal: &str) -> String {
    let upper = literal.to_ascii_uppercase();
    if upper == literal { literal.to_ascii_lowercase() } else { upper }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(literal) => write!(f, "/{literal}")?,
                Segment::Any(name) => write!(f, "/{{{name}}}")?,
            }
        }
        match &self.rest {
            Some(name) => write!(f, "/{{*{name}}}"),
            None if self.segments.is_empty() => f.write_str("/"),
            None => Ok(()),
        }
    }
}

/// A segment as written in a request: everything but visible ASCII is escaped.
fn as_written_in_a_path(segment: &str) -> String {
    let mut written = String::new();
    for byte in segment.bytes() {
        if byte.is_ascii_graphic() {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

enum Parsed<'t> {
    Literal,
    Any(&'t str),
    Rest(&'t str),
}

fn parse_segment(segment: &str) -> Result<Parsed<'_>, PatternError> {
    if matches!(segment, "" | "." | "..") {
        return Err(PatternError::EmptyOrDotSegment);
    }
    if !segment.contains(['{', '}']) {
        return Ok(Parsed::Literal);
    }
    let name = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .filter(|name| !name.contains(['{', '}']))
        .ok_or(PatternError::Placeholder)?;
    let (name, is_rest) = match name.strip_prefix('*') {
        Some(name) => (name, true),
        None => (name, false),
    };
    match (name, is_rest) {
        ("", _) => Err(PatternError::NameEmpty),
        (name, _) if name.contains('*') => Err(PatternError::Placeholder),
        (name, true) => Ok(Parsed::Rest(name)),
        (name, false) => Ok(Parsed::Any(name)),
    }
}

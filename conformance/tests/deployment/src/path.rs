//! Paths: the resource of each, and the ways in which servers rewrite them.

use crate::authority::{ORG, OTHER_ORG};
use crate::message::{latin1, percent_decode};

/// The public endpoint.
pub const PUBLIC: &str = "/api/v1/search/status";
/// The protected collection.
pub const PROTECTED: &str = "/api/v1/templates/";
/// The document of [`ORG`].
pub const OWNED: &str = "/api/v1/documents/doc-a";
/// The document of [`OTHER_ORG`].
pub const OTHER_OWNED: &str = "/api/v1/documents/doc-b";
/// The endpoint that requires [`PERMISSION`](crate::authority::PERMISSION), by POST.
pub const GENERATE: &str = "/api/v1/documents/generate";

/// The resource of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Public,
    Collection,
    /// A document, of this organization.
    Document(&'static str),
    Generate,
    Unknown,
}

impl Place {
    /// The resource of a path as it is spelled, ignoring one trailing slash.
    pub(crate) fn of(path: &str) -> Place {
        if path == PUBLIC {
            return Place::Public;
        }
        match path.strip_suffix('/').unwrap_or(path) {
            "/api/v1/templates" => Place::Collection,
            OWNED => Place::Document(ORG),
            OTHER_OWNED => Place::Document(OTHER_ORG),
            GENERATE => Place::Generate,
            _ => Place::Unknown,
        }
    }

    /// The path that its links use.
    pub(crate) fn canonical(self) -> &'static str {
        match self {
            Place::Public => PUBLIC,
            Place::Collection => PROTECTED,
            Place::Document(OTHER_ORG) => OTHER_OWNED,
            Place::Document(_) => OWNED,
            Place::Generate => GENERATE,
            Place::Unknown => "",
        }
    }

    /// Its methods, except OPTIONS.
    pub(crate) fn methods(self) -> &'static [&'static str] {
        match self {
            Place::Public | Place::Collection => &["GET", "HEAD"],
            Place::Document(_) => &["GET", "HEAD", "PUT", "PATCH", "DELETE"],
            Place::Generate => &["POST"],
            Place::Unknown => &[],
        }
    }
}

/// Whether servers interpret a path differently (section 5 of the contract).
pub(crate) fn ambiguous(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else { return true };
    if rest.chars().any(|c| matches!(c, '\\' | ';' | '#') || !('!'..='~').contains(&c)) {
        return true;
    }
    let mut segments: Vec<&str> = rest.split('/').collect();
    if segments.last() == Some(&"") {
        segments.pop();
    }
    segments.iter().any(|segment| matches!(*segment, "" | "." | "..") || doubtful_escape(segment))
}

fn doubtful_escape(segment: &str) -> bool {
    let doubtful = segment.split('%').skip(1).any(|escape| {
        let byte = escape.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()).is_none_or(|byte| {
            byte.is_ascii_alphanumeric() || byte.is_ascii_control() || b"-._~/\\;?#%".contains(&byte)
        })
    });
    doubtful || String::from_utf8(percent_decode(segment)).is_err()
}

/// A change that a server may make to a path between checking and serving it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rewrite {
    Case,
    DoubledSlash,
    Dots,
    EncodedDots,
    EncodedSlash,
    Percent,
    DoublePercent,
    Parameters,
    Backslash,
    Fragment,
    Nul,
    Suffix,
    Slash,
    /// All changes of an eager proxy.
    All,
}

impl Rewrite {
    pub(crate) fn apply(self, path: &str) -> String {
        match self {
            Rewrite::Case => path.to_ascii_lowercase(),
            Rewrite::DoubledSlash => merge_slashes(path),
            Rewrite::Dots => remove_dots(path),
            Rewrite::EncodedDots => remove_dots(&path.replace("%2e", ".").replace("%2E", ".")),
            Rewrite::EncodedSlash => remove_dots(&path.replace("%2f", "/").replace("%2F", "/")),
            Rewrite::Percent => latin1(&percent_decode(path)),
            Rewrite::DoublePercent => latin1(&percent_decode(&latin1(&percent_decode(path)))),
            Rewrite::Parameters => {
                let bare: Vec<&str> =
                    path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
                remove_dots(&bare.join("/"))
            }
            Rewrite::Backslash => {
                remove_dots(&path.replace('\\', "/").replace("%5c", "/").replace("%5C", "/"))
            }
            Rewrite::Fragment => path.split('#').next().unwrap_or_default().to_owned(),
            Rewrite::Nul => path.split("%00").next().unwrap_or_default().to_owned(),
            Rewrite::Suffix => path.strip_suffix(".json").unwrap_or(path).trim_end_matches('/').to_owned(),
            Rewrite::Slash => path.strip_suffix('/').unwrap_or(path).to_owned(),
            Rewrite::All => {
                let all = [
                    Rewrite::Fragment,
                    Rewrite::Percent,
                    Rewrite::Parameters,
                    Rewrite::Backslash,
                    Rewrite::DoubledSlash,
                    Rewrite::Case,
                    Rewrite::Slash,
                ];
                all.iter().fold(path.to_owned(), |path, step| step.apply(&path))
            }
        }
    }
}

fn merge_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for letter in path.chars() {
        if letter != '/' || !merged.ends_with('/') {
            merged.push(letter);
        }
    }
    merged
}

/// RFC 3986 §5.2.4, for paths that begin with a slash.
fn remove_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." if last => kept.push(""),
            "." => {}
            ".." => {
                if kept.len() > 1 {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    kept.join("/")
}

/// The path in a target in absolute form; any other target is returned unchanged.
pub(crate) fn within_absolute(path: &str) -> &str {
    let after = ["http://", "https://"].iter().find_map(|scheme| {
        path.get(..scheme.len())
            .filter(|start| start.eq_ignore_ascii_case(scheme))
            .map(|_| &path[scheme.len()..])
    });
    match after {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => path,
    }
}

//! Alternative spellings of a path.

use crate::run::session::{Session, Stop};
use crate::transport::{Request, TokenText};

/// Replaces the last `/` that is followed by a segment.
pub(in crate::catalogue) fn last_slash(path: &str, by: &str) -> String {
    match path.trim_end_matches('/').rfind('/') {
        Some(at) => format!("{}{by}{}", &path[..at], &path[at + 1..]),
        None => path.to_owned(),
    }
}

/// The path with the first letter of its last segment percent-encoded.
pub(in crate::catalogue) fn encoded_letter(path: &str) -> String {
    let start = path.trim_end_matches('/').rfind('/').map_or(0, |at| at + 1);
    let (before, segment) = path.split_at(start);
    match segment.bytes().next() {
        Some(first) => format!("{before}%{first:02x}{}", segment.get(1..).unwrap_or_default()),
        None => path.to_owned(),
    }
}

/// The path with the segment before the last one entered and left again: `/a/b/../b/c` for `/a/b/c`.
pub(in crate::catalogue) fn detour(path: &str, up: &str) -> String {
    let Some(at) = path.trim_end_matches('/').rfind('/') else { return path.to_owned() };
    let (before, last) = path.split_at(at);
    let parent = before.rsplit('/').next().filter(|parent| !parent.is_empty()).unwrap_or("x");
    let base = before.strip_suffix(&format!("/{parent}")).unwrap_or(before);
    format!("{base}/{parent}/{up}/{parent}{last}")
}

/// From below one path up to the root and down to another.
pub(in crate::catalogue) fn climb(from: &str, up: &str, to: &str) -> String {
    let from = from.trim_end_matches('/');
    let depth = from.matches('/').count();
    format!("{from}/{}{}", vec![up; depth].join("/"), to)
}

/// The path with its trailing slash removed or, if it has none, added.
pub(in crate::catalogue) fn other_ending(path: &str) -> String {
    path.strip_suffix('/').map_or_else(|| format!("{path}/"), ToOwned::to_owned)
}

/// An absolute-form target (RFC 9112 §3.2.2).
pub(in crate::catalogue) fn absolute(session: &Session, path: &str) -> String {
    format!("{}{path}", session.profile().target)
}

pub(in crate::catalogue) fn public_path(session: &Session) -> &str {
    &session.profile().endpoints.public.path
}

pub(in crate::catalogue) fn protected_path(session: &Session) -> &str {
    &session.profile().endpoints.protected.path
}

pub(in crate::catalogue) fn owned_path(session: &Session) -> Result<String, Stop> {
    let owned = session.owned()?;
    Ok(String::from_utf8_lossy(&owned.target.bytes()).into_owned())
}

/// GET of a target.
pub(in crate::catalogue) fn get(target: impl Into<TokenText>) -> Request {
    Request::new("GET", target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_match_their_names() {
        let path = "/api/v1/search/status";
        assert_eq!(last_slash(path, "//"), "/api/v1/search//status");
        assert_eq!(last_slash("/api/v1/templates/", "/./"), "/api/v1/./templates/");
        assert_eq!(encoded_letter(path), "/api/v1/search/%73tatus");
        assert_eq!(encoded_letter("/api/v1/templates/"), "/api/v1/%74emplates/");
        assert_eq!(detour(path, ".."), "/api/v1/search/../search/status");
        assert_eq!(climb(path, "..", "/api/x"), "/api/v1/search/status/../../../../api/x");
        assert_eq!(other_ending(path), "/api/v1/search/status/");
        assert_eq!(other_ending("/a/"), "/a");
    }
}

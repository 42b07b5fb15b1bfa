//! A path that every server reads alike.

use super::ambiguity::{self, Ambiguity};
use crate::simd;

/// What comes before the query: everything up to the first `?`.
pub(crate) fn without_query(target: &[u8]) -> &[u8] {
    match simd::position(target, b'?') {
        Some(at) => target.get(..at).unwrap_or(target),
        None => target,
    }
}

/// A path that every server reads alike: its segments decoded, without the leading and one trailing slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlainPath<'p>(&'p [u8]);

impl<'p> PlainPath<'p> {
    /// Reads a path without its query, or says why servers would differ about it. One with escapes is written to
    /// `decoded`.
    #[inline]
    pub(crate) fn parse(path: &'p [u8], decoded: &'p mut Vec<u8>) -> Result<Self, Ambiguity> {
        if !ambiguity::is_simple(path) {
            *decoded = ambiguity::decode_unless_ambiguous(path)?;
            return Ok(Self(between_slashes(decoded)));
        }
        Ok(Self(between_slashes(path)))
    }

    /// The decoded path between its slashes; `None` for the empty path, which has no segment.
    pub(crate) fn segments(self) -> Option<&'p [u8]> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

/// The leading slash is certain; a trailing one plays no part.
fn between_slashes(path: &[u8]) -> &[u8] {
    let inner = path.get(1..).unwrap_or_default();
    inner.strip_suffix(b"/").unwrap_or(inner)
}

/// The first segment, and what follows it.
pub(crate) fn split_first_segment(segments: &[u8]) -> (&[u8], Option<&[u8]>) {
    match simd::position(segments, b'/').and_then(|slash| segments.split_at_checked(slash)) {
        Some((first, rest)) => (first, rest.get(1..)),
        None => (segments, None),
    }
}

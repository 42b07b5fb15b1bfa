//! Unambiguous paths.

use super::ambiguity::{self, Ambiguity};
use crate::simd;

/// The path without the query: everything up to the first `?`.
pub(crate) fn without_query(target: &[u8]) -> &[u8] {
    match simd::position(target, b'?') {
        Some(at) => target.get(..at).unwrap_or(target),
        None => target,
    }
}

/// An unambiguous path: decoded segments, without the leading slash and one trailing slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlainPath<'p>(&'p [u8]);

impl<'p> PlainPath<'p> {
    /// Reads a path without its query. The error says why it is ambiguous. A path with escapes is decoded into `decoded`.
    #[inline]
    pub(crate) fn parse(path: &'p [u8], decoded: &'p mut Vec<u8>) -> Result<Self, Ambiguity> {
        if !ambiguity::is_simple(path) {
            *decoded = ambiguity::decode_unless_ambiguous(path)?;
            return Ok(Self(between_slashes(decoded)));
        }
        Ok(Self(between_slashes(path)))
    }

    /// The decoded path between its slashes; `None` for the root path, which has no segment.
    pub(crate) fn segments(self) -> Option<&'p [u8]> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

/// Removes the leading slash, which is always present, and one trailing slash.
fn between_slashes(path: &[u8]) -> &[u8] {
    let inner = path.get(1..).unwrap_or_default();
    inner.strip_suffix(b"/").unwrap_or(inner)
}

/// The first segment, and the rest.
pub(crate) fn split_first_segment(segments: &[u8]) -> (&[u8], Option<&[u8]>) {
    match simd::position(segments, b'/').and_then(|slash| segments.split_at_checked(slash)) {
        Some((first, rest)) => (first, rest.get(1..)),
        None => (segments, None),
    }
}

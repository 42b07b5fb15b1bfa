//! Paths that servers read differently, and why each is dangerous: a gate that reads `/public/..%2fprivate` one
//! way in front of a service that reads it another lets a caller choose which rule applies.

use std::fmt;

use wide::u8x16;

use crate::simd::{STEP, last_bytes, splat};

/// Why a path is ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ambiguity {
    /// No leading `/`: an absolute URL, `*`, an empty path, or a segment that some servers resolve against a base
    /// (grpc-go matched rules against such paths and served them all the same, CVE-2026-33186).
    NoLeadingSlash,
    /// An empty segment: some servers merge `//`, others route on it, and a client library may read `//host` as an
    /// authority (opa-envoy, CVE-2026-26205).
    EmptySegment,
    /// A `.` or `..` segment: some servers resolve it, so that what is served is not what was matched (Envoy, CVE-2019-9901).
    DotSegment,
    /// A `\`: some servers take it for `/`.
    Backslash,
    /// A `;`: some servers cut path parameters before they route, others take them for part of the name.
    Semicolon,
    /// A `#`: some servers cut a fragment, though none belongs in a request-target.
    NumberSign,
    /// A control byte: some servers cut at NUL, drop tabs and line ends, or end the line there.
    ControlByte,
    /// A byte outside ASCII, which belongs escaped: servers differ in the encoding that they take it for.
    NonAscii,
    /// A `%` without two hex digits: some servers take it literally, others refuse or drop it.
    BrokenEscape,
    /// An escaped letter, digit, `-`, `.`, `_` or `~`: equal to itself by RFC 3986 §6.2.2.2, and so decoded by some
    /// before they route and not by others (`%2e%2e`, Traefik CVE-2026-40912).
    EscapedUnreserved,
    /// An escaped `/ \ ; ? # %`: decoded by some before they split the path, after by others, and twice by a few (CVE-2021-29492).
    EscapedDelimiter,
    /// An escaped control byte: harmless to one server, the end of the string to another.
    EscapedControl,
    /// Escapes that are not UTF-8, overlong forms among them: servers replace, refuse or pass them on.
    NotUtf8,
}

impl Ambiguity {
    /// What in the path is ambiguous, for a person.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::NoLeadingSlash => "it does not begin with `/`",
            Self::EmptySegment => "it has an empty segment (`//`)",
            Self::DotSegment => "it has a `.` or `..` segment",
            Self::Backslash => "it has a `\\`",
            Self::Semicolon => "it has a `;`",
            Self::NumberSign => "it has a `#`",
            Self::ControlByte => "it has a control byte",
            Self::NonAscii => "it has a byte outside ASCII that is not escaped",
            Self::BrokenEscape => "it has a `%` without two hex digits",
            Self::EscapedUnreserved => "it escapes a letter, a digit, `-`, `.`, `_` or `~`",
            Self::EscapedDelimiter => "it escapes one of `/ \\ ; ? # %`",
            Self::EscapedControl => "it escapes a control byte",
            Self::NotUtf8 => "its escapes are not UTF-8",
        }
    }
}

impl fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

/// The path with its escapes decoded once, leading slash and all, if every server reads it alike. It is UTF-8.
#[inline(never)]
pub(super) fn decode_unless_ambiguous(path: &[u8]) -> Result<Vec<u8>, Ambiguity> {
    refuse_odd_bytes(path)?;
    check_segments(path)?;
    let decoded = decode(path)?;
    if std::str::from_utf8(&decoded).is_ok() { Ok(decoded) } else { Err(Ambiguity::NotUtf8) }
}

/// Whether nothing about the path wants a closer look, as is usual: ASCII, no escape, no slash before a slash or a dot.
/// What is simple is read by every server as it stands.
pub(super) fn is_simple(path: &[u8]) -> bool {
    let (steps, _) = path.as_chunks();
    let mut simple = path.first() == Some(&b'/');
    let mut after_slash = 0;
    for step in steps {
        let (slashes, is_simple) = look_at(step, after_slash);
        simple &= is_simple;
        after_slash = slashes >> (STEP - 1);
    }
    let (_, is_simple) = look_at(&last_bytes(path, b'a'), 0);
    simple && is_simple
}

/// A bit for each slash among these bytes, and whether nothing else about them wants a closer look; `after_slash` is 1
/// where the byte before them is a slash.
#[inline]
fn look_at(step: &[u8; STEP], after_slash: u32) -> (u32, bool) {
    let bytes = u8x16::new(*step);
    let is = |byte: u8| bytes.simd_eq(splat(byte));
    let odd =
        bytes.simd_lt(splat(b' ')) | bytes.simd_gt(splat(b'~')) | is(b'%') | is(b';') | is(b'\\') | is(b'#');
    let slashes = is(b'/').to_bitmask();
    let slashes_and_dots = slashes | is(b'.').to_bitmask();
    (slashes, odd.to_bitmask() == 0 && ((slashes << 1) | after_slash) & slashes_and_dots == 0)
}

fn refuse_odd_bytes(path: &[u8]) -> Result<(), Ambiguity> {
    if path.first() != Some(&b'/') {
        return Err(Ambiguity::NoLeadingSlash);
    }
    let odd = |byte: &u8| match byte {
        b'\\' => Some(Ambiguity::Backslash),
        b';' => Some(Ambiguity::Semicolon),
        b'#' => Some(Ambiguity::NumberSign),
        0..0x20 | 0x7f => Some(Ambiguity::ControlByte),
        0x80.. => Some(Ambiguity::NonAscii),
        _ => None,
    };
    path.iter().find_map(odd).map_or(Ok(()), Err)
}

/// An escaped dot or slash is ambiguous by itself, so that the segments can be looked at before decoding.
fn check_segments(path: &[u8]) -> Result<(), Ambiguity> {
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            // One trailing slash leaves an empty last segment, which is not ambiguous.
            b"" if segments.peek().is_some() => return Err(Ambiguity::EmptySegment),
            b"." | b".." => return Err(Ambiguity::DotSegment),
            _ => {}
        }
    }
    Ok(())
}

fn decode(path: &[u8]) -> Result<Vec<u8>, Ambiguity> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let (digits, after) = after.split_first_chunk::<2>().ok_or(Ambiguity::BrokenEscape)?;
        rest = after;
        let escaped = unescape(*digits).ok_or(Ambiguity::BrokenEscape)?;
        match escaped {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                return Err(Ambiguity::EscapedUnreserved);
            }
            b'/' | b'\\' | b';' | b'?' | b'#' | b'%' => return Err(Ambiguity::EscapedDelimiter),
            0..0x20 | 0x7f => return Err(Ambiguity::EscapedControl),
            _ => decoded.push(escaped),
        }
    }
    Ok(decoded)
}

fn unescape([high, low]: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)?.checked_mul(16)?.saturating_add(digit(low)?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Every path of up to four bytes of these, which stand for all that a path can hold, and every byte by itself.
    fn paths() -> impl Iterator<Item = Vec<u8>> {
        const BYTES: [u8; 12] = *b"/.a%;\\#?~\x1f\x7f\x80";
        let of_length = |length| {
            (0..BYTES.len().pow(length)).map(move |number| {
                (0..length).map(|place| BYTES[number / BYTES.len().pow(place) % BYTES.len()]).collect()
            })
        };
        (0..=4).flat_map(of_length).chain((0..=u8::MAX).map(|byte| vec![b'/', b'a', byte]))
    }

    #[test]
    fn a_path_is_simple_if_a_glance_tells_that_nothing_is_odd_about_it() {
        for path in paths() {
            let plain = |byte: &u8| (b' '..=b'~').contains(byte) && !b"%;\\#".contains(byte);
            let pairs = path.windows(2).any(|pair| matches!(pair, b"//" | b"/."));
            let simple = path.starts_with(b"/") && path.iter().all(plain) && !pairs;
            assert_eq!(is_simple(&path), simple, "{:?}", path.escape_ascii().to_string());
        }
    }

    /// What is odd may stand at the end of one look and the beginning of the next.
    #[test]
    fn what_is_odd_is_seen_wherever_it_stands() {
        for length in 3..70 {
            let path = [b"/".as_slice(), &vec![b'a'; length - 1]].concat();
            assert!(is_simple(&path));
            for at in 1..length {
                let with = |odd: &[u8]| {
                    let mut path = path.clone();
                    path.splice(at..(at + odd.len()).min(length), odd.iter().copied());
                    is_simple(&path)
                };
                for odd in [b"//".as_slice(), b"/.", b"%", b";", b"\\", b"#", b"\x1f", b"\x7f", b"\x80"] {
                    assert!(!with(odd), "{:?} at {at} of {length}", odd.escape_ascii().to_string());
                }
                for even in [b".".as_slice(), b"..", b".a", b"~", b" "] {
                    let behind_slash = at == 1 && even.starts_with(b".");
                    assert_eq!(with(even), !behind_slash, "{even:?} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn what_is_simple_needs_no_closer_look() {
        for path in paths().filter(|path| is_simple(path)) {
            let closer = refuse_odd_bytes(&path).and_then(|()| check_segments(&path));
            assert_eq!(closer, Ok(()), "{:?}", path.escape_ascii().to_string());
            assert!(!path.contains(&b'%'));
        }
    }

    #[rstest]
    #[case(b"a", Ambiguity::NoLeadingSlash)]
    #[case(b"//", Ambiguity::EmptySegment)]
    #[case(b"/..", Ambiguity::DotSegment)]
    #[case(b"/\\", Ambiguity::Backslash)]
    #[case(b"/%C0%AF", Ambiguity::NotUtf8)]
    fn why_a_path_is_ambiguous_is_said_in_words(#[case] path: &[u8], #[case] ambiguity: Ambiguity) {
        assert_eq!(decode_unless_ambiguous(path), Err(ambiguity));
        assert!(ambiguity.to_string().starts_with("it"), "{ambiguity}");
        assert_eq!(ambiguity.to_string(), ambiguity.description());
    }
}

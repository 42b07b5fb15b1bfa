//! Paths that servers read differently, and why each is dangerous. If a gateway and the service behind it read
//! `/public/..%2fprivate` differently, a caller can choose which rule applies.

use std::fmt;

use wide::u8x16;

use crate::simd::{STEP, last_bytes, splat};

/// Why a path is ambiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ambiguity {
    /// No leading `/`: an absolute URL, `*`, an empty path, or a segment that some servers resolve against a base
    /// (grpc-go did not match its rules against such paths but served them, CVE-2026-33186).
    NoLeadingSlash,
    /// An empty segment: some servers merge `//`, others route on it, and a client library may read `//host` as an
    /// authority (opa-envoy, CVE-2026-26205).
    EmptySegment,
    /// A `.` or `..` segment: some servers resolve it, and serve another path than was matched (Envoy, CVE-2019-9901).
    DotSegment,
    /// A `\`: some servers treat it as `/`.
    Backslash,
    /// A `;`: some servers remove path parameters before routing, others treat them as part of the name.
    Semicolon,
    /// A `#`: some servers remove a fragment, although a request-target has none.
    NumberSign,
    /// A control byte: some servers cut the path at NUL, drop tabs and line ends, or end the line there.
    ControlByte,
    /// A byte outside ASCII that is not escaped: servers assume different encodings.
    NonAscii,
    /// A `%` without two hex digits: some servers read it literally, others refuse or drop it.
    BrokenEscape,
    /// An escaped letter, digit, `-`, `.`, `_` or `~`: equivalent to the unescaped character by RFC 3986 §6.2.2.2, so some
    /// servers decode it before routing and others do not (`%2e%2e`, Traefik CVE-2026-40912).
    EscapedUnreserved,
    /// An escaped `/ \ ; ? # %`: some servers decode it before they split the path, others after, and a few decode twice
    /// (CVE-2021-29492).
    EscapedDelimiter,
    /// An escaped control byte: harmless to some servers, the end of the string to others.
    EscapedControl,
    /// Escapes that are not UTF-8, such as overlong forms: servers replace, refuse or forward them.
    NotUtf8,
}

impl Ambiguity {
    /// What is ambiguous in the path, for people.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::NoLeadingSlash => "it does not begin with `/`",
            Self::EmptySegment => "it has an empty segment (`//`)",
            Self::DotSegment => "it has a `.` or `..` segment",
            Self::Backslash => "it contains `\\`",
            Self::Semicolon => "it contains `;`",
            Self::NumberSign => "it contains `#`",
            Self::ControlByte => "it contains a control byte",
            Self::NonAscii => "it contains an unescaped byte outside ASCII",
            Self::BrokenEscape => "it contains a `%` without two hex digits",
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

/// The path with its escapes decoded once, including the leading slash, if it is unambiguous. It is UTF-8.
#[inline(never)]
pub(super) fn decode_unless_ambiguous(path: &[u8]) -> Result<Vec<u8>, Ambiguity> {
    refuse_odd_bytes(path)?;
    check_segments(path)?;
    let decoded = decode(path)?;
    if std::str::from_utf8(&decoded).is_ok() { Ok(decoded) } else { Err(Ambiguity::NotUtf8) }
}

/// Whether the path is simple, as most are: ASCII, no escape, no slash before a slash or a dot. Every server reads a simple
/// path in the same way.
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

/// A bit for each slash among these bytes, and whether all other bytes are simple; `after_slash` is 1 if the byte before
/// them is a slash.
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

/// An escaped dot or slash is ambiguous by itself, so segments can be checked before decoding.
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

    /// Every path of up to four of these bytes, one for each class of bytes, and every single byte.
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
    fn a_simple_path_has_only_simple_bytes() {
        for path in paths() {
            let plain = |byte: &u8| (b' '..=b'~').contains(byte) && !b"%;\\#".contains(byte);
            let pairs = path.windows(2).any(|pair| matches!(pair, b"//" | b"/."));
            let simple = path.starts_with(b"/") && path.iter().all(plain) && !pairs;
            assert_eq!(is_simple(&path), simple, "{:?}", path.escape_ascii().to_string());
        }
    }

    /// An odd byte at the end of one block or the beginning of the next is found.
    #[test]
    fn an_ambiguous_byte_is_found_at_every_position() {
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
    fn every_simple_path_is_unambiguous() {
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
    fn each_ambiguity_has_a_description(#[case] path: &[u8], #[case] ambiguity: Ambiguity) {
        assert_eq!(decode_unless_ambiguous(path), Err(ambiguity));
        assert!(ambiguity.to_string().starts_with("it"), "{ambiguity}");
        assert_eq!(ambiguity.to_string(), ambiguity.description());
    }
}

//! The compact serialization: its size, and three segments of canonical base64url (RFC 7515 §7.1).

use std::fmt;
use std::mem::MaybeUninit;

use base64_simd::{AsOut, URL_SAFE_NO_PAD};

use crate::reason::Reason;
use crate::simd;

/// A token as presented. Its `Debug` output is redacted (SEC-1).
#[derive(Clone, Copy)]
pub(crate) struct Token<'r>(&'r [u8]);

impl<'r> Token<'r> {
    pub(crate) fn new(bytes: &'r [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn len(self) -> usize {
        self.0.len()
    }

    /// Checks the size, before anything else about a token.
    pub(crate) fn within(self, max_bytes: usize) -> Result<SizedToken<'r>, Reason> {
        if self.0.len() > max_bytes { Err(Reason::TokenTooLong) } else { Ok(SizedToken(self.0)) }
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// A token within the size limit.
#[derive(Clone, Copy)]
pub(crate) struct SizedToken<'r>(&'r [u8]);

/// The buffer for decoded segments. A token of the default maximum size fits on the stack, so no denial before the
/// signature allocates.
pub(crate) struct Scratch {
    usual: [MaybeUninit<u8>; 8192],
    longer: Vec<MaybeUninit<u8>>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { usual: [MaybeUninit::uninit(); _], longer: Vec::new() }
    }

    /// A buffer of this length.
    fn room_for(&mut self, length: usize) -> &mut [MaybeUninit<u8>] {
        if let Some(room) = self.usual.get_mut(..length) {
            return room;
        }
        self.longer = vec![MaybeUninit::uninit(); length];
        &mut self.longer
    }
}

/// The parts of a compact JWS: the signing input, and each segment decoded once.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'r, 's, H> {
    /// The first two segments and the dot between them, as received.
    pub(crate) signing_input: &'r [u8],
    /// The JOSE header: recognized, or decoded for parsing.
    pub(crate) header: HeaderSegment<'s, H>,
    /// The claims, decoded.
    pub(crate) claims: &'s [u8],
    /// The signature, decoded.
    pub(crate) signature: &'s [u8],
}

/// A header segment, decoded only if it was not recognized.
#[derive(Clone, Copy)]
pub(crate) enum HeaderSegment<'s, H> {
    /// Recognized by its encoded form, which is canonical.
    Recognized(H),
    /// Decoded.
    Decoded(&'s [u8]),
}

impl<'r> SizedToken<'r> {
    /// The token as received.
    pub(crate) fn as_bytes(self) -> &'r [u8] {
        self.0
    }

    /// Splits the token at its two dots and decodes the segments into `scratch`, except a header that `recognize` knows.
    pub(crate) fn decode<'s, H>(
        self,
        scratch: &'s mut Scratch,
        recognize: impl FnOnce(&[u8]) -> Option<H>,
    ) -> Result<Compact<'r, 's, H>, TokenFlaw> {
        self.split_and_decode(scratch, recognize).ok_or_else(|| self.find_flaw())
    }

    fn split_and_decode<'s, H>(
        self,
        scratch: &'s mut Scratch,
        recognize: impl FnOnce(&[u8]) -> Option<H>,
    ) -> Option<Compact<'r, 's, H>> {
        let (header, rest) = split_at(simd::position(self.0, b'.')?, self.0)?;
        // The search from the end is usually shorter.
        let (claims, signature) = split_at(simd::last_position(rest, b'.')?, rest)?;
        let header_and_claims = header.len().saturating_add(claims.len());
        if header.is_empty() || claims.is_empty() || signature.is_empty() {
            return None;
        }
        let mut room = scratch.room_for(self.0.len());
        // A third dot fails to decode, like every other byte outside the base64url alphabet.
        let header = match recognize(header) {
            Some(known) => HeaderSegment::Recognized(known),
            None => HeaderSegment::Decoded(decode_segment(header, &mut room)?),
        };
        let claims = decode_segment(claims, &mut room)?;
        let signature = decode_segment(signature, &mut room)?;
        let signed = header_and_claims.saturating_add(1);
        Some(Compact { signing_input: self.0.get(..signed)?, header, claims, signature })
    }

    /// Finds the reason of a denial in a second pass.
    #[cold]
    fn find_flaw(self) -> TokenFlaw {
        let possible = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if let Some(at) = self.0.iter().position(|byte| !possible(byte)) {
            return TokenFlaw::ExtraCharacter { position: at.saturating_add(1) };
        }
        let mut segments = self.0.split(|byte| *byte == b'.');
        if let Some(empty) = segments.clone().position(<[u8]>::is_empty) {
            return TokenFlaw::EmptySegment { number: empty.saturating_add(1) };
        }
        let count = segments.clone().count();
        if count != 3 {
            return TokenFlaw::Segments { count };
        }
        let broken = segments.position(|segment| !ends_as_base64url_does(segment));
        TokenFlaw::Encoding { number: broken.unwrap_or(2).saturating_add(1) }
    }
}

/// Whether a text of base64url characters has a valid length and zero unused bits.
fn ends_as_base64url_does(segment: &[u8]) -> bool {
    let unused = match segment.len() % 4 {
        0 => return true,
        2 => 0b1111,
        3 => 0b11,
        _ => return false,
    };
    let last = segment.last().map_or(0, |byte| match byte {
        b'A'..=b'Z' => byte.wrapping_sub(b'A'),
        b'a'..=b'z' => byte.wrapping_sub(b'a').wrapping_add(26),
        b'0'..=b'9' => byte.wrapping_sub(b'0').wrapping_add(52),
        b'-' => 62,
        _ => 63,
    });
    last & unused == 0
}

/// Why a text is not a compact JWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenFlaw {
    /// The position, counted from 1, of a byte that a compact JWS cannot contain.
    ExtraCharacter { position: usize },
    /// Not three segments.
    Segments { count: usize },
    /// The number, counted from 1, of an empty segment.
    EmptySegment { number: usize },
    /// The number, counted from 1, of a segment that is not canonical base64url.
    Encoding { number: usize },
}

impl TokenFlaw {
    pub(crate) fn reason(self) -> Reason {
        match self {
            Self::ExtraCharacter { .. } => Reason::TokenExtraCharacters,
            Self::Segments { .. } | Self::EmptySegment { .. } | Self::Encoding { .. } => {
                Reason::TokenMalformed
            }
        }
    }
}

impl fmt::Display for TokenFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ExtraCharacter { position } => {
                write!(f, "byte {position} of the token is neither base64url nor `.`")
            }
            Self::Segments { count } => write!(f, "the token must have 3 segments, got {count}"),
            Self::EmptySegment { number } => write!(f, "segment {number} of the token is empty"),
            Self::Encoding { number } => write!(
                f,
                "segment {number} of the token is not canonical base64url (no padding, unused bits zero)"
            ),
        }
    }
}

/// The signing input of a compact JWS: everything before its last dot.
pub(crate) fn signing_input(token: &[u8]) -> &[u8] {
    simd::last_position(token, b'.').and_then(|dot| token.get(..dot)).unwrap_or_default()
}

/// Splits the text at the dot at this position.
fn split_at(dot: usize, text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, rest) = text.split_at_checked(dot)?;
    Some((before, rest.get(1..)?))
}

/// Decodes unpadded base64url with zero trailing bits (RFC 4648 §3.5, §5) into `room`, so that a token has only one form. The
/// result is never longer than the input. The decoder does not use AVX-512, which would slow down the following signature
/// verification on some processors (docs/performance.md).
fn decode_segment<'s>(segment: &[u8], room: &mut &'s mut [MaybeUninit<u8>]) -> Option<&'s [u8]> {
    let (place, rest) = std::mem::take(room).split_at_mut_checked(segment.len())?;
    *room = rest;
    Some(URL_SAFE_NO_PAD.decode(segment, place.as_out()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(segment: &[u8]) -> Option<Vec<u8>> {
        let mut room = vec![MaybeUninit::uninit(); segment.len()];
        decode_segment(segment, &mut room.as_mut_slice()).map(<[u8]>::to_vec)
    }

    /// A direct implementation of RFC 4648 §5: no padding, unused bits zero.
    fn bit_by_bit(segment: &[u8]) -> Option<Vec<u8>> {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut bits = Vec::new();
        for byte in segment {
            let value = ALPHABET.iter().position(|character| character == byte)?;
            bits.extend((0..6).rev().map(|bit| value >> bit & 1));
        }
        let (whole, unused) = bits.split_at(bits.len() / 8 * 8);
        if unused.len() >= 6 || unused.contains(&1) {
            return None;
        }
        Some(whole.chunks(8).map(|byte| byte.iter().fold(0, |sum, bit| sum << 1 | *bit as u8)).collect())
    }

    proptest::proptest! {
        /// Two decoders that share no code agree about every segment, including its unused bits and invalid segments.
        #[test]
        fn another_decoder_reads_the_same(
            segment in "[A-Za-z0-9_-]{0,400}",
            odd in proptest::option::of((proptest::num::usize::ANY, proptest::num::u8::ANY)),
        ) {
            let mut segment = segment.into_bytes();
            if let (Some((at, byte)), false) = (odd, segment.is_empty()) {
                let at = at % segment.len();
                segment[at] = byte;
            }
            let other = bit_by_bit(&segment);
            if segment.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte)) {
                proptest::prop_assert_eq!(ends_as_base64url_does(&segment), other.is_some());
            }
            proptest::prop_assert_eq!(decoded(&segment), other);
        }
    }

    #[test]
    fn a_segment_has_one_encoding() {
        for (segment, bytes) in
            [("AA", Some(&[0][..])), ("AB", None), ("AAA", Some(&[0, 0])), ("AAB", None), ("A", None)]
        {
            assert_eq!(decoded(segment.as_bytes()).as_deref(), bytes, "{segment}");
        }
        for odd in ["AA==", "AAA=", "A+AA", "A/AA", "AA A", "AAA\n", "A.AA", "\u{e9}A"] {
            assert_eq!(decoded(odd.as_bytes()), None, "{odd}");
        }
    }
}

//! The token's outer form: its size, and three segments of canonical base64url (RFC 7515 §7.1).

use std::fmt;

use base64_simd::{AsOut, URL_SAFE_NO_PAD};
use smallvec::SmallVec;

use crate::reason::Reason;

/// A token as it was presented. It never shows itself (SEC-1).
#[derive(Clone, Copy)]
pub(crate) struct Token<'r>(&'r [u8]);

impl<'r> Token<'r> {
    pub(crate) fn new(bytes: &'r [u8]) -> Self {
        Self(bytes)
    }

    /// Size is looked at before anything else about a token.
    pub(crate) fn within(self, max_bytes: usize) -> Result<SizedToken<'r>, Reason> {
        if self.0.len() > max_bytes { Err(Reason::TokenTooLong) } else { Ok(SizedToken(self.0)) }
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// A token that is not too long to be looked at.
#[derive(Clone, Copy)]
pub(crate) struct SizedToken<'r>(&'r [u8]);

/// What the three segments decode to is kept here. Its inline part holds all of a token of the default
/// maximum size, so that no denial before the signature allocates.
pub(crate) type Scratch = SmallVec<[u8; 6144]>;

/// The parts of a compact JWS: what was signed, as received, and each segment decoded once.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'r, 's> {
    /// The first two segments and the dot between them, as received.
    pub(crate) signing_input: &'r [u8],
    /// The JOSE header, decoded.
    pub(crate) header: &'s [u8],
    /// The claims, decoded.
    pub(crate) claims: &'s [u8],
    /// The signature, decoded.
    pub(crate) signature: &'s [u8],
}

impl<'r> SizedToken<'r> {
    /// Splits the token at its two dots and decodes the segments into `scratch`.
    pub(crate) fn decode<'s>(self, scratch: &'s mut Scratch) -> Result<Compact<'r, 's>, Reason> {
        self.split_and_decode(scratch).ok_or_else(|| self.what_is_wrong())
    }

    fn split_and_decode<'s>(self, scratch: &'s mut Scratch) -> Option<Compact<'r, 's>> {
        let first = memchr::memchr(b'.', self.0)?;
        let (header, rest) = self.0.split_at_checked(first)?;
        let rest = rest.get(1..)?;
        let second = memchr::memchr(b'.', rest)?;
        let (claims, signature) = rest.split_at_checked(second)?;
        let signature = signature.get(1..)?;
        let signing_input = self.0.get(..self.0.len().checked_sub(signature.len())?.checked_sub(1)?)?;
        if header.is_empty() || claims.is_empty() || signature.is_empty() {
            return None;
        }
        // A third dot, like every other byte that is not base64url's, fails to decode.
        let lengths = [header, claims, signature].map(decoded_length);
        scratch.resize(lengths.iter().fold(0, |sum, length| sum.saturating_add(*length)), 0);
        let (header, scratch) = decode_segment(header, scratch.as_mut_slice())?;
        let (claims, scratch) = decode_segment(claims, scratch)?;
        let (signature, _) = decode_segment(signature, scratch)?;
        Some(Compact { signing_input, header, claims, signature })
    }

    /// Told apart only once it is known that something is wrong: one more pass on the way to a denial.
    fn what_is_wrong(self) -> Reason {
        let possible = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if self.0.iter().all(possible) { Reason::TokenMalformed } else { Reason::TokenExtraCharacters }
    }
}

/// Unpadded base64url with trailing bits zero (RFC 4648 §3.5, §5), so that a token has one spelling.
fn decode_segment<'s>(segment: &[u8], scratch: &'s mut [u8]) -> Option<(&'s [u8], &'s mut [u8])> {
    let (target, rest) = scratch.split_at_mut_checked(decoded_length(segment))?;
    let decoded = URL_SAFE_NO_PAD.decode(segment, target.as_out()).ok()?;
    Some((decoded, rest))
}

/// Four characters carry three bytes, two carry one, three carry two.
fn decoded_length(segment: &[u8]) -> usize {
    segment.len().saturating_mul(3) / 4
}

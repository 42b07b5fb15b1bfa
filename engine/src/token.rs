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

/// What the segments decode to is kept here. Its inline part holds all of a token of the default maximum size,
/// so that no denial before the signature allocates.
pub(crate) type Scratch = SmallVec<[u8; 6144]>;

/// The parts of a compact JWS: what was signed, as received, and each segment decoded once.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'r, 's, H> {
    /// The first two segments and the dot between them, as received.
    pub(crate) signing_input: &'r [u8],
    /// The JOSE header: one that was recognised, or what there is to parse.
    pub(crate) header: HeaderSegment<'s, H>,
    /// The claims, decoded.
    pub(crate) claims: &'s [u8],
    /// The signature, decoded.
    pub(crate) signature: &'s [u8],
}

/// A header segment, decoded only where it was not recognised.
#[derive(Clone, Copy)]
pub(crate) enum HeaderSegment<'s, H> {
    /// Recognised by its encoded form, which is canonical.
    Recognised(H),
    /// Decoded.
    Decoded(&'s [u8]),
}

impl<'r> SizedToken<'r> {
    /// The token as received.
    pub(crate) fn as_bytes(self) -> &'r [u8] {
        self.0
    }

    /// Splits the token at its two dots and decodes the segments into `scratch`, but for a header that `recognise` knows.
    pub(crate) fn decode<'s, H>(
        self,
        scratch: &'s mut Scratch,
        recognise: impl FnOnce(&[u8]) -> Option<H>,
    ) -> Result<Compact<'r, 's, H>, Reason> {
        self.split_and_decode(scratch, recognise).ok_or_else(|| self.what_is_wrong())
    }

    fn split_and_decode<'s, H>(
        self,
        scratch: &'s mut Scratch,
        recognise: impl FnOnce(&[u8]) -> Option<H>,
    ) -> Option<Compact<'r, 's, H>> {
        let (header, rest) = split_at_dot(self.0)?;
        let (claims, signature) = split_at_dot(rest)?;
        let header_and_claims = header.len().saturating_add(claims.len());
        if header.is_empty() || claims.is_empty() || signature.is_empty() {
            return None;
        }
        let recognised = recognise(header);
        let header_length = if recognised.is_some() { 0 } else { decoded_length(header) };
        let (claims_length, signature_length) = (decoded_length(claims), decoded_length(signature));
        scratch.resize(header_length.saturating_add(claims_length).saturating_add(signature_length), 0);
        let (header_target, scratch) = scratch.split_at_mut_checked(header_length)?;
        let (claims_target, signature_target) = scratch.split_at_mut_checked(claims_length)?;
        // A third dot, like every other byte that is not base64url's, fails to decode.
        let header = match recognised {
            Some(known) => HeaderSegment::Recognised(known),
            None => HeaderSegment::Decoded(decode_segment(header, header_target)?),
        };
        let claims = decode_segment(claims, claims_target)?;
        let signature = decode_segment(signature, signature_target)?;
        let signed = header_and_claims.saturating_add(1);
        Some(Compact { signing_input: self.0.get(..signed)?, header, claims, signature })
    }

    /// Told apart only once it is known that something is wrong: one more pass on the way to a denial.
    fn what_is_wrong(self) -> Reason {
        let possible = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if self.0.iter().all(possible) { Reason::TokenMalformed } else { Reason::TokenExtraCharacters }
    }
}

/// What a compact JWS signs: everything before its last dot.
pub(crate) fn signing_input(token: &[u8]) -> &[u8] {
    memchr::memrchr(b'.', token).and_then(|dot| token.get(..dot)).unwrap_or_default()
}

fn split_at_dot(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, rest) = text.split_at_checked(memchr::memchr(b'.', text)?)?;
    Some((before, rest.get(1..)?))
}

/// Unpadded base64url with trailing bits zero (RFC 4648 §3.5, §5), so that a token has one spelling.
fn decode_segment<'s>(segment: &[u8], target: &'s mut [u8]) -> Option<&'s [u8]> {
    let decoded = URL_SAFE_NO_PAD.decode(segment, target.as_out()).ok()?;
    Some(decoded)
}

/// Four characters carry three bytes, two carry one, three carry two.
fn decoded_length(segment: &[u8]) -> usize {
    segment.len().saturating_mul(3) / 4
}

//! The token's outer form: its size, and three segments of canonical base64url (RFC 7515 §7.1).

use std::fmt;

use base64_simd::URL_SAFE_NO_PAD;
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

/// The segments are copied here and decoded. Its inline part holds all of a token of the default maximum size,
/// so that no denial before the signature allocates.
pub(crate) type Scratch = SmallVec<[u8; 8192]>;

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
        let (header, rest) = split_at(memchr::memchr(b'.', self.0)?, self.0)?;
        // From the end, which is mostly nearer.
        let (claims, signature) = split_at(memchr::memrchr(b'.', rest)?, rest)?;
        let header_and_claims = header.len().saturating_add(claims.len());
        if header.is_empty() || claims.is_empty() || signature.is_empty() {
            return None;
        }
        let recognised = recognise(header);
        let encoded = if recognised.is_some() { rest } else { self.0 };
        scratch.reserve_exact(encoded.len());
        scratch.extend_from_slice(encoded);
        let mut segments = &mut scratch[..];
        // A third dot, like every other byte that is not base64url's, fails to decode.
        let header = match recognised {
            Some(known) => HeaderSegment::Recognised(known),
            None => HeaderSegment::Decoded(decode_segment(take_segment(&mut segments, header.len())?)?),
        };
        let claims = decode_segment(take_segment(&mut segments, claims.len())?)?;
        let signature = decode_segment(segments)?;
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

/// What comes before the dot there, and what behind it.
fn split_at(dot: usize, text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (before, rest) = text.split_at_checked(dot)?;
    Some((before, rest.get(1..)?))
}

/// The segment of this length that comes next, and leaves what follows its dot.
fn take_segment<'s>(segments: &mut &'s mut [u8], length: usize) -> Option<&'s mut [u8]> {
    let (segment, rest) = std::mem::take(segments).split_at_mut_checked(length)?;
    *segments = rest.get_mut(1..)?;
    Some(segment)
}

/// Unpadded base64url with trailing bits zero (RFC 4648 §3.5, §5), so that a token has one spelling, decoded where it lies.
fn decode_segment(segment: &mut [u8]) -> Option<&[u8]> {
    let decoded = URL_SAFE_NO_PAD.decode_inplace(segment).ok()?;
    Some(decoded)
}

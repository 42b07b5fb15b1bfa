//! The token's outer form: its size, and three segments of canonical base64url (RFC 7515 §7.1).

use std::fmt;
use std::mem::MaybeUninit;

use base64_simd::{Out, URL_SAFE_NO_PAD};

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

/// Where segments are decoded to. Its own part has room for all of a token of the default maximum size, so that no
/// denial before the signature allocates.
pub(crate) struct Scratch {
    usual: [MaybeUninit<u8>; 8192],
    longer: Vec<MaybeUninit<u8>>,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { usual: [MaybeUninit::uninit(); _], longer: Vec::new() }
    }

    fn room_for(&mut self, bytes: usize) -> &mut [MaybeUninit<u8>] {
        if bytes <= self.usual.len() {
            return &mut self.usual;
        }
        self.longer.resize(bytes, MaybeUninit::uninit());
        &mut self.longer
    }
}

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
        let mut room = scratch.room_for(self.0.len());
        // A third dot, like every other byte that is not base64url's, fails to decode.
        let header = match recognise(header) {
            Some(known) => HeaderSegment::Recognised(known),
            None => HeaderSegment::Decoded(decode_segment(header, &mut room)?),
        };
        let claims = decode_segment(claims, &mut room)?;
        let signature = decode_segment(signature, &mut room)?;
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

/// Unpadded base64url with trailing bits zero (RFC 4648 §3.5, §5), so that a token has one spelling, decoded to where
/// there is room. What is decoded is not longer.
fn decode_segment<'s>(segment: &[u8], room: &mut &'s mut [MaybeUninit<u8>]) -> Option<&'s [u8]> {
    let (place, rest) = std::mem::take(room).split_at_mut_checked(segment.len())?;
    *room = rest;
    let decoded = URL_SAFE_NO_PAD.decode(segment, Out::from_uninit_slice(place)).ok()?;
    Some(decoded)
}

//! A JSON document, and the positions in it.

use super::structure::{BLOCK, Kind, Structure};

/// A JSON document. Every position beyond its end acts like the end.
///
/// Passed by reference: passing copies causes store-forwarding stalls.
pub(crate) struct Document<'j> {
    pub(super) bytes: &'j [u8],
    structure: Structure,
}

/// The remaining quotes of a plain text: a bit for each of the 64 bytes from `block` on.
///
/// In a plain text every quote begins or ends a string. Finding them all at once, without waiting for the previous one,
/// lets the processor run ahead.
#[derive(Clone, Copy)]
pub(super) struct Quotes {
    block: usize,
    bits: u64,
}

impl<'j> Document<'j> {
    /// Scans a document. UTF-8 is validated later, when the text is read.
    #[expect(
        clippy::inline_always,
        reason = "constructs the result in place; copying it causes a store-forwarding stall"
    )]
    #[inline(always)]
    pub(crate) fn new(bytes: &'j [u8]) -> Self {
        Self { bytes, structure: Structure::of(bytes) }
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    pub(super) fn is_utf8(&self) -> bool {
        self.is_plain() || std::str::from_utf8(self.bytes).is_ok()
    }

    /// Whether the text has only `U+0020` to `U+007E` without a backslash, so that its strings are printable and have no
    /// escapes.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.structure.kind != Kind::Other
    }

    #[inline]
    pub(super) fn bytes_from(&self, start: usize) -> &'j [u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// The eight bytes from here on, if there are eight.
    #[inline]
    pub(super) fn eight_from(&self, start: usize) -> Option<&'j [u8; 8]> {
        self.bytes.get(start..start.wrapping_add(8))?.first_chunk()
    }

    #[inline]
    pub(super) fn is_end(&self, at: usize) -> bool {
        at >= self.bytes.len()
    }

    #[inline]
    pub(super) fn at(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    #[inline]
    pub(super) fn part(&self, start: usize, end: usize) -> Option<&'j [u8]> {
        self.bytes.get(start..end)
    }

    #[inline]
    pub(super) fn past_white_space(&self, mut at: usize) -> usize {
        if self.structure.kind == Kind::Compact {
            return at;
        }
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.at(at) {
            at = at.wrapping_add(1);
        }
        at
    }

    /// The position behind this byte, which must come next, and behind the white space that follows it.
    #[inline]
    pub(super) fn past(&self, at: usize, byte: u8) -> Option<usize> {
        (self.at(at) == Some(byte)).then(|| self.past_white_space(at.wrapping_add(1)))
    }

    /// The quotes from here on.
    #[inline]
    pub(super) fn quotes_from(&self, at: usize) -> Quotes {
        let block = at & !(BLOCK - 1);
        let before = u64::MAX.wrapping_shl(u32::try_from(at & (BLOCK - 1)).unwrap_or(0));
        Quotes { block, bits: self.structure.quotes_in(block, self.bytes) & before }
    }

    #[expect(
        clippy::inline_always,
        reason = "called for every quote; keeps the remaining quotes in registers"
    )]
    #[inline(always)]
    pub(super) fn next_quote(&self, quotes: &mut Quotes) -> Option<usize> {
        while quotes.bits == 0 {
            quotes.block = quotes.block.wrapping_add(BLOCK);
            if quotes.block >= self.bytes.len() {
                return None;
            }
            quotes.bits = self.structure.quotes_in(quotes.block, self.bytes);
        }
        let at = usize::try_from(quotes.bits.trailing_zeros()).ok()?;
        quotes.bits &= quotes.bits.wrapping_sub(1);
        Some(quotes.block.wrapping_add(at))
    }
}

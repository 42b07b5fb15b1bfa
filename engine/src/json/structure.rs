//! A first pass over the whole text, 64 bytes at a time, which finds the kind of the text and its quotes.

use wide::u8x16;

use crate::simd::{STEP, last_bytes, splat};

/// The kind of a text, which decides how it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only `U+0021` to `U+007E`, without a backslash: strings end at the next quote and have no escapes, and there is no
    /// white space.
    Compact,
    /// Like `Compact`, but with spaces.
    Plain,
    /// Anything else.
    Other,
}

/// The bytes of one block.
pub(super) const BLOCK: usize = 64;

/// The number of blocks whose quotes are stored; enough for most claims.
const BLOCKS: usize = 8;

/// The structure of a text.
pub(super) struct Structure {
    pub(super) kind: Kind,
    /// A bit for each quote, for the first blocks.
    quotes: [u64; BLOCKS],
}

impl Structure {
    #[expect(clippy::inline_always, reason = "constructs the result in place")]
    #[inline(always)]
    pub(super) fn of(text: &[u8]) -> Self {
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let mut quotes = [0; BLOCKS];
        let mut seen = ByteRange { least: splat(b'~'), most: splat(b'!'), backslash: splat(0) };
        for (index, block) in blocks.iter().enumerate() {
            let bits = seen.look(block);
            if let Some(place) = quotes.get_mut(index) {
                *place = bits;
            }
        }
        let bits = seen.look(&last_bytes(text, b'!'));
        if let Some(place) = quotes.get_mut(blocks.len()) {
            *place = of_rest(bits, blocks.len(), rest.len());
        }
        Self { kind: seen.kind(), quotes }
    }

    /// A bit for each quote in the block that begins here: stored for the first blocks, computed for later ones.
    #[inline]
    pub(super) fn quotes_in(&self, block: usize, text: &[u8]) -> u64 {
        match self.quotes.get(block / BLOCK) {
            Some(bits) => *bits,
            None => later_quotes(block, text),
        }
    }
}

#[inline(never)]
fn later_quotes(block: usize, text: &[u8]) -> u64 {
    match text.get(block..).unwrap_or_default() {
        [] => 0,
        rest => match rest.first_chunk() {
            Some(block) => quotes(block),
            None => of_rest(quotes(&last_bytes(text, b'!')), 1, rest.len()),
        },
    }
}

/// Shifts out the bits of bytes that the blocks before already cover, from the bits of the text's last 64 bytes.
fn of_rest(bits: u64, blocks: usize, rest: usize) -> u64 {
    let before = if blocks == 0 { 0 } else { BLOCK.saturating_sub(rest) };
    bits.checked_shr(u32::try_from(before).unwrap_or(u32::MAX)).unwrap_or(0)
}

/// Bytewise minima and maxima of the scanned bytes.
struct ByteRange {
    least: u8x16,
    most: u8x16,
    backslash: u8x16,
}

impl ByteRange {
    /// A bit for each quote in a block.
    #[inline]
    fn look(&mut self, block: &[u8; BLOCK]) -> u64 {
        let (steps, _) = block.as_chunks::<STEP>();
        for step in steps {
            let step = u8x16::new(*step);
            self.least = self.least.min(step);
            self.most = self.most.max(step);
            self.backslash |= step.simd_eq(splat(b'\\'));
        }
        quotes(block)
    }

    fn kind(self) -> Kind {
        let odd = self.least.simd_lt(splat(b' ')) | self.most.simd_gt(splat(b'~')) | self.backslash;
        if odd.to_bitmask() != 0 {
            Kind::Other
        } else if self.least.simd_eq(splat(b' ')).to_bitmask() != 0 {
            Kind::Plain
        } else {
            Kind::Compact
        }
    }
}

/// A bit for each quote in a block.
#[inline]
fn quotes(block: &[u8; BLOCK]) -> u64 {
    let (steps, _) = block.as_chunks::<STEP>();
    steps
        .iter()
        .rev()
        .fold(0, |bits, step| bits << STEP | u64::from(u8x16::new(*step).simd_eq(splat(b'"')).to_bitmask()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_determines_the_kind_of_a_text() {
        let kind = |text: &[u8]| Structure::of(text).kind;
        for length in 0..140 {
            let bytes = vec![b'!'; length];
            assert_eq!(kind(&bytes), Kind::Compact);
            for at in 0..length {
                let with = |byte: u8| {
                    let mut bytes = bytes.clone();
                    bytes[at] = byte;
                    kind(&bytes)
                };
                assert_eq!(with(b' '), Kind::Plain, "{at} of {length}");
                for byte in [b'~', b'"', b'[', b']'] {
                    assert_eq!(with(byte), Kind::Compact, "{byte:#x} at {at} of {length}");
                }
                for byte in [0, b'\t', b'\n', 0x1f, b'\\', 0x7f, 0x80, 0xff] {
                    assert_eq!(with(byte), Kind::Other, "{byte:#x} at {at} of {length}");
                }
            }
        }
        assert_eq!(kind(b" \xc3\xa9"), Kind::Other);
    }

    #[test]
    fn a_quote_is_found_at_every_position() {
        for length in (0..140).chain(500..520).chain(640..650) {
            let mut bytes = vec![b'!'; length];
            let all = |bytes: &[u8]| -> Vec<u64> {
                let structure = Structure::of(bytes);
                (0..12).map(|index| structure.quotes_in(index * BLOCK, bytes)).collect()
            };
            assert!(all(&bytes).iter().all(|bits| *bits == 0), "{length}");
            for at in 0..length {
                bytes[at] = b'"';
                let found = all(&bytes);
                assert_eq!(found[at / BLOCK], 1 << (at % BLOCK), "{at} of {length}");
                assert_eq!(found.iter().filter(|bits| **bits != 0).count(), 1, "{at} of {length}");
                bytes[at] = b'!';
            }
        }
    }
}

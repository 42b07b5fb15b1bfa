//! Byte searches, 16 bytes at a time.

use wide::u8x16;

/// The bytes of one SIMD step.
pub(crate) const STEP: usize = 16;

pub(crate) const fn splat(byte: u8) -> u8x16 {
    u8x16::new([byte; STEP])
}

/// The last bytes of a text, or a shorter text padded with `filler`.
#[inline]
pub(crate) fn last_bytes<const N: usize>(text: &[u8], filler: u8) -> [u8; N] {
    if let Some(last) = text.last_chunk() {
        return *last;
    }
    let mut last = [filler; N];
    for (to, from) in last.iter_mut().zip(text) {
        *to = *from;
    }
    last
}

/// The position of the first `wanted` byte; fast for short texts, such as names and segments.
#[inline]
pub(crate) fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    match bytes.first_chunk().and_then(|block| position_in(block, wanted)) {
        Some(position) => Some(position),
        None => later_position(bytes, wanted),
    }
}

#[inline(never)]
fn later_position(bytes: &[u8], wanted: u8) -> Option<usize> {
    let (blocks, tail) = bytes.as_chunks();
    let mut before: usize = 0;
    for block in blocks {
        if let Some(position) = position_in(block, wanted) {
            return before.checked_add(position);
        }
        before = before.saturating_add(STEP);
    }
    before.checked_add(position_in_few(tail, wanted)?)
}

/// The position of the last `wanted` byte.
#[inline]
pub(crate) fn last_position(bytes: &[u8], wanted: u8) -> Option<usize> {
    let (head, blocks) = bytes.as_rchunks();
    let mut before = bytes.len();
    for block in blocks.iter().rev() {
        before = before.wrapping_sub(STEP);
        let found = marks(block, wanted);
        if let Some(position) = found.checked_ilog2() {
            return before.checked_add(usize::try_from(position).ok()?);
        }
    }
    head.iter().rposition(|byte| *byte == wanted)
}

/// The position of the first `wanted` byte among fewer than 16, eight at a time.
#[inline]
fn position_in_few(bytes: &[u8], wanted: u8) -> Option<usize> {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut before: usize = 0;
    for word in words {
        let marks = equal_bytes(u64::from_le_bytes(*word), wanted);
        if marks != 0 {
            return before.checked_add(usize::try_from(marks.trailing_zeros() / 8).ok()?);
        }
        before = before.saturating_add(8);
    }
    before.checked_add(tail.iter().position(|byte| *byte == wanted)?)
}

/// Sets the high bit of each byte of `word` that is below `limit`. A borrow may set further bits above the lowest such
/// byte, so use only the lowest bit.
pub(crate) const fn bytes_below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(splat_word(limit)) & !word & splat_word(0x80)
}

/// Like [`bytes_below`], for bytes that are equal to `byte`.
pub(crate) const fn equal_bytes(word: u64, byte: u8) -> u64 {
    bytes_below(word ^ splat_word(byte), 1)
}

const fn splat_word(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

#[inline]
fn position_in(block: &[u8; STEP], wanted: u8) -> Option<usize> {
    let found = marks(block, wanted);
    if found == 0 { None } else { usize::try_from(found.trailing_zeros()).ok() }
}

/// A bit for each byte equal to `wanted`.
#[inline]
fn marks(block: &[u8; STEP], wanted: u8) -> u32 {
    u8x16::new(*block).simd_eq(splat(wanted)).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_is_found_at_every_position() {
        for length in 0..70 {
            let mut bytes = vec![b'.'; length];
            assert_eq!(position(&bytes, b'/'), None);
            for at in (0..length).rev() {
                bytes[at] = b'/';
                assert_eq!(position(&bytes, b'/'), Some(at));
            }
        }
    }

    #[test]
    fn the_last_byte_is_found_at_every_position() {
        for length in 0..70 {
            let mut bytes = vec![b'.'; length];
            assert_eq!(last_position(&bytes, b'/'), None);
            for at in 0..length {
                bytes[at] = b'/';
                assert_eq!(last_position(&bytes, b'/'), Some(at));
            }
        }
    }
}

//! Numbers: finds their ends, and parses integers such as dates.

use wide::u8x16;

use super::document::Document;
use crate::simd::{STEP, last_bytes, splat};

/// Integers of at most this many digits are below 2^53, and so exact as a double.
const MAX_DIGITS: usize = 15;

impl Document<'_> {
    /// Parses an 8 to 15 digit integer without leading zeros, and returns the position behind it. A current date has ten.
    #[inline]
    pub(super) fn whole_number(&self, start: usize) -> Option<(f64, usize)> {
        let eight = self.eight_from(start)?;
        if eight.first() == Some(&b'0') {
            return None;
        }
        let mut value = eight_digits(u64::from_le_bytes(*eight))?;
        let mut end = start.wrapping_add(8);
        while let Some(digit) = self.at(end).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9) {
            value = value.wrapping_mul(10).wrapping_add(digit.into());
            end = end.wrapping_add(1);
        }
        if end.wrapping_sub(start) > MAX_DIGITS {
            return None;
        }
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "they are exact")]
        let value = i64::try_from(value).ok()? as f64;
        Some((value, end))
    }
}

/// Parses eight digits at once: combines neighbors into pairs, pairs into fours, and fours into the number.
#[inline]
fn eight_digits(word: u64) -> Option<u64> {
    let high_halves = |word: u64| word & 0xf0f0_f0f0_f0f0_f0f0;
    let all_digits = high_halves(word) == 0x3030_3030_3030_3030
        && high_halves(word.wrapping_add(0x0606_0606_0606_0606)) == 0x3030_3030_3030_3030;
    let pairs = (word & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(0x0a01) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(0x0064_0001) >> 16;
    let eight = (fours & 0x0000_ffff_0000_ffff).wrapping_mul(0x2710_0000_0001) >> 32;
    all_digits.then_some(eight)
}

/// The position behind the number that begins here.
pub(super) fn number_end(text: &[u8], at: usize) -> Option<usize> {
    let start = if text.get(at) == Some(&b'-') { at.wrapping_add(1) } else { at };
    let mut end = digits_end(text, start)?;
    // No digit follows a leading zero.
    if end != start.wrapping_add(1) && text.get(start) == Some(&b'0') {
        return None;
    }
    if text.get(end) == Some(&b'.') {
        end = digits_end(text, end.wrapping_add(1))?;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        end = end.wrapping_add(1);
        if matches!(text.get(end), Some(b'+' | b'-')) {
            end = end.wrapping_add(1);
        }
        end = digits_end(text, end)?;
    }
    Some(end)
}

/// The position behind the one or more digits that begin here.
#[inline]
fn digits_end(text: &[u8], start: usize) -> Option<usize> {
    let mut end = start;
    loop {
        let digits = digits_in_step(text, end);
        end = end.wrapping_add(digits);
        if digits < STEP {
            return (end != start).then_some(end);
        }
    }
}

/// The number of digits that come next, up to sixteen.
#[inline]
fn digits_in_step(text: &[u8], at: usize) -> usize {
    let others = match text.get(at..).and_then(<[u8]>::first_chunk) {
        Some(step) => beside_digits(*step),
        None => {
            // The last block also covers earlier bytes, which are shifted out.
            let before = at.wrapping_sub(text.len().saturating_sub(STEP));
            let others = beside_digits(last_bytes(text, 0));
            others.checked_shr(u32::try_from(before).unwrap_or(u32::MAX)).unwrap_or(u32::MAX)
        }
    };
    usize::try_from(others.trailing_zeros()).unwrap_or(0)
}

/// A bit for each byte that is not a digit, and all bits after the last byte.
#[inline]
fn beside_digits(step: [u8; STEP]) -> u32 {
    // Maps digits to 0 to 9, and every other byte to more than 9.
    let from_zero = u8x16::new(step) ^ splat(b'0');
    from_zero.min(splat(10)).simd_eq(splat(10)).to_bitmask() | u32::MAX << STEP
}

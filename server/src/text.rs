//! Text for people: what cannot be seen is escaped.

use wide::u8x16;

/// The text with every character escaped that a terminal would obey or that would reorder what is around it.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_deceptive(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Control characters, and those that have no width or change the direction of what follows.
pub(crate) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Whether none of the bytes is odd, sixteen at a time. A letter may not be.
#[inline]
pub(crate) fn none_is(bytes: &[u8], odd: impl Fn(u8x16) -> u8x16) -> bool {
    let (steps, _) = bytes.as_chunks();
    // The last step overlaps the one before, or is all there is.
    let last = bytes.last_chunk().copied().unwrap_or_else(|| {
        let mut last = [b'a'; 16];
        for (to, from) in last.iter_mut().zip(bytes) {
            *to = *from;
        }
        last
    });
    let seen = steps.iter().fold(odd(u8x16::new(last)), |seen, step| seen | odd(u8x16::new(*step)));
    seen.to_bitmask() == 0
}

/// Marks what is no visible ASCII, with the space counting as visible, and the quotes and backslashes.
#[inline]
pub(crate) fn needs_escape(step: u8x16) -> u8x16 {
    let beside = step.simd_lt(u8x16::splat(b' ')) | step.simd_gt(u8x16::splat(b'~'));
    beside | step.simd_eq(u8x16::splat(b'"')) | step.simd_eq(u8x16::splat(b'\\'))
}

/// So many of a thing.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_byte_is_seen_wherever_it_stands() {
        for length in 0..70 {
            let mut bytes = vec![b'a'; length];
            assert!(none_is(&bytes, needs_escape), "{length}");
            for at in 0..length {
                for byte in 0..=255 {
                    bytes[at] = byte;
                    let plain = matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
                    assert_eq!(none_is(&bytes, needs_escape), plain, "{byte:#x} at {at} of {length}");
                }
                bytes[at] = b'a';
            }
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(visible("a\u{1b}[31m\u{202e}é\n"), "a\\u{1b}[31m\\u{202e}é\\u{a}");
    }
}

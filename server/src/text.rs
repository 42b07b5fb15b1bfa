//! Text for people, with invisible characters escaped.

use std::time::Duration;

use wide::u8x16;

/// Escapes every character that controls a terminal or reorders the text around it.
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

/// Control characters, and characters without width or that change the text direction.
pub(crate) fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Without a byte order mark at the beginning, which some editors write.
pub(crate) fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Whether no byte matches, tested sixteen at a time. Letters must never match.
#[inline]
pub(crate) fn no_byte_matches(bytes: &[u8], matches: impl Fn(u8x16) -> u8x16) -> bool {
    let (steps, _) = bytes.as_chunks();
    // The last step may overlap the previous one.
    let last = bytes.last_chunk().copied().unwrap_or_else(|| {
        let mut last = [b'a'; 16];
        for (to, from) in last.iter_mut().zip(bytes) {
            *to = *from;
        }
        last
    });
    let matched =
        steps.iter().fold(matches(u8x16::new(last)), |matched, step| matched | matches(u8x16::new(*step)));
    matched.to_bitmask() == 0
}

/// Marks bytes that are not visible ASCII or space, and quotes and backslashes.
#[inline]
pub(crate) fn needs_escape(step: u8x16) -> u8x16 {
    let beside = step.simd_lt(u8x16::splat(b' ')) | step.simd_gt(u8x16::splat(b'~'));
    beside | step.simd_eq(u8x16::splat(b'"')) | step.simd_eq(u8x16::splat(b'\\'))
}

/// A number with a noun in singular or plural.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let stem = thing.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match (number, stem) {
        (1, _) => format!("1 {thing}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {thing}s"),
    }
}

/// A duration in whole seconds.
pub(crate) fn seconds(duration: Duration) -> String {
    count(usize::try_from(duration.as_secs()).unwrap_or(usize::MAX), "second")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noun_is_singular_only_after_one() {
        let counted =
            [count(0, "key"), count(1, "key"), count(2, "key"), count(1, "entry"), count(2, "entry")];
        assert_eq!(counted, ["0 keys", "1 key", "2 keys", "1 entry", "2 entries"]);
        assert_eq!(seconds(Duration::from_millis(1_999)), "1 second");
    }

    #[test]
    fn a_byte_to_escape_is_found_at_every_position() {
        for length in 0..70 {
            let mut bytes = vec![b'a'; length];
            assert!(no_byte_matches(&bytes, needs_escape), "{length}");
            for at in 0..length {
                for byte in 0..=255 {
                    bytes[at] = byte;
                    let plain = matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
                    assert_eq!(no_byte_matches(&bytes, needs_escape), plain, "{byte:#x} at {at} of {length}");
                }
                bytes[at] = b'a';
            }
        }
    }

    #[test]
    fn terminal_control_characters_are_escaped() {
        assert_eq!(visible("a\u{1b}[31m\u{202e}é\n"), "a\\u{1b}[31m\\u{202e}é\\u{a}");
    }
}

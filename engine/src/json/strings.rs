//! Strings, byte by byte: finds their ends and decodes their escapes.

use crate::simd::{bytes_below, equal_bytes};

/// The length of the string content at the start of `inner`, up to the closing quote; `None` if it is not valid.
#[inline(never)]
pub(super) fn scan_string(inner: &[u8]) -> Option<usize> {
    let mut end = plain_length(inner);
    loop {
        match inner.get(end)? {
            b'"' => return Some(end),
            b'\\' => {
                end = end.saturating_add(escape_length(inner.get(end..)?)?);
            }
            // A control character must be escaped.
            _ => return None,
        }
        end = end.saturating_add(plain_length(inner.get(end..)?));
    }
}

/// The number of bytes before the first quote, backslash or control character; scans eight at a time.
fn plain_length(bytes: &[u8]) -> usize {
    let mut length: usize = 0;
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        let word = u64::from_le_bytes(*word);
        let marks = bytes_below(word, b' ') | equal_bytes(word, b'"') | equal_bytes(word, b'\\');
        if marks != 0 {
            return length.saturating_add(usize::try_from(marks.trailing_zeros() / 8).unwrap_or(0));
        }
        length = length.saturating_add(8);
    }
    let special = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    length.saturating_add(tail.iter().take_while(|byte| !special(byte)).count())
}

/// The length of the escape at the start of `bytes`, if it is valid.
fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => bytes.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// Unescapes a string whose escapes have been validated.
pub(super) fn unescape(raw: &str) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let mut characters = escape.chars();
        let unescaped = match characters.next()? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (character, after) = unescape_unit(characters.as_str())?;
                characters = after.chars();
                character
            }
            itself => itself,
        };
        text.push(unescaped);
        rest = characters.as_str();
    }
    text.push_str(rest);
    Some(text)
}

/// The character of the hex digits after `\u`, including a surrogate pair's second half, and the text after it.
fn unescape_unit(digits: &str) -> Option<(char, &str)> {
    let unit = |text: &str| u16::from_str_radix(text.get(..4)?, 16).ok();
    let first = unit(digits)?;
    let after = digits.get(4..)?;
    if let Some(character) = char::from_u32(first.into()) {
        return Some((character, after));
    }
    let low = after.strip_prefix("\\u")?;
    let character = char::decode_utf16([first, unit(low)?]).next()?.ok()?;
    Some((character, low.get(4..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_special_byte_wherever_it_stands() {
        for at in 0..40 {
            for special in [b'"', b'\\', 0, 0x1f] {
                let mut bytes = vec![0xc3; 40];
                bytes[at] = special;
                assert_eq!(plain_length(&bytes), at);
            }
        }
        assert_eq!(plain_length(&[b'!'; 41]), 41);
    }
}

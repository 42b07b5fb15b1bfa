//! The JSON grammar: validates values and finds their ends.
//!
//! Positions are passed by value, never stored, so that they stay in registers.

use super::document::{Document, Quotes};
use super::number::number_end;
use super::strings::scan_string;

/// The deepest nesting in values that are not read. The contract asks for 64 levels; a `u128` holds 128.
const MAX_DEPTH: u32 = 128;

impl Document<'_> {
    /// The position of the closing quote of the string that begins here, found with the next of the quotes.
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    pub(super) fn string_end(&self, at: usize, quotes: &mut Quotes) -> Option<usize> {
        if !self.is_plain() {
            return self.scanned_string_end(at);
        }
        if self.next_quote(quotes)? == at { self.next_quote(quotes) } else { None }
    }

    #[inline(never)]
    fn scanned_string_end(&self, at: usize) -> Option<usize> {
        let (b'"', inside) = self.bytes.get(at..)?.split_first()? else { return None };
        scan_string(inside).map(|length| at.wrapping_add(1).wrapping_add(length))
    }

    /// The position behind the value that begins here: any valid JSON that is not nested too deeply.
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    pub(super) fn value_end(&self, at: usize, quotes: &mut Quotes) -> Option<usize> {
        if self.at(at)? == b'"' {
            return self.string_end(at, quotes).map(|quote| quote.wrapping_add(1));
        }
        if self.at(at)?.is_ascii_digit() {
            return self.word_end(at);
        }
        let (end, after) = self.other_value_end(at, *quotes)?;
        *quotes = after;
        Some(end)
    }

    #[inline(never)]
    fn other_value_end(&self, at: usize, quotes: Quotes) -> Option<(usize, Quotes)> {
        if !matches!(self.at(at)?, b'{' | b'[') {
            return Some((self.word_end(at)?, quotes));
        }
        match self.strings_end(at, quotes, |_, _| Some(())) {
            Some(end) => Some(end),
            None => self.nested_end(at, quotes),
        }
    }

    /// The position behind the array that begins here, if it holds one or more strings and nothing else, such as
    /// permissions; calls `each` with the bounds of each string's content.
    #[inline]
    pub(super) fn strings_end(
        &self,
        at: usize,
        mut quotes: Quotes,
        mut each: impl FnMut(usize, usize) -> Option<()>,
    ) -> Option<(usize, Quotes)> {
        let mut at = self.past(at, b'[')?;
        loop {
            let quote = self.string_end(at, &mut quotes)?;
            each(at.wrapping_add(1), quote)?;
            at = self.past_white_space(quote.wrapping_add(1));
            if self.at(at) == Some(b']') {
                return Some((at.wrapping_add(1), quotes));
            }
            at = self.past(at, b',')?;
        }
    }

    /// The position behind the object or array that begins here.
    #[inline(never)]
    fn nested_end(&self, mut at: usize, mut quotes: Quotes) -> Option<(usize, Quotes)> {
        // One bit for each open level: 1 for an object, 0 for an array.
        let mut open: u128 = 0;
        let mut depth: u32 = 0;
        loop {
            let kind = match self.at(at)? {
                b'{' => Some(1),
                b'[' => Some(0),
                b'"' => {
                    at = self.string_end(at, &mut quotes)?.wrapping_add(1);
                    None
                }
                _ => {
                    at = self.word_end(at)?;
                    None
                }
            };
            if let Some(kind) = kind {
                if depth == MAX_DEPTH {
                    return None;
                }
                open = open.wrapping_shl(1) | kind;
                depth = depth.saturating_add(1);
                at = self.past_white_space(at.wrapping_add(1));
                let closing = if kind == 1 { b'}' } else { b']' };
                if self.at(at)? != closing {
                    if kind == 1 {
                        at = self.past_member_name(at, &mut quotes)?;
                    }
                    continue;
                }
            }
            // After a value or an opening bracket: close levels until another value follows.
            loop {
                at = self.past_white_space(at);
                let in_object = open & 1 == 1;
                match (self.at(at)?, in_object) {
                    (b',', true) => {
                        at = self.past_member_name(self.past(at, b',')?, &mut quotes)?;
                        break;
                    }
                    (b',', false) => {
                        at = self.past(at, b',')?;
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        at = at.wrapping_add(1);
                        open = open.wrapping_shr(1);
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            return Some((at, quotes));
                        }
                    }
                    _ => return None,
                }
            }
        }
    }

    fn past_member_name(&self, at: usize, quotes: &mut Quotes) -> Option<usize> {
        let quote = self.string_end(at, quotes)?;
        self.past(self.past_white_space(quote.wrapping_add(1)), b':')
    }

    /// The position behind the number or the literal name that begins here.
    #[inline]
    fn word_end(&self, at: usize) -> Option<usize> {
        let word = self.bytes.get(at..)?;
        let length = match word.first()? {
            b't' => literal_length(word, b"true")?,
            b'f' => literal_length(word, b"false")?,
            b'n' => literal_length(word, b"null")?,
            _ => return number_end(self.bytes, at),
        };
        Some(at.wrapping_add(length))
    }
}

fn literal_length(word: &[u8], literal: &[u8]) -> Option<usize> {
    word.starts_with(literal).then_some(literal.len())
}

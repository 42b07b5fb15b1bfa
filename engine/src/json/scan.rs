//! The grammar: where values end, and that they are what they begin as.
//!
//! Positions are handed on by value, never kept: that is what makes it quick.

use super::number::number_end;
use super::strings::scan_string;
use super::survey::{BLOCK, Kind, Survey};

/// The deepest nesting that is passed over. The contract asks for 64 levels; a word holds twice as many.
const MAX_DEPTH: u32 = 128;

/// A text. Every position beyond its end is like the end.
///
/// It is handed on by reference: a copy for each call is written in pieces and read as a whole, which stalls.
pub(crate) struct Text<'j> {
    bytes: &'j [u8],
    survey: Survey,
}

/// The quotes that are still to come in a plain text: a bit for each of the 64 bytes from `block` on.
///
/// In a plain text every quote begins a string or ends one. Finding them all at once, and not each from where the
/// one before was found, is what the processor can do ahead of time.
#[derive(Clone, Copy)]
pub(super) struct Quotes {
    block: usize,
    bits: u64,
}

impl<'j> Text<'j> {
    /// A text, looked at. Whether it is UTF-8 is asked where it is read.
    #[expect(
        clippy::inline_always,
        reason = "so that it is made where it stays: what was just written in parts stalls when it is copied"
    )]
    #[inline(always)]
    pub(crate) fn new(bytes: &'j [u8]) -> Self {
        Self { bytes, survey: Survey::of(bytes) }
    }

    /// In bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    pub(super) fn is_utf8(&self) -> bool {
        self.is_plain() || std::str::from_utf8(self.bytes).is_ok()
    }

    /// Whether the text is nothing but `U+0020` to `U+007E` without a backslash, so that its strings stand for
    /// themselves and are printable.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.survey.kind != Kind::Other
    }

    #[inline]
    pub(super) fn bytes_from(&self, start: usize) -> &'j [u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// The eight bytes from here on, if there are so many.
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
        if self.survey.kind == Kind::Compact {
            return at;
        }
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.at(at) {
            at = at.wrapping_add(1);
        }
        at
    }

    /// The position behind this byte, which has to come next, and the white space behind it.
    #[inline]
    pub(super) fn past(&self, at: usize, byte: u8) -> Option<usize> {
        (self.at(at) == Some(byte)).then(|| self.past_white_space(at.wrapping_add(1)))
    }

    /// The quotes from here on.
    #[inline]
    pub(super) fn quotes_from(&self, at: usize) -> Quotes {
        let block = at & !(BLOCK - 1);
        let before = u64::MAX.wrapping_shl(u32::try_from(at & (BLOCK - 1)).unwrap_or(0));
        Quotes { block, bits: self.survey.quotes_in(block, self.bytes) & before }
    }

    #[expect(
        clippy::inline_always,
        reason = "called for every quote, so that what is to come stays in registers"
    )]
    #[inline(always)]
    pub(super) fn next_quote(&self, quotes: &mut Quotes) -> Option<usize> {
        while quotes.bits == 0 {
            quotes.block = quotes.block.wrapping_add(BLOCK);
            if quotes.block >= self.bytes.len() {
                return None;
            }
            quotes.bits = self.survey.quotes_in(quotes.block, self.bytes);
        }
        let at = usize::try_from(quotes.bits.trailing_zeros()).ok()?;
        quotes.bits &= quotes.bits.wrapping_sub(1);
        Some(quotes.block.wrapping_add(at))
    }

    /// The position of the quote that ends the string that begins here, with the next of the quotes.
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

    /// The position behind the value that begins here, however odd it is, as long as it is JSON and not too deep.
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

    /// The position behind the array that begins here, if it holds strings, one or more, and nothing else, as
    /// permissions do; `each` is told where the inside of each begins and ends.
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
            // A value has ended, or an empty level is about to: close levels until another value follows.
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

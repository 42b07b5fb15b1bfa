//! The quick way through an object as issuers write it: in ASCII, without escapes, without white space between its
//! parts.
//!
//! What it takes, the grammar takes too, with the same values. What it does not take, for whatever reason, is left to
//! the grammar.

use super::name::Names;
use super::scan::{Quotes, Text};
use super::{Place, Value};

impl<'j> Text<'j> {
    /// Shows `each` the values of the wanted members, each with its position among the names, if this is an object of
    /// that kind, in which none is there twice. Only then is what was shown worth anything.
    #[inline]
    pub(crate) fn compact_members<const N: usize, S: AsRef<str>>(
        &self,
        wanted: &Names<N, S>,
        mut each: impl FnMut(usize, Value<'_, 'j>) -> Option<()>,
    ) -> Option<()> {
        if !self.is_plain() {
            return None;
        }
        let mut seen: u64 = 0;
        let mut quotes = self.quotes_from(0);
        let mut name = self.past_pair(0, *b"{\"", &mut quotes)?;
        loop {
            let (index, start) = self.compact_name(name, wanted, &mut quotes)?;
            let end = self.compact_value_end(start, &mut quotes)?;
            if let Some(index) = index {
                let bit = 1_u64.wrapping_shl(u32::try_from(index).ok()?);
                if seen & bit != 0 {
                    return None;
                }
                seen |= bit;
                each(index, Value { text: self, place: Place::new(start, end)? })?;
            }
            match self.past_pair(end, *b",\"", &mut quotes) {
                Some(next) => name = next,
                None => return (self.bytes_from(end) == b"}").then_some(()),
            }
        }
    }

    /// Which of the wanted names begins here, if it is one, and where its value begins.
    #[expect(clippy::inline_always, reason = "called once, so that the quotes to come stay in registers")]
    #[inline(always)]
    fn compact_name<const N: usize, S: AsRef<str>>(
        &self,
        name: usize,
        wanted: &Names<N, S>,
        quotes: &mut Quotes,
    ) -> Option<(Option<usize>, usize)> {
        let name_end = self.next_quote(quotes)?;
        if let Some((index, start)) = self.look_up_name(name, wanted) {
            return Some((Some(index), start));
        }
        let start = name_end.wrapping_add(2);
        let index = self.find_name(name, name_end, wanted);
        (self.at(name_end.wrapping_add(1))? == b':').then_some((index, start))
    }

    /// The position behind the value that begins here.
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn compact_value_end(&self, start: usize, quotes: &mut Quotes) -> Option<usize> {
        match self.at(start)? {
            b'"' => {
                self.next_quote(quotes)?;
                self.next_quote(quotes).map(|quote| quote.wrapping_add(1))
            }
            b'[' => match self.compact_strings(start, *quotes, |_, _| Some(())) {
                Some((end, after)) => {
                    *quotes = after;
                    Some(end)
                }
                None => self.value_end(start, quotes),
            },
            b'0'..=b'9' => self.whole_number_end(start).or_else(|| self.value_end(start, quotes)),
            _ => self.value_end(start, quotes),
        }
    }

    /// The position behind the array that begins here, if it holds strings, one or more, and nothing else; `each` is
    /// told where the inside of each begins and ends.
    #[inline]
    pub(super) fn compact_strings(
        &self,
        at: usize,
        mut quotes: Quotes,
        mut each: impl FnMut(usize, usize) -> Option<()>,
    ) -> Option<(usize, Quotes)> {
        let mut inside = self.past_pair(at, *b"[\"", &mut quotes)?;
        loop {
            let quote = self.next_quote(&mut quotes)?;
            each(inside, quote)?;
            let after = quote.wrapping_add(1);
            match self.past_pair(after, *b",\"", &mut quotes) {
                Some(next) => inside = next,
                None => return (self.at(after)? == b']').then_some((after.wrapping_add(1), quotes)),
            }
        }
    }

    /// The position behind these two bytes, which have to come next; the second is the next of the quotes.
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn past_pair(&self, at: usize, pair: [u8; 2], quotes: &mut Quotes) -> Option<usize> {
        if *self.bytes_from(at).first_chunk::<2>()? != pair {
            return None;
        }
        self.next_quote(quotes)?;
        Some(at.wrapping_add(2))
    }
}

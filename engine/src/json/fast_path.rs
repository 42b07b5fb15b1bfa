//! The quick way through an object as issuers write it: in ASCII, without escapes, without white space between its
//! parts.
//!
//! What it takes, the grammar takes too, with the same values. What it does not take, for whatever reason, is left to
//! the grammar.

use super::names::Names;
use super::reader::{JsonString, Place, Take, Value};
use super::text::{Quotes, Text};

impl<'j> Text<'j> {
    /// Lets `take` have the values of the wanted members, each with its position among the names, if this is an object
    /// of that kind without duplicates. Otherwise what was taken must be discarded.
    #[inline]
    pub(crate) fn compact_members<const N: usize, S: AsRef<str>>(
        &self,
        wanted: &Names<N, S>,
        mut take: impl FnMut(usize, &mut Upcoming<'_, 'j>) -> Option<()>,
    ) -> Option<()> {
        if !self.is_plain() {
            return None;
        }
        let mut seen: u64 = 0;
        let mut next = Upcoming { text: self, at: 0, quotes: self.quotes_from(0) };
        next.pass(b'{')?;
        loop {
            match next.name(wanted)? {
                Some(index) => {
                    let bit = 1_u64.wrapping_shl(u32::try_from(index).ok()?);
                    if seen & bit != 0 {
                        return None;
                    }
                    seen |= bit;
                    take(index, &mut next)?;
                }
                None => {
                    next.whatever()?;
                }
            }
            if next.pass(b',').is_none() {
                return (self.bytes_from(next.at) == b"}").then_some(());
            }
        }
    }
}

/// What comes next in a compact object: a value, to be taken once.
///
/// String boundaries come from the quote positions, which are computed first, and are compared with what was expected
/// afterwards, so that the processor need not wait for one value to find the next.
pub(crate) struct Upcoming<'t, 'j> {
    text: &'t Text<'j>,
    at: usize,
    quotes: Quotes,
}

impl<'t, 'j> Upcoming<'t, 'j> {
    /// Passes this byte, if it comes next.
    #[expect(clippy::inline_always, reason = "so that positions stay in registers")]
    #[inline(always)]
    fn pass(&mut self, byte: u8) -> Option<()> {
        if !self.begins_with(byte) {
            return None;
        }
        self.at = self.at.wrapping_add(1);
        Some(())
    }

    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn begins_with(&self, byte: u8) -> bool {
        self.text.at(self.at) == Some(byte)
    }

    /// Passes the string that comes next, if it is one, and tells where its inside begins and ends.
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn quoted(&mut self) -> Option<(usize, usize)> {
        let opening = self.text.next_quote(&mut self.quotes)?;
        if opening != self.at {
            return None;
        }
        let closing = self.text.next_quote(&mut self.quotes)?;
        self.at = closing.wrapping_add(1);
        Some((opening.wrapping_add(1), closing))
    }

    /// Passes a name and the colon, and tells which of the wanted it is, if it is one.
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn name<const N: usize, S: AsRef<str>>(&mut self, wanted: &Names<N, S>) -> Option<Option<usize>> {
        let (start, end) = self.quoted()?;
        if let Some(index) = self.text.look_up_name(start, wanted) {
            // With the colon.
            self.at = end.wrapping_add(2);
            return Some(Some(index));
        }
        self.pass(b':')?;
        Some(self.text.find_name(start, end, wanted))
    }

    /// Passes a value of any kind, as the grammar has it.
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn whatever(&mut self) -> Option<Value<'t, 'j>> {
        let (value, after) = self.text.value_from(self.at, self.quotes)?;
        (self.at, self.quotes) = (value.place.end(), after);
        Some(value)
    }
}

impl<'j> Text<'j> {
    #[inline(never)]
    fn value_from(&self, start: usize, mut quotes: Quotes) -> Option<(Value<'_, 'j>, Quotes)> {
        let end = self.value_end(start, &mut quotes)?;
        Some((Value { text: self, place: Place::new(start, end)? }, quotes))
    }
}

impl<'j> Take<'j> for &mut Upcoming<'_, 'j> {
    /// Issuers leave out what they have nothing to say about, so that `null` is left to the grammar.
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn is_null(&self) -> bool {
        false
    }

    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn is_array(&self) -> bool {
        self.begins_with(b'[')
    }

    /// Few tokens have a claim that is not read but only there: they are left to the grammar.
    fn skip(self) -> Option<()> {
        None
    }

    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn number(self) -> Option<f64> {
        let Some((number, end)) = self.text.whole_number(self.at) else { return self.whatever()?.number() };
        self.at = end;
        Some(number)
    }

    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn string_place(self) -> Option<(usize, usize)> {
        self.quoted()
    }

    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn string(self) -> Option<JsonString<'j>> {
        let (start, end) = self.quoted()?;
        plain_string(self.text, start, end)
    }

    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn string_places(self, mut each: impl FnMut(usize, usize) -> Option<()>) -> Option<()> {
        self.pass(b'[')?;
        if self.pass(b']').is_some() {
            return Some(());
        }
        loop {
            let (start, end) = self.quoted()?;
            each(start, end)?;
            if self.pass(b',').is_none() {
                return self.pass(b']');
            }
        }
    }

    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn strings(self, mut each: impl FnMut(&JsonString<'j>) -> Option<()>) -> Option<()> {
        let text = self.text;
        self.string_places(|start, end| each(&plain_string(text, start, end)?))
    }
}

/// The string whose inside this is, in a text that has no escapes.
#[inline]
fn plain_string<'j>(text: &Text<'j>, start: usize, end: usize) -> Option<JsonString<'j>> {
    Some(JsonString { raw: text.part(start, end)?, start, escaped: false, plain: true })
}

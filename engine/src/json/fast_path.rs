//! The fast path for objects as issuers usually write them: in ASCII, without escapes and without white space.
//!
//! Every object that it accepts, the grammar accepts too, with the same values. Anything else falls back to the grammar.

use super::document::{Document, Quotes};
use super::names::Names;
use super::reader::{JsonString, Place, ReadValue, Value};

impl<'j> Document<'j> {
    /// Calls `take` with the value of each wanted member and its index among the names. If it fails, because the object is
    /// of another form or has duplicates, discard what `take` has received.
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
                    next.any_value()?;
                }
            }
            if next.pass(b',').is_none() {
                return (self.bytes_from(next.at) == b"}").then_some(());
            }
        }
    }
}

/// The next value of a compact object, to be taken once.
///
/// String boundaries come from the quote positions, which are computed first, and are compared with what was expected
/// afterwards, so that the processor need not wait for one value to find the next.
pub(crate) struct Upcoming<'t, 'j> {
    text: &'t Document<'j>,
    at: usize,
    quotes: Quotes,
}

impl<'t, 'j> Upcoming<'t, 'j> {
    /// Skips this byte, if it comes next.
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

    /// Skips the next string, if there is one, and returns where its content begins and ends.
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

    /// Skips a name and the colon, and returns which wanted name it is, if any.
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn name<const N: usize, S: AsRef<str>>(&mut self, wanted: &Names<N, S>) -> Option<Option<usize>> {
        let (start, end) = self.quoted()?;
        if let Some(index) = self.text.look_up_name(start, wanted) {
            // Includes the colon.
            self.at = end.wrapping_add(2);
            return Some(Some(index));
        }
        self.pass(b':')?;
        Some(self.text.find_name(start, end, wanted))
    }

    /// Skips a value of any kind, with the grammar.
    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn any_value(&mut self) -> Option<Value<'t, 'j>> {
        let (value, after) = self.text.value_from(self.at, self.quotes)?;
        (self.at, self.quotes) = (value.place.end(), after);
        Some(value)
    }
}

impl<'j> Document<'j> {
    #[inline(never)]
    fn value_from(&self, start: usize, mut quotes: Quotes) -> Option<(Value<'_, 'j>, Quotes)> {
        let end = self.value_end(start, &mut quotes)?;
        Some((Value { text: self, place: Place::new(start, end)? }, quotes))
    }
}

impl<'j> ReadValue<'j> for &mut Upcoming<'_, 'j> {
    /// Issuers rarely write `null`, so it is left to the grammar.
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

    /// Claims that are only checked for presence are rare, so they are left to the grammar.
    fn skip(self) -> Option<()> {
        None
    }

    #[expect(clippy::inline_always, reason = "the same")]
    #[inline(always)]
    fn number(self) -> Option<f64> {
        let Some((number, end)) = self.text.whole_number(self.at) else { return self.any_value()?.number() };
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

/// The string with this content, in a text without escapes.
#[inline]
fn plain_string<'j>(text: &Document<'j>, start: usize, end: usize) -> Option<JsonString<'j>> {
    Some(JsonString { raw: text.part(start, end)?, start, escaped: false, plain: true })
}

//! A strict reader of JSON objects (RFC 8259) that takes the members that a rule needs and passes over the rest.
//!
//! It exists because a token's JSON is read on every request and by an enemy: it allocates only for strings
//! with escapes, never recurses, and tells a member that is there twice from one that is there once. A
//! general parser does not look at what it skips; this one holds the whole text to the grammar first, and
//! notes where the wanted members stand. A [`Value`] is therefore JSON, and reading it takes few checks.

mod compact;
mod name;
mod scan;
mod strings;
mod survey;

use std::borrow::Cow;

pub(crate) use name::Names;
pub(crate) use scan::Text;
use strings::unescape;

/// The wanted members of an object, by their position among the names.
pub(crate) struct Object<'t, 'j, const N: usize> {
    text: &'t Text<'j>,
    places: [Place; N],
}

/// Where a value stands, white space around it left out: its start and its end in one word, which is written and
/// read in one piece. Nothing is 0, for no value begins where the text does.
#[derive(Clone, Copy)]
struct Place(u64);

impl Place {
    const NOWHERE: Self = Self(0);

    #[inline]
    fn new(start: usize, end: usize) -> Option<Self> {
        let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
        Some(Self(u64::from(start) << 32 | u64::from(end)))
    }

    #[inline]
    fn is_nowhere(self) -> bool {
        self.0 == 0
    }

    #[inline]
    fn start(self) -> usize {
        usize::try_from(self.0 >> 32).unwrap_or(usize::MAX)
    }

    #[inline]
    fn end(self) -> usize {
        usize::try_from(self.0 & u64::from(u32::MAX)).unwrap_or(usize::MAX)
    }
}

impl<'t, 'j, const N: usize> Object<'t, 'j, N> {
    /// Reads a text that is UTF-8, one object and nothing else; `None` for every other, and where one of the wanted
    /// names is there twice.
    ///
    /// A name that is no text (a lone surrogate) equals none of them.
    pub(crate) fn read<S: AsRef<str>>(text: &'t Text<'j>, wanted: &Names<N, S>) -> Option<Self> {
        if !text.is_utf8() {
            return None;
        }
        let mut places = [Place::NOWHERE; N];
        let mut quotes = text.quotes_from(0);
        let mut at = text.past(text.past_white_space(0), b'{')?;
        if text.at(at) == Some(b'}') {
            at = text.past(at, b'}')?;
        } else {
            loop {
                let name_end = text.string_end(at, &mut quotes)?;
                let index = text.find_name(at.wrapping_add(1), name_end, wanted);
                let start = text.past(text.past_white_space(name_end.wrapping_add(1)), b':')?;
                let end = text.value_end(start, &mut quotes)?;
                if let Some(place) = index.and_then(|index| places.get_mut(index)) {
                    if !place.is_nowhere() {
                        return None;
                    }
                    *place = Place::new(start, end)?;
                }
                at = text.past_white_space(end);
                if text.at(at) == Some(b'}') {
                    at = text.past(at, b'}')?;
                    break;
                }
                at = text.past(at, b',')?;
            }
        }
        text.is_end(at).then_some(Self { text, places })
    }

    /// The value of the wanted member at this position, if it is there.
    #[inline]
    pub(crate) fn value(&self, index: usize) -> Option<Value<'t, 'j>> {
        let place = self.places.get(index).copied().filter(|place| !place.is_nowhere())?;
        Some(Value { text: self.text, place })
    }
}

/// A value, known to be JSON.
#[derive(Clone, Copy)]
pub(crate) struct Value<'o, 'j> {
    text: &'o Text<'j>,
    place: Place,
}

impl<'j> Value<'_, 'j> {
    #[inline]
    pub(crate) fn is_null(self) -> bool {
        self.begins_with(b'n')
    }

    /// A number as an IEEE double; one that is too large for it is infinite.
    #[inline]
    pub(crate) fn number(self) -> Option<f64> {
        let number = self.text.part(self.place.start(), self.place.end())?;
        if let Some(number) = whole_number(number) {
            return Some(number);
        }
        if !matches!(number.first()?, b'-' | b'0'..=b'9') {
            return None;
        }
        parse(number)
    }

    /// A string.
    #[inline]
    pub(crate) fn string(self) -> Option<JsonString<'j>> {
        let (start, end) = self.string_place()?;
        self.text.string(start, end)
    }

    /// Where the inside of a string begins and ends.
    #[inline]
    pub(crate) fn string_place(self) -> Option<(usize, usize)> {
        let inside = || (self.place.start().wrapping_add(1), self.place.end().wrapping_sub(1));
        self.begins_with(b'"').then(inside)
    }

    #[inline]
    pub(crate) fn is_array(self) -> bool {
        self.begins_with(b'[')
    }

    /// Shows `each` the strings of an array; `None` where it is none, or holds anything else.
    #[inline]
    pub(crate) fn strings(self, mut each: impl FnMut(&JsonString<'j>) -> Option<()>) -> Option<()> {
        self.string_places(|start, end| each(&self.text.string(start, end)?))
    }

    /// Shows `each` where the inside of each string of an array begins and ends; `None` likewise.
    #[inline]
    pub(crate) fn string_places(self, each: impl FnMut(usize, usize) -> Option<()>) -> Option<()> {
        let start = self.place.start();
        let quotes = self.text.quotes_from(start);
        let all = if self.text.is_compact() {
            self.text.compact_strings(start, quotes, each)
        } else {
            self.text.strings_end(start, quotes, each)
        };
        match all {
            Some(_) => Some(()),
            None => self.is_empty_array().then_some(()),
        }
    }

    fn is_empty_array(self) -> bool {
        let inside = self.text.past(self.place.start(), b'[');
        inside.is_some_and(|at| self.text.at(at) == Some(b']'))
    }

    #[inline]
    fn begins_with(self, byte: u8) -> bool {
        self.text.at(self.place.start()) == Some(byte)
    }
}

#[inline(never)]
fn parse(number: &[u8]) -> Option<f64> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// A whole number of few digits, as dates are, read in one go.
fn whole_number(digits: &[u8]) -> Option<f64> {
    if digits.len() > 15 {
        return None;
    }
    let (eights, rest) = digits.as_chunks();
    let mut value: u64 = 0;
    for eight in eights {
        value = eight_digits(*eight)?;
    }
    for byte in rest {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.wrapping_mul(10).wrapping_add(digit.into());
    }
    #[expect(
        clippy::as_conversions,
        clippy::cast_precision_loss,
        reason = "fifteen digits are below 2^53, so exact"
    )]
    Some(value as f64)
}

/// Eight digits at once: neighbours are joined, the first times ten, then pairs, times a hundred, then fours, times ten
/// thousand.
fn eight_digits(digits: [u8; 8]) -> Option<u64> {
    let word = u64::from_le_bytes(digits);
    let high_halves = |word: u64| word & 0xf0f0_f0f0_f0f0_f0f0;
    let all_digits = high_halves(word) == 0x3030_3030_3030_3030
        && high_halves(word.wrapping_add(0x0606_0606_0606_0606)) == 0x3030_3030_3030_3030;
    let pairs = (word & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(0x0a01) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(0x0064_0001) >> 16;
    let eight = (fours & 0x0000_ffff_0000_ffff).wrapping_mul(0x2710_0000_0001) >> 32;
    all_digits.then_some(eight)
}

impl<'j> Text<'j> {
    /// The string whose inside this is.
    #[inline]
    fn string(&self, start: usize, end: usize) -> Option<JsonString<'j>> {
        let (raw, plain) = (self.part(start, end)?, self.is_plain());
        Some(JsonString { raw, start, escaped: !plain && raw.contains(&b'\\'), plain })
    }
}

/// A string, as it is written.
pub(crate) struct JsonString<'j> {
    raw: &'j [u8],
    /// Where its inside begins in the whole text.
    start: usize,
    escaped: bool,
    plain: bool,
}

impl<'j> JsonString<'j> {
    /// What it stands for, borrowed where it holds no escape. A lone surrogate is no text.
    pub(crate) fn text(&self) -> Option<Cow<'j, str>> {
        let raw = std::str::from_utf8(self.raw).ok()?;
        if self.escaped { unescape(raw).map(Cow::Owned) } else { Some(Cow::Borrowed(raw)) }
    }

    /// The same in UTF-8.
    #[inline]
    pub(crate) fn bytes(&self) -> Option<Cow<'j, [u8]>> {
        if self.escaped { self.unescaped() } else { Some(Cow::Borrowed(self.raw)) }
    }

    #[inline(never)]
    fn unescaped(&self) -> Option<Cow<'j, [u8]>> {
        Some(Cow::Owned(self.text()?.into_owned().into_bytes()))
    }

    /// The same in UTF-8, without control characters (Unicode Cc).
    #[inline]
    pub(crate) fn printable(&self) -> Option<Cow<'j, [u8]>> {
        if !self.plain && self.text()?.contains(char::is_control) {
            return None;
        }
        self.bytes()
    }

    /// Where its inside begins in the whole text.
    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.start
    }
}

#[cfg(test)]
mod tests;

//! A strict reader of JSON objects (RFC 8259) that takes the members that a rule needs and skips the rest.
//!
//! A token's JSON is parsed on every request, and an attacker can write it. This reader allocates only for strings with
//! escapes, never recurses, and detects duplicate members. A general parser does not validate what it skips; this one
//! first validates the whole text and records where the wanted members are. A [`Value`] is therefore valid JSON, and
//! reading it needs few checks.

use std::borrow::Cow;
use std::fmt;

use super::document::Document;
use super::names::Names;
use super::strings::unescape;

/// The wanted members of an object, by their index among the names.
pub(crate) struct Object<'t, 'j, const N: usize> {
    text: &'t Document<'j>,
    places: [Place; N],
}

/// The start and end of a value without surrounding white space, in one word, which avoids a store-forwarding stall.
/// Zero means absent, because no value begins at the start of the text.
#[derive(Clone, Copy)]
pub(super) struct Place(u64);

impl Place {
    const NOWHERE: Self = Self(0);

    #[inline]
    pub(super) fn new(start: usize, end: usize) -> Option<Self> {
        let (start, end) = (u32::try_from(start).ok()?, u32::try_from(end).ok()?);
        Some(Self(u64::from(start) << 32 | u64::from(end)))
    }

    #[inline]
    fn is_nowhere(self) -> bool {
        self.0 == 0
    }

    #[inline]
    pub(super) fn start(self) -> usize {
        usize::try_from(self.0 >> 32).unwrap_or(usize::MAX)
    }

    #[inline]
    pub(super) fn end(self) -> usize {
        usize::try_from(self.0 & u64::from(u32::MAX)).unwrap_or(usize::MAX)
    }
}

impl<'t, 'j, const N: usize> Object<'t, 'j, N> {
    /// Reads a text that is UTF-8 and exactly one object; `None` for any other text, and if a wanted member is duplicate.
    ///
    /// A name with an unpaired surrogate equals no wanted name.
    pub(crate) fn read<S: AsRef<str>>(text: &'t Document<'j>, wanted: &Names<N, S>) -> Option<Self> {
        let mut places = [Place::NOWHERE; N];
        text.whole_object(|start, end, value| {
            if let Some(index) = text.find_name(start, end, wanted)
                && let Some(place) = places.get_mut(index)
            {
                if !place.is_nowhere() {
                    return None;
                }
                *place = value.place;
            }
            Some(())
        })?;
        Some(Self { text, places })
    }

    /// The value of the wanted member with this index, if present.
    #[inline]
    pub(crate) fn value(&self, index: usize) -> Option<Value<'t, 'j>> {
        let place = self.places.get(index).copied().filter(|place| !place.is_nowhere())?;
        Some(Value { text: self.text, place })
    }
}

impl<'j> Document<'j> {
    /// Calls `each` with every member of a text that is UTF-8 and exactly one object: the bounds of the name's content, and
    /// the value. `None` for any other text; `each` may have been called by then.
    #[inline]
    fn whole_object<'t>(&'t self, each: impl FnMut(usize, usize, Value<'t, 'j>) -> Option<()>) -> Option<()> {
        if !self.is_utf8() {
            return None;
        }
        let end = self.object_members(self.past_white_space(0), each)?;
        self.is_end(self.past_white_space(end)).then_some(())
    }

    /// Calls `each` with every member of the object that begins here, and returns where the object ends.
    #[inline]
    fn object_members<'t>(
        &'t self,
        at: usize,
        mut each: impl FnMut(usize, usize, Value<'t, 'j>) -> Option<()>,
    ) -> Option<usize> {
        let mut quotes = self.quotes_from(at);
        let mut at = self.past(at, b'{')?;
        if self.at(at) == Some(b'}') {
            return Some(at.wrapping_add(1));
        }
        loop {
            let name_end = self.string_end(at, &mut quotes)?;
            let start = self.past(self.past_white_space(name_end.wrapping_add(1)), b':')?;
            let end = self.value_end(start, &mut quotes)?;
            each(at.wrapping_add(1), name_end, Value { text: self, place: Place::new(start, end)? })?;
            at = self.past_white_space(end);
            if self.at(at) == Some(b'}') {
                return Some(at.wrapping_add(1));
            }
            at = self.past(at, b',')?;
        }
    }

    /// Calls `each` with every name and value of a text that is UTF-8 and exactly one object; `None` for any other text. A
    /// name with an unpaired surrogate is skipped.
    pub(crate) fn members<'t>(&'t self, mut each: impl FnMut(&[u8], Value<'t, 'j>)) -> Option<()> {
        self.whole_object(|start, end, value| {
            if let Some(name) = self.string(start, end).and_then(|name| name.bytes()) {
                each(&name, value);
            }
            Some(())
        })
    }
}

/// The kinds of JSON values (RFC 8259 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonType {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// A value, to be read once, as the expected type: `None` if it has another type.
pub(crate) trait ReadValue<'j>: Sized {
    /// Whether it is `null`.
    fn is_null(&self) -> bool;

    /// Whether it is an array.
    fn is_array(&self) -> bool;

    /// Skips a value of any kind.
    fn skip(self) -> Option<()>;

    /// A number as an IEEE double; infinite if it is too large for one.
    fn number(self) -> Option<f64>;

    /// A string.
    fn string(self) -> Option<JsonString<'j>>;

    /// The bounds of a string's content.
    fn string_place(self) -> Option<(usize, usize)>;

    /// Calls `each` with the strings of an array that holds only strings.
    fn strings(self, each: impl FnMut(&JsonString<'j>) -> Option<()>) -> Option<()>;

    /// Calls `each` with the bounds of each string's content in such an array.
    fn string_places(self, each: impl FnMut(usize, usize) -> Option<()>) -> Option<()>;
}

/// A value that is known to be valid JSON.
#[derive(Clone, Copy)]
pub(crate) struct Value<'o, 'j> {
    pub(super) text: &'o Document<'j>,
    pub(super) place: Place,
}

impl<'j> ReadValue<'j> for Value<'_, 'j> {
    fn is_null(&self) -> bool {
        self.begins_with(b'n')
    }

    fn is_array(&self) -> bool {
        self.begins_with(b'[')
    }

    fn skip(self) -> Option<()> {
        Some(())
    }

    fn number(self) -> Option<f64> {
        let (start, end) = (self.place.start(), self.place.end());
        match self.text.whole_number(start) {
            Some((number, its_end)) if its_end == end => Some(number),
            _ => parse(self.text.part(start, end)?),
        }
    }

    fn string(self) -> Option<JsonString<'j>> {
        let (start, end) = self.string_place()?;
        self.text.string(start, end)
    }

    fn string_place(self) -> Option<(usize, usize)> {
        let inside = || (self.place.start().wrapping_add(1), self.place.end().wrapping_sub(1));
        self.begins_with(b'"').then(inside)
    }

    fn strings(self, mut each: impl FnMut(&JsonString<'j>) -> Option<()>) -> Option<()> {
        self.string_places(|start, end| each(&self.text.string(start, end)?))
    }

    fn string_places(self, each: impl FnMut(usize, usize) -> Option<()>) -> Option<()> {
        let start = self.place.start();
        let all = self.text.strings_end(start, self.text.quotes_from(start), each);
        if all.is_some() || self.is_empty_array() { Some(()) } else { None }
    }
}

impl<'o, 'j> Value<'o, 'j> {
    /// The kind of the value.
    pub(crate) fn json_type(self) -> JsonType {
        match self.text.at(self.place.start()) {
            Some(b'n') => JsonType::Null,
            Some(b't' | b'f') => JsonType::Boolean,
            Some(b'"') => JsonType::String,
            Some(b'[') => JsonType::Array,
            Some(b'{') => JsonType::Object,
            _ => JsonType::Number,
        }
    }

    /// A boolean.
    pub(crate) fn boolean(self) -> Option<bool> {
        match self.text.at(self.place.start()) {
            Some(b't') => Some(true),
            Some(b'f') => Some(false),
            _ => None,
        }
    }

    /// Calls `each` with the elements of an array, until it returns `None`.
    pub(crate) fn elements(self, mut each: impl FnMut(Self) -> Option<()>) -> Option<()> {
        if self.is_empty_array() {
            return Some(());
        }
        let text = self.text;
        let mut quotes = text.quotes_from(self.place.start());
        let mut at = text.past(self.place.start(), b'[')?;
        loop {
            let end = text.value_end(at, &mut quotes)?;
            each(Self { text, place: Place::new(at, end)? })?;
            at = text.past_white_space(end);
            if text.at(at) == Some(b']') {
                return Some(());
            }
            at = text.past(at, b',')?;
        }
    }

    /// Calls `each` with the names and values of an object; `None` for any other value. A name with an unpaired surrogate is
    /// skipped.
    pub(crate) fn members(self, mut each: impl FnMut(&[u8], Self)) -> Option<()> {
        let text: &'o Document<'j> = self.text;
        text.object_members(self.place.start(), |start, end, value| {
            if let Some(name) = text.string(start, end).and_then(|name| name.bytes()) {
                each(&name, value);
            }
            Some(())
        })
        .map(|_| ())
    }

    fn is_empty_array(self) -> bool {
        let inside = self.text.past(self.place.start(), b'[');
        inside.is_some_and(|at| self.text.at(at) == Some(b']'))
    }

    fn begins_with(self, byte: u8) -> bool {
        self.text.at(self.place.start()) == Some(byte)
    }
}

/// Any number.
#[inline(never)]
fn parse(number: &[u8]) -> Option<f64> {
    let is_number = matches!(number.first()?, b'-' | b'0'..=b'9');
    if is_number { std::str::from_utf8(number).ok()?.parse().ok() } else { None }
}

impl<'j> Document<'j> {
    /// The string with this content.
    #[inline]
    fn string(&self, start: usize, end: usize) -> Option<JsonString<'j>> {
        let (raw, plain) = (self.part(start, end)?, self.is_plain());
        Some(JsonString { raw, start, escaped: !plain && raw.contains(&b'\\'), plain })
    }
}

/// A string, still escaped.
pub(crate) struct JsonString<'j> {
    pub(super) raw: &'j [u8],
    /// Where its content begins in the whole text.
    pub(super) start: usize,
    pub(super) escaped: bool,
    pub(super) plain: bool,
}

impl<'j> JsonString<'j> {
    /// The unescaped text, borrowed if there is no escape; `None` if there is an unpaired surrogate.
    pub(crate) fn text(&self) -> Option<Cow<'j, str>> {
        let raw = std::str::from_utf8(self.raw).ok()?;
        if self.escaped { unescape(raw).map(Cow::Owned) } else { Some(Cow::Borrowed(raw)) }
    }

    /// The unescaped text as UTF-8 bytes.
    #[inline]
    pub(crate) fn bytes(&self) -> Option<Cow<'j, [u8]>> {
        if self.escaped { self.unescaped() } else { Some(Cow::Borrowed(self.raw)) }
    }

    #[inline(never)]
    fn unescaped(&self) -> Option<Cow<'j, [u8]>> {
        Some(Cow::Owned(self.text()?.into_owned().into_bytes()))
    }

    /// The unescaped text as UTF-8 bytes; `None` if it has a control character (Unicode Cc).
    #[inline]
    pub(crate) fn printable(&self) -> Option<Cow<'j, [u8]>> {
        if !self.plain && self.text()?.contains(char::is_control) {
            return None;
        }
        self.bytes()
    }

    /// Where its content begins in the whole text.
    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.start
    }
}

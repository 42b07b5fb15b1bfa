//! A strict reader of JSON objects (RFC 8259) that takes the members that a rule needs and passes over the rest.
//!
//! It exists because a token's JSON is read on every request and by an enemy: it allocates only for strings
//! with escapes, never recurses, and tells a member that is there twice from one that is there once. A
//! general parser does not look at what it skips; this one holds the whole text to the grammar first, and
//! notes where the wanted members stand. A [`Value`] is therefore JSON, and reading it takes few checks.

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
    /// Reads a text that is one object and nothing else; `None` for every other, and where one of the wanted
    /// names is there twice.
    ///
    /// A name that is no text (a lone surrogate) equals none of them.
    pub(crate) fn read<S: AsRef<str>>(text: &'t Text<'j>, wanted: &Names<N, S>) -> Option<Self> {
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
        if !self.begins_with(b'"') {
            return None;
        }
        let start = self.place.start().wrapping_add(1);
        self.text.string(start, self.place.end().wrapping_sub(1))
    }

    #[inline]
    pub(crate) fn is_array(self) -> bool {
        self.begins_with(b'[')
    }

    /// Shows `each` the strings of an array; `None` where it is none, or holds anything else.
    #[inline]
    pub(crate) fn strings(self, mut each: impl FnMut(&JsonString<'j>) -> Option<()>) -> Option<()> {
        let start = self.place.start();
        let quotes = self.text.quotes_from(start);
        let all = self.text.strings_end(start, quotes, |start, end| each(&self.text.string(start, end)?));
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

    /// How many bytes it is written in.
    #[inline]
    pub(crate) fn raw_length(&self) -> usize {
        self.raw.len()
    }

    /// Where its inside begins in the whole text.
    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Names<2, &str> = Names::known(["wanted", "other"]);

    fn reads(text: &[u8]) -> bool {
        Text::new(text).is_some_and(|text| Object::read(&text, &WANTED).is_some())
    }

    fn is_object(text: &str) -> bool {
        reads(text.as_bytes())
    }

    fn of_value<T>(json: &str, look: impl FnOnce(Value<'_, '_>) -> T) -> T {
        let text = format!("{{ \"first\":0,\"wanted\" :\n{json}\t, \"last\":[]}} ");
        let text = Text::new(text.as_bytes()).unwrap();
        look(Object::read(&text, &WANTED).unwrap().value(0).unwrap())
    }

    fn is_value(json: &str) -> bool {
        is_object(&format!("{{\"x\":{json}}}"))
    }

    #[test]
    fn takes_objects_and_nothing_else() {
        for object in ["{}", " { } ", r#"{"a":1}"#, " {\"a\" : 1 , \"b\":\t{}\r\n} "] {
            assert!(is_object(object), "{object}");
        }
        for other in [
            "",
            " ",
            "{",
            "}",
            "[]",
            "null",
            "0",
            "\"{}\"",
            "{}{}",
            "{} 1",
            "{},",
            "\u{feff}{}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{,\"a\":1}",
            "{\"a\":1 \"b\":2}",
            "{\"a\",1}",
            "{a:1}",
            "{1:1}",
            "{\"a\":1]",
            "{\"a\":1",
            "{\"a\":1,",
            "{\"a\":1;\"b\":1}",
        ] {
            assert!(!is_object(other), "{other}");
        }
        assert!(!reads(b"{\"a\":\"\xff\"}"));
    }

    #[test]
    fn passes_over_what_is_json_and_nothing_else() {
        for json in [
            "{}",
            "[]",
            " [ ] ",
            "[[],{},[{}]]",
            r#"{"a":[1,-0,0.5,1e400,-1E-5],"b":{"c":null,"d":true,"e":false}}"#,
            r#""\ud800""#,
            r#"{"\udfff":0}"#,
            "0",
            "\"\u{7f}\u{85}é\"",
        ] {
            assert!(is_value(json), "{json}");
        }
        for other in [
            "",
            "{",
            "}",
            "[1,]",
            "[,1]",
            "[1;2]",
            "[1}",
            "[1 2]",
            "01",
            "-01",
            "-",
            "1.",
            ".5",
            "1e",
            "1e+",
            "+1",
            "NaN",
            "tru",
            "truE",
            "nul",
            "True",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\u{1}\"",
            "\"",
            "1 1",
            "{\"a\"}",
            "{\"a\":1,}",
            "{\"a\":1]",
            "{\"a\";1}",
        ] {
            assert!(!is_value(other), "{other}");
        }
    }

    #[test]
    fn a_number_ends_where_its_digits_do_wherever_it_stands() {
        for length in 1..40 {
            let digits = "1".repeat(length);
            for name in ["", "a name", "a name of more than sixteen bytes"] {
                let with = |behind: &str| is_object(&format!("{{\"{name}\":{digits}{behind}"));
                assert!(with("}") && with(" }") && with(",\"a\":0}") && with(".5e2}"), "{name}, {length}");
                assert!(!with("") && !with("x}") && !with(".}") && !with("e}"), "{name}, {length}");
                assert!(!with(":0}") && !with("/}"), "{name}, {length}");
            }
        }
    }

    #[test]
    fn passes_over_64_levels_and_refuses_a_flood() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_value(&nested(64)));
        assert!(is_value(&nested(128)));
        assert!(!is_value(&nested(129)));
        assert!(!is_object(&"{\"a\":".repeat(100_000)));
        let objects = |levels: usize| format!("{}0{}", "{\"a\":".repeat(levels), "}".repeat(levels));
        assert!(is_value(&objects(128)));
        assert!(!is_value(&objects(129)));
    }

    #[test]
    fn a_wanted_member_is_there_once_or_not_at_all() {
        let text = Text::new(br#"{"a":1,"a":2,"other":true}"#).unwrap();
        let object = Object::read(&text, &WANTED).unwrap();
        assert!(object.value(0).is_none() && object.value(1).is_some() && object.value(2).is_none());
        assert!(!is_object(r#"{"wanted":1,"wanted":1}"#));
        assert!(!is_object(r#"{"wanted":1,"w\u0061nted":1}"#));
        assert!(is_object(r#"{"\ud800":1,"\ud800":1}"#));
    }

    #[test]
    fn a_value_is_of_one_type() {
        for (json, is) in [
            ("null", (true, false, false, false)),
            ("-1.5", (false, true, false, false)),
            ("\"1\"", (false, false, true, false)),
            ("[1]", (false, false, false, true)),
            ("{}", (false, false, false, false)),
            ("true", (false, false, false, false)),
        ] {
            let types = of_value(json, |value| {
                let is_number = value.number().is_some();
                (value.is_null(), is_number, value.string().is_some(), value.is_array())
            });
            assert_eq!(types, is, "{json}");
        }
    }

    #[test]
    fn a_string_is_what_its_escapes_stand_for() {
        let string = |json: &str| of_value(json, |value| Some(value.string()?.text()?.into_owned()));
        assert_eq!(
            string(r#""plain and long enough for words""#).unwrap(),
            "plain and long enough for words"
        );
        assert_eq!(string(r#""\"\\\/\b\f\n\r\t\u00e9""#).unwrap(), "\"\\/\u{8}\u{c}\n\r\t\u{e9}");
        assert_eq!(string(r#""\ud83d\ude00!""#).unwrap(), "\u{1f600}!");
        assert_eq!(string("\"\"").unwrap(), "");
        for no_text in [r#""\ud83d""#, r#""\ud83dx""#, r#""\ud83d\u0041""#, r#""\ude00""#] {
            assert_eq!(string(no_text), None, "{no_text}");
        }
    }

    #[test]
    fn a_string_is_printable_without_control_characters() {
        let printable = |json: &str| of_value(json, |value| value.string().unwrap().printable().is_some());
        for json in ["\"a b~\"", "\"é\"", r#""\u00e9\"""#] {
            assert!(printable(json), "{json}");
        }
        for json in ["\"\u{7f}\"", "\"\u{85}\"", r#""\u0000""#, r#""a\n""#, r#""\ud800""#] {
            assert!(!printable(json), "{json}");
        }
    }

    #[test]
    fn strings_of_an_array_come_in_order() {
        let strings = |json: &str| {
            of_value(json, |value| {
                let mut all = Vec::new();
                value.strings(|string| {
                    all.push(string.text()?.into_owned());
                    Some(())
                })?;
                Some(all)
            })
        };
        let none: [&str; 0] = [];
        for behind in ["", "é", " and so much text that it is looked at in blocks of sixty-four bytes"] {
            assert_eq!(strings("[]").unwrap(), none);
            assert_eq!(strings("[ ]").unwrap(), none);
            assert_eq!(strings(&format!(r#"["a{behind}"]"#)).unwrap(), [format!("a{behind}")]);
            let several = format!("[ \"a{behind}\" ,\"b,c\",\t\"\" ]");
            assert_eq!(strings(&several).unwrap(), [&*format!("a{behind}"), "b,c", ""]);
            for other in ["[1]", "[\"a\",1]", "[1,\"a\"]", "[null]", "[[\"a\"]]", "{}", "0", "null"] {
                assert_eq!(strings(other), None, "{other}");
            }
            assert_eq!(strings(&format!(r#"["a{behind}",["b"]]"#)), None);
            assert_eq!(strings(&format!(r#""a{behind}""#)), None);
        }
    }

    /// The quick way is quick only where it is taken.
    #[test]
    fn whole_numbers_of_up_to_fifteen_digits_are_read_in_one_go() {
        let digits = "9876543210123456";
        for length in 0..=15 {
            let number = &digits[..length];
            assert_eq!(whole_number(number.as_bytes()), Some(number.parse().unwrap_or(0.0)), "{number}");
        }
        assert_eq!(whole_number(digits.as_bytes()), None);
        for at in 0..15 {
            for other in ["/", ":", "-", "e", "\u{0}", "\u{7f}"] {
                let mut text = digits[..15].to_owned();
                text.replace_range(at..=at, other);
                assert_eq!(whole_number(text.as_bytes()), None, "{text:?}");
            }
        }
    }

    #[test]
    fn a_text_without_escapes_and_beyond_ascii_is_plain() {
        assert!(Text::new(br#"{"a": "b"}"#).unwrap().is_plain());
        for other in ["{\"a\":\"\\n\"}", "{\"a\":\"é\"}", "{\"a\":\t0}"] {
            assert!(!Text::new(other.as_bytes()).unwrap().is_plain(), "{other}");
        }
        let text = Text::new(b"{}").unwrap();
        assert_eq!(
            (text.bytes_from(0), text.bytes_from(1), text.bytes_from(3)),
            (&b"{}"[..], &b"}"[..], &b""[..])
        );
    }

    #[test]
    fn numbers_are_read_as_doubles() {
        let number = |json: &str| of_value(json, |value| value.number());
        assert_eq!(number("1700000000"), Some(1_700_000_000.0));
        assert_eq!(number("999999999999999"), Some(999_999_999_999_999.0));
        assert_eq!(number("9007199254740993"), Some(9_007_199_254_740_992.0));
        assert_eq!(number("253402300799.0000001"), Some(253_402_300_799.0));
        assert_eq!(number("12345678"), Some(12_345_678.0));
        assert_eq!(number("1234567890"), Some(1_234_567_890.0));
        assert_eq!(number("123456.8"), Some(123_456.8));
        assert_eq!(number("1e3"), Some(1000.0));
        assert_eq!(number("1e400"), Some(f64::INFINITY));
        assert_eq!(number("-0").map(|zero| zero.is_sign_negative()), Some(true));
    }
}

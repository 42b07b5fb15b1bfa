//! A strict reader of JSON (RFC 8259) that takes the members that a rule needs and passes over the rest.
//!
//! It exists because a token's JSON is read on every request and by an enemy: it allocates only for strings
//! with escapes, never recurses, and tells a member that is there twice from one that is there once. A
//! general parser does not look at what it skips; this one holds the whole text to the grammar.

mod strings;

use std::borrow::Cow;

use strings::{is_plain, length_to_quote, scan_string, unescape};

/// The deepest nesting that is passed over. The contract asks for 64 levels; a word holds twice as many.
const MAX_DEPTH: u32 = 128;

/// A place in a text. Every method gives `None` where the text is no JSON, or not of the type asked for.
pub(crate) struct Reader<'j> {
    /// All of it, known to be UTF-8.
    text: &'j str,
    /// What is still to be read of it.
    rest: &'j [u8],
    /// The text is nothing but `U+0020` to `U+007E` without a backslash, as issuers usually write it, so that
    /// its strings end at the next quote and are what they stand for.
    plain: bool,
}

impl<'j> Reader<'j> {
    /// A reader of `text`, which has to be UTF-8 throughout.
    pub(crate) fn new(text: &'j [u8]) -> Option<Self> {
        let mut reader = Self { text: std::str::from_utf8(text).ok()?, rest: text, plain: is_plain(text) };
        reader.skip_white_space();
        Some(reader)
    }

    /// Reads an object: `member` is given each name, unescaped, and has to read, or skip, its value.
    ///
    /// A name that is no text (a lone surrogate) is given as empty, and so equals none that a rule reads.
    pub(crate) fn object(&mut self, mut member: impl FnMut(&[u8], &mut Self) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            let name = self.string_token()?;
            self.take(b':')?;
            if name.escaped {
                member(unescape(name.raw).unwrap_or_default().as_bytes(), self)?;
            } else {
                member(name.raw.as_bytes(), self)?;
            }
            match self.next_byte()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Reads an array: `element` has to read, or skip, each element.
    pub(crate) fn array(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            element(self)?;
            match self.next_byte()? {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
    }

    /// Whether an array comes next.
    pub(crate) fn at_array(&self) -> bool {
        self.peek() == Some(b'[')
    }

    /// Reads a string, borrowed where it holds no escape. A lone surrogate is no text.
    pub(crate) fn string(&mut self) -> Option<Cow<'j, str>> {
        self.string_token()?.text()
    }

    /// Reads a string without control characters (Unicode Cc).
    pub(crate) fn printable_string(&mut self) -> Option<Cow<'j, str>> {
        let text = self.string()?;
        (self.plain || !text.chars().any(char::is_control)).then_some(text)
    }

    /// Reads a number as an IEEE double; one that is too large for it is infinite.
    pub(crate) fn number(&mut self) -> Option<f64> {
        match self.whole_number() {
            Some(number) => Some(number),
            None => self.number_token()?.parse().ok(),
        }
    }

    /// Reads `null` if it comes next.
    pub(crate) fn null(&mut self) -> Option<()> {
        if self.peek()? == b'n' { self.literal(b"null") } else { None }
    }

    /// Passes over one value, however odd, as long as it is JSON and not too deep.
    pub(crate) fn skip(&mut self) -> Option<()> {
        // One bit for each open level: 1 for an object, 0 for an array.
        let mut open: u128 = 0;
        let mut depth: u32 = 0;
        loop {
            let opened = match self.peek()? {
                b'{' => Some(1),
                b'[' => Some(0),
                _ => {
                    self.scalar()?;
                    None
                }
            };
            if let Some(kind) = opened {
                self.next_byte()?;
                if depth == MAX_DEPTH {
                    return None;
                }
                open = open.wrapping_shl(1) | kind;
                depth = depth.saturating_add(1);
                let closing = if kind == 1 { b'}' } else { b']' };
                if self.peek()? != closing {
                    if kind == 1 {
                        self.member_name()?;
                    }
                    continue;
                }
            }
            // A value has ended, or an empty level is about to: close levels until another value follows.
            loop {
                if depth == 0 {
                    return Some(());
                }
                let in_object = open & 1 == 1;
                match (self.next_byte()?, in_object) {
                    (b',', true) => {
                        self.member_name()?;
                        break;
                    }
                    (b',', false) => break,
                    (b'}', true) | (b']', false) => {
                        open = open.wrapping_shr(1);
                        depth = depth.saturating_sub(1);
                    }
                    _ => return None,
                }
            }
        }
    }

    /// Whether nothing is left.
    pub(crate) fn end(self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }

    fn scalar(&mut self) -> Option<()> {
        match self.peek()? {
            b'"' => self.string_token().map(|_| ()),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number_token().map(|_| ()),
        }
    }

    fn member_name(&mut self) -> Option<()> {
        self.string_token()?;
        self.take(b':')
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn skip_white_space(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    /// Takes so many bytes, and the white space after them.
    fn advance(&mut self, length: usize) -> Option<&'j str> {
        let taken = self.next_text(0, length)?;
        self.rest = self.rest.get(length..)?;
        self.skip_white_space();
        Some(taken)
    }

    /// So many bytes of what is still to be read, after those passed over, as text.
    fn next_text(&self, passed_over: usize, length: usize) -> Option<&'j str> {
        let start = self.text.len().checked_sub(self.rest.len())?.checked_add(passed_over)?;
        self.text.get(start..start.checked_add(length)?)
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.skip_white_space();
        Some(*byte)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.next_byte().map(|_| ())
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        self.skip_white_space();
        Some(())
    }

    /// Reads a whole number of few digits, as dates are, in one go; leaves every other one alone.
    fn whole_number(&mut self) -> Option<f64> {
        let mut value: u64 = 0;
        let mut length: usize = 0;
        for byte in self.rest {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            value = value.wrapping_mul(10).wrapping_add(digit.into());
            length = length.saturating_add(1);
        }
        let whole = matches!(length, 1..=15) && !matches!(self.rest.get(length), Some(b'.' | b'e' | b'E'));
        if !whole || (length > 1 && self.peek() == Some(b'0')) {
            return None;
        }
        self.advance(length)?;
        #[expect(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            reason = "fifteen digits are below 2^53, so exact"
        )]
        Some(value as f64)
    }

    fn number_token(&mut self) -> Option<&'j str> {
        let digits = |from: usize| -> usize {
            let digits = self.rest.get(from..).unwrap_or_default().iter();
            digits.take_while(|byte| byte.is_ascii_digit()).count()
        };
        let start = usize::from(self.peek()? == b'-');
        let integer = digits(start);
        if integer == 0 || (integer > 1 && self.rest.get(start) == Some(&b'0')) {
            return None;
        }
        let mut end = start.saturating_add(integer);
        if self.rest.get(end) == Some(&b'.') {
            let fraction = digits(end.saturating_add(1));
            if fraction == 0 {
                return None;
            }
            end = end.saturating_add(1).saturating_add(fraction);
        }
        if matches!(self.rest.get(end), Some(b'e' | b'E')) {
            end = end.saturating_add(1);
            if matches!(self.rest.get(end), Some(b'+' | b'-')) {
                end = end.saturating_add(1);
            }
            let exponent = digits(end);
            if exponent == 0 {
                return None;
            }
            end = end.saturating_add(exponent);
        }
        self.advance(end)
    }

    #[inline]
    fn string_token(&mut self) -> Option<StringToken<'j>> {
        let (b'"', inner) = self.rest.split_first()? else { return None };
        let (length, escaped) =
            if self.plain { (length_to_quote(inner)?, false) } else { scan_string(inner)? };
        let raw = self.next_text(1, length)?;
        self.rest = inner.get(length.saturating_add(1)..)?;
        self.skip_white_space();
        Some(StringToken { raw, escaped })
    }
}

/// The inside of a string, as it is written.
struct StringToken<'j> {
    raw: &'j str,
    escaped: bool,
}

impl<'j> StringToken<'j> {
    fn text(&self) -> Option<Cow<'j, str>> {
        if self.escaped { unescape(self.raw).map(Cow::Owned) } else { Some(Cow::Borrowed(self.raw)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips(text: &str) -> bool {
        Reader::new(text.as_bytes())
            .is_some_and(|mut reader| reader.skip().is_some() && reader.end().is_some())
    }

    #[test]
    fn skips_what_is_json_and_nothing_else() {
        for json in [
            "{}",
            "[]",
            " [ ] ",
            "[[],{},[{}]]",
            r#"{"a":[1,-0,0.5,1e400,-1E-5],"b":{"c":null,"d":true,"e":false}}"#,
            r#""\ud800""#,
            r#"{"\udfff":0}"#,
            "0",
        ] {
            assert!(skips(json), "{json}");
        }
        for other in [
            "",
            "{",
            "}",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "[1}",
            "{\"a\":1]",
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "NaN",
            "tru",
            "[1 2]",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\u{1}\"",
            "\"",
            "1 1",
            "\u{feff}1",
        ] {
            assert!(!skips(other), "{other}");
        }
    }

    #[test]
    fn skips_64_levels_and_refuses_a_flood() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(skips(&nested(64)));
        assert!(skips(&nested(128)));
        assert!(!skips(&nested(129)));
        assert!(!skips(&"[".repeat(100_000)));
    }

    #[test]
    fn a_string_is_what_its_escapes_stand_for() {
        let string = |text: &str| {
            Reader::new(text.as_bytes()).and_then(|mut reader| reader.string().map(Cow::into_owned))
        };
        assert_eq!(
            string(r#""plain and long enough for words""#).unwrap(),
            "plain and long enough for words"
        );
        assert_eq!(string(r#""\"\\\/\b\f\n\r\t\u00e9""#).unwrap(), "\"\\/\u{8}\u{c}\n\r\t\u{e9}");
        assert_eq!(string(r#""\ud83d\ude00!""#).unwrap(), "\u{1f600}!");
        for no_text in [r#""\ud83d""#, r#""\ud83dx""#, r#""\ud83d\u0041""#, r#""\ude00""#, "1", "null"] {
            assert_eq!(string(no_text), None, "{no_text}");
        }
    }

    #[test]
    fn a_text_of_many_strings_is_read_all_the_same() {
        let elements = vec!["\"a\""; 500].join(",");
        assert!(skips(&format!("[{elements}]")));
        assert!(!skips(&format!("[{elements},\"]")));
    }

    #[test]
    fn numbers_are_read_as_doubles() {
        let number = |text: &str| Reader::new(text.as_bytes()).and_then(|mut reader| reader.number());
        assert_eq!(number("1700000000"), Some(1_700_000_000.0));
        assert_eq!(number("253402300799.0000001"), Some(253_402_300_799.0));
        assert_eq!(number("1e400"), Some(f64::INFINITY));
        assert_eq!(number("-0").map(|zero| zero.is_sign_negative()), Some(true));
        assert_eq!(number("\"1\""), None);
    }
}

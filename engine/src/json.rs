//! A strict reader of JSON (RFC 8259) that takes the members that a rule needs and passes over the rest.
//!
//! It exists because a token's JSON is read on every request and by an enemy: it allocates only for strings
//! with escapes, never recurses, and tells a member that is there twice from one that is there once. A
//! general parser does not look at what it skips; this one holds the whole text to the grammar.

use std::borrow::Cow;

/// The deepest nesting that is passed over. The contract asks for 64 levels; a word holds twice as many.
const MAX_DEPTH: u32 = 128;

/// The text that is still to be read. Every method gives `None` where the text is no JSON, or not of the type asked for.
pub(crate) struct Reader<'j> {
    rest: &'j str,
}

impl<'j> Reader<'j> {
    /// A reader of `text`, which has to be UTF-8 throughout.
    pub(crate) fn new(text: &'j [u8]) -> Option<Self> {
        let mut reader = Self { rest: std::str::from_utf8(text).ok()? };
        reader.skip_white_space();
        Some(reader)
    }

    /// Reads an object: `member` is given each name and has to read, or skip, its value.
    pub(crate) fn object(&mut self, mut member: impl FnMut(Name<'j>, &mut Self) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            let name = Name(self.string_token()?);
            self.take(b':')?;
            member(name, self)?;
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
        self.rest.starts_with('[')
    }

    /// Reads a string, borrowed where it holds no escape. A lone surrogate is no text.
    pub(crate) fn string(&mut self) -> Option<Cow<'j, str>> {
        self.string_token()?.text()
    }

    /// Reads a number as an IEEE double; one that is too large for it is infinite.
    pub(crate) fn number(&mut self) -> Option<f64> {
        let digits = self.number_token()?;
        match whole_number(digits) {
            Some(number) => Some(number),
            None => digits.parse().ok(),
        }
    }

    /// Reads `null` if it comes next.
    pub(crate) fn null(&mut self) -> Option<()> {
        self.literal("null")
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
                b'"' => {
                    self.string_token()?;
                    None
                }
                b't' => {
                    self.literal("true")?;
                    None
                }
                b'f' => {
                    self.literal("false")?;
                    None
                }
                b'n' => {
                    self.literal("null")?;
                    None
                }
                _ => {
                    self.number_token()?;
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

    fn member_name(&mut self) -> Option<()> {
        self.string_token()?;
        self.take(b':')
    }

    fn peek(&self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    /// Takes `length` bytes and the white space after them.
    fn advance(&mut self, length: usize) -> Option<&'j str> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        self.skip_white_space();
        Some(taken)
    }

    fn skip_white_space(&mut self) {
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        }
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.advance(1)?;
        Some(byte)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.advance(1)?;
        Some(())
    }

    fn literal(&mut self, word: &str) -> Option<()> {
        if !self.rest.starts_with(word) {
            return None;
        }
        self.advance(word.len())?;
        Some(())
    }

    fn number_token(&mut self) -> Option<&'j str> {
        let bytes = self.rest.as_bytes();
        let mut length = usize::from(bytes.first() == Some(&b'-'));
        let digits = |from: usize| -> usize {
            bytes.get(from..).map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count())
        };
        let integer = digits(length);
        if integer == 0 || (integer > 1 && bytes.get(length) == Some(&b'0')) {
            return None;
        }
        length = length.saturating_add(integer);
        if bytes.get(length) == Some(&b'.') {
            let fraction = digits(length.saturating_add(1));
            if fraction == 0 {
                return None;
            }
            length = length.saturating_add(1).saturating_add(fraction);
        }
        if matches!(bytes.get(length), Some(b'e' | b'E')) {
            length = length.saturating_add(1);
            if matches!(bytes.get(length), Some(b'+' | b'-')) {
                length = length.saturating_add(1);
            }
            let exponent = digits(length);
            if exponent == 0 {
                return None;
            }
            length = length.saturating_add(exponent);
        }
        self.advance(length)
    }

    fn string_token(&mut self) -> Option<StringToken<'j>> {
        let inner = self.rest.strip_prefix('"')?;
        let bytes = inner.as_bytes();
        let mut length = plain_length(bytes);
        let mut escaped = false;
        loop {
            match bytes.get(length)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    length = length.saturating_add(escape_length(bytes.get(length..)?)?);
                }
                // A control character has to be escaped.
                _ => return None,
            }
            length = length.saturating_add(plain_length(bytes.get(length..)?));
        }
        let raw = inner.get(..length)?;
        self.rest = inner.get(length.saturating_add(1)..)?;
        self.skip_white_space();
        Some(StringToken { raw, escaped })
    }
}

/// The name of a member. One that is no text (a lone surrogate) equals no name that a rule reads.
pub(crate) struct Name<'j>(StringToken<'j>);

impl<'j> Name<'j> {
    pub(crate) fn text(&self) -> Cow<'j, str> {
        self.0.text().unwrap_or_default()
    }
}

struct StringToken<'j> {
    raw: &'j str,
    escaped: bool,
}

impl<'j> StringToken<'j> {
    fn text(&self) -> Option<Cow<'j, str>> {
        if self.escaped { unescape(self.raw).map(Cow::Owned) } else { Some(Cow::Borrowed(self.raw)) }
    }
}

/// A number of at most nine digits at a time, which needs no general parser; `None` for any other.
fn whole_number(digits: &str) -> Option<f64> {
    let value = |digits: &str| {
        let digit =
            |value: u32, byte: u8| value.wrapping_mul(10).wrapping_add(u32::from(byte.wrapping_sub(b'0')));
        (digits.len() <= 9 && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| digits.bytes().fold(0, digit))
    };
    let (high, low) = digits.split_at_checked(digits.len().saturating_sub(9))?;
    // Both halves and their sum are whole and far below 2^53, so that nothing is rounded.
    Some(f64::from(value(high)?) * 1e9 + f64::from(value(low)?))
}

/// How many bytes come before the first quote, backslash or control character: eight at a time.
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of each byte of the result is set where that byte of `word` is below `limit`; above the
    // lowest byte that is, a borrow may set one too many, which does no harm: the lowest one is asked for.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES.wrapping_mul(limit.into())) & !word & HIGH;
    let (words, tail) = bytes.as_chunks::<8>();
    let mut length: usize = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ ONES.wrapping_mul(b'"'.into());
        let backslash = word ^ ONES.wrapping_mul(b'\\'.into());
        let special = below(word, 0x20) | below(quote, 1) | below(backslash, 1);
        if special != 0 {
            let byte = special.trailing_zeros() / 8;
            return length.saturating_add(usize::try_from(byte).unwrap_or(0));
        }
        length = length.saturating_add(8);
    }
    let plain = |byte: &&u8| !matches!(**byte, 0..0x20 | b'"' | b'\\');
    length.saturating_add(tail.iter().take_while(plain).count())
}

/// The length of the escape that `bytes` begins with, if it is one.
fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => bytes.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// Undoes the escapes of a string whose escapes are known to be of the right form.
fn unescape(raw: &str) -> Option<String> {
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

/// The character that the hex digits after `\u` stand for, with the second half of a surrogate pair, and what follows.
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
    fn finds_the_first_special_byte_wherever_it_stands() {
        for at in 0..40 {
            for special in [b'"', b'\\', 0, 0x1f] {
                let mut bytes = vec![0xc3; 40];
                bytes[at] = special;
                assert_eq!(plain_length(&bytes), at);
            }
        }
        assert_eq!(plain_length(&[b'!'; 40]), 40);
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

//! Formats audit lines: JSON for programs, `key=value` for a terminal. No value can forge a field or a line.

use std::borrow::Cow;
use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

use crate::calendar::write_rfc3339_micros;
use crate::http::request::Refusal;
use crate::outcome::{ByOutcome, Outcome};
use crate::quote;
use crate::text::{needs_escape, no_byte_matches};
use artos_auth_engine::{Access, Decision, Identity};

/// A field's name with its separators, formatted at compile time.
struct Name {
    json: &'static str,
    text: &'static str,
}

macro_rules! name {
    ($name:literal) => {
        Name { json: concat!(",\"", $name, "\":"), text: concat!(" ", $name, "=") }
    };
}

/// The format of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// `key=value` fields separated by spaces, for people.
    Text,
}

/// An audit line: the request, its caller and its outcome.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'r> {
    /// The time of the decision, since the Unix epoch.
    pub(crate) time: Duration,
    /// The request's method; `None` if no request could be read.
    pub(crate) method: Option<&'r [u8]>,
    /// The request-target. The line omits its query, which may contain secrets.
    pub(crate) target: Option<&'r [u8]>,
    /// The outcome.
    pub(crate) result: Result<'r>,
    /// The address of the peer.
    pub(crate) peer: Option<&'r str>,
    /// The requested host, without its port.
    pub(crate) host: Option<&'r [u8]>,
    /// As [`request_id`](super::request_id) gives it.
    pub(crate) request_id: Option<&'r [u8]>,
    /// As [`trace_id`](super::trace_id) gives it.
    pub(crate) trace_id: Option<&'r [u8]>,
    /// The time from the end of the request's head to the decision.
    pub(crate) duration: Duration,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Result<'r> {
    /// A decision, or a 503 because no decision is possible now.
    Outcome(&'r Outcome<'r>),
    /// An answer without a decision.
    Refused(Refusal),
}

impl Result<'_> {
    /// Whether the answer waits for the log: answers for public paths and refusals without a decision do not.
    pub(super) fn waits_for_log(&self) -> bool {
        match self {
            Self::Outcome(Outcome::Decided(Decision::Allow(Access::Public(_)))) | Self::Refused(_) => false,
            Self::Outcome(_) => true,
        }
    }
}

/// The maximum length of a path in a line, in bytes.
const MAX_PATH_BYTES: usize = 512;

impl Record<'_> {
    /// Writes the line, without its end.
    pub(super) fn write(&self, format: Format, texts: &OutcomeTexts, line: &mut Vec<u8>) {
        match format {
            Format::Json => self.write_as(Fields::<JSON>(line), texts),
            Format::Text => self.write_as(Fields::<TEXT>(line), texts),
        }
    }

    fn write_as<const FORMAT: bool>(&self, mut fields: Fields<'_, FORMAT>, texts: &OutcomeTexts) {
        let identity = match self.result {
            Result::Outcome(outcome) => outcome.identity(),
            Result::Refused(_) => None,
        };
        let token_id = identity.and_then(Identity::token_id).filter(|id| !id.is_empty());
        fields.time(self.time);
        fields.text(&name!("method"), self.method.map(quote::field_value).as_deref());
        fields.text(&name!("path"), self.target.map(path).as_deref());
        match self.result {
            Result::Outcome(outcome) => fields.outcome(outcome, texts),
            Result::Refused(refusal) => fields.refusal(refusal),
        }
        fields.text(&name!("user_id"), identity.and_then(Identity::user_id));
        fields.text(&name!("org_id"), identity.and_then(Identity::org_id));
        fields.text(&name!("token_id"), token_id);
        match self.peer {
            Some(peer) => fields.code(&name!("peer"), peer),
            None => fields.text(&name!("peer"), None),
        }
        fields.text(&name!("host"), self.host.map(quote::field_value).as_deref());
        fields.text(&name!("request_id"), self.request_id.map(quote::field_value).as_deref());
        fields.text(&name!("trace_id"), self.trace_id);
        fields.number(&name!("duration_us"), u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX));
        fields.end();
    }
}

/// Writes a line that is not about a decision.
pub(super) fn write_note(format: Format, time: Duration, level: &str, message: &str, line: &mut Vec<u8>) {
    match format {
        Format::Json => {
            let mut fields = Fields::<JSON>(line);
            fields.time(time);
            fields.code(&name!("level"), level);
            fields.text(&name!("message"), Some(message.as_bytes()));
            fields.end();
        }
        // A message is not quoted on a terminal; only characters that could move the cursor or end the line are escaped.
        Format::Text => {
            line.extend_from_slice(level.as_bytes());
            line.extend_from_slice(b": ");
            for character in message.chars() {
                if character.is_control() {
                    let _ = write!(line, "{}", character.escape_default());
                } else {
                    let mut utf8 = [0; 4];
                    line.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
                }
            }
        }
    }
}

/// The target without its query and without tokens, cut at a character boundary.
fn path(target: &[u8]) -> Cow<'_, [u8]> {
    match quote::path_segments(target.split(|byte| *byte == b'?').next().unwrap_or_default()) {
        Cow::Borrowed(path) => Cow::Borrowed(cut(path)),
        Cow::Owned(path) => Cow::Owned(cut(&path).to_vec()),
    }
}

fn cut(path: &[u8]) -> &[u8] {
    let Some(mut cut) = path.get(..MAX_PATH_BYTES) else { return path };
    if path.get(MAX_PATH_BYTES).is_some_and(|next| is_continuation(*next)) {
        let start = cut.iter().rposition(|byte| !is_continuation(*byte)).unwrap_or(MAX_PATH_BYTES);
        // Bytes that are not UTF-8 have no character boundaries.
        if MAX_PATH_BYTES.saturating_sub(start) < 4 {
            cut = cut.get(..start).unwrap_or(cut);
        }
    }
    cut
}

const fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// The part of a line that depends only on the outcome: formatted once per outcome, then copied.
pub(super) type OutcomeTexts = ByOutcome<OnceLock<Box<[u8]>>>;

/// Writes the fields of one line, in order: the time first. Into a vector, writing cannot fail.
///
/// The format is a constant, so the constant parts of a line are formatted at compile time.
struct Fields<'l, const FORMAT: bool>(&'l mut Vec<u8>);

const JSON: bool = true;
const TEXT: bool = false;

impl<const FORMAT: bool> Fields<'_, FORMAT> {
    #[inline]
    fn time(&mut self, since_epoch: Duration) {
        self.0.extend_from_slice(if FORMAT == JSON { br#"{"time":""# } else { b"time=" });
        write_rfc3339_micros(since_epoch, self.0);
        self.quote();
    }

    #[inline]
    fn name(&mut self, name: &Name) {
        self.0.extend_from_slice(if FORMAT == JSON { name.json } else { name.text }.as_bytes());
    }

    #[inline]
    fn text(&mut self, name: &Name, value: Option<&[u8]>) {
        self.name(name);
        match (FORMAT, value) {
            (JSON, None) => self.0.extend_from_slice(b"null"),
            (JSON, Some(value)) => json_string(value, self.0),
            (TEXT, None) => self.0.push(b'-'),
            (TEXT, Some(value)) => text_value(value, self.0),
        }
    }

    /// A constant word, which needs no escaping in either format.
    fn code(&mut self, name: &Name, code: &str) {
        self.verbatim(name, code.as_bytes());
    }

    #[inline]
    fn verbatim(&mut self, name: &Name, value: &[u8]) {
        self.name(name);
        self.quote();
        self.0.extend_from_slice(value);
        self.quote();
    }

    fn outcome(&mut self, outcome: &Outcome<'_>, texts: &OutcomeTexts) {
        let write = |line: &mut Vec<u8>| {
            let mut fields = Fields::<FORMAT>(line);
            fields.code(&name!("outcome"), outcome.name());
            fields.number(&name!("status"), outcome.status().into());
            fields.code(&name!("reason"), outcome.reason_code());
            fields.code(&name!("clause"), outcome.clause());
        };
        match texts.of(outcome) {
            Some(once) => self.0.extend_from_slice(once.get_or_init(|| {
                let mut text = Vec::new();
                write(&mut text);
                text.into()
            })),
            None => write(self.0),
        }
        let cause = outcome.cause();
        self.text(&name!("cause"), cause.as_deref().map(str::as_bytes));
    }

    fn refusal(&mut self, refusal: Refusal) {
        self.code(&name!("outcome"), "refused");
        self.number(&name!("status"), refusal.status().into());
        self.code(&name!("reason"), refusal.code());
        self.text(&name!("clause"), None);
        self.text(&name!("cause"), None);
    }

    fn number(&mut self, name: &Name, value: u64) {
        self.name(name);
        self.0.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    #[inline]
    fn quote(&mut self) {
        if FORMAT == JSON {
            self.0.push(b'"');
        }
    }

    fn end(self) {
        if FORMAT == JSON {
            self.0.push(b'}');
        }
    }
}

/// A JSON string; a byte that is not UTF-8 is shown as `\xNN`.
fn json_string(value: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    if no_byte_matches(value, needs_escape) {
        line.extend_from_slice(value);
    } else {
        escape_json(value, line);
    }
    line.push(b'"');
}

fn escape_json(value: &[u8], line: &mut Vec<u8>) {
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => {
                    line.push(b'\\');
                    line.push(if character == '"' { b'"' } else { b'\\' });
                }
                // Line separators too: some programs treat them as line ends.
                character if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') => {
                    let _ = write!(line, "\\u{:04x}", u32::from(character));
                }
                character => {
                    let mut utf8 = [0; 4];
                    line.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
                }
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(line, "\\\\x{byte:02x}");
        }
    }
}

/// A value of visible ASCII unchanged; any other value in quotes, with all other characters, `"`, `=` and `\` escaped.
fn text_value(value: &[u8], line: &mut Vec<u8>) {
    let plain = |byte: u8| matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b'=' | b'\\');
    // `-` means null, so an empty value is quoted.
    if !value.is_empty() && value != b"-" && value.iter().all(|byte| plain(*byte)) {
        line.extend_from_slice(value);
        return;
    }
    line.push(b'"');
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match u8::try_from(character) {
                Ok(byte) if byte.is_ascii() && plain(byte) => line.push(byte),
                _ => {
                    let _ = write!(line, "\\u{{{:x}}}", u32::from(character));
                }
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(line, "\\x{byte:02x}");
        }
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use artos_auth_engine::Reason;
    use rstest::rstest;

    use super::*;
    use crate::example::Example;
    use crate::http::forward::Unclear;
    use crate::outcome::Unavailable;

    #[test]
    fn each_outcome_has_its_own_text() {
        let example = Example::new();
        let outcomes = [
            example.decide("/api/v1/search/status", "").into(),
            example.decide("/", "Bearer x").into(),
            example.decide("/", "Basic x").into(),
            example.decide_about("u1").into(),
            Outcome::ForwardedRequestUnclear(Unclear::NotServed),
            Outcome::Unavailable(Unavailable::ClockUnusable),
            Outcome::Unavailable(Unavailable::KeysUnavailable),
            Outcome::Unavailable(Unavailable::RevocationsStale),
        ];
        assert!(outcomes.iter().enumerate().all(|(index, one)| {
            outcomes.iter().skip(index + 1).all(|other| one.reason_code() != other.reason_code())
        }));
        for format in [Format::Json, Format::Text] {
            let texts = OutcomeTexts::default();
            for outcome in outcomes.iter().chain(&outcomes) {
                let record = Record {
                    time: Duration::ZERO,
                    method: Some(b"GET"),
                    target: Some(b"/"),
                    result: Result::Outcome(outcome),
                    peer: None,
                    host: None,
                    request_id: None,
                    trace_id: None,
                    duration: Duration::ZERO,
                };
                let (mut with_others, mut alone) = (Vec::new(), Vec::new());
                record.write(format, &texts, &mut with_others);
                record.write(format, &OutcomeTexts::default(), &mut alone);
                assert_eq!(with_others, alone);
                let has = |word: &str| alone.windows(word.len()).any(|part| part == word.as_bytes());
                assert!(has(outcome.reason_code()) && has(outcome.clause()) && has(outcome.name()));
            }
        }
    }

    #[test]
    fn our_own_words_need_no_escape() {
        let reasons = Reason::ALL.iter().flat_map(|reason| [reason.code(), reason.clause()]);
        let unavailable = Unavailable::ALL.iter().flat_map(|why| [why.code(), why.clause()]);
        let others =
            ["allow", "deny", "unavailable", "public_path", "authorized", "forwarded_request_unclear"];
        let refusals = Refusal::ALL.iter().map(|refusal| refusal.code()).chain([
            "refused",
            "127.0.0.1:8080",
            "[::1]:80",
        ]);
        for word in
            reasons.chain(unavailable).chain(others).chain(refusals).chain(["PUB-1", "PUB-2", "ORG-4"])
        {
            let (mut text, mut json) = (Vec::new(), Vec::new());
            text_value(word.as_bytes(), &mut text);
            json_string(word.as_bytes(), &mut json);
            assert_eq!(text, word.as_bytes());
            assert_eq!(json, format!("\"{word}\"").as_bytes());
        }
    }

    #[rstest]
    #[case::plain(b"u1", "u1", r#""u1""#)]
    #[case::space(b"a b", r#""a\u{20}b""#, r#""a b""#)]
    #[case::forged_field(b"x org_id=b", r#""x\u{20}org_id\u{3d}b""#, r#""x org_id=b""#)]
    #[case::forged_line(b"x\n{}", r#""x\u{a}{}""#, r#""x\u000a{}""#)]
    #[case::quote(b"\"", r#""\u{22}""#, r#""\"""#)]
    #[case::backslash(b"\\", r#""\u{5c}""#, r#""\\""#)]
    #[case::escape_sequence(b"\x1b[2J", r#""\u{1b}[2J""#, r#""\u001b[2J""#)]
    #[case::not_ascii("\u{e9}".as_bytes(), r#""\u{e9}""#, "\"\u{e9}\"")]
    #[case::line_separator("\u{2028}".as_bytes(), r#""\u{2028}""#, r#""\u2028""#)]
    #[case::not_utf8(b"a\xff", r#""a\xff""#, r#""a\\xff""#)]
    #[case::empty(b"", r#""""#, r#""""#)]
    #[case::dash(b"-", r#""-""#, r#""-""#)]
    fn no_value_forges_a_field_or_a_line(#[case] value: &[u8], #[case] text: &str, #[case] json: &str) {
        let mut line = Vec::new();
        text_value(value, &mut line);
        assert_eq!(String::from_utf8(line).unwrap(), text);
        let mut line = Vec::new();
        json_string(value, &mut line);
        assert_eq!(String::from_utf8(line).unwrap(), json);
    }

    /// `{"alg":"ES256"}`, `{}` and a made-up signature.
    const TOKEN: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.e30.TWFkZSB1cCBmb3IgYSB0ZXN0LCBhbmQgbm8gc2lnbmF0dXJl";

    #[rstest]
    #[case::query("/a?b=c".as_bytes().to_vec(), b"/a".to_vec())]
    #[case::as_long_as_may_be(vec![b'a'; 512], vec![b'a'; 512])]
    #[case::longer(vec![b'a'; 513], vec![b'a'; 512])]
    #[case::through_a_character([vec![b'a'; 511], "\u{e9}".into()].concat(), vec![b'a'; 511])]
    #[case::through_a_long_character([vec![b'a'; 509], "\u{1f600}".into()].concat(), vec![b'a'; 509])]
    #[case::after_a_character([vec![b'a'; 510], "\u{e9}a".into()].concat(), [vec![b'a'; 510], "\u{e9}".into()].concat())]
    #[case::no_characters(vec![0x80; 600], vec![0x80; 512])]
    #[case::token([b"/reset/", TOKEN, b"?x"].concat(), b"/reset/[token]".to_vec())]
    #[case::token_across_the_cut([&vec![b'a'; 500], &b"/"[..], TOKEN].concat(), [&vec![b'a'; 500], &b"/[token]"[..]].concat())]
    fn paths_are_cut(#[case] target: Vec<u8>, #[case] shown: Vec<u8>) {
        assert_eq!(*path(&target), shown);
    }
}

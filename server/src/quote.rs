//! Quotes external text (files, arguments, header fields, paths) in messages: escaped, cut, and without secrets.
//!
//! [`redact`] is applied to every message before it is output, and [`quoted`] and [`path_segments`] to the parts
//! that come from outside. Text that looks like a token becomes `[token]`, text that looks like key material `[key]`.

use std::borrow::Cow;
use std::ops::Range;

use crate::text::visible;

const TOKEN: &str = "[token]";
const KEY: &str = "[key]";

/// The maximum length of a quoted value, in characters.
const MAX_QUOTED: usize = 80;

/// Shorter than any compact JWS with header, claims and signature.
const SHORTEST_TOKEN: usize = 40;
/// A base64url segment of at least this length that begins with `eyJ` (`{"` in base64url) is part of a token.
const SHORTEST_SEGMENT: usize = 12;
/// The length from which letters of both cases and digits without a separator count as key material.
const SHORTEST_KEY: usize = 32;
/// The private members of a JWK (RFC 7518 section 6), including a shared secret (`k`).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "k", "oth"];

/// A quoted value: in backticks, escaped, redacted, and cut if it is long.
pub(crate) fn quoted(text: &str) -> String {
    let shown = visible(&redact(text));
    match shown.char_indices().nth(MAX_QUOTED) {
        Some((end, _)) => format!("`{}…`", shown.get(..end).unwrap_or_default()),
        None => format!("`{shown}`"),
    }
}

/// Removes from a message all text that looks like a token, a PEM block, a private JWK member or other key material.
pub(crate) fn redact(text: &str) -> Cow<'_, str> {
    let secrets = secrets(text);
    if secrets.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut end) = (String::with_capacity(text.len()), 0);
    for (range, replacement) in secrets {
        shown.push_str(text.get(end..range.start).unwrap_or_default());
        shown.push_str(replacement);
        end = range.end;
    }
    shown.push_str(text.get(end..).unwrap_or_default());
    Cow::Owned(shown)
}

/// The positions of secrets in a text, in order and without overlap.
fn secrets(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let mut secrets = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let start = at;
        if rest.starts_with("-----BEGIN ") {
            at = start.saturating_add(pem_length(rest));
            secrets.push((start..at, KEY));
        } else if let Some((before, value)) = private_member(rest) {
            at = start.saturating_add(before).saturating_add(value);
            secrets.push((start.saturating_add(before)..at, KEY));
        } else if rest.starts_with(is_token_character) {
            let run = rest.find(|character| !is_token_character(character)).unwrap_or(rest.len());
            at = start.saturating_add(run);
            let run = rest.get(..run).unwrap_or_default();
            if looks_like_token(run) {
                secrets.push((start..at, TOKEN));
            } else {
                let mut place = start;
                for segment in run.split('.') {
                    let end = place.saturating_add(segment.len());
                    if looks_like_key(segment) {
                        secrets.push((place..end, KEY));
                    }
                    place = end.saturating_add(1);
                }
            }
        } else {
            at = start.saturating_add(rest.chars().next().map_or(1, char::len_utf8));
        }
    }
    secrets
}

/// The length of the PEM block at the beginning of a text; without an end line, the whole text.
fn pem_length(text: &str) -> usize {
    let end = text.find("-----END ").and_then(|end| {
        let label = end.saturating_add("-----END ".len());
        let dashes = text.get(label..)?.find("-----")?;
        Some(label.saturating_add(dashes).saturating_add("-----".len()))
    });
    end.unwrap_or(text.len())
}

/// For a text that begins with a private member of a JWK (`"d": "…"`, with quotes escaped or not): the position and the
/// length of its value.
fn private_member(text: &str) -> Option<(usize, usize)> {
    let after_quote = |text: &str| {
        let escaped = text.strip_prefix('\\').unwrap_or(text);
        escaped.strip_prefix('"').map(|rest| text.len().saturating_sub(rest.len()))
    };
    let name_start = after_quote(text)?;
    let after_name = text.get(name_start..)?;
    let name = PRIVATE_MEMBERS
        .iter()
        .find(|name| after_name.strip_prefix(**name).is_some_and(|rest| after_quote(rest).is_some()))?;
    let mut at = name_start.saturating_add(name.len());
    at = at.saturating_add(after_quote(text.get(at..)?)?);
    let colon = text.get(at..)?.trim_start().strip_prefix(':')?.trim_start();
    let value = text.len().saturating_sub(colon.len()).saturating_add(after_quote(colon)?);
    let length = text.get(value..)?.find(['"', '\\']).unwrap_or_else(|| text.len().saturating_sub(value));
    Some((value, length))
}

/// The characters of a compact serialization (RFC 7515 section 7.1).
fn is_token_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')
}

/// Whether segments separated by dots look like a compact JWS or JWE, or like a part of one.
fn looks_like_token(run: &str) -> bool {
    if run.len() < SHORTEST_SEGMENT {
        return false;
    }
    if run.split('.').any(holds_json_object) {
        return true;
    }
    // A header that is not written as compact JSON does not begin with `eyJ`.
    let mut segments = run.split('.');
    let header = segments.next().unwrap_or_default();
    segments.count() >= 2 && run.len() >= SHORTEST_TOKEN && decodes_to_object(header)
}

/// Whether a segment holds the base64url of `{"` and more text; in the wrong letter case, if it is long.
fn holds_json_object(segment: &str) -> bool {
    segment.as_bytes().windows(3).enumerate().any(|(at, start)| {
        let Some(object) = segment.get(at..).filter(|object| object.len() >= SHORTEST_SEGMENT) else {
            return false;
        };
        match start {
            b"eyJ" => decodes_to_object(object),
            _ => start.eq_ignore_ascii_case(b"eyj") && object.len() >= SHORTEST_TOKEN,
        }
    })
}

/// Whether the beginning of a base64url text decodes to the beginning of a JSON object.
fn decodes_to_object(text: &str) -> bool {
    use base64_simd::URL_SAFE_NO_PAD;
    /// Enough to distinguish text from random bytes.
    const PROBE: usize = 24;
    let whole_groups = text.len().min(PROBE) / 4 * 4;
    let Some(decoded) = text.get(..whole_groups).and_then(|probe| URL_SAFE_NO_PAD.decode_to_vec(probe).ok())
    else {
        return false;
    };
    let decoded = decoded.trim_ascii_start();
    decoded.first() == Some(&b'{')
        && decoded.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

/// Whether a text is long, has letters of both cases and digits, and has no words, like a key or signature in base64url.
fn looks_like_key(segment: &str) -> bool {
    let has = |test: fn(&u8) -> bool| segment.as_bytes().iter().any(test);
    segment.len() >= SHORTEST_KEY
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit)
}

/// A path in which `[token]` replaces every segment that looks like a token, percent-encoded or not.
pub(crate) fn path_segments(path: &[u8]) -> Cow<'_, [u8]> {
    if path.len() < SHORTEST_TOKEN || !path.split(|byte| *byte == b'/').any(segment_holds_token) {
        return Cow::Borrowed(path);
    }
    let segments = path.split(|byte| *byte == b'/');
    let shown: Vec<&[u8]> = segments
        .map(|segment| if segment_holds_token(segment) { TOKEN.as_bytes() } else { segment })
        .collect();
    Cow::Owned(shown.join(&b'/'))
}

/// A header value with `[token]` in place of what looks like a token.
pub(crate) fn field_value(value: &[u8]) -> Cow<'_, [u8]> {
    if segment_holds_token(value) { Cow::Borrowed(TOKEN.as_bytes()) } else { Cow::Borrowed(value) }
}

fn segment_holds_token(segment: &[u8]) -> bool {
    if segment.len() < SHORTEST_SEGMENT {
        return false;
    }
    let holds = |bytes: &[u8]| {
        let runs = bytes.split(|byte| !is_token_character(char::from(*byte)));
        runs.filter_map(|run| std::str::from_utf8(run).ok()).any(looks_like_token)
    };
    holds(segment) || (segment.contains(&b'%') && holds(&percent_decoded(segment)))
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::with_capacity(text.len()), text);
    while let [first, after @ ..] = rest {
        let digits = after.first_chunk::<2>().and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// `{"alg":"ES256","kid":"test-only"}`, `{"sub":"u1"}` and a made-up signature.
    const JWS: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6InRlc3Qtb25seSJ9.eyJzdWIiOiJ1MSJ9.\
                       TWFkZSB1cCBmb3IgYSB0ZXN0LCBhbmQgbm8gc2lnbmF0dXJlIGF0IGFsbA";
    /// The same with a header that begins with a space.
    const SPACED: &str = "eyAiYWxnIjogIkVTMjU2IiB9.eyAic3ViIjogInUxIiB9.TWFkZSB1cCBmb3IgYSB0ZXN0";

    #[rstest]
    #[case::token(format!("`{JWS}` is not a host"), "`[token]` is not a host")]
    #[case::with_scheme(format!("Bearer {JWS}"), "Bearer [token]")]
    #[case::spaced_header(format!("{SPACED} is"), "[token] is")]
    #[case::header_alone("eyJhbGciOiJFUzI1NiJ9".to_owned(), "[token]")]
    #[case::behind_a_word(format!("tokeneyJhbGciOiJFUzI1NiJ9"), "[token]")]
    #[case::lower_case(JWS.to_ascii_lowercase(), "[token]")]
    #[case::file(format!("/run/{JWS}.jwt: cannot be read"), "/run/[token]: cannot be read")]
    #[case::two(format!("{JWS} {JWS}"), "[token] [token]")]
    #[case::flag(format!("--{JWS}"), "[token]")]
    #[case::pem("a -----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY----- b".to_owned(), "a [key] b")]
    #[case::pem_without_end("-----BEGIN EC PRIVATE KEY-----\\nMC4CAQ".to_owned(), "[key]")]
    #[case::jwk(r#"{"kty": "oct", "k": "c2hvcnQ"}"#.to_owned(), r#"{"kty": "oct", "k": "[key]"}"#)]
    #[case::escaped_jwk(r#"{\"d\":\"c2hvcnQ\",\"x\":\"AA\"}"#.to_owned(), r#"{\"d\":\"[key]\",\"x\":\"AA\"}"#)]
    #[case::member_without_end(r#""dp" : "c2hv"#.to_owned(), r#""dp" : "[key]"#)]
    #[case::random("key dGhpcyBpcyBhIHRlc3Qga2V5LCBub3QgYSByZWFsIG9uZS4x".to_owned(), "key [key]")]
    #[case::signature_alone("TWFkZSB1cCBmb3IgYSB0ZXN0LCBhbmQgbm8gc2lnbmF0dXJlIGF0IGFsbA==".to_owned(), "[key]==")]
    fn secrets_are_not_shown(#[case] text: String, #[case] shown: &str) {
        assert_eq!(redact(&text), shown);
    }

    #[rstest]
    #[case::path("/etc/artos-auth/keys-2026-11-28-production.jwks.json")]
    #[case::digest("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    #[case::uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8")]
    #[case::host("a-rather-long-name-of-a-host.eu-central-1.elb.example.com")]
    #[case::name_with_eyj("heyJohn-this-is-config.toml")]
    #[case::url("https://auth.example/.well-known/openid-configuration")]
    #[case::public_members(r#"{"x": "AA", "kid": "d", "alg": "k"}"#)]
    #[case::kubernetes("..2026_11_28_12_00_00.1234567890/tls.crt")]
    #[case::words("expected one of `file`, `url`, `discover`")]
    fn other_text_is_shown(#[case] text: &str) {
        assert_eq!(redact(text), text);
    }

    #[test]
    fn quoted_values_are_escaped_and_cut() {
        assert_eq!(quoted("a\u{1b}[2J"), "`a\\u{1b}[2J`");
        assert_eq!(quoted(&"é".repeat(90)), format!("`{}…`", "é".repeat(80)));
        // Redacted before it is cut, so that no part of a token remains.
        assert_eq!(quoted(&format!("{}{JWS}", "a ".repeat(30))), format!("`{}[token]`", "a ".repeat(30)));
    }

    #[rstest]
    #[case::segment(format!("/reset/{JWS}"), "/reset/[token]")]
    #[case::between(format!("/a/{JWS}/b"), "/a/[token]/b")]
    #[case::with_parameter(format!("/a;t={JWS}/b"), "/[token]/b")]
    #[case::encoded_dots(format!("/{}/b", JWS.replace('.', "%2E")), "/[token]/b")]
    #[case::encoded_letter(format!("/{}", JWS.replace('e', "%65")), "/[token]")]
    #[case::absolute(format!("http://a.example/{JWS}"), "http://a.example/[token]")]
    #[case::spaced(format!("/{SPACED}"), "/[token]")]
    #[case::plain("/api/v1/documents/0b3aVeryLongIdOfADocument4WithDigits0123456789/versions".to_owned(),
        "/api/v1/documents/0b3aVeryLongIdOfADocument4WithDigits0123456789/versions")]
    fn path_segments_that_look_like_tokens_are_not_shown(#[case] path: String, #[case] shown: &str) {
        assert_eq!(String::from_utf8_lossy(&path_segments(path.as_bytes())), shown);
    }

    proptest! {
        #[test]
        fn any_text_is_redacted_without_a_panic(text in "\\PC{0,60}|[\"\\\\:dk -]{0,20}|(-----(BEGIN|END) ?){0,4}") {
            let shown = redact(&text);
            prop_assert_eq!(redact(&shown), shown.clone(), "what is shown holds no secret");
        }

        /// SEC-1: no eight consecutive characters of the token, wherever it is in the text.
        #[test]
        fn no_part_of_a_token_remains(before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            let shown = quoted(&format!("{before}{JWS}{after}"));
            for part in JWS.as_bytes().windows(8) {
                prop_assert!(!shown.contains(std::str::from_utf8(part).unwrap()), "{}", shown);
            }
        }
    }
}

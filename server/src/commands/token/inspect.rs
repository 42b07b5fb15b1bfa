//! `token inspect`: shows header and claims of a token without verifying it.

use std::io::{self, Read, Write};

use base64_simd::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;

use crate::commands::{Exit, Failure};
use crate::text::{is_deceptive, without_byte_order_mark};

/// Reads a token from standard input and shows its header and claims as one JSON document.
pub(crate) fn inspect() -> Result<Exit, Failure> {
    let mut input = Vec::new();
    let unreadable = |error: io::Error| Failure::Bad(format!("cannot read standard input: {error}"));
    io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut input).map_err(unreadable)?;
    let shown = shown(&input).map_err(|problem| Failure::Bad(format!("standard input: {problem}")))?;
    let mut output = io::stdout().lock();
    output
        .write_all(shown.as_bytes())
        .and_then(|()| output.flush())
        .map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}

const MAX_BYTES: u64 = 1 << 20;

fn shown(input: &[u8]) -> Result<String, String> {
    if u64::try_from(input.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err("longer than 1 MiB; expected a token".to_owned());
    }
    let text = without_byte_order_mark(input).trim_ascii();
    // The value of an `Authorization` field is accepted too.
    let token = match text.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest.trim_ascii_start(),
        _ => text,
    };
    if token.is_empty() {
        return Err("empty input; expected a token".to_owned());
    }
    let segments: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [header, claims, _signature] = segments.as_slice() else {
        return Err(format!(
            "not a compact JWS: expected 3 segments separated by dots, found {}{}",
            segments.len(),
            if segments.len() == 5 { "; five are those of an encrypted token (JWE)" } else { "" }
        ));
    };
    let (header, claims) =
        (decode("first segment, the header,", header)?, decode("second segment, the claims,", claims)?);
    let mut shown = String::from(
        "{\n  \"signature\": \"NOT VERIFIED: anyone could have written this token\",\n  \"header\": ",
    );
    pretty(&header, &mut shown).ok_or("the header is nested too deeply to be shown")?;
    shown.push_str(",\n  \"claims\": ");
    pretty(&claims, &mut shown).ok_or("the claims are nested too deeply to be shown")?;
    shown.push_str("\n}\n");
    Ok(shown)
}

fn decode(name: &str, segment: &[u8]) -> Result<String, String> {
    let bytes = URL_SAFE_NO_PAD
        .decode_to_vec(segment)
        .map_err(|_| format!("the {name} is not base64url without padding"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("the {name} is not UTF-8"))?;
    let json: &RawValue = serde_json::from_str(&text).map_err(|_| format!("the {name} is not JSON"))?;
    Ok(json.get().to_owned())
}

/// Deeper nesting is an attack on the reader.
const MAX_DEPTH: usize = 64;

/// Formats JSON, indented by one level. Numbers and members keep their spelling; control characters are escaped.
fn pretty(json: &str, shown: &mut String) -> Option<()> {
    let mut depth: usize = 1;
    let mut characters = json.chars().filter(|c| !c.is_ascii_whitespace() || *c == ' ').peekable();
    let line = |shown: &mut String, depth: usize| {
        shown.push('\n');
        shown.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(character) = characters.next() {
        match character {
            ' ' => {}
            '"' => {
                shown.push('"');
                while let Some(inner) = characters.next() {
                    push_visible(inner, shown);
                    match inner {
                        '"' => break,
                        '\\' => shown.extend(characters.next()),
                        _ => {}
                    }
                }
            }
            '{' | '[' => {
                shown.push(character);
                depth = depth.checked_add(1).filter(|depth| *depth <= MAX_DEPTH)?;
                while characters.next_if_eq(&' ').is_some() {}
                match characters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(closing) => {
                        shown.push(closing);
                        depth -= 1;
                    }
                    None => line(shown, depth),
                }
            }
            '}' | ']' => {
                depth = depth.checked_sub(1)?;
                line(shown, depth);
                shown.push(character);
            }
            ',' => {
                shown.push(',');
                line(shown, depth);
            }
            ':' => shown.push_str(": "),
            other => shown.push(other),
        }
    }
    Some(())
}

/// Inside a string, so that characters that must not reach a terminal can be escaped as in JSON.
fn push_visible(character: char, shown: &mut String) {
    if !is_deceptive(character) {
        shown.push(character);
        return;
    }
    for unit in character.encode_utf16(&mut [0; 2]) {
        shown.push_str(&format!("\\u{unit:04x}"));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!(
            "{}.{}.AAAA",
            URL_SAFE_NO_PAD.encode_to_string(header),
            URL_SAFE_NO_PAD.encode_to_string(claims)
        )
    }

    #[test]
    fn keeps_the_spelling_of_values() {
        let token = token(
            r#"{"alg":"none","crit":[]}"#,
            "{\"exp\":1e400 , \"exp\":12345678901234567890,\"a\" :{\"b\":[ ] ,\"c\":[1,\"x:,{\\\"\u{9b}\u{202e}\"]}}",
        );
        insta::assert_snapshot!(shown(token.as_bytes()).unwrap(), @r#"
        {
          "signature": "NOT VERIFIED: anyone could have written this token",
          "header": {
            "alg": "none",
            "crit": []
          },
          "claims": {
            "exp": 1e400,
            "exp": 12345678901234567890,
            "a": {
              "b": [],
              "c": [
                1,
                "x:,{\"\u009b\u202e"
              ]
            }
          }
        }
        "#);
    }

    #[test]
    fn takes_what_was_copied_out_of_a_header() {
        let token = token("{}", "{}");
        assert_eq!(shown(format!(" bearer {token}\r\n").as_bytes()), shown(token.as_bytes()));
    }

    #[test]
    fn refuses_depth() {
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert_eq!(
            shown(token("{}", &deep).as_bytes()).unwrap_err(),
            "the claims are nested too deeply to be shown"
        );
    }

    proptest! {
        #[test]
        fn never_fails_otherwise_on_junk(input in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = shown(&input);
        }

        #[test]
        fn shows_json_that_means_the_same(header in "[ -~]{0,20}", claims in "\\PC{0,20}") {
            let (header, claims) = (serde_json::json!({ "alg": header }), serde_json::json!({ "sub": [claims, {}] }));
            let shown = shown(token(&header.to_string(), &claims.to_string()).as_bytes()).unwrap();
            let again: serde_json::Value = serde_json::from_str(&shown).unwrap();
            prop_assert_eq!(&again["header"], &header);
            prop_assert_eq!(&again["claims"], &claims);
        }
    }
}

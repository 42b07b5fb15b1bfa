//! Writes the allowed identity into header fields and the response body.

use std::cell::Cell;
use std::ops::Range;

use artos_auth_engine::{Identity, PrincipalRef};
use bytes::{BufMut as _, Bytes, BytesMut};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use wide::u8x16;

use crate::text::{needs_escape, no_byte_matches};

const USER_ID: HeaderName = HeaderName::from_static("x-auth-user-id");
const ORG_ID: HeaderName = HeaderName::from_static("x-auth-org-id");
const PERMISSIONS: HeaderName = HeaderName::from_static("x-auth-permissions");
const TOKEN_ID: HeaderName = HeaderName::from_static("x-auth-token-id");

/// The identity fields of an allow; every allow has all of them.
pub(super) const IDENTITY_FIELDS: [HeaderName; 4] = [USER_ID, ORG_ID, PERMISSIONS, TOKEN_ID];

/// Sets empty identity fields, for a public path, and returns the body. Empty fields replace the client's fields of the
/// same name.
pub(super) fn identify_nobody(headers: &mut HeaderMap) -> Bytes {
    for name in IDENTITY_FIELDS {
        headers.insert(name, const { HeaderValue::from_static("") });
    }
    const { Bytes::from_static(br#"{"user_id":null,"org_id":null,"permissions":[],"token_id":null}"#) }
}

thread_local! {
    /// Buffer for the next identities: one allocation serves several, and is freed when the last of their responses has
    /// been sent.
    static ROOM: Cell<BytesMut> = Cell::new(BytesMut::with_capacity(ROOM_BYTES));
}

/// Capacity for several identities. Kept small, because one unsent response keeps the whole buffer alive.
const ROOM_BYTES: usize = 4 << 10;
/// Typical maximum size of an identity; the buffer grows for longer ones.
const USUAL_BYTES: usize = 512;

/// Sets the identity fields and returns the body. Both are slices of one buffer, the body first.
///
/// A header value equal to its JSON string, the usual case, is a slice of the body.
pub(super) fn identify(headers: &mut HeaderMap, principal: &PrincipalRef<'_>) -> Bytes {
    let identity = principal.identity();
    let plain = is_plain(identity);
    let part = |text| Part { text, plain };
    let user = part(identity.user_id().unwrap_or_default());
    let organization = part(identity.org_id().unwrap_or_default());
    let token = identity.token_id().map(part);

    let mut buffer = ROOM.take();
    buffer.reserve(USUAL_BYTES);
    buffer.extend_from_slice(br#"{"user_id":"#);
    let user_inside = user.write_json(&mut buffer);
    buffer.extend_from_slice(br#","org_id":"#);
    let organization_inside = organization.write_json(&mut buffer);
    buffer.extend_from_slice(br#","permissions":["#);
    for (index, permission) in identity.permissions().map(part).enumerate() {
        if index > 0 {
            buffer.put_u8(b',');
        }
        permission.write_json(&mut buffer);
    }
    buffer.extend_from_slice(br#"],"token_id":"#);
    let token_inside = match &token {
        Some(token) => token.write_json(&mut buffer),
        None => {
            buffer.extend_from_slice(b"null");
            0..0
        }
    };
    buffer.put_u8(b'}');
    let body = buffer.len();

    let user_field = user.field(user_inside, &mut buffer);
    let organization_field = organization.field(organization_inside, &mut buffer);
    let permissions_start = buffer.len();
    for (index, permission) in identity.permissions().map(part).enumerate() {
        if index > 0 {
            buffer.put_u8(b' ');
        }
        permission.write_field(&mut buffer);
    }
    let permissions_field = permissions_start..buffer.len();
    let token_field = token.map_or(0..0, |token| token.field(token_inside, &mut buffer));

    let mut written = buffer.split().freeze();
    ROOM.set(buffer);
    let fields = [
        (USER_ID, user_field),
        (ORG_ID, organization_field),
        (PERMISSIONS, permissions_field),
        (TOKEN_ID, token_field),
    ];
    for (name, place) in fields {
        // The slice contains only visible ASCII and spaces, which is always a valid field value.
        let value = HeaderValue::from_maybe_shared(written.slice(place))
            .unwrap_or(const { HeaderValue::from_static("") });
        headers.insert(name, value);
    }
    written.truncate(body);
    written
}

/// Whether no part of the identity needs escaping in a field or in JSON, the usual case.
fn is_plain(identity: Identity<'_>) -> bool {
    let ids = [identity.user_id(), identity.org_id(), identity.token_id()];
    ids.into_iter().flatten().chain(identity.permissions()).all(|part| no_byte_matches(part, needs_encoding))
}

/// Marks bytes that JSON escapes or that a field percent-encodes.
fn needs_encoding(step: u8x16) -> u8x16 {
    let escaped_in_fields = step.simd_eq(u8x16::splat(b' ')) | step.simd_eq(u8x16::splat(b'%'));
    needs_escape(step) | escaped_in_fields | step.simd_eq(u8x16::splat(b','))
}

/// One part of an identity.
struct Part<'p> {
    /// UTF-8.
    text: &'p [u8],
    /// No part of the identity needs escaping in a field or in JSON.
    plain: bool,
}

impl Part<'_> {
    /// Writes it as a JSON string and returns the position of the string's content.
    fn write_json(&self, into: &mut BytesMut) -> Range<usize> {
        let start = into.len();
        if self.plain {
            into.put_u8(b'"');
            into.extend_from_slice(self.text);
            into.put_u8(b'"');
        } else {
            // Writing UTF-8 into a growing buffer cannot fail.
            let _ = serde_json::to_writer((&mut *into).writer(), &String::from_utf8_lossy(self.text));
        }
        start.saturating_add(1)..into.len().saturating_sub(1)
    }

    /// The position of its field value: inside the JSON string, or written separately.
    fn field(&self, inside: Range<usize>, buffer: &mut BytesMut) -> Range<usize> {
        if self.plain {
            return inside;
        }
        let start = buffer.len();
        self.write_field(buffer);
        start..buffer.len()
    }

    fn write_field(&self, into: &mut BytesMut) {
        if self.plain {
            into.extend_from_slice(self.text);
        } else {
            percent_encode(self.text, into);
        }
    }
}

/// Escapes every byte outside `!` to `~`, and `%` and `,`: distinct values stay distinct, and no value contains a
/// separator.
fn percent_encode(value: &[u8], into: &mut BytesMut) {
    for byte in value.iter().copied() {
        if is_unescaped(byte) {
            into.put_u8(byte);
        } else {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            into.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

fn is_unescaped(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && byte != b'%' && byte != b','
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use artos_auth_engine::{Access, Decision};
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::example::Example;

    fn field(value: &str) -> String {
        let mut into = BytesMut::new();
        Part { text: value.as_bytes(), plain: false }.write_field(&mut into);
        String::from_utf8(into.into()).unwrap()
    }

    fn json(value: &str) -> String {
        let mut into = BytesMut::new();
        Part { text: value.as_bytes(), plain: false }.write_json(&mut into);
        String::from_utf8(into.into()).unwrap()
    }

    #[rstest]
    #[case::plain("documents:write", "documents:write")]
    #[case::space("a b", "a%20b")]
    #[case::percent("a%20b", "a%2520b")]
    #[case::comma("a,b", "a%2Cb")]
    #[case::quote("a\"b\\", "a\"b\\")]
    #[case::line_end("a\r\nX-Auth-Org-Id: b", "a%0D%0AX-Auth-Org-Id:%20b")]
    #[case::not_ascii("\u{e9}", "%C3%A9")]
    #[case::empty("", "")]
    fn identity_fields_are_percent_encoded(#[case] value: &str, #[case] encoded: &str) {
        assert_eq!(field(value), encoded);
    }

    /// Identities are adjacent in memory; each response must contain only its own, whatever its length.
    #[test]
    fn identities_in_a_shared_buffer_do_not_change() {
        let example = Example::new();
        // Plain identities, and identities whose fields and bodies differ.
        let user =
            |number: usize| format!("user{}{number}", ["-", " ", "\""][number % 3]) + &"x".repeat(number * 4);
        let users: Vec<String> = (0..60).map(user).collect();
        let answers: Vec<(HeaderMap, Bytes)> = users
            .iter()
            .map(|user| {
                let Decision::Allow(Access::Principal(principal)) = example.decide_about(user) else {
                    panic!("the token is good")
                };
                let mut headers = HeaderMap::new();
                let body = identify(&mut headers, &principal);
                (headers, body)
            })
            .collect();
        for (user, (headers, body)) in users.iter().zip(answers) {
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let expected =
                json!({"user_id": user, "org_id": "org", "permissions": ["a", user], "token_id": user});
            assert_eq!(body, expected);
            let encoded = field(user);
            for (name, value) in [
                (USER_ID, encoded.clone()),
                (ORG_ID, "org".to_owned()),
                (PERMISSIONS, format!("a {encoded}")),
                (TOKEN_ID, encoded),
            ] {
                assert_eq!(headers[&name], value, "{name}");
            }
        }
    }

    #[test]
    fn a_special_character_in_any_part_is_encoded() {
        let example = Example::new();
        let is_plain_for = |user: &str| match example.decide_about(user) {
            Decision::Allow(Access::Principal(principal)) => is_plain(principal.identity()),
            _ => panic!("the token is good"),
        };
        for plain in ["u1", "a:r", "b/*", "!~"] {
            assert!(is_plain_for(plain), "{plain:?}");
        }
        for odd in [" ", "%", ",", "\"", "\\", "\u{e9}", "\u{2028}"] {
            for around in ["", "x", "more than sixteen bytes before"] {
                assert!(!is_plain_for(&format!("{around}{odd}x")), "{odd:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn decoding_restores_the_value(value in any::<String>()) {
            let field = field(&value);
            prop_assert!(field.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b','));
            let mut decoded = Vec::new();
            let mut rest = field.as_bytes();
            while let Some((first, after)) = rest.split_first() {
                if *first == b'%' {
                    decoded.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
                    rest = &after[2..];
                } else {
                    decoded.push(*first);
                    rest = after;
                }
            }
            prop_assert_eq!(decoded, value.into_bytes());
        }

        #[test]
        fn the_body_equals_the_output_of_serde_json(value in "[ -~]{0,40}|\\PC{0,20}|[\"\\\\,%\u{0}-\u{1f}\u{7f}]{0,4}") {
            prop_assert_eq!(json(&value), serde_json::to_string(&value).unwrap());
        }
    }
}

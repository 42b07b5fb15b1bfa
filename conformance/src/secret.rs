//! Text that must never be printed, and redaction of text that might contain some.

use std::collections::HashSet;
use std::fmt;

/// A token or key material. Printing it prints a fixed redaction (SEC-1).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps a secret.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves, to be sent or signed with, never to be printed.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The number of consecutive characters of a token that counts as a leak.
pub const TELLING: usize = 8;

/// Minimum length of a segment of a token: the shortest header, `{"alg":"HS256"}`, has 20 characters.
const SEGMENT: usize = 16;

/// Finds parts of secrets in text.
#[derive(Clone, Default)]
pub struct Redactor {
    windows: HashSet<[u8; TELLING]>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// Adds a secret; one shorter than [`TELLING`] cannot be distinguished from other text and is ignored.
    pub fn add(&mut self, secret: &[u8]) {
        self.windows
            .extend(secret.windows(TELLING).filter_map(|window| <[u8; TELLING]>::try_from(window).ok()));
    }

    /// Adds the segments of a token, or of a modified token. The surrounding text is not secret: names in the JSON
    /// serialization, a placeholder, a path.
    pub fn add_token(&mut self, token: &[u8]) {
        let base64url = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        token
            .split(|byte| !base64url(byte))
            .filter(|segment| segment.len() >= SEGMENT)
            .for_each(|segment| self.add(segment));
    }

    /// Whether the text holds [`TELLING`] or more consecutive characters of a secret.
    pub fn finds_in(&self, text: &[u8]) -> bool {
        text.windows(TELLING).any(|window| self.holds(window))
    }

    /// The text with every part of a secret replaced by `[token]`.
    pub fn clean(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut hidden = vec![false; bytes.len()];
        for (start, window) in bytes.windows(TELLING).enumerate() {
            if self.holds(window) {
                hidden.iter_mut().skip(start).take(TELLING).for_each(|hide| *hide = true);
            }
        }
        let mut cleaned = Vec::with_capacity(bytes.len());
        let mut inside = false;
        for (&byte, &hide) in bytes.iter().zip(&hidden) {
            if !hide {
                cleaned.push(byte);
            } else if !inside {
                cleaned.extend_from_slice(b"[token]");
            }
            inside = hide;
        }
        String::from_utf8_lossy(&cleaned).into_owned()
    }

    fn holds(&self, window: &[u8]) -> bool {
        <[u8; TELLING]>::try_from(window).is_ok_and(|window| self.windows.contains(&window))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_a_redaction() {
        assert_eq!(format!("{:?}", Secret::new("eyJhbGciOiJIUzI1NiJ9")), "[redacted]");
    }

    #[test]
    fn the_text_around_a_token_is_not_secret() {
        let mut redactor = Redactor::default();
        redactor
            .add_token(br#"{"protected":"eyJhbGciOiJIUzI1NiJ9","signature":"c2lnbmF0dXJlLW9mLTMyLWJ5dGVz"}"#);
        assert_eq!(
            redactor.clean("the protected endpoint: bad signature"),
            "the protected endpoint: bad signature"
        );
        assert_eq!(redactor.clean("got eyJhbGciOiJIUzI1NiJ9"), "got [token]");
    }

    #[test]
    fn parts_of_eight_characters_are_found_and_redacted() {
        let mut redactor = Redactor::default();
        redactor.add(b"abcdefghijkl");
        assert!(redactor.finds_in(b"see cdefghij there"));
        assert!(!redactor.finds_in(b"see cdefghi there"));
        assert_eq!(redactor.clean("see cdefghijk there, and abcdefghijkl"), "see [token] there, and [token]");
        assert_eq!(redactor.clean("nothing of it: abcdefg"), "nothing of it: abcdefg");
    }
}

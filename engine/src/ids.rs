//! Identifiers: of users, organizations, tokens and permissions.

/// The longest identifier, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 256;
/// The most permissions in a token.
pub(crate) const MAX_PERMISSIONS: usize = 256;

/// Whether a text can be an identifier: at most 256 bytes, no control character (Unicode Cc).
pub(crate) fn is_id(text: &str) -> bool {
    text.len() <= MAX_ID_BYTES && !text.chars().any(char::is_control)
}

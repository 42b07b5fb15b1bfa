//! Tokens: parsed, built byte by byte, validly and invalidly signed.

mod compact;
mod der;
pub(crate) mod detached;
mod key;
mod mint;

pub use compact::Compact;
pub use key::{Algorithm, KeyFamily, SigningKey};
pub use mint::Mint;
pub(crate) use mint::quote;

/// base64url without padding (RFC 4648 §5), as JWS writes it.
pub fn base64url(bytes: &[u8]) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// The bytes of unpadded base64url text; `None` if it is invalid.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}

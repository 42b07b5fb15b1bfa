//! Reads what identifies a token to revoke from a file. Its signature is not verified, and nothing of it is shown.

use std::io::{self, Read};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use base64_simd::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Number;

use crate::commands::Failure;
use crate::config;
use crate::revocation::entry::Entry;
use crate::text::without_byte_order_mark;

/// Far more bytes than any token has.
const MAX_BYTES: u64 = 1 << 20;

/// The entry that revokes the token in a file; `-` is standard input.
pub(super) fn entry(file: &Path, expires: Option<Number>) -> Result<Entry, Failure> {
    let (name, text) = if file.as_os_str() == "-" {
        let mut text = Vec::new();
        let unreadable = |error: io::Error| Failure::Bad(format!("cannot read standard input: {error}"));
        io::stdin().lock().take(MAX_BYTES).read_to_end(&mut text).map_err(unreadable)?;
        ("standard input".to_owned(), text)
    } else {
        let named = |error: config::ConfigError| error.named_by("--token-file");
        (file.display().to_string(), config::read(file, MAX_BYTES).map_err(named)?)
    };
    entry_of(&text, expires).map_err(|problem| Failure::Bad(format!("{name}: {problem}")))
}

fn entry_of(text: &[u8], expires: Option<Number>) -> Result<Entry, &'static str> {
    #[derive(Deserialize)]
    struct Claims {
        jti: Option<String>,
    }
    const NO_TOKEN: &str = "expected one token: a compact JWS, three base64url segments separated by dots";
    let text = without_byte_order_mark(text).trim_ascii();
    // A value copied from an `Authorization` field is accepted too.
    let token = match text.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"bearer ") => rest.trim_ascii_start(),
        _ => text,
    };
    let segments: Vec<&[u8]> = token.split(|byte| *byte == b'.').collect();
    let [header, claims, signature] = segments.as_slice() else { return Err(NO_TOKEN) };
    let decode = |segment: &[u8]| URL_SAFE_NO_PAD.decode_to_vec(segment).map_err(|_| NO_TOKEN);
    decode(header)?;
    decode(signature)?;
    let claims: Claims = serde_json::from_slice(&decode(claims)?)
        .map_err(|_| "its claims are not a JSON object with a string as `jti`, so no server accepts it")?;
    if let Some(id) = claims.jti {
        return Ok(Entry::Token { id, expires });
    }
    let signed = token.len().saturating_sub(signature.len()).saturating_sub(1);
    let digest = digest(&SHA256, token.get(..signed).unwrap_or_default());
    let hex = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Entry::SignedSha256 { id: hex, expires })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode_to_string(text);
        format!("{}.{}.AAAA", encode(r#"{"alg":"ES256"}"#), encode(claims))
    }

    #[test]
    fn a_token_is_revoked_by_its_id_or_its_signing_input() {
        let entry =
            entry_of(format!("\u{feff} Bearer {}\n", token(r#"{"jti":"t-1"}"#)).as_bytes(), None).unwrap();
        assert_eq!(entry.to_json(), r#"{"op":"token","id":"t-1"}"#);
        let token = token(r#"{"jti":null,"sub":"u"}"#);
        let entry = entry_of(token.as_bytes(), Some(7.into())).unwrap();
        let signed = token.rsplit_once('.').unwrap().0;
        let hex: String =
            digest(&SHA256, signed.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(entry.to_json(), format!(r#"{{"op":"signed_sha256","id":"{hex}","expires":7}}"#));
    }

    #[test]
    fn an_invalid_token_is_refused() {
        for text in ["", "Bearer ", "a.b", "a.b.c.d", "!.!.!", &token("[]"), &token(r#"{"jti":5}"#)] {
            entry_of(text.as_bytes(), None).unwrap_err();
        }
    }
}

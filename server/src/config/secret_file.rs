//! Warnings about files with secrets that other users of the machine can read.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use crate::quote::redact;
use crate::text::without_byte_order_mark;

/// The warning for a file with a private key or a secret that every user of the machine can read or change.
pub(crate) fn secret_file_warning(path: &Path) -> Option<String> {
    const MAX_BYTES: u64 = 16 << 20;
    let mode = mode_for_others(path)?;
    holds_secret(&super::read(path, MAX_BYTES).ok()?)
        .then(|| warning(path, "a private key or a secret", mode))
}

/// The warning for the file of a password that every user of the machine can read or change.
pub(super) fn password_file_warning(path: &Path) -> Option<String> {
    mode_for_others(path).map(|mode| warning(path, "a password", mode))
}

/// The mode of a file, if users other than its owner and its group have access to it.
fn mode_for_others(path: &Path) -> Option<u32> {
    const OTHERS: u32 = 0o007;
    let mode = std::fs::metadata(path).ok()?.mode() & 0o777;
    (mode & OTHERS != 0).then_some(mode)
}

fn warning(path: &Path, secret: &str, mode: u32) -> String {
    let name = path.display().to_string();
    redact(&format!(
        "{name}: holds {secret}, and every user of this machine has access to it (mode {mode:04o}); run `chmod o= {name}`"
    ))
    .into_owned()
}

/// Whether a JWK, a JWK Set or a PEM file contains a private key or a shared secret.
fn holds_secret(text: &[u8]) -> bool {
    if let Ok(value) = serde_json::from_slice::<Value>(without_byte_order_mark(text)) {
        let is_secret =
            |key: &Value| ["d", "k"].iter().any(|member| key.get(member).is_some_and(Value::is_string));
        return is_secret(&value)
            || value.get("keys").and_then(Value::as_array).is_some_and(|keys| keys.iter().any(is_secret));
    }
    const MARK: &[u8] = b"PRIVATE KEY-----";
    text.windows(MARK.len()).any(|part| part == MARK)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::private_jwk(r#"{"kty": "OKP", "d": "AA", "x": "AA"}"#, true)]
    #[case::byte_order_mark("\u{feff}{\"kty\": \"oct\", \"k\": \"AA\"}", true)]
    #[case::set_with_a_secret(r#"{"keys": [{"kty": "EC", "x": "AA"}, {"kty": "oct", "k": "AA"}]}"#, true)]
    #[case::public_set(r#"{"keys": [{"kty": "EC", "x": "AA", "d": null}]}"#, false)]
    #[case::pem("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", true)]
    #[case::encrypted_pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==", true)]
    #[case::certificate("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", false)]
    #[case::other("listen", false)]
    fn a_warning_needs_a_secret_and_access_for_others(#[case] text: &str, #[case] secret: bool) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, text).unwrap();
        for (mode, open) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true), (0o602, true)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            let warning = secret_file_warning(&file);
            assert_eq!(warning.is_some(), secret && open, "{mode:o}: {warning:?}");
            assert!(warning.is_none_or(|warning| warning.contains(&format!("(mode {mode:04o})"))));
        }
        assert_eq!(secret_file_warning(&folder.path().join("none")), None);
    }
}

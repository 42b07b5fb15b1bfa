//! Warnings about files with secrets that other users of the machine can read.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use crate::quote::redact;

/// The warning for a file with a private key or a secret that every user of the machine can read or change.
pub(crate) fn secret_file_warning(path: &Path) -> Option<String> {
    const MAX_BYTES: u64 = 16 << 20;
    /// All permissions of other users (neither owner nor group).
    const OTHERS: u32 = 0o007;

    let mode = std::fs::metadata(path).ok()?.mode() & 0o777;
    if mode & OTHERS == 0 || !holds_secret(&super::read(path, MAX_BYTES).ok()?) {
        return None;
    }
    let name = path.display().to_string();
    Some(redact(&format!(
        "{name}: holds a private key or a secret, and every user of this machine has access to it (mode {mode:04o}); \
         run `chmod o= {name}`"
    ))
    .into_owned())
}

/// Whether a JWK, a JWK Set or a PEM file contains a private key or a shared secret.
fn holds_secret(text: &[u8]) -> bool {
    if let Ok(value) = serde_json::from_slice::<Value>(text) {
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

//! `serve --dev --dev-dir DIR`: the demonstration's key, tokens and profile as files, and ten lines that use them.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::introduction::{Profile, Secrets};
use super::{Dev, KEY_ID};

/// The file of the demonstration's private key; a later start recognizes the folder by it.
const KEY_FILE: &str = "key.jwk.json";
const PROFILE_FILE: &str = "profile.toml";

/// `curl` requests: token, method, path, and the answer.
const REQUESTS: &[(Option<&str>, &str, &str, &str)] = &[
    (None, "", "/api/v1/search/status", "200"),
    (Some("valid"), "", "/api/v1/documents/doc-a", "200"),
    (Some("org-b"), "", "/api/v1/documents/doc-a", "403"),
    (Some("no-permission"), " -X POST", "/api/v1/documents/generate", "403"),
    (Some("expired"), "", "/api/v1/templates/", "401"),
    (Some("revoked"), "", "/api/v1/templates/", "401"),
    (None, "", "/api/v1/templates/", "401"),
];

/// The folder of a demonstration: new, empty, or of an earlier demonstration, whose files are replaced.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// # Errors
    ///
    /// The folder contains other files, cannot be read or cannot be created.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| format!("`--dev-dir`: {}: {error}", path.display());
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let is_empty = fs::read_dir(path).map_err(failed)?.next().is_none();
        if !is_empty && !is_demonstration_key(&path.join(KEY_FILE)) {
            return Err(format!(
                "`--dev-dir`: {} contains other files; name a new or empty folder",
                path.display()
            ));
        }
        Ok(Self(path.to_owned()))
    }

    /// Writes the files, readable by their owner alone.
    pub(super) fn write(&self, dev: &Dev, url: &str) -> Result<(), String> {
        self.replace(KEY_FILE, &dev.key.to_jwk())?;
        for (token, text) in dev.tokens.named() {
            self.replace(&format!("{}.token", token.file), &format!("{text}\n"))?;
            self.replace(&format!("{}.header", token.file), &format!("Authorization: Bearer {text}\n"))?;
        }
        let profile = Profile { dev, url, secrets: Secrets::Files { key: KEY_FILE } };
        self.replace(PROFILE_FILE, &profile.to_string())
    }

    fn replace(&self, name: &str, text: &str) -> Result<(), String> {
        let file = self.0.join(name);
        let mut options = OpenOptions::new();
        // Never through a link, and never into a file that is open elsewhere.
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let write = || {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            options.open(&file)?.write_all(text.as_bytes())
        };
        write().map_err(|error| format!("`--dev-dir`: {} cannot be written: {error}", file.display()))
    }

    /// A few lines about a server at this address.
    pub(super) fn introduction(&self, address: std::net::SocketAddr) -> String {
        let folder = self.0.display();
        let mut lines: Vec<(String, &str)> = Vec::new();
        for (token, method, path, answer) in REQUESTS {
            let header = token.map(|token| shell_word(&format!("@{folder}/{token}.header")));
            let header = header.map(|word| format!(" -H {word}")).unwrap_or_default();
            lines.push((format!("curl -i{method}{header} {address}{path}"), answer));
        }
        let profile = shell_word(&format!("{folder}/{PROFILE_FILE}"));
        let mut text =
            format!("# {folder} holds the key, the tokens and the profile of this demonstration.\n");
        for (line, answer) in lines {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{line}  # {answer}");
        }
        let _ = writeln!(text, "artos-conformance run --profile {profile}");
        text
    }
}

fn is_demonstration_key(key: &Path) -> bool {
    const MAX_BYTES: u64 = 4096;
    let text = crate::config::read(key, MAX_BYTES).unwrap_or_default();
    let jwk: Value = serde_json::from_slice(&text).unwrap_or_default();
    jwk.get("kid").and_then(Value::as_str) == Some(KEY_ID)
}

/// A word for a POSIX shell, quoted if necessary.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%_+=:,./-".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

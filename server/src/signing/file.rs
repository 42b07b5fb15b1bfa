//! Private keys in files.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::PrivateKey;

/// Writes a private key to a new file that only its owner can read.
///
/// # Errors
///
/// The file exists (it is never overwritten) or cannot be written. A partly written file is removed.
pub fn write_private(file: &Path, key: &PrivateKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(file)?;
    opened.write_all(key.to_jwk().as_bytes()).and_then(|()| opened.sync_all()).inspect_err(|_| {
        // The first error is more useful than an error of the clean-up.
        let _ = fs::remove_file(file);
    })
}

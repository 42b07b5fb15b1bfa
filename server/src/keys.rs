//! `keys`: private keys in files, and what may be public of them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;

use crate::cli::{Exit, Failure, GenerateArgs};
use crate::signing::PrivateKey;

/// `keys generate`.
pub(crate) fn generate(args: &GenerateArgs) -> Result<Exit, Failure> {
    let key =
        PrivateKey::generate(args.alg, args.kid.clone()).map_err(|error| Failure::Bad(error.to_string()))?;
    match &args.out {
        Some(file) => {
            write_private(file, &key)
                .map_err(|error| Failure::Bad(format!("{}: {}", file.display(), in_words(&error))))?;
            eprintln!(
                "wrote a private {} key to {}, which only its owner can read",
                args.alg,
                file.display()
            );
        }
        None => print(&key.to_jwk())?,
    }
    Ok(Exit::Done)
}

/// `keys public`.
pub(crate) fn public(from: &Path) -> Result<Exit, Failure> {
    let key = read_private(from)?;
    let Some(public) = key.to_public_jwk() else {
        return Err(Failure::Bad(format!(
            "{}: a shared secret has no public part, for whoever verifies with it can sign with it; name this file \
             itself by `keys.file`, readable by the server alone, or make a key pair with `keys generate --alg ES256`",
            from.display()
        )));
    };
    print(&format!("{:#}\n", json!({ "keys": [public] })))?;
    Ok(Exit::Done)
}

/// Reads a private JWK from a file.
pub(crate) fn read_private(file: &Path) -> Result<PrivateKey, Failure> {
    let text = crate::config::read(file, MAX_KEY_BYTES)?;
    PrivateKey::from_jwk(&zeroize::Zeroizing::new(text)).map_err(|error| Failure::key(file, &error))
}

const MAX_KEY_BYTES: u64 = 1 << 20;

/// Writes a private key to a new file that only its owner can read.
///
/// # Errors
///
/// An existing file is never overwritten, and a file that could not be written whole is removed.
pub fn write_private(file: &Path, key: &PrivateKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(file)?;
    opened.write_all(key.to_jwk().as_bytes()).and_then(|()| opened.sync_all()).inspect_err(|_| {
        // The first error says more than one about its clean-up.
        let _ = fs::remove_file(file);
    })
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            "there is a file of that name, and keys are never overwritten; name another or move it away"
                .to_owned()
        }
        _ => format!("cannot be written: {error}"),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(|error| Failure::output(&error))
}

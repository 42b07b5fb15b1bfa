//! `keys`: private keys in files, and what may be public of them.

use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use artos_auth_engine::Algorithm;
use clap::Args;
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use serde_json::json;

use crate::commands::{Exit, Failure};
use crate::signing::{PrivateKey, write_private};

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The algorithm that the key is to serve
    #[arg(long, value_name = "ALG", value_parser = algorithm_parser())]
    pub(crate) alg: Algorithm,

    /// Its key id; by default its RFC 7638 thumbprint
    #[arg(long, value_name = "K", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) kid: Option<String>,

    /// A new file for it, which only its owner can read; by default it goes to standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

fn algorithm_parser() -> impl TypedValueParser<Value = Algorithm> {
    let names = Algorithm::ALL.iter().map(|algorithm| algorithm.name());
    PossibleValuesParser::new(names)
        .try_map(|name| Algorithm::from_name(&name).ok_or("this is none of the algorithms"))
}

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
    // Not by the reader of the server's files: `--in` and `--key` may name a pipe.
    let mut text = zeroize::Zeroizing::new(Vec::new());
    std::fs::File::open(file)
        .and_then(|opened| opened.take(MAX_KEY_BYTES).read_to_end(&mut text))
        .map_err(|error| Failure::Bad(format!("{}: cannot be read: {error}", file.display())))?;
    if let Some(warning) = crate::config::secret_file_warning(file) {
        eprintln!("warning: {warning}");
    }
    PrivateKey::from_jwk(&text).map_err(|error| Failure::key(file, &error))
}

const MAX_KEY_BYTES: u64 = 1 << 20;

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

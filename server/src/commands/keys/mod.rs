//! `keys`: generates private keys, and converts keys to public JWKs.

mod public_key;

use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use artos_auth_engine::Algorithm;
use clap::Args;
use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, TypedValueParser};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::commands::{Exit, Failure};
use crate::signing::{PrivateKey, write_private};

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The algorithm of the key
    #[arg(long, value_name = "ALG", value_parser = algorithm_parser())]
    pub(crate) alg: Algorithm,

    /// The key id; default: the RFC 7638 thumbprint
    #[arg(long, value_name = "K", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) kid: Option<String>,

    /// A new file, which only its owner can read; default: standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

fn algorithm_parser() -> impl TypedValueParser<Value = Algorithm> {
    let names = Algorithm::ALL.iter().map(|algorithm| algorithm.name());
    PossibleValuesParser::new(names).try_map(|name| Algorithm::from_name(&name).ok_or("unknown algorithm"))
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

#[derive(Debug, Args)]
pub(crate) struct PublicArgs {
    /// A file with a private JWK, or a public key or certificate in PEM; repeat for several keys
    #[arg(long = "in", value_name = "FILE", required = true)]
    pub(crate) from: Vec<PathBuf>,

    /// The algorithm of a PEM key, if it can have several (RSA)
    #[arg(long, value_name = "ALG", value_parser = algorithm_parser())]
    pub(crate) alg: Option<Algorithm>,

    /// The key id of a PEM key; default: its RFC 7638 thumbprint
    #[arg(long, value_name = "K", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) kid: Option<String>,
}

/// `keys public`.
pub(crate) fn public(args: &PublicArgs) -> Result<Exit, Failure> {
    if args.kid.is_some() && args.from.len() > 1 {
        return Err(Failure::Bad("`--kid` is for one key; convert the files one by one".to_owned()));
    }
    let mut keys: Vec<Map<String, Value>> = Vec::new();
    for file in &args.from {
        let key = public_of(file, args)?;
        let id = |key: &Map<String, Value>| (key.get("kid").cloned(), key.get("alg").cloned());
        if let Some(earlier) = keys.iter().position(|earlier| id(earlier) == id(&key)) {
            let earlier = args.from.get(earlier).map(|file| file.display().to_string()).unwrap_or_default();
            let problem =
                format!("{}: duplicate key id (also in {earlier}); give each key its own", file.display());
            return Err(Failure::Bad(problem));
        }
        keys.push(key);
    }
    print(&format!("{:#}\n", json!({ "keys": keys })))?;
    Ok(Exit::Done)
}

fn public_of(file: &Path, args: &PublicArgs) -> Result<Map<String, Value>, Failure> {
    let text = read(file)?;
    if public_key::is_pem(&text) {
        return public_key::from_pem(&text, args.alg, args.kid.as_deref())
            .map_err(|problem| Failure::Bad(format!("{}: {problem}", file.display())));
    }
    if args.kid.is_some() || args.alg.is_some() {
        let problem = "`--alg` and `--kid` apply only to PEM; leave them out for a JWK, which has its own";
        return Err(Failure::Bad(format!("{}: {problem}", file.display())));
    }
    private_of(file, &text)?.to_public_jwk().ok_or_else(|| {
        Failure::Bad(format!(
            "{}: a shared secret has no public part, because it both signs and verifies; use this file as \
             `keys.file`, readable only by the server, or make a key pair with `keys generate --alg ES256`",
            file.display()
        ))
    })
}

/// Reads a private JWK from a file.
pub(crate) fn read_private(file: &Path) -> Result<PrivateKey, Failure> {
    private_of(file, &read(file)?)
}

/// Reads a file once. The reader of the server's files is not used, because `--in` and `--key` may name a pipe.
fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut text = Zeroizing::new(Vec::new());
    std::fs::File::open(file)
        .and_then(|opened| opened.take(MAX_KEY_BYTES).read_to_end(&mut text))
        .map_err(|error| Failure::Bad(format!("{}: cannot be read: {error}", file.display())))?;
    Ok(text)
}

fn private_of(file: &Path, text: &[u8]) -> Result<PrivateKey, Failure> {
    if let Some(warning) = crate::config::secret_file_warning(file) {
        eprintln!("warning: {warning}");
    }
    PrivateKey::from_jwk(text).map_err(|error| Failure::key(file, &error))
}

const MAX_KEY_BYTES: u64 = 1 << 20;

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            "the file exists, and keys are never overwritten; choose another name or move the file".to_owned()
        }
        _ => format!("cannot be written: {error}"),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(|error| Failure::output(&error))
}

//! `--sign` and `artos-conformance verify`: a detached JWS beside the report.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, Status, say, write};
use crate::token::{SigningKey, detached};

#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// The report; its signature is read from REPORT.jws
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// The public keys: a JWK Set, or a single JWK
    #[arg(long, value_name = "JWKS")]
    keys: PathBuf,
}

/// The signature's file: the report's, with `.jws` added.
fn signature_path(report: &Path) -> PathBuf {
    let mut name = OsString::from(report);
    name.push(".jws");
    name.into()
}

/// The key of `--sign`, read before the first request.
pub(super) fn key(path: &Path) -> Result<SigningKey, Failure> {
    let fault = |what: String| Failure::usage(format!("--sign {}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let key = SigningKey::from_jwk(&text).map_err(fault)?;
    if !detached::may_sign(&key) {
        return Err(fault(
            "a shared secret cannot sign reports: anyone who verifies with it could sign too; use an RSA, EC or Ed25519 \
             key"
            .into(),
        ));
    }
    Ok(key)
}

/// Writes the signature of a report beside it.
pub(super) fn sign(key: &SigningKey, report: &Path) -> Result<(), Failure> {
    let bytes = std::fs::read(report)
        .map_err(|error| Failure::usage(format!("{}: cannot be read: {error}", report.display())))?;
    write(Some(&signature_path(report)), &format!("{}\n", detached::sign(key, &bytes)))
}

/// Verifies a report: status 0 where a key of the set signed exactly these bytes, status 1 where none did.
pub(super) fn verify(args: &VerifyArgs) -> Result<Status, Failure> {
    let read = |path: &Path| {
        std::fs::read(path)
            .map_err(|error| Failure::usage(format!("{}: cannot be read: {error}", path.display())))
    };
    let report = read(&args.report)?;
    let signature = read(&signature_path(&args.report))?;
    let keys = detached::keys(&read(&args.keys)?)
        .map_err(|what| Failure::usage(format!("{}: {what}", args.keys.display())))?;
    match detached::verify(&keys, &report, &String::from_utf8_lossy(&signature)) {
        Ok(kid) => {
            let by = kid.map_or_else(|| "a key without a `kid`".to_owned(), |kid| format!("key `{kid}`"));
            write(None, &format!("{}: signed by {by}\n", args.report.display()))?;
            Ok(Status::Done)
        }
        Err(why) => {
            say(&format!("artos-conformance: {}: {why}", args.report.display()));
            Ok(Status::Failed)
        }
    }
}

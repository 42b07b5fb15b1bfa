//! Runs the profile's command, which revokes a token.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::process::Command;
use tokio::time::timeout;

use super::token::RunToken;
use crate::profile::{Placeholder, Revocation};

/// Runs the command in the folder of the profile, without a shell, input or output. The file of `{token_file}` is
/// removed before this returns, or when it is cancelled.
pub(super) async fn run(
    revocation: &Revocation,
    token: &RunToken,
    profile: &Path,
    limit: Duration,
) -> Result<(), String> {
    let file = match revocation.uses(Placeholder::TokenFile) {
        true => Some(
            write(token)
                .map_err(|error| format!("the file for `{{token_file}}` cannot be written: {error}"))?,
        ),
        false => None,
    };
    let path = file.as_ref().map(|file| file.path().display().to_string()).unwrap_or_default();
    let mut words = revocation
        .command
        .iter()
        .map(|argument| argument.fill(|placeholder| token.value(placeholder, &path).unwrap_or_default()));
    let name = words.next().unwrap_or_default();
    let folder = folder(profile);
    let mut command = Command::new(program(&name, &folder));
    command.args(words).current_dir(&folder).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child =
        command.spawn().map_err(|error| format!("revocation.command: `{name}` cannot be run: {error}"))?;
    match timeout(limit, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("revocation.command: `{name}` {}", words_of(status))),
        Ok(Err(error)) => Err(format!("revocation.command: `{name}` cannot be waited for: {error}")),
        Err(_) => {
            // It may end at this moment without being killed; either way it no longer runs.
            drop(child.kill().await);
            Err(format!(
                "revocation.command: `{name}` was killed: it took more than {} s",
                limit.as_secs_f64()
            ))
        }
    }
}

/// The token in a new file, which only this user can read (mode 0600), removed when dropped.
fn write(token: &RunToken) -> std::io::Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("artos-conformance-").suffix(".jwt").tempfile()?;
    file.write_all(token.text.expose())?;
    file.flush()?;
    Ok(file)
}

fn folder(profile: &Path) -> PathBuf {
    let folder = profile.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// A program with a path is relative to the profile, like every path in it; a bare name is searched in `PATH`.
fn program(name: &str, folder: &Path) -> PathBuf {
    match Path::new(name).components().count() {
        0 | 1 if !name.starts_with('.') => PathBuf::from(name),
        _ => folder.join(name),
    }
}

fn words_of(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("was ended by signal {signal}");
    }
    match status.code() {
        Some(code) => format!("ended with exit status {code}"),
        None => "ended without an exit status".to_owned(),
    }
}

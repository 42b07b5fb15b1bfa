//! `revoke`, `revocations list` and `revocations compact`: what the configured source of revocations holds, and changes
//! of it.

mod args;
mod token;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use artos_auth_engine::Revocations;

pub(crate) use args::RevokeArgs;

use crate::clock::{Clock as _, SystemClock};
use crate::commands::{Exit, Failure};
use crate::config;
use crate::revocation::entry::Entry;
use crate::revocation::file;
use crate::revocation::list::List;

/// Writes one revocation to the source.
pub(crate) fn revoke(args: &RevokeArgs) -> Result<Exit, Failure> {
    let now = now();
    let source = source(&args.config)?;
    let entry = args.entry(now)?;
    // The rules of the list: what no token could match is refused here, and not passed over later.
    let mut one = List::default();
    one.add(entry.clone());
    Revocations::from_json(one.to_json().as_bytes())
        .map_err(|error| Failure::Bad(format!("this revocation would have no effect: {}", error.problem)))?;
    let shown = entry.to_json();
    let is_past = entry.has_expired(now as f64);
    file::change(&source, |_| true, |list| list.add(entry)).map_err(Failure::Bad)?;
    print(&format!("revoked {shown} in {}\n", source.display()))?;
    if is_past {
        eprintln!(
            "warning: `--expires` is in the past, so `artos-auth revocations compact` will drop the entry"
        );
    }
    Ok(Exit::Done)
}

/// Prints what is revoked.
pub(crate) fn list(config: &Path) -> Result<Exit, Failure> {
    let list = file::read(&source(config)?, |_| true).map_err(Failure::Bad)?;
    let mut output = BufWriter::new(io::stdout().lock());
    for entry in list.entries() {
        writeln!(output, "{}", entry.to_json()).map_err(|error| Failure::output(&error))?;
    }
    output.flush().map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}

/// Drops what has expired.
pub(crate) fn compact(config: &Path) -> Result<Exit, Failure> {
    let (now, source) = (now() as f64, source(config)?);
    let mut dropped: usize = 0;
    let keep = |entry: &Entry| {
        let keep = !entry.has_expired(now);
        dropped = dropped.saturating_add(usize::from(!keep));
        keep
    };
    let kept = file::change(&source, keep, |list| list.len()).map_err(Failure::Bad)?;
    print(&format!("{}: {} kept, {dropped} expired and dropped\n", source.display(), entries(kept)))?;
    Ok(Exit::Done)
}

fn entries(number: usize) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") }
}

/// Where the configuration keeps its revocations.
fn source(config: &Path) -> Result<PathBuf, Failure> {
    let loaded = config::load(config)?;
    loaded.revocations_file.ok_or_else(|| {
        Failure::Bad(format!(
            "{}: no revocations are configured; add `[revocations]` with `file = \"revocations.json\"`",
            config.display()
        ))
    })
}

fn now() -> u64 {
    SystemClock.now().since_epoch.as_secs()
}

fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(|error| Failure::output(&error))
}

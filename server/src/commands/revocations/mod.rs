//! `revoke`, `revocations list` and `revocations compact`: show and change the configured source of revocations.

mod args;
mod file;
mod token;

use std::io::{self, BufWriter, Write};
use std::path::Path;

pub(crate) use args::RevokeArgs;

use crate::clock::{Clock as _, SystemClock};
use crate::commands::{Exit, Failure};
use crate::config::{self, RedisRevocations, RevocationSource};
use crate::fetch::{Get, text_of, tls};
use crate::quote::redact;
use crate::redis::{Connector, Contents, append, list_of, read_all, write};
use crate::revocation::entry::Entry;
use crate::revocation::list::{List, check};
use crate::text::count;

/// Writes one revocation to the source.
pub(crate) fn revoke(args: &RevokeArgs) -> Result<Exit, Failure> {
    let now = SystemClock.now();
    let source = source(&args.config)?;
    let entry = args.entry(now)?;
    check(&entry)
        .map_err(|problem| Failure::Bad(format!("this revocation would have no effect: {problem}")))?;
    let shown = entry.to_json();
    let is_past = entry.has_expired(now.since_epoch.as_secs_f64());
    let place = match &source {
        RevocationSource::File(path) => {
            file::change(path, |_| true, |list| list.add(entry)).map_err(Failure::Bad)?;
            source.place()
        }
        RevocationSource::Url(_) => return Err(read_only(&source)),
        RevocationSource::Redis(redis) => {
            let connector = Connector::new(redis).map_err(|problem| failed(&source, &problem))?;
            let appended =
                config::block_on(async { append(&mut connector.connect().await?, redis, &entry).await });
            let id = appended.map_err(|problem| failed(&source, &problem))?;
            format!("{}, {} {id}", source.place(), redis.log())
        }
    };
    print(&format!("revoked {shown} in {place}\n"))?;
    if is_past {
        eprintln!(
            "warning: `--expires` is in the past, so `artos-auth revocations compact` will drop the entry"
        );
    }
    Ok(Exit::Done)
}

/// Prints all revocations.
pub(crate) fn list(config: &Path) -> Result<Exit, Failure> {
    let source = source(config)?;
    let list = match &source {
        RevocationSource::File(path) => file::read(path, |_| true).map_err(Failure::Bad)?,
        RevocationSource::Url(remote) => {
            let fetched = tls(remote.ca_file.as_deref()).and_then(|tls| {
                let get = Get::of_list(tls, remote.max_bytes);
                config::block_on(async {
                    text_of(&get, &remote.url).await.map_err(|failed| failed.to_string())
                })
            });
            let (_, text) = fetched.map_err(|problem| failed(&source, &problem))?;
            List::from_json(&text, |_| true).map_err(|error| failed(&source, &error.to_string()))?
        }
        RevocationSource::Redis(redis) => {
            let read = Connector::new(redis).and_then(|connector| {
                config::block_on(async {
                    list_of(&read_all(&mut connector.connect().await?, redis).await?, |_| true)
                })
            });
            let Contents { list, unreadable, .. } = read.map_err(|problem| failed(&source, &problem))?;
            warn(&unreadable);
            list
        }
    };
    let mut output = BufWriter::new(io::stdout().lock());
    for entry in list.entries() {
        writeln!(output, "{}", entry.to_json()).map_err(|error| Failure::output(&error))?;
    }
    output.flush().map_err(|error| Failure::output(&error))?;
    Ok(Exit::Done)
}

/// Removes expired entries.
pub(crate) fn compact(config: &Path) -> Result<Exit, Failure> {
    let source = source(config)?;
    let (kept, dropped) = match &source {
        RevocationSource::File(path) => {
            let mut dropped = 0;
            let kept =
                file::change(path, unexpired(&mut dropped), |list| list.len()).map_err(Failure::Bad)?;
            (kept, dropped)
        }
        RevocationSource::Url(_) => return Err(read_only(&source)),
        RevocationSource::Redis(redis) => {
            let compacted = Connector::new(redis)
                .and_then(|connector| config::block_on(compact_redis(&connector, redis)));
            let (kept, dropped, unreadable) = compacted.map_err(|problem| failed(&source, &problem))?;
            warn(&unreadable);
            (kept, dropped)
        }
    };
    let entries = count(kept, "entry");
    print(&format!("{}: {entries} kept, {dropped} expired and dropped\n", source.place()))?;
    Ok(Exit::Done)
}

/// Writes a new snapshot; returns the numbers of kept and dropped entries, and the unreadable entries.
async fn compact_redis(
    connector: &Connector,
    redis: &RedisRevocations,
) -> Result<(usize, usize, Vec<String>), String> {
    let mut connection = connector.connect().await?;
    for _ in 0..10 {
        let whole = read_all(&mut connection, redis).await?;
        let mut dropped = 0;
        let Contents { list, position, unreadable } = list_of(&whole, unexpired(&mut dropped))?;
        let text = list.to_json();
        if text.len().saturating_add(64) > redis.max_bytes {
            return Err(format!(
                "the snapshot would have more than {} bytes, so no server would load it; raise `max_bytes` on all of them",
                redis.max_bytes
            ));
        }
        if write(&mut connection, redis, &whole.id, position, &text).await? {
            return Ok((list.len(), dropped, unreadable));
        }
        // Another process has written a snapshot in the meantime.
    }
    Err("the snapshot changes faster than it can be written; try again".to_owned())
}

/// Keeps entries that have not expired, and counts the others.
fn unexpired(dropped: &mut usize) -> impl FnMut(&Entry) -> bool {
    let now = SystemClock.now().since_epoch.as_secs_f64();
    move |entry| {
        let keep = !entry.has_expired(now);
        *dropped = dropped.saturating_add(usize::from(!keep));
        keep
    }
}

/// The configured source of revocations.
fn source(config: &Path) -> Result<RevocationSource, Failure> {
    let loaded = config::load(config)?;
    loaded.revocations.ok_or_else(|| {
        Failure::Bad(format!(
            "{}: no revocations are configured; add `[revocations]` with `file = \"revocations.json\"`",
            config.display()
        ))
    })
}

fn read_only(source: &RevocationSource) -> Failure {
    failed(source, "a list by URL cannot be written; change it on the server that serves it")
}

fn failed(source: &RevocationSource, problem: &str) -> Failure {
    Failure::Bad(format!("revocations {}: {problem}", source.place()))
}

fn warn(problems: &[String]) {
    for problem in problems {
        eprintln!("warning: {}", redact(problem));
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(|error| Failure::output(&error))
}

//! Reads and writes the snapshot and the log, in transactions.

use std::time::Duration;

use artos_auth_engine::Revocations;
use redis::{FromRedisValue, Pipeline, Value, cmd, pipe};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::address::RedisRevocations;
use super::connect::Connection;
use super::log::{LogEntry, Position, fields_of};
use crate::revocation::entry::Entry;
use crate::revocation::list::{List, check};

/// The timeout of reading a page of the log.
const PAGE: Duration = Duration::from_secs(3);
/// The timeout of reading or writing a snapshot.
const SNAPSHOT: Duration = Duration::from_secs(30);
/// The number of log entries per read.
const ENTRIES: usize = 10_000;
/// How many bytes at both ends of the snapshot are compared. One of them contains the position.
const END: i64 = 256;

/// Identifies a snapshot, so that a new one is detected without reading it. Empty if there is no snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SnapshotId {
    bytes: u64,
    start: Vec<u8>,
    end: Vec<u8>,
}

impl SnapshotId {
    /// For tests: the value for a snapshot with this text.
    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        Self { bytes, start: text.as_bytes().to_vec(), end: text.as_bytes().to_vec() }
    }

    /// Whether there is a snapshot.
    pub(crate) fn is_there(&self) -> bool {
        self.bytes > 0
    }
}

/// A snapshot.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The last log entry that it includes.
    pub(crate) position: Position,
    /// `revocations.json`.
    pub(crate) revocations: Box<RawValue>,
}

impl Snapshot {
    pub(crate) fn parse(text: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Document {
            position: String,
            revocations: Box<RawValue>,
        }
        let document: Document = serde_json::from_slice(text)
            .map_err(|_| "the snapshot is not a JSON object with `position` and `revocations`")?;
        let position = document.position.parse();
        let position =
            position.map_err(|()| "the `position` of the snapshot is not the id of a stream's entry")?;
        Ok(Self { position, revocations: document.revocations })
    }
}

/// The result of one transaction.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) id: SnapshotId,
    /// The first entry that is still in the log.
    pub(crate) first: Option<Position>,
    /// The last entry that was ever in the log.
    pub(crate) last: Position,
    /// How many entries the log has received in total, if the server reports it (Redis 7 and later).
    pub(crate) added: Option<u64>,
    /// The entries after the requested position.
    pub(crate) entries: Vec<LogEntry>,
    /// Whether more entries may follow.
    pub(crate) is_full: bool,
    /// The text of the snapshot, if requested.
    pub(crate) snapshot: Vec<u8>,
}

/// Snapshot and log.
#[derive(Debug)]
pub(crate) struct SnapshotAndLog {
    pub(crate) id: SnapshotId,
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) last: Position,
    /// How many entries the log has received in total, if the server reports it.
    pub(crate) added: Option<u64>,
    /// All entries of the log.
    pub(crate) entries: Vec<LogEntry>,
}

impl SnapshotAndLog {
    /// The last log entry that the snapshot includes.
    pub(crate) fn position(&self) -> Position {
        self.snapshot.as_ref().map(|snapshot| snapshot.position).unwrap_or_default()
    }
}

/// Reads the identity of the snapshot, and the log after a position.
///
/// # Errors
///
/// The server does not respond, or its values are not a snapshot and a log.
pub(crate) async fn read_page(
    connection: &mut Connection,
    redis: &RedisRevocations,
    after: Position,
) -> Result<Page, String> {
    page(connection, redis, after, None).await
}

async fn page(
    connection: &mut Connection,
    redis: &RedisRevocations,
    after: Position,
    snapshot: Option<usize>,
) -> Result<Page, String> {
    let (key, log) = (&redis.prefix, redis.log());
    let mut commands = pipe();
    commands.cmd("STRLEN").arg(key);
    commands.cmd("GETRANGE").arg(key).arg(0).arg(END - 1);
    commands.cmd("GETRANGE").arg(key).arg(-END).arg(-1);
    commands.cmd("XINFO").arg("STREAM").arg(&log);
    commands.cmd("XRANGE").arg(&log).arg(format!("({after}")).arg("+").arg("COUNT").arg(ENTRIES);
    let mut limit = PAGE;
    if let Some(max_bytes) = snapshot {
        // One byte more than the limit.
        commands.cmd("GETRANGE").arg(key).arg(0).arg(max_bytes);
        limit = SNAPSHOT;
    }
    let answers = connection.ask_all(&commands, limit).await?.unwrap_or_default();
    let mut answers = answers.into_iter();
    let mut next = || answers.next().ok_or_else(|| "an answer is missing".to_owned());
    let id = SnapshotId {
        bytes: read(next()?, "snapshot")?,
        start: read(next()?, "snapshot")?,
        end: read(next()?, "snapshot")?,
    };
    let about = stream(next()?)?;
    let entries: Vec<Value> = read(next()?, "log")?;
    let is_full = entries.len() >= ENTRIES;
    let snapshot = if snapshot.is_some() { read(next()?, "snapshot")? } else { Vec::new() };
    let (first, last, added) = about;
    let entries = entries.into_iter().filter_map(LogEntry::read).collect();
    Ok(Page { id, first, last, added, entries, is_full, snapshot })
}

fn read<T: FromRedisValue>(answer: Value, what: &str) -> Result<T, String> {
    if let Value::ServerError(error) = &answer {
        return Err(format!(
            "the {what} cannot be read: {} {}",
            error.code(),
            error.details().unwrap_or_default()
        ));
    }
    T::from_redis_value(answer).map_err(|_| format!("the {what} cannot be read: another type than expected"))
}

type Stream = (Option<Position>, Position, Option<u64>);

/// Parses `XINFO STREAM`: first and last entry, and the total number of entries. All are empty without a stream.
fn stream(answer: Value) -> Result<Stream, String> {
    if let Value::ServerError(error) = &answer
        && error.details().is_some_and(|details| details.contains("no such key"))
    {
        return Ok((None, Position::default(), Some(0)));
    }
    let pairs: Vec<(String, Value)> = read(answer, "log")?;
    let mut stream: Stream = (None, Position::default(), None);
    for (name, value) in pairs {
        let id = |value| String::from_redis_value(value).ok().and_then(|id| id.parse().ok());
        match name.as_str() {
            "first-entry" => {
                let entry = <Option<(String, Value)>>::from_redis_value(value).ok().flatten();
                stream.0 = entry.and_then(|(id, _)| id.parse().ok());
            }
            "last-generated-id" => stream.1 = id(value).unwrap_or_default(),
            "entries-added" => stream.2 = u64::from_redis_value(value).ok(),
            _ => {}
        }
    }
    Ok(stream)
}

/// Reads the whole snapshot and log.
///
/// # Errors
///
/// Like [`read_page`]; or the snapshot is too large or unreadable.
pub(crate) async fn read_all(
    connection: &mut Connection,
    redis: &RedisRevocations,
) -> Result<SnapshotAndLog, String> {
    for _ in 0..5 {
        let mut page = page(connection, redis, Position::default(), Some(redis.max_bytes)).await?;
        if page.snapshot.len() > redis.max_bytes {
            return Err(format!("the snapshot has more than {} bytes (`max_bytes`)", redis.max_bytes));
        }
        let text = std::mem::take(&mut page.snapshot);
        let parse = move || if text.is_empty() { Ok(None) } else { Snapshot::parse(&text).map(Some) };
        let snapshot = tokio::task::spawn_blocking(parse).await;
        let snapshot = snapshot.map_err(|_| "the snapshot cannot be read".to_owned())??;
        let (id, mut last, mut added) = (page.id, page.last, page.added);
        let (mut is_full, mut entries) = (page.is_full, page.entries);
        let mut is_same = true;
        while is_full && is_same {
            let after = entries.last().map(|entry| entry.position).unwrap_or_default();
            let more = read_page(connection, redis, after).await?;
            is_same = more.id == id;
            (last, added, is_full) = (more.last, more.added, more.is_full);
            entries.extend(more.entries);
        }
        if is_same {
            return Ok(SnapshotAndLog { id, snapshot, last, added, entries });
        }
        // A compaction has removed entries in the meantime.
    }
    Err("the snapshot changes faster than it can be read".to_owned())
}

/// Appends an entry to the log and returns its id.
///
/// # Errors
///
/// The server does not answer or refuses it.
pub(crate) async fn append(
    connection: &mut Connection,
    redis: &RedisRevocations,
    entry: &Entry,
) -> Result<String, String> {
    let mut command = cmd("XADD");
    command.arg(redis.log()).arg("*");
    for (name, value) in fields_of(entry) {
        command.arg(name).arg(value);
    }
    connection.ask(&command, PAGE).await
}

/// Writes a snapshot and trims the log, unless the snapshot is no longer the one in `id`. Returns whether it wrote.
///
/// # Errors
///
/// The server does not answer or refuses it.
pub(crate) async fn write(
    connection: &mut Connection,
    redis: &RedisRevocations,
    id: &SnapshotId,
    position: Position,
    revocations: &str,
) -> Result<bool, String> {
    // Without the permission for a transaction, the two commands below would run one by one.
    connection.ask_all(&pipe(), PAGE).await?;
    let () = connection.ask(cmd("WATCH").arg(&redis.prefix), PAGE).await?;
    let length: u64 = connection.ask(cmd("STRLEN").arg(&redis.prefix), PAGE).await?;
    let start: Vec<u8> = connection.ask(cmd("GETRANGE").arg(&redis.prefix).arg(0).arg(END - 1), PAGE).await?;
    let end: Vec<u8> = connection.ask(cmd("GETRANGE").arg(&redis.prefix).arg(-END).arg(-1), PAGE).await?;
    if (SnapshotId { bytes: length, start, end }) != *id {
        // Otherwise the next transaction would not be executed.
        let () = connection.ask(&cmd("UNWATCH"), PAGE).await?;
        return Ok(false);
    }
    let snapshot = format!("{{\"position\":\"{position}\",\"revocations\":{revocations}}}");
    let mut commands = Pipeline::new();
    commands.cmd("SET").arg(&redis.prefix).arg(snapshot);
    // Keeps the entry at the position, so that servers that have applied it see no gap.
    commands.cmd("XTRIM").arg(redis.log()).arg("MINID").arg(position.to_string());
    let Some(answers) = connection.ask_all(&commands, SNAPSHOT).await? else { return Ok(false) };
    for answer in answers {
        let _: Value = read(answer, "snapshot")?;
    }
    Ok(true)
}

/// Snapshot and log as one list, without the entries that `keep` refuses; and the unreadable log entries.
///
/// # Errors
///
/// The snapshot is not a list of revocations.
pub(crate) fn list_of(
    whole: &SnapshotAndLog,
    mut keep: impl FnMut(&Entry) -> bool,
) -> Result<(List, Vec<String>), String> {
    let (mut list, mut unreadable) = (List::default(), Vec::new());
    if let Some(snapshot) = &whole.snapshot {
        let text = snapshot.revocations.get().as_bytes();
        Revocations::from_json(text)
            .map_err(|error| format!("the `revocations` of the snapshot: {error}"))?;
        list = List::from_json(text, &mut keep).map_err(|error| error.to_string())?;
    }
    let position = whole.position();
    for LogEntry { position, entry } in whole.entries.iter().filter(|entry| entry.position > position) {
        match entry.as_ref().map_err(Clone::clone).and_then(|entry| check(entry).map(|()| entry)) {
            Ok(entry) if keep(entry) => list.add(entry.clone()),
            Ok(_) => {}
            Err(problem) => {
                unreadable.push(format!("the entry {position} of the log cannot be read: {problem}"));
            }
        }
    }
    Ok((list, unreadable))
}

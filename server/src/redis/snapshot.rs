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
/// A snapshot is read in parts of this size, at most so many. The connection keeps a buffer of the size of the largest answer: 24
/// bytes for each of a million entries, if it were read in one.
const PART: usize = 1 << 20;
const PARTS: usize = 256;
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
pub(crate) struct Snapshot<'t> {
    /// The last log entry that it includes.
    pub(crate) position: Position,
    /// `revocations.json`.
    pub(crate) revocations: &'t RawValue,
}

impl<'t> Snapshot<'t> {
    /// Parses the text of a snapshot; empty text is no snapshot.
    pub(crate) fn parse(text: &'t [u8]) -> Result<Option<Self>, String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Document<'t> {
            position: String,
            #[serde(borrow)]
            revocations: &'t RawValue,
        }
        if text.is_empty() {
            return Ok(None);
        }
        let document: Document<'_> = serde_json::from_slice(text)
            .map_err(|_| "the snapshot is not a JSON object with `position` and `revocations`")?;
        let position = document.position.parse();
        let position =
            position.map_err(|()| "the `position` of the snapshot is not the id of a stream's entry")?;
        Ok(Some(Self { position, revocations: document.revocations }))
    }

    /// Its list.
    pub(crate) fn list(&self) -> Result<Revocations, String> {
        let list = Revocations::from_json(self.revocations.get().as_bytes());
        list.map_err(|error| format!("the `revocations` of the snapshot: {error}"))
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
    /// The text of the snapshot; empty without a snapshot.
    text: Vec<u8>,
    pub(crate) last: Position,
    /// All entries of the log.
    entries: Vec<LogEntry>,
}

/// The snapshot and the first entries of the log, from one transaction.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// The text of the snapshot; empty without a snapshot.
    pub(crate) text: Vec<u8>,
    pub(crate) entries: Vec<LogEntry>,
    pub(crate) rest: Rest,
}

/// The log after the entries that have been read.
#[derive(Debug)]
pub(crate) struct Rest {
    pub(crate) id: SnapshotId,
    pub(crate) last: Position,
    /// How many entries the log has received in total, if the server reports it.
    pub(crate) added: Option<u64>,
    after: Position,
    is_full: bool,
}

/// What follows in the log.
#[derive(Debug)]
pub(crate) enum More {
    Entries(Vec<LogEntry>),
    /// A compaction has replaced the snapshot and removed entries in the meantime: begin again.
    Changed,
    End,
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
        let part = PART.max(max_bytes / PARTS);
        // Up to one byte more than the limit.
        for from in (0..=max_bytes).step_by(part) {
            let to = from.saturating_add(part).saturating_sub(1).min(max_bytes);
            commands.cmd("GETRANGE").arg(key).arg(from).arg(to);
        }
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
    let mut snapshot = Vec::with_capacity(usize::try_from(id.bytes).unwrap_or(0).min(snapshot.unwrap_or(0)));
    for part in answers {
        snapshot.extend(read::<Vec<u8>>(part, "snapshot")?);
    }
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
    T::from_redis_value(answer).map_err(|_| {
        format!(
            "the {what} cannot be read: its type is unexpected; check that only artos-auth writes to this key"
        )
    })
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

/// Reads the snapshot, and the log as far as one transaction goes.
///
/// # Errors
///
/// Like [`read_page`]; or the snapshot is too large.
pub(crate) async fn read_beginning(
    connection: &mut Connection,
    redis: &RedisRevocations,
) -> Result<Beginning, String> {
    let page = page(connection, redis, Position::default(), Some(redis.max_bytes)).await?;
    if page.snapshot.len() > redis.max_bytes {
        return Err(format!("the snapshot has more than {} bytes (`max_bytes`)", redis.max_bytes));
    }
    let after = page.entries.last().map(|entry| entry.position).unwrap_or_default();
    let rest = Rest { id: page.id, last: page.last, added: page.added, after, is_full: page.is_full };
    Ok(Beginning { text: page.snapshot, entries: page.entries, rest })
}

impl Rest {
    /// For tests: a log that has been read to its end.
    #[cfg(test)]
    pub(crate) fn of(id: SnapshotId, last: Position, added: Option<u64>) -> Self {
        Self { id, last, added, after: last, is_full: false }
    }

    /// Reads on.
    ///
    /// # Errors
    ///
    /// Like [`read_page`].
    pub(crate) async fn next(
        &mut self,
        connection: &mut Connection,
        redis: &RedisRevocations,
    ) -> Result<More, String> {
        if !self.is_full {
            return Ok(More::End);
        }
        let page = read_page(connection, redis, self.after).await?;
        if page.id != self.id {
            return Ok(More::Changed);
        }
        (self.last, self.added, self.is_full) = (page.last, page.added, page.is_full);
        self.after = page.entries.last().map_or(self.after, |entry| entry.position);
        Ok(More::Entries(page.entries))
    }
}

/// How often a reader begins again because of a compaction.
pub(crate) const ATTEMPTS: usize = 5;
/// The error after that.
pub(crate) const CHANGES_TOO_FAST: &str = "the snapshot changes faster than it can be read";

/// Reads the whole snapshot and log.
///
/// # Errors
///
/// Like [`read_beginning`].
pub(crate) async fn read_all(
    connection: &mut Connection,
    redis: &RedisRevocations,
) -> Result<SnapshotAndLog, String> {
    for _ in 0..ATTEMPTS {
        let Beginning { text, mut entries, mut rest } = read_beginning(connection, redis).await?;
        loop {
            match rest.next(connection, redis).await? {
                More::Entries(more) => entries.extend(more),
                More::Changed => break,
                More::End => return Ok(SnapshotAndLog { id: rest.id, text, last: rest.last, entries }),
            }
        }
    }
    Err(CHANGES_TOO_FAST.to_owned())
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

/// Snapshot and log as one list.
pub(crate) struct Contents {
    pub(crate) list: List,
    /// The last log entry that it includes.
    pub(crate) position: Position,
    /// What is wrong with each unreadable entry of the log.
    pub(crate) unreadable: Vec<String>,
}

/// Snapshot and log as one list, without the entries that `keep` refuses.
///
/// # Errors
///
/// The snapshot cannot be read, or is not a list of revocations.
pub(crate) fn list_of(
    whole: &SnapshotAndLog,
    mut keep: impl FnMut(&Entry) -> bool,
) -> Result<Contents, String> {
    let (mut list, mut unreadable, mut position) = (List::default(), Vec::new(), Position::default());
    if let Some(snapshot) = Snapshot::parse(&whole.text)? {
        // Names the place of an error.
        snapshot.list()?;
        let text = snapshot.revocations.get().as_bytes();
        list = List::from_json(text, &mut keep).map_err(|error| error.to_string())?;
        position = snapshot.position;
    }
    for LogEntry { position, entry } in whole.entries.iter().filter(|entry| entry.position > position) {
        match entry.as_ref().map_err(Clone::clone).and_then(|entry| check(entry).map(|()| entry)) {
            Ok(entry) if keep(entry) => list.add(entry.clone()),
            Ok(_) => {}
            Err(problem) => {
                unreadable.push(format!("the entry {position} of the log cannot be read: {problem}"));
            }
        }
    }
    Ok(Contents { list, position: position.max(whole.last), unreadable })
}

//! Tracks the snapshot and the log of a server, and computes the effect of each read.
//!
//! Main rule: only a new snapshot removes entries from the set. Whatever else happens to the server (restarted empty,
//! flushed, trimmed, restored, failed over to a lagging replica), revocations remain.

#[cfg(test)]
mod tests;

use artos_auth_engine::{NumericDate, Revocations};

use crate::redis::{LogEntry, Page, Position, Rest, SnapshotId};
use crate::revocation::entry::Entry;

/// How many entries are added one at a time before they are folded into the compact list: at least this many, and this share of
/// all. An added entry takes about five times the memory of a folded one; a fold takes time in proportion to all entries.
const FOLD_AT: usize = 16_384;
const FOLD_SHARE: usize = 16;

/// The set and the position up to which it is complete.
#[derive(Default)]
pub(crate) struct Tracker {
    set: Revocations,
    progress: Option<Progress>,
    concern: Option<Concern>,
    /// The last unreadable entry, and the problem with it.
    unreadable: Option<(Position, String)>,
    /// The entries that were applied since a fold began, if one is running.
    since_fold: Option<Vec<Entry>>,
}

#[derive(Debug)]
struct Progress {
    id: SnapshotId,
    /// The last log entry included in the snapshot.
    snapshot: Position,
    /// The last log entry included in the set.
    position: Position,
    /// How many entries the log had received by then, if the server reports it.
    added: Option<u64>,
}

/// A snapshot and a log that are being loaded, while the tracker's set stays in use.
#[derive(Debug)]
pub(crate) struct Loading {
    /// Whether the set is replaced, as the snapshot is not the one in use.
    is_new: bool,
    /// The last log entry included in the snapshot.
    position: Position,
    set: Revocations,
    unreadable: Option<(Position, String)>,
    applied: Applied,
}

/// A problem that exists although the server responds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Concern {
    /// The server has lost its snapshot or its whole log.
    Emptied,
    /// The server has lost log entries that are in no snapshot.
    Trimmed,
}

/// What to do after reading the log.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// The snapshot and the log must be read again.
    Reload,
    /// These entries were applied.
    Applied(Applied),
}

/// What changed.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Applied {
    /// How many entries were applied.
    pub(crate) entries: usize,
    /// Their positions, unless they were read with a snapshot.
    pub(crate) positions: Vec<Position>,
    /// Unreadable entries that are new, each with its problem.
    pub(crate) unreadable: Vec<String>,
}

impl Tracker {
    /// The current revocations.
    pub(crate) fn set(&self) -> &Revocations {
        &self.set
    }

    /// The log is followed from the entry after this one.
    pub(crate) fn position(&self) -> Position {
        self.progress.as_ref().map(|progress| progress.position).unwrap_or_default()
    }

    /// One sentence about a problem that exists although the server responds.
    pub(crate) fn concern(&self) -> Option<String> {
        let advice = "revocations stay in effect here, but a server that starts now does not have them; revoke again \
                      what is missing, then run `artos-auth revocations compact`";
        match (self.concern, &self.unreadable) {
            (Some(Concern::Emptied), _) => {
                Some(format!("the source is empty after a restart or a flush: {advice}"))
            }
            (Some(Concern::Trimmed), _) => {
                Some(format!("the log has lost entries that no snapshot has: {advice}"))
            }
            (None, Some((position, problem))) => Some(format!(
                "the entry {position} of the log cannot be read: {problem}; write that revocation again, then run \
                 `artos-auth revocations compact`"
            )),
            (None, None) => None,
        }
    }

    /// Begins to load the snapshot with this id and position and this list, and the log.
    pub(crate) fn begin(&self, id: &SnapshotId, position: Position, list: Option<Revocations>) -> Loading {
        let is_new = match &self.progress {
            None => true,
            Some(progress) => id.is_there() && *id != progress.id,
        };
        let set = if is_new { list.unwrap_or_default() } else { self.set.clone() };
        let unreadable = self.unreadable.clone().filter(|(entry, _)| !is_new || *entry > position);
        Loading { is_new, position, set, unreadable, applied: Applied::default() }
    }

    /// Puts in use what was loaded.
    pub(crate) fn finish(&mut self, loading: Loading, rest: Rest) -> Applied {
        let Loading { is_new, position: snapshot, set, unreadable, applied } = loading;
        let Rest { id, last, added, .. } = rest;
        if is_new {
            self.concern = None;
        } else if let Some(progress) = &self.progress {
            if (progress.id.is_there() && !id.is_there()) || (!id.is_there() && progress.position > last) {
                self.concern = Some(Concern::Emptied);
            } else if progress.position > snapshot.max(last) {
                self.concern = Some(Concern::Trimmed);
            }
        }
        (self.set, self.unreadable, self.since_fold) = (set, unreadable, None);
        self.progress = Some(Progress { id, snapshot, position: snapshot.max(last), added });
        applied
    }

    /// The set to fold, if it has grown so much that this is due. Ends with [`Self::folded`].
    pub(crate) fn begin_fold(&mut self) -> Option<Revocations> {
        let is_due = self.since_fold.is_none() && wants_fold(&self.set);
        is_due.then(|| {
            self.since_fold = Some(Vec::new());
            self.set.clone()
        })
    }

    /// Takes the folded set, with what was applied in the meantime. Returns false if it is not used: the fold failed, or a
    /// snapshot was loaded since.
    pub(crate) fn folded(&mut self, folded: Option<Revocations>) -> bool {
        let Some((since, mut folded)) = self.since_fold.take().zip(folded) else { return false };
        // Each of them has been applied before.
        let again = since.iter().try_for_each(|entry| add(&mut folded, entry));
        if again.is_ok() {
            self.set = folded;
        }
        again.is_ok()
    }

    /// Applies the log entries after the position.
    pub(crate) fn take(&mut self, page: Page) -> Step {
        let Some(progress) = &self.progress else { return Step::Reload };
        // The applied entries are no longer in the log: it was restarted.
        let began_anew = page.last < progress.position && progress.position > progress.snapshot;
        if page.id != progress.id || began_anew {
            return Step::Reload;
        }
        let read = u64::try_from(page.entries.len()).unwrap_or(u64::MAX);
        let (has_lost, added) = match progress.added.zip(page.added) {
            // The remaining entries are read next.
            Some((before, _)) if page.is_full => (false, Some(before.saturating_add(read))),
            Some((before, now)) => (now > before.saturating_add(read), Some(now)),
            // The last applied entry is gone from the log, and perhaps later ones too.
            None => {
                let is_behind = page.first.is_some_and(|first| first > progress.position);
                (is_behind && progress.position > progress.snapshot, page.added)
            }
        };
        let last = page.entries.last().map_or(progress.position, |entry| entry.position);
        if has_lost {
            self.concern = Some(Concern::Trimmed);
        }
        let mut applied = Applied::default();
        for LogEntry { position, entry } in page.entries {
            let added = entry.and_then(|entry| add(&mut self.set, &entry).map(|()| entry));
            if let Some(entry) = applied.note(position, added, &mut self.unreadable) {
                applied.positions.push(position);
                if let Some(since) = &mut self.since_fold {
                    since.push(entry);
                }
            }
        }
        if let Some(progress) = &mut self.progress {
            (progress.position, progress.added) = (last, added);
        }
        Step::Applied(applied)
    }
}

impl Loading {
    /// Applies entries of the log, and folds them while there are few, so that a log of any length takes little more memory than
    /// its set.
    pub(crate) fn apply(&mut self, entries: Vec<LogEntry>) {
        let snapshot = self.position;
        for LogEntry { position, entry } in entries.into_iter().filter(|entry| entry.position > snapshot) {
            let added = entry.and_then(|entry| add(&mut self.set, &entry).map(|()| entry));
            self.applied.note(position, added, &mut self.unreadable);
        }
        if wants_fold(&self.set) {
            self.set = self.set.folded();
        }
    }
}

impl Applied {
    /// Counts an entry, or reports it if it cannot be read. Returns the entry.
    fn note(
        &mut self,
        position: Position,
        added: Result<Entry, String>,
        reported: &mut Option<(Position, String)>,
    ) -> Option<Entry> {
        match added {
            Ok(entry) => {
                self.entries = self.entries.saturating_add(1);
                Some(entry)
            }
            Err(problem) => {
                if reported.as_ref().is_none_or(|(reported, _)| *reported < position) {
                    self.unreadable
                        .push(format!("the entry {position} of the log cannot be read: {problem}"));
                    *reported = Some((position, problem));
                }
                None
            }
        }
    }
}

/// Whether so many entries were added to the set one at a time that they should be folded.
fn wants_fold(set: &Revocations) -> bool {
    let all = set.tokens().saturating_add(set.users()).saturating_add(set.organizations());
    set.added() >= FOLD_AT.max(all / FOLD_SHARE)
}

/// Adds a revocation to the set.
fn add(set: &mut Revocations, entry: &Entry) -> Result<(), String> {
    let instant = |number: &serde_json::Number| {
        let instant = number.as_f64().and_then(NumericDate::from_seconds);
        instant.ok_or("`issued_before` is not a time from 0 to 253402300799".to_owned())
    };
    let wrong = |error: artos_auth_engine::LoadError| error.problem;
    match entry {
        Entry::Token { id, .. } => set.add_token(id).map_err(wrong),
        Entry::SignedSha256 { id, .. } => {
            let mut digest = [0; 32];
            let is_hex = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            for (byte, at) in digest.iter_mut().zip((0..id.len()).step_by(2)) {
                let pair = id.get(at..at.saturating_add(2)).filter(|_| is_hex);
                *byte = pair
                    .and_then(|pair| u8::from_str_radix(pair, 16).ok())
                    .ok_or("its `id` is not a SHA-256 as 64 hex digits")?;
            }
            if is_hex {
                set.add_signed_sha256(&digest);
                Ok(())
            } else {
                Err("its `id` is not a SHA-256".to_owned())
            }
        }
        Entry::User { user, org, issued_before, .. } => {
            set.add_user(user, org.as_deref(), instant(issued_before)?).map_err(wrong)
        }
        Entry::Organization { org, issued_before, .. } => {
            set.add_organization(org, instant(issued_before)?).map_err(wrong)
        }
    }
}

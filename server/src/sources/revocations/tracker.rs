//! Tracks the snapshot and the log of a server, and computes the effect of each read.
//!
//! Main rule: only a new snapshot removes entries from the set. Whatever else happens to the server (restarted empty,
//! flushed, trimmed, restored, failed over to a lagging replica), revocations remain.

use artos_auth_engine::{NumericDate, Revocations};

use crate::redis::{LogEntry, Page, Position, SnapshotAndLog, SnapshotId};
use crate::revocation::entry::Entry;

/// The set and the position up to which it is complete.
#[derive(Default)]
pub(crate) struct Tracker {
    set: Revocations,
    progress: Option<Progress>,
    concern: Option<Concern>,
    /// The last unreadable entry, and the problem with it.
    unreadable: Option<(Position, String)>,
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
    /// The entries that were applied.
    pub(crate) entries: Vec<Position>,
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
            (Some(Concern::Emptied), _) => Some(format!("the source came back empty: {advice}")),
            (Some(Concern::Trimmed), _) => {
                Some(format!("the log has lost entries that no snapshot has: {advice}"))
            }
            (None, Some((position, problem))) => Some(format!(
                "the entry {position} of the log cannot be read: {problem}; revoke again what it was for, then run \
                 `artos-auth revocations compact`"
            )),
            (None, None) => None,
        }
    }

    /// Applies the snapshot and the log; `base` is the list in the snapshot.
    pub(crate) fn load(&mut self, whole: SnapshotAndLog, base: Option<Revocations>) -> Applied {
        let snapshot = whole.position();
        let is_new = match &self.progress {
            None => true,
            Some(progress) => whole.id.is_there() && whole.id != progress.id,
        };
        if is_new {
            self.set = base.unwrap_or_default();
            self.concern = None;
            self.unreadable = self.unreadable.take().filter(|(position, _)| *position > snapshot);
        } else if let Some(progress) = &self.progress {
            if (progress.id.is_there() && !whole.id.is_there())
                || (!whole.id.is_there() && progress.position > whole.last)
            {
                self.concern = Some(Concern::Emptied);
            } else if progress.position > snapshot.max(whole.last) {
                self.concern = Some(Concern::Trimmed);
            }
        }
        let entries = whole.entries.into_iter().filter(|entry| entry.position > snapshot);
        let applied = self.apply(entries);
        let position = snapshot.max(whole.last);
        self.progress = Some(Progress { id: whole.id, snapshot, position, added: whole.added });
        applied
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
        let applied = self.apply(page.entries.into_iter());
        if let Some(progress) = &mut self.progress {
            (progress.position, progress.added) = (last, added);
        }
        Step::Applied(applied)
    }

    fn apply(&mut self, entries: impl Iterator<Item = LogEntry>) -> Applied {
        let mut applied = Applied::default();
        for LogEntry { position, entry } in entries {
            match entry.and_then(|entry| with(&self.set, &entry)) {
                Ok(set) => {
                    self.set = set;
                    applied.entries.push(position);
                }
                Err(problem) => {
                    if self.unreadable.as_ref().is_none_or(|(reported, _)| *reported < position) {
                        applied
                            .unreadable
                            .push(format!("the entry {position} of the log cannot be read: {problem}"));
                        self.unreadable = Some((position, problem));
                    }
                }
            }
        }
        applied
    }
}

/// The set with one more revocation.
fn with(set: &Revocations, entry: &Entry) -> Result<Revocations, String> {
    let instant = |number: &serde_json::Number| {
        let instant = number.as_f64().and_then(NumericDate::from_seconds);
        instant.ok_or("`issued_before` is not a time from 0 to 253402300799".to_owned())
    };
    let wrong = |error: artos_auth_engine::LoadError| error.problem;
    match entry {
        Entry::Token { id, .. } => set.with_token(id).map_err(wrong),
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
                Ok(set.with_signed_sha256(&digest))
            } else {
                Err("its `id` is not a SHA-256".to_owned())
            }
        }
        Entry::User { user, org, issued_before, .. } => {
            set.with_user(user, org.as_deref(), instant(issued_before)?).map_err(wrong)
        }
        Entry::Organization { org, issued_before, .. } => {
            set.with_organization(org, instant(issued_before)?).map_err(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::Snapshot;

    fn position(text: &str) -> Position {
        text.parse().unwrap()
    }

    fn entry(id: &str) -> LogEntry {
        let entry = Entry::Token { id: format!("t-{id}"), expires: None };
        LogEntry { position: position(id), entry: Ok(entry) }
    }

    /// A snapshot at this position that revokes one token with this id, and a log with these entries.
    fn whole(snapshot: Option<&str>, log: &[&str]) -> (SnapshotAndLog, Option<Revocations>) {
        let text =
            snapshot.map(|at| format!(r#"{{"position":"{at}","revocations":{{"tokens":["s-{at}"]}}}}"#));
        let parsed = text.as_ref().map(|text| Snapshot::parse(text.as_bytes()).unwrap());
        let base = parsed
            .as_ref()
            .map(|parsed| Revocations::from_json(parsed.revocations.get().as_bytes()).unwrap());
        let whole = SnapshotAndLog {
            id: text.as_deref().map(SnapshotId::of).unwrap_or_default(),
            snapshot: parsed,
            last: log.last().map(|last| position(last)).unwrap_or_default(),
            added: None,
            entries: log.iter().map(|id| entry(id)).collect(),
        };
        (whole, base)
    }

    fn tracker(snapshot: Option<&str>, log: &[&str]) -> Tracker {
        let mut tracker = Tracker::default();
        load(&mut tracker, snapshot, log);
        tracker
    }

    fn load(tracker: &mut Tracker, snapshot: Option<&str>, log: &[&str]) -> usize {
        let (whole, base) = whole(snapshot, log);
        tracker.load(whole, base);
        tracker.set().tokens()
    }

    /// A read of a log that spans `first` to `last`, with these entries after the position.
    fn page(snapshot: Option<&str>, first: &str, last: &str, entries: &[&str]) -> Page {
        Page {
            id: whole(snapshot, &[]).0.id,
            first: (!first.is_empty()).then(|| position(first)),
            last: position(last),
            added: None,
            entries: entries.iter().map(|id| entry(id)).collect(),
            is_full: false,
            snapshot: Vec::new(),
        }
    }

    #[test]
    fn log_entries_after_the_snapshot_are_applied_in_order() {
        let mut tracker = tracker(Some("5-0"), &["4-0", "5-0", "6-0"]);
        assert_eq!((tracker.set().tokens(), tracker.position()), (2, position("6-0")));
        let step = tracker.take(page(Some("5-0"), "4-0", "8-0", &["7-0", "8-0"]));
        assert!(matches!(step, Step::Applied(applied) if applied.entries.len() == 2));
        assert_eq!((tracker.set().tokens(), tracker.position()), (4, position("8-0")));
        assert_eq!(tracker.concern(), None);
    }

    #[test]
    fn a_new_snapshot_is_loaded_and_replaces_the_set() {
        let mut tracker = tracker(Some("5-0"), &["6-0"]);
        assert_eq!(tracker.take(page(Some("9-0"), "9-0", "9-0", &[])), Step::Reload);
        assert_eq!(load(&mut tracker, Some("9-0"), &["9-0"]), 1);
        assert_eq!((tracker.position(), tracker.concern()), (position("9-0"), None));
    }

    #[test]
    fn a_trimmed_log_covered_by_a_snapshot_is_not_a_gap() {
        let mut tracker = tracker(Some("5-0"), &[]);
        assert!(matches!(tracker.take(page(Some("5-0"), "", "0-0", &[])), Step::Applied(_)));
        assert_eq!((tracker.position(), tracker.concern()), (position("5-0"), None));
    }

    #[test]
    fn an_empty_source_is_accepted_at_first_but_removes_nothing_later() {
        let mut tracker = tracker(None, &[]);
        assert_eq!((tracker.set().tokens(), tracker.concern()), (0, None));
        assert!(matches!(tracker.take(page(None, "6-0", "7-0", &["6-0", "7-0"])), Step::Applied(_)));
        assert_eq!(tracker.concern(), None);
        // Restarted without persistence: the log starts again.
        assert_eq!(tracker.take(page(None, "", "0-0", &[])), Step::Reload);
        assert_eq!(load(&mut tracker, None, &[]), 2);
        assert!(tracker.concern().unwrap().contains("came back empty"));
        // Followed from its first entry, even if the server's clock went back.
        assert!(matches!(tracker.take(page(None, "1-0", "1-0", &["1-0"])), Step::Applied(_)));
        assert_eq!(tracker.set().tokens(), 3);
        assert!(tracker.concern().is_some());
        assert_eq!(load(&mut tracker, Some("2-0"), &["2-0"]), 1);
        assert_eq!(tracker.concern(), None);
    }

    #[test]
    fn a_missing_snapshot_removes_nothing() {
        let mut tracker = tracker(Some("5-0"), &["6-0"]);
        assert_eq!(tracker.take(page(None, "6-0", "6-0", &[])), Step::Reload);
        assert_eq!(load(&mut tracker, None, &["6-0", "7-0"]), 3);
        assert!(tracker.concern().unwrap().contains("came back empty"));
    }

    #[test]
    fn a_lagging_replica_removes_nothing() {
        let mut tracker = tracker(Some("5-0"), &["6-0", "7-0"]);
        assert_eq!(tracker.take(page(Some("5-0"), "6-0", "6-0", &[])), Step::Reload);
        assert_eq!(load(&mut tracker, Some("5-0"), &["6-0"]), 3);
        assert!(tracker.concern().unwrap().contains("lost entries"));
        assert_eq!(tracker.position(), position("6-0"));
    }

    #[test]
    fn a_log_without_a_snapshot_is_complete_after_a_reconnect() {
        let mut tracker = tracker(None, &["1-0", "2-0"]);
        assert_eq!(load(&mut tracker, None, &["1-0", "2-0", "3-0"]), 3);
        assert_eq!(tracker.concern(), None);
    }

    #[test]
    fn a_log_trimmed_without_a_snapshot_is_reported() {
        let with_count = |added| {
            let (mut whole, base) = whole(Some("5-0"), &["6-0"]);
            whole.added = added;
            let mut tracker = Tracker::default();
            tracker.load(whole, base);
            tracker
        };
        // Two entries were added, and one of them was read.
        for (before, now, lost) in [(Some(6), Some(8), true), (Some(6), Some(7), false), (None, None, true)] {
            let mut tracker = with_count(before);
            let mut news = page(Some("5-0"), "9-0", "9-0", &["9-0"]);
            news.added = now;
            assert!(matches!(tracker.take(news), Step::Applied(_)));
            assert_eq!(tracker.set().tokens(), 3);
            let concern = tracker.concern();
            assert_eq!(concern.is_some_and(|concern| concern.contains("lost entries")), lost, "{before:?}");
        }
        // A full page does not say whether more entries follow.
        let mut tracker = with_count(Some(6));
        let mut news = page(Some("5-0"), "6-0", "9-0", &["8-0"]);
        (news.added, news.is_full) = (Some(8), true);
        tracker.take(news);
        let mut rest = page(Some("5-0"), "6-0", "9-0", &["9-0"]);
        rest.added = Some(8);
        tracker.take(rest);
        assert_eq!(tracker.concern(), None);
    }

    #[test]
    fn an_unreadable_entry_is_reported_once_until_a_later_snapshot() {
        let unreadable = || LogEntry { position: position("7-0"), entry: Err("broken".to_owned()) };
        let mut tracker = tracker(Some("5-0"), &[]);
        let mut news = page(Some("5-0"), "7-0", "8-0", &["8-0"]);
        news.entries.insert(0, unreadable());
        let Step::Applied(applied) = tracker.take(news) else { panic!("a reload") };
        assert_eq!((applied.entries.len(), applied.unreadable.len()), (1, 1));
        assert!(tracker.concern().unwrap().contains("7-0"));
        let (mut again, base) = whole(Some("6-0"), &["8-0"]);
        again.entries.insert(0, unreadable());
        assert_eq!(tracker.load(again, base).unreadable, [] as [&str; 0]);
        assert!(tracker.concern().is_some());
        load(&mut tracker, Some("8-0"), &["8-0"]);
        assert_eq!(tracker.concern(), None);
    }

    #[test]
    fn each_kind_of_entry_is_added_to_the_set() {
        let digest = "0a".repeat(32);
        let entries = [
            Entry::SignedSha256 { id: digest.to_uppercase(), expires: None },
            Entry::User { user: "u".into(), org: Some("o".into()), issued_before: 5.into(), expires: None },
            Entry::Organization { org: "o".into(), issued_before: 5.into(), expires: None },
        ];
        let set = entries.iter().fold(Revocations::none(), |set, entry| with(&set, entry).unwrap());
        assert_eq!((set.signed_sha256(), set.users(), set.organizations()), (1, 1, 1));
        for wrong in [
            Entry::SignedSha256 { id: "0a".into(), expires: None },
            Entry::SignedSha256 { id: "é".repeat(32), expires: None },
            Entry::Token { id: "a\nb".into(), expires: None },
            Entry::User { user: String::new(), org: None, issued_before: 5.into(), expires: None },
            Entry::Organization { org: "o".into(), issued_before: (-5).into(), expires: None },
        ] {
            with(&Revocations::none(), &wrong).unwrap_err();
        }
    }
}

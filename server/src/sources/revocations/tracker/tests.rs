//! What each read of a snapshot and a log does to the set.

use super::*;

fn position(text: &str) -> Position {
    text.parse().unwrap()
}

fn entry(id: &str) -> LogEntry {
    let entry = Entry::Token { id: format!("t-{id}"), expires: None };
    LogEntry { position: position(id), entry: Ok(entry) }
}

/// The id of a snapshot at this position.
fn id(snapshot: Option<&str>) -> SnapshotId {
    snapshot.map(SnapshotId::of).unwrap_or_default()
}

fn tracker(snapshot: Option<&str>, log: &[&str]) -> Tracker {
    let mut tracker = Tracker::default();
    load(&mut tracker, snapshot, log);
    tracker
}

fn load(tracker: &mut Tracker, snapshot: Option<&str>, log: &[&str]) -> usize {
    load_entries(tracker, snapshot, log.iter().map(|id| entry(id)).collect(), None);
    tracker.set().tokens()
}

/// Loads a snapshot at this position that revokes one token with this id, and these entries of the log.
fn load_entries(
    tracker: &mut Tracker,
    snapshot: Option<&str>,
    entries: Vec<LogEntry>,
    added: Option<u64>,
) -> Applied {
    let list = snapshot.map(|at| Revocations::none().with_token(&format!("s-{at}")).unwrap());
    let last = entries.last().map(|last| last.position).unwrap_or_default();
    let at = snapshot.map(position).unwrap_or_default();
    let mut loading = tracker.begin(&id(snapshot), at, list);
    loading.apply(entries);
    tracker.finish(loading, Rest::of(id(snapshot), last, added))
}

/// A read of a log that spans `first` to `last`, with these entries after the position.
fn page(snapshot: Option<&str>, first: &str, last: &str, entries: &[&str]) -> Page {
    Page {
        id: id(snapshot),
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
    assert!(matches!(step, Step::Applied(applied) if applied.entries == 2 && applied.positions.len() == 2));
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
    assert!(tracker.concern().unwrap().contains("the source is empty"));
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
    assert!(tracker.concern().unwrap().contains("the source is empty"));
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
        let mut tracker = Tracker::default();
        load_entries(&mut tracker, Some("5-0"), vec![entry("6-0")], added);
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
    assert_eq!((applied.entries, applied.unreadable.len()), (1, 1));
    assert!(tracker.concern().unwrap().contains("7-0"));
    let again = load_entries(&mut tracker, Some("6-0"), vec![unreadable(), entry("8-0")], None);
    assert_eq!(again.unreadable, [] as [&str; 0]);
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
    let mut set = Revocations::none();
    entries.iter().for_each(|entry| add(&mut set, entry).unwrap());
    assert_eq!((set.signed_sha256(), set.users(), set.organizations()), (1, 1, 1));
    for wrong in [
        Entry::SignedSha256 { id: "0a".into(), expires: None },
        Entry::SignedSha256 { id: "é".repeat(32), expires: None },
        Entry::Token { id: "a\nb".into(), expires: None },
        Entry::User { user: String::new(), org: None, issued_before: 5.into(), expires: None },
        Entry::Organization { org: "o".into(), issued_before: (-5).into(), expires: None },
    ] {
        add(&mut Revocations::none(), &wrong).unwrap_err();
    }
}

/// Entries of a log with one token each.
fn many(from: u64, count: usize) -> Vec<LogEntry> {
    let entries = (from..).take(count);
    entries.map(|number| entry(&format!("{number}-0"))).collect()
}

fn follow(tracker: &mut Tracker, entries: Vec<LogEntry>) {
    let last = entries.last().unwrap().position;
    let page =
        Page { id: id(None), first: None, last, added: None, entries, is_full: false, snapshot: Vec::new() };
    assert!(matches!(tracker.take(page), Step::Applied(_)));
}

#[test]
fn a_followed_log_is_folded_when_it_has_grown_and_nothing_is_lost_meanwhile() {
    let mut tracker = tracker(None, &[]);
    follow(&mut tracker, many(1, FOLD_AT - 1));
    assert!(tracker.begin_fold().is_none(), "too few entries");
    follow(&mut tracker, many(100_000, 1));
    let due = tracker.begin_fold().unwrap();
    assert!(tracker.begin_fold().is_none(), "one at a time");
    follow(&mut tracker, many(200_000, 3));
    assert!(tracker.folded(Some(due.folded())));
    assert_eq!((tracker.set().tokens(), tracker.set().added()), (FOLD_AT + 3, 3));
    // The larger the set, the more entries are worth a fold.
    follow(&mut tracker, many(300_000, FOLD_AT * FOLD_SHARE));
    let due = tracker.begin_fold().unwrap();
    assert!(tracker.folded(Some(due.folded())));
    follow(&mut tracker, many(900_000, FOLD_AT));
    assert!(tracker.begin_fold().is_none());
}

#[test]
fn a_fold_that_a_new_snapshot_overtakes_does_not_count() {
    let mut tracker = tracker(None, &[]);
    follow(&mut tracker, many(1, FOLD_AT));
    let due = tracker.begin_fold().unwrap();
    assert_eq!(load(&mut tracker, Some("900000-0"), &[]), 1);
    assert!(!tracker.folded(Some(due.folded())));
    assert_eq!(tracker.set().tokens(), 1);
}

#[test]
fn a_long_log_is_folded_while_it_is_loaded() {
    let tracker = Tracker::default();
    let mut loading = tracker.begin(&id(None), Position::default(), None);
    for part in 0..10_u64 {
        loading.apply(many(part * 10_000 + 1, 10_000));
        assert!(loading.set.added() < FOLD_AT);
    }
    assert_eq!((loading.set.tokens(), loading.applied.entries), (100_000, 100_000));
}

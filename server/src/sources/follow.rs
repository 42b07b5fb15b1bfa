//! Follows a file: a dedicated thread reads, validates and publishes every change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use super::status::Status;
use super::watch::{Bell, Bells, Events, Retire};
use crate::files::{self, Attempt, Contents, FileVersion, Unreadable};
use crate::health::Effect;
use crate::reload::Part;

/// Poll interval, for network file systems and systems without inotify.
const POLL: Duration = Duration::from_secs(5);
/// How long a file that is written in place must be unchanged before it is read: the beginning of a file is often a
/// valid, weaker file.
const SETTLE: Duration = Duration::from_secs(1);

/// The content of a followed file.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) bytes: Vec<u8>,
    /// A SIGHUP arrived after this version of the file had been read.
    pub(crate) confirmed: bool,
}

/// Why the content of a file is rejected.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) problem: String,
    /// Whether the same content may become valid soon, because another file is missing.
    pub(crate) try_again: bool,
}

impl From<String> for Rejected {
    fn from(problem: String) -> Self {
        Self { problem, try_again: false }
    }
}

/// The followed file and its metadata when it was last read.
#[derive(Debug)]
pub(crate) struct Followed {
    pub(crate) path: PathBuf,
    pub(crate) max_bytes: u64,
    pub(crate) version: Option<FileVersion>,
}

/// Follows a file until the returned value is dropped. `take` validates the content and puts it in use. If it rejects
/// the content, the previous value stays in use and `status` reports the error.
///
/// # Errors
///
/// The thread cannot be started.
pub(crate) fn follow(
    file: Followed,
    bells: &Bells,
    status: Status,
    take: impl FnMut(Change) -> Result<(), Rejected> + Send + 'static,
) -> io::Result<Retire> {
    let bell = bells.add();
    let retire = Retire(Arc::clone(&bell));
    std::thread::Builder::new().name("follow".to_owned()).spawn(move || {
        let events = Events::of(&file.path, &bell);
        Follower { file, bell, status, take, events: Some(events), was_stuck: false, reloads: Vec::new() }
            .run();
    })?;
    Ok(retire)
}

struct Follower<T> {
    file: Followed,
    bell: Arc<Bell>,
    status: Status,
    take: T,
    /// Moved to the thread that checks the file, while it does.
    events: Option<Events>,
    /// Reading has blocked for too long, and this was reported.
    was_stuck: bool,
    /// The reloads that wait for this file.
    reloads: Vec<Part>,
}

/// Result of checking the file.
enum Checked {
    Same,
    /// The file is, or may be, still being written.
    Unsettled(FileVersion),
    Read(Contents),
    Failed(Option<FileVersion>, String),
}

/// Decides whether the file is read.
#[derive(Clone, Copy)]
struct Question {
    last: Option<FileVersion>,
    max_bytes: u64,
    /// Read the file even if it did not change.
    force: bool,
    renamed: bool,
    /// Metadata that has been unchanged for long enough.
    settled: Option<FileVersion>,
}

impl<T: FnMut(Change) -> Result<(), Rejected>> Follower<T> {
    fn run(mut self) {
        let mut settling: Option<(FileVersion, Instant)> = None;
        let (mut force, mut hang_up, mut renamed) = (false, false, false);
        let mut patience = Duration::ZERO;
        loop {
            let wake = self.bell.wait(patience);
            if wake.retired {
                return;
            }
            self.reloads.append(&mut self.bell.take_reloads());
            (hang_up, renamed) = (hang_up || wake.hang_up, renamed || wake.renamed);
            let settled = settling.filter(|(_, since)| since.elapsed() >= SETTLE).map(|(version, _)| version);
            let last = self.file.version;
            let question =
                Question { last, max_bytes: self.file.max_bytes, force: force || hang_up, renamed, settled };
            let Some(checked) = self.check(question) else { return };
            patience = POLL;
            let is_settled = !matches!(checked, Checked::Unsettled(_));
            match checked {
                Checked::Same if std::mem::take(&mut self.was_stuck) => {
                    // Reading no longer blocks.
                    (force, patience, settling) = (true, Duration::ZERO, None);
                }
                Checked::Same => settling = None,
                Checked::Unsettled(version) => {
                    let since = settling.filter(|(earlier, _)| *earlier == version).map(|(_, since)| since);
                    let since = since.unwrap_or_else(Instant::now);
                    settling = Some((version, since));
                    patience = SETTLE.saturating_sub(since.elapsed()).max(Duration::from_millis(10));
                }
                Checked::Failed(version, problem) => {
                    self.status.fails(Effect::Degraded, &problem);
                    self.file.version = version;
                    // The file may be readable again although it did not change.
                    (force, hang_up, renamed, settling) = (true, false, false, None);
                }
                Checked::Read(Contents { bytes, version }) => {
                    let confirmed = hang_up && last == Some(version);
                    self.file.version = Some(version);
                    (force, hang_up, renamed, settling) = (false, false, false, None);
                    self.was_stuck = false;
                    match (self.take)(Change { bytes, confirmed }) {
                        Ok(()) => self.status.works(),
                        Err(Rejected { problem, try_again }) => {
                            self.status.fails(Effect::Degraded, &problem);
                            force = try_again;
                        }
                    }
                }
            }
            if is_settled {
                self.reloads.clear();
            }
        }
    }

    /// Checks the file and reads it if necessary. `None`: the file is no longer followed.
    fn check(&mut self, question: Question) -> Option<Checked> {
        let path = self.file.path.clone();
        let mut events = self.events.take();
        let started = Attempt::start(move |progress| {
            if let Some(events) = &mut events {
                // Set up first, so that later changes cause an event.
                events.watch(&path);
            }
            (examine(&path, question, progress), events)
        });
        let mut attempt = match started {
            Ok(attempt) => attempt,
            Err(error) => {
                return Some(Checked::Failed(self.file.version, format!("cannot be read: {error}")));
            }
        };
        loop {
            if let Ok((checked, events)) = attempt.wait(files::DEADLINE) {
                self.events = events;
                return Some(checked);
            }
            self.was_stuck = true;
            self.status.fails(Effect::Degraded, &format!("{}: {}", self.file.path.display(), files::stuck()));
            self.reloads.clear();
            if self.bell.is_retired() {
                return None;
            }
        }
    }
}

fn examine(path: &Path, question: Question, progress: &AtomicU64) -> Checked {
    let failed =
        |version, problem: String| Checked::Failed(version, format!("{}: {problem}", path.display()));
    let Question { last, max_bytes, force, renamed, settled } = question;
    let version = match std::fs::metadata(path) {
        Ok(metadata) => FileVersion::of(&metadata),
        Err(_) if last.is_none() && !force => return Checked::Same,
        Err(error) => return failed(None, format!("cannot be read: {error}")),
    };
    if last == Some(version) && !force {
        return Checked::Same;
    }
    let is_other = last != Some(version);
    let is_whole = settled == Some(version) || renamed || version.was_renamed_over(last.as_ref());
    if is_other && !is_whole {
        return Checked::Unsettled(version);
    }
    match files::read_here(path, max_bytes, progress) {
        Ok(contents) if contents.version == version => Checked::Read(contents),
        Ok(Contents { version, .. }) | Err(Unreadable::Changed(version)) => Checked::Unsettled(version),
        Err(Unreadable::Failed(problem)) => failed(Some(version), problem),
    }
}

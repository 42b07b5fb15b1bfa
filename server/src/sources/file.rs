//! Notices that a file is another one than before: written, replaced, or reached through a link that was turned.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// How a file looked, links followed, without reading it; `None`: it was not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen(Option<Look>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Moves on every write, and cannot be set back.
    changed: (i64, i64),
}

impl Seen {
    pub(crate) fn of(file: &Path) -> Self {
        Self(std::fs::metadata(file).ok().map(|metadata| Look {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }))
    }
}

/// How the server's files looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Looks {
    pub(crate) config: Seen,
    pub(crate) keys: Seen,
    pub(crate) revocations: Seen,
}

impl Looks {
    pub(crate) fn at(config: &Path, keys: &Path, revocations: Option<&Path>) -> Self {
        Self {
            config: Seen::of(config),
            keys: Seen::of(keys),
            revocations: revocations.map_or(Seen(None), Seen::of),
        }
    }
}

/// How long a change is left to settle: whoever writes a file writes it in several pieces.
const SETTLE: Duration = Duration::from_millis(100);
/// How often the files are looked at where no event comes: on network file systems, or without inotify.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Says when it is worth looking at files again.
#[derive(Debug)]
pub(crate) struct Watch {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    changed: Arc<Notify>,
}

impl Watch {
    /// Watches nothing yet. The error: no events are to be had, and only the time tells.
    pub(crate) fn new() -> (Self, Option<notify::Error>) {
        let changed = Arc::new(Notify::new());
        let told = Arc::clone(&changed);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // That somebody reads a file is no change. An error may hide one.
            if event.map_or(true, |event| !matches!(event.kind, EventKind::Access(_))) {
                told.notify_one();
            }
        });
        let (watcher, error) = match watcher {
            Ok(watcher) => (Some(watcher), None),
            Err(error) => (None, Some(error)),
        };
        (Self { watcher, watched: BTreeSet::new(), changed }, error)
    }

    /// Watches the folders of these files, and of what they are links to: a replaced file is an event of its
    /// folder, not of the file.
    pub(crate) fn watch<'f>(&mut self, files: impl Iterator<Item = &'f Path>) -> Result<(), notify::Error> {
        let Some(watcher) = &mut self.watcher else { return Ok(()) };
        let mut folders = BTreeSet::new();
        for file in files {
            let target = file.canonicalize().ok();
            for path in [Some(file), target.as_deref()].into_iter().flatten() {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                folders.insert(folder.unwrap_or(Path::new(".")).to_owned());
            }
        }
        for gone in self.watched.difference(&folders) {
            // It may have been removed, and its watch with it.
            let _ = watcher.unwatch(gone);
        }
        let mut result = Ok(());
        for new in folders.difference(&self.watched) {
            result = result.and(watcher.watch(new, RecursiveMode::NonRecursive));
        }
        self.watched = folders;
        result
    }

    /// Done when it is worth looking again.
    pub(crate) async fn changed(&self) {
        let look_again = Instant::now() + LOOK_AGAIN;
        tokio::select! {
            () = self.changed.notified() => sleep(SETTLE).await,
            () = sleep_until(look_again) => {}
        }
    }
}

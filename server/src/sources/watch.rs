//! Wakes the thread that follows a file: on a change in its folder, on SIGHUP, and every few seconds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use notify::event::{ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::reload::Part;

/// Why a follower was woken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wake {
    /// SIGHUP: read the file even if it did not change.
    pub(crate) hang_up: bool,
    /// Another file was renamed to this path.
    pub(crate) renamed: bool,
    /// The file is no longer followed.
    pub(crate) retired: bool,
    event: bool,
}

/// The wake-up signal of a follower.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<Wake>,
    changed: Condvar,
    /// The reloads that wait for this follower.
    reloads: Mutex<Vec<Part>>,
}

impl Bell {
    /// Waits for a signal or the timeout, and returns the reason.
    pub(crate) fn wait(&self, patience: Duration) -> Wake {
        let rung = self.lock();
        let (mut rung, _) = self
            .changed
            .wait_timeout_while(rung, patience, |rung| *rung == Wake::default())
            .unwrap_or_else(PoisonError::into_inner);
        let wake = *rung;
        // A stop request is final.
        *rung = Wake { retired: wake.retired, ..Wake::default() };
        wake
    }

    /// The reloads that were requested since the last call. Call it after [`Self::wait`].
    pub(crate) fn take_reloads(&self) -> Vec<Part> {
        std::mem::take(&mut self.reloads.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.lock().retired
    }

    fn ring(&self, why: impl FnOnce(&mut Wake)) {
        why(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Wake> {
        self.rung.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The signals of all followers. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bells(Arc<Mutex<Vec<Weak<Bell>>>>);

impl Bells {
    pub(crate) fn add(&self) -> Arc<Bell> {
        let bell = Arc::<Bell>::default();
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.retain(|bell| bell.strong_count() > 0);
        bells.push(Arc::downgrade(&bell));
        bell
    }

    /// SIGHUP arrived. Every follower holds `part` until it has dealt with its file.
    pub(crate) fn hang_up(&self, part: &Part) {
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for bell in bells.iter().filter_map(Weak::upgrade) {
            bell.reloads.lock().unwrap_or_else(PoisonError::into_inner).push(part.clone());
            bell.ring(|wake| wake.hang_up = true);
        }
    }
}

/// Stops a follower when it is dropped.
#[derive(Debug)]
pub(crate) struct Retire(pub(crate) Arc<Bell>);

impl Drop for Retire {
    fn drop(&mut self) {
        self.0.ring(|wake| wake.retired = true);
    }
}

/// Watches the folders of a file and of the target of its link. Replacing a file is an event of its folder, not of the
/// file.
#[derive(Debug)]
pub(crate) struct Events {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Events {
    /// Signals `bell` on changes. Without events (for example, no inotify instance is left), only polling detects
    /// changes.
    pub(crate) fn of(file: &Path, bell: &Arc<Bell>) -> Self {
        let (file, bell) = (file.to_owned(), Arc::downgrade(bell));
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Some(bell) = bell.upgrade() else { return };
            match event {
                // Reading a file does not change it.
                Ok(event) if matches!(event.kind, EventKind::Access(_)) => {}
                Ok(event) => {
                    let renamed = matches!(
                        event.kind,
                        EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both))
                    ) && event.paths.last() == Some(&file);
                    bell.ring(|wake| (wake.event, wake.renamed) = (true, wake.renamed || renamed));
                }
                // An error may hide a change.
                Err(_) => bell.ring(|wake| wake.event = true),
            }
        });
        Self { watcher: watcher.ok(), watched: BTreeSet::new() }
    }

    /// Watches the current folders of `file`: a link may have a new target.
    pub(crate) fn watch(&mut self, file: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        let target = file.canonicalize().ok();
        let folders: BTreeSet<PathBuf> = [Some(file), target.as_deref()]
            .into_iter()
            .flatten()
            .map(|path| {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                folder.unwrap_or(Path::new(".")).to_owned()
            })
            .collect();
        for gone in self.watched.difference(&folders) {
            // The folder may have been removed, and its watch with it.
            let _ = watcher.unwatch(gone);
        }
        self.watched = folders
            .into_iter()
            .filter(|folder| {
                self.watched.contains(folder) || watcher.watch(folder, RecursiveMode::NonRecursive).is_ok()
            })
            .collect();
    }
}

//! Wakes the thread that follows a file: on an event of its folder, on SIGHUP, and every few seconds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use notify::event::{ModifyKind, RenameMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// Why a follower is awake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wake {
    /// SIGHUP: read the file, changed or not.
    pub(crate) hang_up: bool,
    /// Another file was renamed into its place.
    pub(crate) renamed: bool,
    /// The file is followed no longer.
    pub(crate) retired: bool,
    event: bool,
}

/// What a follower waits on.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<Wake>,
    changed: Condvar,
}

impl Bell {
    /// Waits until it is rung, for so long at most, and says why.
    pub(crate) fn wait(&self, patience: Duration) -> Wake {
        let rung = self.lock();
        let (mut rung, _) = self
            .changed
            .wait_timeout_while(rung, patience, |rung| *rung == Wake::default())
            .unwrap_or_else(PoisonError::into_inner);
        let wake = *rung;
        // A follower that ends stays ended.
        *rung = Wake { retired: wake.retired, ..Wake::default() };
        wake
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

/// The bells of all followers. Cloning gives another handle to the same ones.
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

    /// SIGHUP arrived.
    pub(crate) fn hang_up(&self) {
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bells.iter().filter_map(Weak::upgrade).for_each(|bell| bell.ring(|wake| wake.hang_up = true));
    }
}

/// Ends a follower when it is dropped.
#[derive(Debug)]
pub(crate) struct Retire(pub(crate) Arc<Bell>);

impl Drop for Retire {
    fn drop(&mut self) {
        self.0.ring(|wake| wake.retired = true);
    }
}

/// Events of the folders of one file and of what it is a link to. A replaced file is an event of its folder, not of the
/// file.
#[derive(Debug)]
pub(crate) struct Events {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Events {
    /// Rings `bell`. Without events (no inotify instance is left, say) the poll alone notices changes.
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

    /// Watches the folders that `file` lies in now: a link may have been turned.
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
            // It may have been removed, and its watch with it.
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

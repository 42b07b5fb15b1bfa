//! Regular files, read with a size limit and a deadline.
//!
//! A file on a dead mount never opens and a FIFO never ends. Each file is therefore read on a separate thread, and a
//! reader that makes no progress is reported instead of waited for.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How long a read may wait for the next byte.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// A file's identity, size and times, to detect a change without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileVersion {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Changes with every write and every rename, and cannot be set back.
    changed: (i64, i64),
}

impl FileVersion {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether this file was renamed into the place of `earlier`, and so is complete: a rename changes
    /// the inode after its content.
    pub(crate) fn was_renamed_over(&self, earlier: Option<&Self>) -> bool {
        earlier.is_none_or(|earlier| (earlier.device, earlier.inode) != (self.device, self.inode))
            && self.changed != self.modified
    }
}

/// A file's content, and its metadata before and after it was read.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) bytes: Vec<u8>,
    pub(crate) version: FileVersion,
}

/// Why a file was not read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// It changed during the read, so the content may be incomplete.
    Changed(FileVersion),
    /// The problem, in a sentence without the file's name.
    Failed(String),
}

/// Reads a regular file on a separate thread.
///
/// # Errors
///
/// The problem, in a sentence without the file's name.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<Contents, String> {
    let file = path.to_owned();
    let read = alone(path, DEADLINE, move |progress| {
        // A file that is being written is read again a few times; then the last content is used.
        (0..3).find_map(|_| match read_here(&file, max_bytes, progress) {
            Err(Unreadable::Changed(_)) => None,
            done => Some(done),
        })
    })?;
    match read {
        Some(Ok(contents)) => Ok(contents),
        Some(Err(Unreadable::Failed(problem))) => Err(problem),
        Some(Err(Unreadable::Changed(_))) | None => {
            Err("changed while it was read; replace it by a rename".to_owned())
        }
    }
}

/// Reads `what`, which may be on a dead mount, on a separate thread, unless an earlier thread is still stuck with it: each
/// retry would add a thread that never ends.
///
/// # Errors
///
/// The problem, in a sentence without a name.
pub(crate) fn alone<T: Send + 'static>(
    what: &Path,
    patience: Duration,
    read: impl FnOnce(&AtomicU64) -> T + Send + 'static,
) -> Result<T, String> {
    if is_still_stuck(what) {
        return Err(stuck());
    }
    let alive = Arc::new(());
    let thread = Arc::downgrade(&alive);
    let mut attempt = Attempt::start(move |progress| {
        let _alive = alive;
        read(progress)
    })
    .map_err(|error| format!("cannot be read: {error}"))?;
    attempt.wait(patience).map_err(|Stuck| {
        lock_stuck().insert(what.to_owned(), thread);
        stuck()
    })
}

/// What threads are stuck with, each with a reference that ends with its thread.
static STUCK: LazyLock<Mutex<HashMap<PathBuf, Weak<()>>>> = LazyLock::new(Mutex::default);

fn lock_stuck() -> MutexGuard<'static, HashMap<PathBuf, Weak<()>>> {
    STUCK.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_still_stuck(what: &Path) -> bool {
    let mut stuck = lock_stuck();
    stuck.retain(|_, thread| thread.strong_count() > 0);
    stuck.contains_key(what)
}

/// The message for a file whose read makes no progress.
pub(crate) fn stuck() -> String {
    format!("cannot be read: no byte for {} seconds; check its file system", DEADLINE.as_secs())
}

/// Reads a regular file on this thread, and counts the bytes as they arrive.
pub(crate) fn read_here(path: &Path, max_bytes: u64, progress: &AtomicU64) -> Result<Contents, Unreadable> {
    let failed = |error: io::Error| Unreadable::Failed(format!("cannot be read: {error}"));
    // Before it is opened, because opening a device may have an effect.
    check_regular(&std::fs::metadata(path).map_err(failed)?)?;
    // If a FIFO replaces it now, this does not wait for a writer.
    let file = File::options().read(true).custom_flags(O_NONBLOCK).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    check_regular(&metadata)?;
    let before = FileVersion::of(&metadata);
    let too_long = || Unreadable::Failed(format!("has more than {max_bytes} bytes"));
    // Known at once, before gigabytes are read for it.
    if metadata.len() > max_bytes {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    let mut limited = (&file).take(max_bytes.saturating_add(1));
    loop {
        let chunk = (&mut limited).take(CHUNK).read_to_end(&mut bytes).map_err(failed)?;
        if chunk == 0 {
            break;
        }
        progress.fetch_add(1, Ordering::Relaxed);
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > max_bytes) {
        return Err(too_long());
    }
    let version = FileVersion::of(&file.metadata().map_err(failed)?);
    if version != before { Err(Unreadable::Changed(version)) } else { Ok(Contents { bytes, version }) }
}

/// The flag with which a FIFO is opened without waiting for its other end.
pub(crate) const O_NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
const CHUNK: u64 = 1 << 20;

fn check_regular(metadata: &Metadata) -> Result<(), Unreadable> {
    let kind = metadata.file_type();
    let kind = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(Unreadable::Failed(format!("cannot be read: it is {kind}, not a regular file")))
}

/// Work on a separate thread, which may never end.
#[derive(Debug)]
pub(crate) struct Attempt<T> {
    done: Receiver<T>,
    progress: Arc<AtomicU64>,
}

/// The work makes no progress.
#[derive(Debug)]
pub(crate) struct Stuck;

impl<T: Send + 'static> Attempt<T> {
    pub(crate) fn start(work: impl FnOnce(&AtomicU64) -> T + Send + 'static) -> io::Result<Self> {
        let progress = Arc::<AtomicU64>::default();
        let (result, done) = channel();
        let counter = Arc::clone(&progress);
        std::thread::Builder::new().name("file".to_owned()).spawn(move || {
            // The receiver may have been dropped.
            let _ = result.send(work(&counter));
        })?;
        Ok(Self { done, progress })
    }

    /// Waits for the result, or until the work has made no progress for this long. Can be called again.
    pub(crate) fn wait(&mut self, patience: Duration) -> Result<T, Stuck> {
        loop {
            let before = self.progress.load(Ordering::Relaxed);
            match self.done.recv_timeout(patience) {
                Ok(result) => return Ok(result),
                Err(RecvTimeoutError::Timeout) if self.progress.load(Ordering::Relaxed) != before => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(Stuck),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_stuck_file_is_read_by_one_thread_only() {
        let path = Path::new("/a file of this test alone");
        let started = Arc::new(AtomicU64::new(0));
        let (release, blocked) = channel::<()>();
        let blocked = Arc::new(Mutex::new(blocked));
        let read = || {
            let (started, blocked) = (Arc::clone(&started), Arc::clone(&blocked));
            alone(path, Duration::from_millis(20), move |_| {
                started.fetch_add(1, Ordering::Relaxed);
                blocked.lock().unwrap().recv().is_ok()
            })
        };
        assert_eq!([read(), read(), read()], [Err(stuck()), Err(stuck()), Err(stuck())]);
        assert_eq!(started.load(Ordering::Relaxed), 1);
        drop(release);
        // The first thread ends soon.
        let again = (0..500).find_map(|_| {
            std::thread::sleep(Duration::from_millis(10));
            read().ok()
        });
        assert_eq!((again, started.load(Ordering::Relaxed)), (Some(false), 2));
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "text").unwrap();
        assert_eq!(read(&path("file"), 4).unwrap().bytes, b"text");
        let _socket = UnixListener::bind(path("socket")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap();
        assert!(made.success());
        std::os::unix::fs::symlink(path("fifo"), path("link")).unwrap();
        let cases = [
            (folder.path().to_owned(), "it is a folder"),
            (path("socket"), "it is a socket"),
            (path("fifo"), "it is a FIFO"),
            (path("link"), "it is a FIFO"),
            ("/dev/zero".into(), "it is a device"),
        ];
        for (path, kind) in cases {
            let problem = read(&path, 4).unwrap_err();
            assert_eq!(problem, format!("cannot be read: {kind}, not a regular file"));
        }
        assert_eq!(read(&path("file"), 3).unwrap_err(), "has more than 3 bytes");
        let endless = File::create(path("sparse")).unwrap();
        endless.set_len(1 << 40).unwrap();
        let progress = AtomicU64::new(0);
        assert!(matches!(read_here(&path("sparse"), 4 << 30, &progress), Err(Unreadable::Failed(_))));
        assert_eq!(progress.into_inner(), 0, "nothing is read of a file that is too long");
        assert!(read(&path("missing"), 3).unwrap_err().starts_with("cannot be read: No such file"));
    }

    #[test]
    fn work_without_progress_is_stuck_and_may_still_end() {
        let (go, wait) = channel::<()>();
        let mut attempt = Attempt::start(move |_| wait.recv().is_ok()).unwrap();
        assert!(attempt.wait(Duration::from_millis(20)).is_err());
        go.send(()).unwrap();
        assert!(attempt.wait(Duration::from_secs(20)).unwrap());
    }

    #[test]
    fn a_rename_changes_the_times() {
        let version = |inode, modified, changed| FileVersion {
            device: 1,
            inode,
            size: 1,
            modified: (modified, 0),
            changed: (changed, 0),
        };
        let earlier = version(1, 10, 10);
        assert!(version(2, 10, 11).was_renamed_over(Some(&earlier)));
        assert!(!version(2, 11, 11).was_renamed_over(Some(&earlier)), "created in its place");
        assert!(!version(1, 11, 12).was_renamed_over(Some(&earlier)), "written, and its mode changed");
        assert!(version(2, 10, 11).was_renamed_over(None));
    }
}

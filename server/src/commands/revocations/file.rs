//! Changes a revocations file: under a lock, by renaming a new file, and only if the old one loads.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Gid, Uid, fchown, flock};
use rustix::io::Errno;

use crate::config;
use crate::revocation::entry::Entry;
use crate::revocation::list::List;

/// How long another writer may keep the file locked.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the list in a revocations file.
///
/// # Errors
///
/// The problem with the file, in one sentence.
pub(crate) fn read(path: &Path, keep: impl FnMut(&Entry) -> bool) -> Result<List, String> {
    let text = config::read(path, config::MAX_REVOCATIONS_BYTES)
        .map_err(|error| error.named_by("revocations.file").to_string())?;
    config::parse_revocations(path, &text).map_err(|error| error.to_string())?;
    List::from_json(&text, keep).map_err(|error| format!("{}: cannot be read: {error}", path.display()))
}

/// Changes the list in a file. The file is replaced as a whole and keeps its mode and owner; a file that does not load is
/// left unchanged. Writers wait for each other.
///
/// # Errors
///
/// The problem with the file, or why it cannot be replaced, in one sentence.
pub(crate) fn change<T>(
    path: &Path,
    keep: impl FnMut(&Entry) -> bool,
    change: impl FnOnce(&mut List) -> T,
) -> Result<T, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: cannot be changed: {error}", path.display());
    // Opening a FIFO would block; this reports it instead.
    config::read(path, config::MAX_REVOCATIONS_BYTES)
        .map_err(|error| error.named_by("revocations.file").to_string())?;
    // A link is kept: its target is replaced.
    let path = path.canonicalize().map_err(|error| failed(&error))?;
    let locked = lock(&path).map_err(|error| failed(&error))?;
    let mut list = read(&path, keep)?;
    let result = change(&mut list);
    config::parse_revocations(&path, list.to_json().as_bytes()).map_err(|error| failed(&error.problem))?;
    replace(&path, list.to_json().as_bytes(), &locked.metadata().map_err(|error| failed(&error))?)
        .map_err(|error| failed(&error))?;
    Ok(result)
}

/// Locks the file that has this name now: while this writer waited, another may have replaced it.
fn lock(path: &Path) -> io::Result<File> {
    let started = Instant::now();
    loop {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                let (held, named) = (file.metadata()?, fs::metadata(path)?);
                if (held.dev(), held.ino()) == (named.dev(), named.ino()) {
                    return Ok(file);
                }
            }
            Err(Errno::WOULDBLOCK) => sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.into()),
        }
        if started.elapsed() > PATIENCE {
            let problem = format!("another process has kept it locked for {} seconds", PATIENCE.as_secs());
            return Err(io::Error::other(problem));
        }
    }
}

/// Replaces a file with a new one that has the mode and owner in `old`.
fn replace(path: &Path, text: &[u8], old: &Metadata) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Only the holder of the lock writes it, so one name is enough; a file left by a crash is removed.
    let temporary = Temporary(folder.join(format!(".{name}.new")));
    let _ = fs::remove_file(&temporary.0);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary.0)?;
    file.write_all(text)?;
    let new = file.metadata()?;
    if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
        fchown(&file, Some(Uid::from_raw(old.uid())), Some(Gid::from_raw(old.gid()))).map_err(|error| {
            io::Error::other(format!("its owner cannot be kept: {error}; run this as its owner or as root"))
        })?;
    }
    file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
    file.sync_all()?;
    fs::rename(&temporary.0, path)?;
    // From here on another writer may use the temporary name.
    std::mem::forget(temporary);
    // After this, the rename survives a crash.
    File::open(folder)?.sync_all()
}

/// A file that is removed unless it was renamed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(id: &str) -> Entry {
        Entry::Token { id: id.to_owned(), expires: None }
    }

    #[test]
    fn mode_and_link_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("revocations.json"), folder.path().join("link.json"));
        fs::write(&path, "{}").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("revocations.json", &link).unwrap();
        change(&link, |_| true, |list| list.add(token("t"))).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\n  \"tokens\": [\n    \"t\"\n  ]\n}\n");
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn an_invalid_file_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations.json");
        for text in ["", "{", r#"{"token": []}"#, r#"{"tokens": [1]}"#] {
            fs::write(&path, text).unwrap();
            change(&path, |_| true, |list| list.add(token("t"))).unwrap_err();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, "{}").unwrap();
        change(&path, |_| true, |list| list.add(token("a\nb"))).unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
    }

    #[test]
    fn writers_wait_for_one_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("revocations.json");
        fs::write(&path, "{}").unwrap();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for number in 0..10 {
                        let entry = token(&format!("t-{writer}-{number}"));
                        change(path, |_| true, |list| list.add(entry)).unwrap();
                    }
                });
            }
        });
        assert_eq!(read(&path, |_| true).unwrap().len(), 80);
    }
}

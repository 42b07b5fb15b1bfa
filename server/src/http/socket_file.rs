//! The file of a Unix socket: created with its mode, replaces a stale one, removed at shutdown.

use std::fs::{File, Metadata, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Mode;
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::time::{sleep, timeout};

/// The file of a listening socket; removed on drop, unless it has been replaced.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and inode numbers.
    id: (u64, u64),
}

/// How long to wait for another server that starts in the same folder.
const LOCK_TIME: Duration = Duration::from_secs(5);

impl SocketFile {
    /// Listens on a new socket at `path`, to which only the user classes in `mode` can connect.
    ///
    /// A socket without a listener is replaced; any other file at `path` is left unchanged and is an error.
    ///
    /// # Errors
    ///
    /// One sentence that says how to fix it.
    pub(super) async fn bind(path: &Path, mode: u32, backlog: u32) -> Result<(Self, UnixListener), String> {
        // If two servers find the same stale socket, the second must not remove the socket of the first.
        let _lock = lock_folder_of(path).await?;
        remove_stale(path).await?;
        let failed = |error: io::Error| format!("{error}; choose a folder that this process may write to");
        let socket = UnixSocket::new_stream().map_err(failed)?;
        {
            // The file must never be accessible to more users than intended.
            let _umask = Umask::set(!mode & 0o777);
            socket.bind(path).map_err(failed)?;
        }
        let file = Self { path: path.to_owned(), id: id(&metadata(path).map_err(failed)?) };
        // A default ACL of the folder overrides the umask.
        std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
        let listener = socket.listen(backlog).map_err(failed)?;
        Ok((file, listener))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if metadata(&self.path).is_ok_and(|found| id(&found) == self.id) {
            // If it is left behind, it is stale, and the next server replaces it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Of the file itself; links are not followed.
fn metadata(path: &Path) -> io::Result<Metadata> {
    std::fs::symlink_metadata(path)
}

fn id(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Removes a socket without a listener.
async fn remove_stale(path: &Path) -> Result<(), String> {
    let found = match metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    if !found.file_type().is_socket() {
        let kind = match found.file_type() {
            kind if kind.is_symlink() => "a link",
            kind if kind.is_dir() => "a folder",
            kind if kind.is_file() => "a file",
            _ => "a special file",
        };
        return Err(format!("there is {kind}, which is not replaced; move it away or choose another path"));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)
            .map_err(|error| format!("the stale socket there cannot be removed: {error}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) => Err("another process listens there; choose another path".to_owned()),
        Err(error) => Err(format!(
            "there is a socket, and it is not known whether a process listens on it ({error}); remove it or choose \
             another path"
        )),
    }
}

/// Locks the folder of `path` until the result is dropped.
async fn lock_folder_of(path: &Path) -> Result<File, String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = File::open(folder)
        .map_err(|error| format!("{}: {error}; choose a folder that exists", folder.display()))?;
    let locked = timeout(LOCK_TIME, async {
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => sleep(Duration::from_millis(10)).await,
                Err(TryLockError::Error(error)) => return Err(error.to_string()),
            }
        }
    });
    match locked.await {
        Ok(Ok(())) => Ok(file),
        Ok(Err(problem)) => Err(format!("{}: cannot be locked: {problem}", folder.display())),
        Err(_) => Err(format!("another process keeps {} locked; end it", folder.display())),
    }
}

/// Sets the file mode creation mask until it is dropped. It is process-wide: nothing else may create files in the
/// meantime.
struct Umask(Mode);

impl Umask {
    fn set(mask: u32) -> Self {
        Self(rustix::process::umask(Mode::from_bits_truncate(mask)))
    }
}

impl Drop for Umask {
    fn drop(&mut self) {
        rustix::process::umask(self.0);
    }
}

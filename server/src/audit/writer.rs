//! The thread that writes queued lines: every line whole and once, however writes fail.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::queue::{Queue, Work};
use crate::files::{Attempt, DEADLINE, O_NONBLOCK};

/// Where lines are written.
pub(super) trait Sink: Send + 'static {
    /// Writes some of the bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Reopens the sink by its name, if it has one. The old one ends with `torn` bytes of an unfinished line;
    /// `true`: write that line from its beginning.
    fn reopen(&mut self, torn: usize) -> io::Result<bool> {
        let _ = torn;
        Ok(false)
    }
}

/// Standard error, or a sink of a test.
pub(super) struct Stream<W>(pub(super) W);

impl<W: Write + Send + 'static> Sink for Stream<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.0.write(bytes)?;
        self.0.flush()?;
        Ok(written)
    }
}

/// A file that lines are appended to.
#[derive(Debug)]
pub(super) struct AppendFile {
    path: PathBuf,
    file: File,
    /// Whether the last line of an earlier process has no end, for example because the disk was full.
    ends_torn: bool,
}

impl AppendFile {
    /// Opens the file, or creates one that its owner can write and its group can read. On a separate thread, because on a
    /// dead mount this may never end.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = path.to_owned();
        let mut attempt = Attempt::start(move |_| Ok((open(&file)?, ends_torn(&file).unwrap_or(false))))?;
        let (file, ends_torn) = attempt.wait(DEADLINE).unwrap_or_else(|_| {
            let problem = format!("no answer for {} seconds; check its file system", DEADLINE.as_secs());
            Err(io::Error::new(ErrorKind::TimedOut, problem))
        })?;
        Ok(Self { path: path.to_owned(), file, ends_torn })
    }
}

/// Whether the file does not end with a line end. An error is that this process may write the file and not read it.
fn ends_torn(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

fn open(path: &Path) -> io::Result<File> {
    const MODE: u32 = 0o640;
    let earlier = existing(path)?;
    // If a FIFO replaces it now, this does not wait for a reader.
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(MODE).custom_flags(O_NONBLOCK);
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(not_regular());
    }
    if earlier == Existing::Missing {
        // Independent of the umask.
        file.set_permissions(Permissions::from_mode(MODE))?;
    }
    Ok(file)
}

/// Whether an audit file exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Existing {
    Missing,
    Regular,
}

/// Checks, without opening or creating it, that the file is a regular file or can be created in its folder.
pub(super) fn check(path: &Path) -> io::Result<()> {
    existing(path).map(drop)
}

fn existing(path: &Path) -> io::Result<Existing> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Existing::Regular),
        Ok(_) => Err(not_regular()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            match std::fs::metadata(folder.unwrap_or(Path::new("."))) {
                Ok(_) => Ok(Existing::Missing),
                Err(_) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

fn not_regular() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "not a regular file")
}

impl Sink for AppendFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.ends_torn {
            self.file.write_all(b"\n")?;
            self.ends_torn = false;
        }
        self.file.write(bytes)
    }

    fn reopen(&mut self, torn: usize) -> io::Result<bool> {
        let old = std::mem::replace(self, Self::open(&self.path)?);
        // If it is the same file, its torn end is this process's, and removed below.
        self.ends_torn &= torn == 0;
        if torn > 0 {
            // The whole line goes into the new file, and its beginning is removed from the old one.
            let length = old.file.metadata()?.len().saturating_sub(u64::try_from(torn).unwrap_or(u64::MAX));
            old.file.set_len(length)?;
        }
        Ok(torn > 0)
    }
}

/// Events of the writer.
#[derive(Debug)]
pub(super) enum Event<'e> {
    /// A write failed, for the first time or for a new reason.
    Failed(&'e io::Error),
    /// Writing succeeds again.
    Recovered,
    /// The sink could not be reopened; the old one stays in use.
    NotReopened(&'e io::Error),
}

/// The delay before the next attempt if the reader of a pipe is slow.
const READER_IS_SLOW: Duration = Duration::from_millis(5);
/// The delay after any other error, such as a full disk.
const WRITING_FAILS: Duration = Duration::from_millis(100);

/// Starts the thread.
pub(super) fn start(
    queue: Arc<Queue>,
    sink: impl Sink,
    tell: impl Fn(Event<'_>) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let writing = Writing { queue, sink, tell, failing: false };
    std::thread::Builder::new().name("audit".to_owned()).spawn(move || writing.run())
}

struct Writing<S, T> {
    queue: Arc<Queue>,
    sink: S,
    tell: T,
    failing: bool,
}

impl<S: Sink, T: Fn(Event<'_>)> Writing<S, T> {
    fn run(mut self) {
        let mut lines = Vec::new();
        loop {
            let Work { reopen, last, .. } = self.queue.next(&mut lines);
            if !reopen.is_empty() {
                self.reopen(0);
            }
            drop(reopen);
            let unwritten = self.write(&lines);
            if last || !unwritten.is_empty() {
                self.queue.finish(unwritten);
                return;
            }
        }
    }

    /// Writes all bytes, with as many attempts as needed; after closing, returns what could not be written.
    fn write<'l>(&mut self, lines: &'l [u8]) -> &'l [u8] {
        let mut written = 0;
        while let Some(rest) = lines.get(written..).filter(|rest| !rest.is_empty()) {
            let error = match self.sink.write(rest) {
                Ok(0) => ErrorKind::WriteZero.into(),
                Ok(bytes) => {
                    // Continues at the exact byte, so that no line is torn or joined with another.
                    written = written.saturating_add(bytes);
                    if std::mem::take(&mut self.failing) {
                        (self.tell)(Event::Recovered);
                    }
                    self.queue.wrote(bytes);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            let slow = error.kind() == ErrorKind::WouldBlock;
            if !slow && self.queue.failed(&error) {
                self.failing = true;
                (self.tell)(Event::Failed(&error));
            }
            let Work { reopen, last, given_up } =
                self.queue.pause(if slow { READER_IS_SLOW } else { WRITING_FAILS });
            // After closing, there is no point in waiting for a closed reader.
            if given_up || (last && error.kind() == ErrorKind::BrokenPipe) {
                return rest;
            }
            if last {
                std::thread::sleep(READER_IS_SLOW);
            }
            if !reopen.is_empty() {
                let line_start =
                    lines.get(..written).and_then(|done| done.iter().rposition(|byte| *byte == b'\n'));
                let line_start = line_start.map_or(0, |end| end.saturating_add(1));
                if self.reopen(written.saturating_sub(line_start)) {
                    written = line_start;
                }
            }
        }
        &[]
    }

    fn reopen(&mut self, torn: usize) -> bool {
        match self.sink.reopen(torn) {
            Ok(from_the_beginning) => from_the_beginning,
            Err(error) => {
                (self.tell)(Event::NotReopened(&error));
                false
            }
        }
    }
}

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Mutex, mpsc};

use proptest::prelude::*;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::*;
use crate::reload::Reload;

const PATIENCE: Duration = Duration::from_secs(20);
const LINE: &str = "a line of some thirty characters";

/// What a sink does with the next write.
#[derive(Clone, Copy, Debug)]
enum Step {
    Take(usize),
    Fail(ErrorKind),
}

/// A sink that follows its instructions, and accepts everything after the last one.
#[derive(Clone, Default)]
struct Scripted {
    steps: Arc<Mutex<VecDeque<Step>>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = match self.steps.lock().unwrap().pop_front() {
            Some(Step::Fail(error)) => return Err(error.into()),
            Some(Step::Take(most)) => bytes.len().min(most),
            None => bytes.len(),
        };
        self.written.lock().unwrap().extend_from_slice(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Scripted {
    fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: Arc::new(Mutex::new(steps.into_iter().collect())), ..Self::default() }
    }

    fn text(&self) -> String {
        String::from_utf8(self.written.lock().unwrap().clone()).unwrap()
    }
}

/// A sink that takes nothing until `hold` is dropped.
struct Held {
    log: AuditLog,
    writer: Writer,
    hold: mpsc::Sender<()>,
    written: Arc<Mutex<Vec<u8>>>,
    numbers: QueueNumbers,
}

struct HeldSink {
    let_through: mpsc::Receiver<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for HeldSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Once the sender is dropped, the sink accepts everything.
        let _ = self.let_through.recv();
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn audit(overflow: AuditOverflow) -> Audit {
    Audit { overflow, ..Audit::default() }
}

fn held(overflow: AuditOverflow) -> Held {
    let (hold, let_through) = mpsc::channel();
    let written = Arc::default();
    let numbers = QueueNumbers::default();
    let sink = HeldSink { let_through, written: Arc::clone(&written) };
    let (log, writer) =
        AuditLog::with_capacity(256, sink, Format::Text, &audit(overflow), numbers.clone()).unwrap();
    Held { log, writer, hold, written, numbers }
}

fn lines(written: &Mutex<Vec<u8>>) -> u64 {
    u64::try_from(written.lock().unwrap().iter().filter(|byte| **byte == b'\n').count()).unwrap()
}

fn push(log: &AuditLog, when_full: WhenFull, line: &str) -> Option<WaitingLine> {
    let lines = log.decisions.as_ref().unwrap();
    lines.add(when_full, |buffer| buffer.extend_from_slice(line.as_bytes()))
}

/// Queues a line, waiting for room if necessary.
async fn push_waiting(log: &AuditLog, line: &str) {
    if let Some(waiting) = push(log, log.when_full, line) {
        waiting.queued().await;
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    Runtime::new().unwrap().block_on(async { timeout(PATIENCE, future).await.expect("in time") })
}

#[test]
fn dropped_lines_are_counted() {
    let Held { log, writer, hold, written, numbers } = held(AuditOverflow::Drop);
    for _ in 0..1000 {
        assert!(push(&log, log.when_full, LINE).is_none());
    }
    assert!(numbers.dropped.get() > 0, "the queue is full");
    drop(hold);
    assert!(writer.close(PATIENCE));
    assert_eq!(lines(&written) + numbers.dropped.get(), 1000, "written or counted");
}

#[test]
fn decisions_wait_for_a_full_queue_and_others_do_not() {
    let Held { log, writer, hold, written, numbers } = held(AuditOverflow::Block);
    block_on(async {
        let pushing = tokio::spawn({
            let log = log.clone();
            async move {
                for _ in 0..100 {
                    push_waiting(&log, LINE).await;
                }
            }
        });
        while numbers.waiting.get() == 0 {
            tokio::task::yield_now().await;
        }
        let trouble = log.trouble().unwrap();
        assert!(trouble.waited.is_some() && trouble.failure.is_none());
        assert!(numbers.queued_bytes.get() > 200);
        assert!(push(&log, WhenFull::Exceed, "public path").is_none(), "beyond the capacity");
        log.note(Level::Info, "neither does this");

        drop(hold);
        pushing.await.unwrap();
    });
    assert_eq!((numbers.waiting.get(), log.trouble()), (0, None));
    assert!(writer.close(PATIENCE));
    assert_eq!((lines(&written), numbers.dropped.get()), (102, 0));
    assert_eq!(numbers.queued_bytes.get(), 0);
}

#[test]
fn lines_beyond_twice_the_capacity_are_dropped() {
    let Held { log, writer, hold, written, numbers } = held(AuditOverflow::Block);
    for _ in 0..1000 {
        assert!(push(&log, WhenFull::Exceed, LINE).is_none());
    }
    assert!(numbers.queued_bytes.get() < 1024);
    drop(hold);
    assert!(writer.close(PATIENCE));
    assert_eq!(lines(&written) + numbers.dropped.get(), 1000, "written or counted");
}

#[test]
fn a_dropped_waiting_line_is_not_written() {
    let Held { log, hold, numbers, .. } = held(AuditOverflow::Block);
    let waiting: Vec<_> = (0..100).filter_map(|_| push(&log, log.when_full, LINE)).collect();
    assert_eq!(numbers.waiting.get(), i64::try_from(waiting.len()).unwrap());
    assert!(log.trouble().unwrap().waited.is_some());
    drop(waiting);
    assert_eq!((numbers.waiting.get(), log.trouble()), (0, None));
    drop(hold);
}

#[test]
fn decisions_wait_while_writing_fails() {
    let sink =
        Scripted::of([Step::Take(3), Step::Fail(ErrorKind::StorageFull), Step::Fail(ErrorKind::StorageFull)]);
    let numbers = QueueNumbers::default();
    let (log, writer) =
        AuditLog::start(sink.clone(), Format::Json, &audit(AuditOverflow::Block), numbers.clone()).unwrap();
    block_on(async {
        push_waiting(&log, "one").await;
        while log.trouble().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(log.trouble().unwrap().failure.as_deref(), Some("no storage space"));
        push_waiting(&log, "two").await;
    });
    assert_eq!(log.trouble(), None);
    assert!(writer.close(PATIENCE));
    let text = sink.text();
    assert!(text.starts_with("one\n") && text.contains("\ntwo\n"), "{text}");
    assert!(text.contains("could not be written for a while"), "{text}");
    assert_eq!(numbers.dropped.get(), 0);
}

#[test]
fn lines_for_a_closed_reader_are_dropped_and_counted_at_the_end() {
    let sink = Scripted::of(std::iter::repeat_n(Step::Fail(ErrorKind::BrokenPipe), 10_000));
    let numbers = QueueNumbers::default();
    let (log, writer) =
        AuditLog::start(sink, Format::Json, &audit(AuditOverflow::Block), numbers.clone()).unwrap();
    assert!(push(&log, log.when_full, "one").is_none());
    while log.trouble().is_none() {
        std::thread::yield_now();
    }
    let waiting = push(&log, log.when_full, "two");
    assert!(waiting.is_some(), "it is not answered");
    assert!(writer.close(PATIENCE), "there is nothing to wait for");
    assert_eq!(numbers.dropped.get(), 1);
    assert!(push(&log, log.when_full, "after the end").is_some(), "nor is this");
    assert!(push(&log, WhenFull::Exceed, "public, after the end").is_none());
    assert_eq!(numbers.dropped.get(), 2);
}

#[test]
fn closing_has_a_deadline() {
    let Held { log, writer, hold, .. } = held(AuditOverflow::Block);
    assert!(push(&log, log.when_full, "stuck").is_none());
    assert!(!writer.close(Duration::from_millis(50)));
    drop(hold);
}

/// A file of decisions, in a separate folder.
struct InFile {
    folder: tempfile::TempDir,
    log: AuditLog,
    writer: Writer,
    notes: Scripted,
    numbers: QueueNumbers,
}

impl InFile {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = Some(folder.path().join("audit.jsonl"));
        let (notes, numbers) = (Scripted::default(), QueueNumbers::default());
        let audit = Audit { output: AuditOutput::File, file, overflow: AuditOverflow::Block };
        let (log, writer) = AuditLog::start(notes.clone(), Format::Text, &audit, numbers.clone()).unwrap();
        Self { folder, log, writer, notes, numbers }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Waits until a file has this content.
    #[track_caller]
    fn until(&self, name: &str, content: &str) {
        let started = std::time::Instant::now();
        while self.read(name) != content {
            assert!(started.elapsed() < PATIENCE, "{name}: {:?}", self.read(name));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_reopened_file_loses_no_line() {
    let files = InFile::new();
    let path = |name: &str| files.folder.path().join(name);
    let mode = std::fs::metadata(path("audit.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(push(&files.log, files.log.when_full, "one").is_none());
    files.until("audit.jsonl", "one\n");
    std::fs::rename(path("audit.jsonl"), path("audit.1")).unwrap();
    assert!(push(&files.log, files.log.when_full, "two").is_none());
    files.until("audit.1", "one\ntwo\n");
    files.log.reopen(Reload::start().1);
    files.until("audit.jsonl", "");
    while !path("audit.jsonl").exists() {
        std::thread::yield_now();
    }
    assert!(push(&files.log, files.log.when_full, "three").is_none());
    files.until("audit.jsonl", "three\n");

    // If the file cannot be reopened, the old one stays in use.
    std::fs::rename(path("audit.jsonl"), path("audit.2")).unwrap();
    std::fs::create_dir(path("audit.jsonl")).unwrap();
    files.log.reopen(Reload::start().1);
    while files.numbers.reopen_failures.get() == 0 {
        std::thread::yield_now();
    }
    assert!(push(&files.log, files.log.when_full, "four").is_none());
    files.until("audit.2", "three\nfour\n");
    assert!(files.writer.close(PATIENCE));
    let notes = files.notes.text();
    assert!(notes.contains("cannot be reopened") && notes.contains("the old file stays in use"), "{notes}");
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = Some(folder.path().join("none/audit.jsonl"));
    let audit = Audit { output: AuditOutput::File, file, overflow: AuditOverflow::Block };
    let error = AuditLog::start(io::sink(), Format::Json, &audit, QueueNumbers::default()).unwrap_err();
    assert!(error.starts_with("`audit.file`: ") && error.contains("cannot be opened"), "{error}");
}

fn step() -> impl Strategy<Value = Step> {
    let error = prop_oneof![
        Just(ErrorKind::WouldBlock),
        Just(ErrorKind::Interrupted),
        Just(ErrorKind::StorageFull),
        Just(ErrorKind::BrokenPipe),
        Just(ErrorKind::FileTooLarge),
    ];
    prop_oneof![3 => (1_usize..40).prop_map(Step::Take), 1 => error.prop_map(Step::Fail)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Every line is written whole and once, however writes fail.
    #[test]
    fn no_line_is_torn_lost_or_repeated(steps in proptest::collection::vec(step(), 0..30)) {
        let sink = Scripted::of(steps);
        let numbers = QueueNumbers::default();
        let (log, writer) =
            AuditLog::with_capacity(64, sink.clone(), Format::Text, &audit(AuditOverflow::Block), numbers.clone())
                .unwrap();
        let expected: Vec<String> = (0..40).map(|number| format!("line {number}")).collect();
        block_on(async {
            for line in &expected {
                push_waiting(&log, line).await;
            }
            while numbers.queued_bytes.get() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        prop_assert!(writer.close(PATIENCE));
        let text = sink.text();
        let (notes, decisions): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("warning: "));
        prop_assert_eq!(decisions, expected);
        prop_assert!(notes.iter().all(|note| note.ends_with("no line was lost")));
    }
}

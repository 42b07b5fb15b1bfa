use std::sync::mpsc;

use super::*;

/// A sink that writes only when it is let, so that the queue can be seen filling.
struct Gate {
    let_through: mpsc::Receiver<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // Without anybody to wait for, everything passes.
        let _ = self.let_through.recv();
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Held {
    trail: AuditLog,
    writer: Writer,
    /// Dropped, it lets everything through.
    hold: mpsc::Sender<()>,
    written: Arc<Mutex<Vec<u8>>>,
    dropped: Counter,
}

fn held(overflow: AuditOverflow) -> Held {
    let (hold, let_through) = mpsc::channel();
    let written = Arc::default();
    let dropped = Counter::default();
    let sink = Gate { let_through, written: Arc::clone(&written) };
    let (trail, writer) =
        AuditLog::with_capacity(256, sink, Format::Text, AuditOutput::Stderr, overflow, dropped.clone())
            .unwrap();
    Held { trail, writer, hold, written, dropped }
}

fn lines(written: &Mutex<Vec<u8>>) -> usize {
    written.lock().unwrap().iter().filter(|byte| **byte == b'\n').count()
}

fn push(trail: &AuditLog, line: &str) {
    trail.line(Some(trail.overflow), |buffer| buffer.extend_from_slice(line.as_bytes()));
}

#[test]
fn dropped_lines_are_counted() {
    let Held { trail, writer, hold, written, dropped } = held(AuditOverflow::Drop);
    for _ in 0..1000 {
        push(&trail, "a line of some thirty characters");
    }
    assert!(dropped.get() > 0, "the queue is full");
    drop(hold);
    assert!(writer.close(Duration::from_secs(5)));
    assert_eq!(u64::try_from(lines(&written)).unwrap() + dropped.get(), 1000, "written or counted");
}

#[test]
fn decisions_wait_for_a_full_queue() {
    let Held { trail, writer, hold, written, dropped } = held(AuditOverflow::Block);
    let (done, is_done) = mpsc::channel();
    let pusher = std::thread::spawn(move || {
        for _ in 0..100 {
            push(&trail, "a line of some thirty characters");
        }
        done.send(()).unwrap();
    });
    assert!(is_done.recv_timeout(Duration::from_millis(100)).is_err(), "nothing is written, so it waits");
    drop(hold);
    is_done.recv_timeout(Duration::from_secs(5)).unwrap();
    pusher.join().unwrap();
    assert!(writer.close(Duration::from_secs(5)));
    assert_eq!((lines(&written), dropped.get()), (100, 0));
}

#[test]
fn a_sink_that_is_gone_is_counted() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let dropped = Counter::default();
    let (trail, writer) =
        AuditLog::start(Gone, Format::Json, AuditOutput::Stderr, AuditOverflow::Block, dropped.clone())
            .unwrap();
    push(&trail, "one");
    push(&trail, "two");
    assert!(writer.close(Duration::from_secs(5)));
    assert_eq!(dropped.get(), 2);
    push(&trail, "after the end");
    assert_eq!(dropped.get(), 3);
}

#[test]
fn closing_does_not_wait_for_ever() {
    let Held { trail, writer, hold, .. } = held(AuditOverflow::Block);
    push(&trail, "stuck");
    assert!(!writer.close(Duration::from_millis(50)));
    drop(hold);
}

//! Observes the frames of an HTTP/2 connection, for events that h2 does not report.
//!
//! * h2 itself answers 431 to a header list beyond the announced limit. Such an answer is a header block with
//!   only a status, and ends its stream. Every other header block of this server, trailers included, has two
//!   fields or more.
//! * h2 decodes a header block while it arrives. Until it is complete, its fields take much more memory than they have
//!   bytes, and belong to no request yet.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::{Connections, Slot, Unsent};
use super::stream::PREFACE;

/// The number of answers that h2 sent itself. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnAnswers(Arc<AtomicUsize>);

impl OwnAnswers {
    /// The answers since the last call.
    pub(super) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// A connection whose frames are observed.
pub(super) struct Watched<I> {
    stream: I,
    read: Frames,
    /// The bytes of the preface that were not read yet.
    preface: usize,
    head: UnfinishedHead,
    written: Frames,
    own_answers: OwnAnswers,
}

impl<I> Watched<I> {
    pub(super) fn new(stream: I, head: UnfinishedHead, own_answers: OwnAnswers) -> Self {
        let (read, written) = (Frames::default(), Frames::default());
        Self { stream, read, preface: PREFACE.len(), head, written, own_answers }
    }

    fn read(&mut self, bytes: &[u8]) {
        let preface = bytes.len().min(self.preface);
        self.preface = self.preface.saturating_sub(preface);
        let head = &mut self.head;
        self.read.follow(bytes.get(preface..).unwrap_or_default(), |frame| head.follow(frame));
    }

    fn wrote(&mut self, bytes: &[u8]) {
        let own_answers = &self.own_answers.0;
        self.written.follow(bytes, |frame| {
            if frame.is_own_answer() {
                own_answers.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

/// Counts the memory of a header block that is not complete.
pub(super) struct UnfinishedHead {
    pub(super) connections: Arc<Connections>,
    pub(super) slot: Slot,
    /// How much the fields may take.
    pub(super) bytes: usize,
    pub(super) counted: Option<Unsent>,
}

/// The memory of the fields of a head, for each byte of its limit. A field with an empty value counts as 36 bytes, and was
/// measured to take 240.
pub(super) const FIELD_OVERHEAD: usize = 8;

impl UnfinishedHead {
    fn follow(&mut self, frame: &Frame<'_>) {
        match frame.kind {
            HEADERS | CONTINUATION if frame.flags & END_HEADERS == 0 => {
                self.counted.get_or_insert_with(|| self.connections.hold(&self.slot, self.bytes));
            }
            HEADERS | CONTINUATION => self.counted = None,
            _ => {}
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Watched<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.read(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Watched<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.wrote(bytes.get(..written).unwrap_or(bytes));
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
        let mut left = written;
        for slice in slices {
            let bytes = slice.get(..left).unwrap_or(slice);
            self.wrote(bytes);
            left = left.saturating_sub(bytes.len());
        }
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

const FRAME_HEADER: usize = 9;
/// The longest header block with only a status: a change of the table's size in six bytes, and the field in five.
const LONGEST_BLOCK: usize = 11;

const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A complete frame (RFC 9113 §4.1).
struct Frame<'f> {
    kind: u8,
    flags: u8,
    /// `None` if it is long.
    payload: Option<&'f [u8]>,
}

impl Frame<'_> {
    /// Whether it is a response with only a status.
    fn is_own_answer(&self) -> bool {
        self.kind == HEADERS
            && self.flags == END_STREAM | END_HEADERS
            && self.payload.is_some_and(has_one_field)
    }
}

/// A position in a sequence of frames.
#[derive(Debug, Default)]
struct Frames {
    /// The header of the current frame, and the beginning of its payload.
    start: [u8; FRAME_HEADER + LONGEST_BLOCK],
    /// The bytes of the current frame that were seen.
    seen: usize,
}

impl Frames {
    /// Follows bytes, and reports the frames that end in them.
    fn follow(&mut self, mut bytes: &[u8], mut ended: impl FnMut(&Frame<'_>)) {
        while !bytes.is_empty() {
            let end = if self.seen < FRAME_HEADER { FRAME_HEADER } else { self.end() };
            let (now, rest) = bytes.split_at(bytes.len().min(end.saturating_sub(self.seen)));
            if let Some(places) = self.start.get_mut(self.seen..) {
                places.iter_mut().zip(now).for_each(|(place, byte)| *place = *byte);
            }
            self.seen = self.seen.saturating_add(now.len());
            bytes = rest;
            if self.seen >= FRAME_HEADER && self.seen == self.end() {
                let [_, _, _, kind, flags, ..] = self.start;
                let payload = self.start.get(FRAME_HEADER..self.seen);
                ended(&Frame { kind, flags, payload });
                self.seen = 0;
            }
        }
    }

    /// The length of the current frame, whose header is complete.
    fn end(&self) -> usize {
        let [high, middle, low, ..] = self.start;
        let length = u32::from_be_bytes([0, high, middle, low]);
        FRAME_HEADER.saturating_add(usize::try_from(length).unwrap_or(usize::MAX))
    }
}

/// Whether a header block has exactly one field whose name is in a table (RFC 7541 §6).
fn has_one_field(mut block: &[u8]) -> bool {
    // Changes of the size of the dynamic table.
    while let [first, ..] = block
        && first & 0b1110_0000 == 0b0010_0000
    {
        let Some((_, rest)) = integer(block, 5) else { return false };
        block = rest;
    }
    let [first, ..] = block else { return false };
    if first & 0b1000_0000 != 0 {
        return integer(block, 7).is_some_and(|(_, rest)| rest.is_empty());
    }
    let prefix = if first & 0b0100_0000 != 0 { 6 } else { 4 };
    match integer(block, prefix) {
        Some((name, value)) if name > 0 => {
            integer(value, 7).is_some_and(|(length, rest)| rest.len() == length)
        }
        _ => false,
    }
}

/// An integer with a prefix of this many bits (RFC 7541 §5.1), and the bytes after it.
fn integer(bytes: &[u8], prefix: u32) -> Option<(usize, &[u8])> {
    let (first, mut rest) = bytes.split_first()?;
    let limit = (1_usize << prefix).saturating_sub(1);
    let mut value = usize::from(*first) & limit;
    if value < limit {
        return Some((value, rest));
    }
    for shift in [0_u32, 7, 14, 21] {
        let (byte, after) = rest.split_first()?;
        rest = after;
        value = value.saturating_add((usize::from(*byte) & 0x7f) << shift);
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::http::connection::ConnectionNumbers;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &1_u32.to_be_bytes(), payload].concat()
    }

    fn own_answers(frames: &mut Frames, bytes: &[u8]) -> usize {
        let mut found = 0;
        frames.follow(bytes, |frame| found += usize::from(frame.is_own_answer()));
        found
    }

    #[rstest]
    #[case::literal(&[0x48, 3, b'4', b'3', b'1'], true)]
    #[case::literal_in_huffman_code(&[0x48, 0x82, 0x69, 0x8b], true)]
    #[case::without_indexing(&[0x08, 3, b'4', b'3', b'1'], true)]
    #[case::indexed(&[0xbe], true)]
    #[case::behind_a_new_table_size(&[0x20, 0x3f, 0xe1, 0x1f, 0xbe], true)]
    #[case::two_fields(&[0x48, 3, b'4', b'3', b'1', 0xbe], false)]
    #[case::two_indexed_fields(&[0x88, 0xbe], false)]
    #[case::name_of_its_own(&[0x40, 1, b'a', 1, b'b'], false)]
    #[case::no_field(&[0x20], false)]
    #[case::nothing(&[], false)]
    #[case::cut(&[0x48, 3, b'4'], false)]
    fn a_header_block_with_only_a_status_is_found(#[case] block: &[u8], #[case] expected: bool) {
        assert_eq!(has_one_field(block), expected);
        let bytes = [frame(4, 0, &[]), frame(1, 0x5, block), frame(0, 1, b"data")].concat();
        assert_eq!(own_answers(&mut Frames::default(), &bytes), usize::from(expected));
        for (kind, flags) in [(1, 0x4), (1, 0x1), (0, 0x5), (9, 0x5)] {
            let other = frame(kind, flags, block);
            assert_eq!(own_answers(&mut Frames::default(), &other), 0, "{kind} {flags}");
        }
    }

    #[tokio::test]
    async fn an_unfinished_head_is_counted_until_it_ends() {
        let connections = Arc::new(Connections::new(1, ConnectionNumbers::default()));
        let open = connections.open();
        let head = UnfinishedHead {
            connections: Arc::clone(&connections),
            slot: open.slot().clone(),
            bytes: 1000,
            counted: None,
        };
        let (mut client, stream) = tokio::io::duplex(1 << 10);
        let mut watched = Watched::new(stream, head, OwnAnswers::default());
        let steps = [
            (PREFACE.to_vec(), 0),
            (frame(4, 0, &[]), 0),
            (frame(HEADERS, END_STREAM, &[0x82]), 1000),
            (frame(CONTINUATION, 0, &[0x84; 50]), 1000),
            (frame(CONTINUATION, END_HEADERS, &[]), 0),
            (frame(HEADERS, END_HEADERS, &[0x82]), 0),
            (frame(HEADERS, 0, &[0x82]), 1000),
        ];
        for (bytes, expected) in steps {
            client.write_all(&bytes).await.unwrap();
            let mut received = vec![0; bytes.len()];
            watched.read_exact(&mut received).await.unwrap();
            assert_eq!((received, connections.unsent()), (bytes, expected));
        }
        drop(watched);
        assert_eq!(connections.unsent(), 0);
    }

    proptest! {
        #[test]
        fn frames_are_found_however_they_are_cut(
            payloads in proptest::collection::vec((0_u8..10, proptest::collection::vec(any::<u8>(), 0..40)), 0..6),
            sizes in proptest::collection::vec(1_usize..30, 1..8),
        ) {
            let mut bytes: Vec<u8> =
                payloads.iter().flat_map(|(kind, payload)| frame(*kind, 0, payload)).collect();
            bytes.extend(frame(1, 0x5, &[0xbe]));
            let (mut frames, mut found, mut rest) = (Frames::default(), 0, &bytes[..]);
            for size in sizes.iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*size));
                found += own_answers(&mut frames, now);
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, 1);
        }
    }
}

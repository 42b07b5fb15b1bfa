//! Lines of bounded length: a line that is too long is skipped without being stored.

use std::io::{self, BufRead};

/// The longest line that is read, without its end.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;

/// Reads line by line, into one buffer.
pub(super) struct Lines<R> {
    input: R,
    line: Vec<u8>,
    /// Whether the buffer contains input that was not returned yet.
    at_hand: bool,
}

/// The next item of the input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'l> {
    /// A line, without its `\n`.
    Text(&'l [u8]),
    /// A line over the limit.
    TooLong,
    /// No more lines.
    End,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: Vec::new(), at_hand: false }
    }

    /// Whether reading the next line may block.
    pub(super) fn would_wait(&self) -> bool {
        !self.at_hand
    }

    pub(super) fn next_line(&mut self) -> io::Result<Line<'_>> {
        self.line.clear();
        let mut begun = false;
        let mut too_long = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                self.at_hand = false;
                break;
            }
            begun = true;
            let end = memchr(chunk);
            let part = &chunk[..end.unwrap_or(chunk.len())];
            too_long |= self.line.len() + part.len() > MAX_LINE_BYTES;
            if !too_long {
                self.line.extend_from_slice(part);
            }
            let used = part.len() + usize::from(end.is_some());
            // Without a whole line in the buffer, the next read may block.
            self.at_hand = memchr(&chunk[used..]).is_some();
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        Ok(match (begun, too_long) {
            (false, _) => Line::End,
            (true, true) => Line::TooLong,
            (true, false) => Line::Text(&self.line),
        })
    }
}

fn memchr(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte == b'\n')
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn lines(input: &[u8], buffer: usize) -> Vec<Option<Vec<u8>>> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, input));
        let mut all = Vec::new();
        loop {
            match lines.next_line().unwrap() {
                Line::End => return all,
                Line::TooLong => all.push(None),
                Line::Text(text) => all.push(Some(text.to_vec())),
            }
        }
    }

    #[test]
    fn lines_do_not_depend_on_the_buffer_size() {
        let text = |text: &str| Some(text.as_bytes().to_vec());
        for buffer in [1, 2, 3, 7, 100] {
            assert_eq!(lines(b"", buffer), []);
            assert_eq!(lines(b"\n", buffer), [text("")]);
            assert_eq!(
                lines(b"one\n\ntwo\r\nlast", buffer),
                [text("one"), text(""), text("two\r"), text("last")]
            );
        }
    }

    #[test]
    fn a_line_over_the_limit_is_skipped_without_storing_it() {
        let longest = vec![b'x'; MAX_LINE_BYTES];
        let input =
            [&longest[..], b"\n", &longest, b"x\n", &longest, &longest, b"\nnext\n", &longest, b"y"].concat();
        let mut reader = Lines::new(BufReader::with_capacity(1000, &input[..]));
        assert_eq!(reader.next_line().unwrap(), Line::Text(&longest));
        assert_eq!(reader.next_line().unwrap(), Line::TooLong);
        assert_eq!(reader.next_line().unwrap(), Line::TooLong);
        assert_eq!(reader.next_line().unwrap(), Line::Text(b"next"));
        assert_eq!(reader.next_line().unwrap(), Line::TooLong);
        assert_eq!(reader.next_line().unwrap(), Line::End);
        assert!(reader.line.capacity() <= 2 * MAX_LINE_BYTES);
    }

    #[test]
    fn would_wait_only_where_no_whole_line_is_at_hand() {
        let mut reader = Lines::new(BufReader::with_capacity(100, &b"a\nb\nc"[..]));
        let mut waits = Vec::new();
        loop {
            waits.push(reader.would_wait());
            if reader.next_line().unwrap() == Line::End {
                break;
            }
        }
        assert_eq!(waits, [true, false, true, true]);
    }
}

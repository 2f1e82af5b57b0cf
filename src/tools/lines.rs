//! Splits input into records at a delimiter, without copying.
//!
//! The buffer holds whole chunks of input; what is handed out borrows from it.
//! Only the unfinished record at its end is moved when more is read. The buffer
//! grows for a record longer than it, up to a limit.
//!
//! Invariant: `start ≤ scanned ≤ end ≤ buffer.len()`; `buffer[start..scanned]`
//! holds no delimiter that starts before `scanned`.

use super::error::{Result, ToolError};
use memchr::memmem;
use std::io::{self, Read};

/// How much is asked for at a time, in bytes.
pub const CHUNK: usize = 512 * 1024;

/// Splits what it reads at a delimiter. A last record without one counts.
pub struct LineSplitter<R> {
    reader: R,
    finder: memmem::Finder<'static>,
    buffer: Vec<u8>,
    start: usize,
    scanned: usize,
    end: usize,
    finished: bool,
    line: u64,
    limit: usize,
}

impl<R: Read> LineSplitter<R> {
    /// Splits at `delimiter`, which is not empty; a record may have up to
    /// `limit` bytes.
    pub fn new(reader: R, delimiter: &[u8], limit: usize) -> Self {
        assert!(!delimiter.is_empty(), "an empty delimiter splits nothing");
        Self {
            reader,
            finder: memmem::Finder::new(delimiter).into_owned(),
            buffer: vec![0; CHUNK],
            start: 0,
            scanned: 0,
            end: 0,
            finished: false,
            line: 0,
            limit,
        }
    }

    /// The number of the record that was handed out last, from 1.
    pub const fn line_number(&self) -> u64 {
        self.line
    }

    /// The next record, without its delimiter.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>> {
        let delimiter = self.finder.needle().len();
        loop {
            if let Some(at) = self.find() {
                let line = self.start..at;
                self.start = at + delimiter;
                self.scanned = self.start;
                self.line += 1;
                if line.len() > self.limit {
                    return Err(self.too_long());
                }
                return Ok(Some(&self.buffer[line]));
            }
            if !self.fill()? {
                return Ok(self.last().map(|range| &self.buffer[range]));
            }
        }
    }

    /// The next whole records with their delimiters, as many as are there; the
    /// last block of the input may end without a delimiter. Does not count lines
    /// (but the last one without a delimiter): tell [`LineSplitter::count`]. With
    /// a delimiter of several bytes a block is one record.
    pub fn next_block(&mut self) -> Result<Option<&[u8]>> {
        loop {
            let found = match self.finder.needle() {
                [byte] => memchr::memrchr(*byte, &self.buffer[self.scanned..self.end])
                    .map(|at| self.scanned + at),
                _ => self.find(),
            };
            if let Some(last) = found {
                let block = self.start..last + self.finder.needle().len();
                self.start = block.end;
                self.scanned = self.start;
                return Ok(Some(&self.buffer[block]));
            }
            if self.finder.needle().len() == 1 {
                self.scanned = self.end;
            }
            if !self.fill()? {
                return Ok(self.last().map(|range| &self.buffer[range]));
            }
        }
    }

    /// Adds to the number of records that were handed out, for messages.
    pub const fn count(&mut self, lines: u64) {
        self.line += lines;
    }

    fn find(&mut self) -> Option<usize> {
        let found = self.finder.find(&self.buffer[self.scanned..self.end]);
        if let Some(at) = found {
            return Some(self.scanned + at);
        }
        // A longer delimiter may have begun in what is there.
        let overlap = self.finder.needle().len() - 1;
        self.scanned = self.scanned.max(self.end.saturating_sub(overlap));
        None
    }

    fn last(&mut self) -> Option<std::ops::Range<usize>> {
        if self.start == self.end {
            return None;
        }
        let range = self.start..self.end;
        self.start = self.end;
        self.scanned = self.end;
        self.line += 1;
        Some(range)
    }

    /// Reads more behind what is there; `false` at the end of the input.
    fn fill(&mut self) -> Result<bool> {
        if self.finished {
            return Ok(false);
        }
        if self.end - self.start > self.limit {
            self.line += 1;
            return Err(self.too_long());
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.scanned -= self.start;
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let most = self
                .limit
                .saturating_add(self.finder.needle().len())
                .saturating_add(1);
            let length = (self.buffer.len() * 2).min(most.max(self.end + 1));
            self.buffer.resize(length, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.finished = true;
                    return Ok(false);
                }
                Ok(read) => {
                    self.end += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ToolError::stdin(&error)),
            }
        }
    }

    #[cold]
    fn too_long(&self) -> ToolError {
        too_long(self.line, self.limit)
    }
}

/// The error for a record that is longer than the limit.
#[cold]
pub fn too_long(line: u64, limit: usize) -> ToolError {
    ToolError::failed(format!(
        "input record {line} is longer than the limit of {limit} bytes"
    ))
    .hint("the limit is the lower of --max-message-bytes and the topic's max.message.bytes; raise that with `ottla topics DATA/TOPIC --alter -c max.message.bytes=N`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Hands out the input in pieces of the given sizes, again and again.
    struct Pieces<'a>(&'a [u8], Vec<usize>, usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let size = self.1[self.2 % self.1.len()]
                .min(buffer.len())
                .min(self.0.len());
            self.2 += 1;
            buffer[..size].copy_from_slice(&self.0[..size]);
            self.0 = &self.0[size..];
            Ok(size)
        }
    }

    fn lines(input: &[u8], delimiter: &[u8], pieces: Vec<usize>) -> Vec<Vec<u8>> {
        let mut splitter = LineSplitter::new(Pieces(input, pieces, 0), delimiter, 1 << 20);
        let mut lines = Vec::new();
        while let Some(line) = splitter.next_line().unwrap() {
            lines.push(line.to_vec());
        }
        assert_eq!(splitter.line_number(), lines.len() as u64);
        lines
    }

    #[test]
    fn a_last_line_without_newline_counts_and_empty_lines_do() {
        assert_eq!(
            lines(b"a\n\nb", b"\n", vec![1]),
            [b"a".as_slice(), b"", b"b"]
        );
        assert_eq!(lines(b"a\n", b"\n", vec![9]), [b"a"]);
        assert_eq!(lines(b"\n", b"\n", vec![9]), [b""]);
        assert!(lines(b"", b"\n", vec![9]).is_empty());
        assert_eq!(
            lines(b"a\0b\n\0", b"\0", vec![9]),
            [b"a".as_slice(), b"b\n"]
        );
        assert_eq!(lines(b"a--b-c", b"--", vec![2]), [b"a".as_slice(), b"b-c"]);
    }

    #[test]
    fn a_line_longer_than_the_buffer_is_whole_and_one_past_the_limit_is_named() {
        let mut input = vec![b'x'; 3 * CHUNK];
        input.push(b'\n');
        let mut splitter = LineSplitter::new(input.as_slice(), b"\n", 3 * CHUNK);
        assert_eq!(splitter.next_line().unwrap().unwrap().len(), 3 * CHUNK);
        let mut input = b"short\n".to_vec();
        input.extend(vec![b'x'; 3 * CHUNK]);
        let mut splitter = LineSplitter::new(input.as_slice(), b"\n", 2 * CHUNK);
        assert_eq!(splitter.next_line().unwrap(), Some(b"short".as_slice()));
        let error = splitter.next_line().unwrap_err().to_string();
        assert!(
            error.contains("record 2") && error.contains("1048576"),
            "{error}"
        );
    }

    #[test]
    fn an_interrupt_ends_the_input_before_its_unfinished_line() {
        struct Stopped<'a>(&'a [u8]);
        impl Read for Stopped<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                match self.0.read(buffer)? {
                    0 => Err(io::Error::other(crate::tools::error::Interrupted)),
                    read => Ok(read),
                }
            }
        }
        let mut splitter = LineSplitter::new(Stopped(b"a\nunfinish"), b"\n", CHUNK);
        assert_eq!(splitter.next_line().unwrap(), Some(b"a".as_slice()));
        assert!(splitter.next_line().unwrap_err().is_interrupt());
        let mut splitter = LineSplitter::new(Stopped(b"a\nunfinish"), b"\n", CHUNK);
        assert_eq!(splitter.next_block().unwrap(), Some(b"a\n".as_slice()));
        assert!(splitter.next_block().unwrap_err().is_interrupt());
    }

    proptest! {
        #[test]
        fn lines_are_those_of_split(
            input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'-'), any::<u8>()], 0..200),
            pieces in proptest::collection::vec(1..20_usize, 1..5),
            delimiter in prop_oneof![Just(b"\n".to_vec()), Just(b"--".to_vec())],
        ) {
            let mut expected: Vec<Vec<u8>> = Vec::new();
            let mut rest = input.as_slice();
            while let Some(at) = memmem::find(rest, &delimiter) {
                expected.push(rest[..at].to_vec());
                rest = &rest[at + delimiter.len()..];
            }
            if !rest.is_empty() {
                expected.push(rest.to_vec());
            }
            prop_assert_eq!(lines(&input, &delimiter, pieces.clone()), expected);
            let mut splitter = LineSplitter::new(Pieces(&input, pieces, 0), &delimiter, 1 << 20);
            let mut whole = Vec::new();
            while let Some(block) = splitter.next_block().unwrap() {
                whole.extend_from_slice(block);
            }
            prop_assert_eq!(whole, input);
        }
    }
}

//! Walks the batches of a `.log` file in order, reading it in large pieces into
//! one buffer that is used again.
//!
//! The end of a file that is being written may be the first part of a batch: the
//! scanner then stops before it and says so ([`Stop::Torn`]), as it does for the
//! zeros that a power cut leaves. What cannot be the start of a batch is damage.

use super::error::{LogError, Result};
use crate::format::any_batch::AnyBatch;
use crate::format::batch::{HEADER_SIZE, Header, PREFIX_SIZE, Prefix};
use crate::format::legacy::UncheckedEntry;
use crate::format::{FormatError, LeaderEpoch, Offset, Timestamp};
use crate::host::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much is read at once.
const CHUNK: usize = 256 << 10;

/// Reads the batches of one file, from a position to a limit.
pub struct Scanner {
    file: Arc<dyn File>,
    path: PathBuf,
    /// Where in the file `buffer[start]` stands.
    position: u64,
    limit: u64,
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    chunk: usize,
}

/// Why a scan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The limit was reached, right behind a batch.
    End,
    /// Before the limit stands what is not a whole batch; the file from `position`
    /// on is an unfinished write.
    Torn,
}

/// A batch or legacy entry as found, nothing checked but its prefix.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// Where it starts in the file.
    pub position: u64,
    /// Its offset, size and magic.
    pub prefix: Prefix,
    /// All of it.
    pub bytes: &'a [u8],
}

/// What every magic can say about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The first offset, as far as the header tells.
    pub base_offset: Offset,
    /// The last offset.
    pub last_offset: Offset,
    /// The latest time of its records.
    pub max_timestamp: Option<Timestamp>,
    /// The leader's term.
    pub leader_epoch: Option<LeaderEpoch>,
}

impl Scanner {
    /// Starts at `position`; never reads at or beyond `limit`.
    pub fn new(file: Arc<dyn File>, path: &Path, position: u64, limit: u64) -> Self {
        Self {
            file,
            path: path.to_owned(),
            position,
            limit,
            buffer: Vec::new(),
            start: 0,
            filled: 0,
            chunk: CHUNK,
        }
    }

    /// Reads pieces of this size instead: a page where a single batch is wanted.
    #[must_use]
    pub const fn with_chunk(mut self, bytes: usize) -> Self {
        self.chunk = bytes;
        self
    }

    /// Where the next batch starts.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The file that it reads.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next batch, or why there is none.
    ///
    /// # Errors
    /// `Damaged` where the bytes cannot start a batch and are not the zeros of a
    /// lost write; `Io`.
    pub fn next_batch(&mut self) -> Result<std::result::Result<Found<'_>, Stop>> {
        let prefix = match self.peek()? {
            Ok(prefix) => prefix,
            Err(stop) => return Ok(Err(stop)),
        };
        if !self.fill(prefix.size)? {
            return Ok(Err(Stop::Torn));
        }
        let position = self.position;
        let start = self.start;
        self.pass(prefix.size);
        Ok(Ok(Found {
            position,
            prefix,
            bytes: &self.buffer[start..start + prefix.size],
        }))
    }

    /// What the header of the next batch says, its records not read where the header
    /// says it all.
    ///
    /// # Errors
    /// As [`Scanner::next_batch`].
    pub fn next_summary(&mut self) -> Result<std::result::Result<Summary, Stop>> {
        let prefix = match self.peek()? {
            Ok(prefix) => prefix,
            Err(stop) => return Ok(Err(stop)),
        };
        if prefix.magic != 2 {
            let at = LogError::format(&self.path, self.position);
            return Ok(match self.next_batch()? {
                Ok(found) => Ok(found.summary().map_err(at)?),
                Err(stop) => Err(stop),
            });
        }
        if !self.fill(HEADER_SIZE)? {
            return Ok(Err(Stop::Torn));
        }
        let header = Header::parse(&self.buffer[self.start..self.filled])
            .map_err(LogError::format(&self.path, self.position))?;
        self.pass(prefix.size);
        Ok(Ok(Summary::of(&header)))
    }

    /// The prefix of the next batch, which lies whole before the limit. It stays the
    /// next one.
    ///
    /// # Errors
    /// As [`Scanner::next_batch`].
    pub fn peek(&mut self) -> Result<std::result::Result<Prefix, Stop>> {
        if self.position >= self.limit {
            return Ok(Err(Stop::End));
        }
        if !self.fill(PREFIX_SIZE)? {
            return Ok(Err(Stop::Torn));
        }
        match Prefix::parse(&self.buffer[self.start..self.filled]) {
            Ok(prefix) if prefix.size as u64 > self.limit - self.position => Ok(Err(Stop::Torn)),
            Ok(prefix) => Ok(Ok(prefix)),
            Err(_) if self.rest_is_zeros()? => Ok(Err(Stop::Torn)),
            Err(error) => Err(LogError::format(&self.path, self.position)(error)),
        }
    }

    /// Goes on behind a batch, whether all of it was read or not.
    fn pass(&mut self, size: usize) {
        self.position += size as u64;
        self.start += size;
        if self.start > self.filled {
            (self.start, self.filled) = (0, 0);
        }
    }

    /// Makes `needed` bytes stand in the buffer from `start` on; `false` where the
    /// limit or the file's end comes first.
    fn fill(&mut self, needed: usize) -> Result<bool> {
        let have = self.filled - self.start;
        if have >= needed {
            return Ok(true);
        }
        if needed as u64 > self.limit - self.position {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.filled, 0);
        self.start = 0;
        self.filled = have;
        let left = self.limit - self.position - have as u64;
        let want = (needed.max(self.chunk) - have).min(usize::try_from(left).unwrap_or(usize::MAX));
        if self.buffer.len() < have + want {
            self.buffer.resize(have + want, 0);
        }
        let read = self
            .file
            .read_at(
                &mut self.buffer[have..have + want],
                self.position + have as u64,
            )
            .map_err(LogError::io("read", &self.path))?;
        self.filled += read;
        Ok(self.filled >= needed)
    }

    /// Whether nothing but zeros follows: blocks that were allocated and never
    /// written.
    fn rest_is_zeros(&mut self) -> Result<bool> {
        let mut at = self.position;
        let mut piece = vec![0; CHUNK];
        while at < self.limit {
            let want = piece
                .len()
                .min(usize::try_from(self.limit - at).unwrap_or(usize::MAX));
            let read = self
                .file
                .read_at(&mut piece[..want], at)
                .map_err(LogError::io("read", &self.path))?;
            if piece[..read].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            if read < want {
                break;
            }
            at += read as u64;
        }
        Ok(true)
    }
}

impl Found<'_> {
    /// Where it ends in the file.
    pub const fn end(&self) -> u64 {
        self.position + self.prefix.size as u64
    }

    /// What its header says; the CRC is not compared.
    pub fn summary(&self) -> Result<Summary, FormatError> {
        if self.prefix.magic == 2 {
            return Ok(Summary::of(&Header::parse(self.bytes)?));
        }
        let entry = UncheckedEntry::parse(self.bytes)?;
        Ok(Summary {
            base_offset: self.prefix.offset,
            last_offset: self.prefix.offset,
            max_timestamp: entry.header().timestamp,
            leader_epoch: None,
        })
    }

    /// Compares the CRC.
    pub fn check(&self) -> Result<(), FormatError> {
        AnyBatch::parse(self.prefix.magic, self.bytes).map(drop)
    }
}

impl Summary {
    /// Of a v2 batch.
    pub const fn of(header: &Header) -> Self {
        Self {
            base_offset: header.base_offset,
            last_offset: header.last_offset,
            max_timestamp: header.max_timestamp,
            leader_epoch: header.leader_epoch,
        }
    }
}

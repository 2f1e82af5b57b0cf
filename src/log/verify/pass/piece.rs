//! One piece of a segment: a fixed range of the file, the batches that start in it,
//! and what checking them gave.
//!
//! Pieces are read at once by several threads. Where the first batch of a piece
//! starts is known only when the piece before it was walked, so each thread reads
//! its range, waits for that, hops from header to header, tells the next one where
//! to start, and only then checks what it has.

use super::batch::{self, Checked, Memory};
use crate::format::batch::{PREFIX_SIZE, Prefix};
use crate::host::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// How much of a file makes a piece: what stays in a core's own cache.
pub(super) const PIECE: u64 = 256 << 10;
/// A batch that claims to be longer is looked at by itself, not read ahead.
const MOST_BATCH: usize = 16 << 20;

/// A file of batches.
pub(super) struct Source {
    pub(super) file: Arc<dyn File>,
    pub(super) path: PathBuf,
    /// Its length when it was opened.
    pub(super) limit: u64,
}

/// Where the first batch behind a piece starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Here.
    At(u64),
    /// The walk has ended: at the limit, or at what is no batch.
    Nowhere,
}

/// What a piece holds.
#[derive(Default)]
pub(super) struct Piece {
    /// The file from `position` on.
    pub(super) buffer: Vec<u8>,
    pub(super) position: u64,
    pub(super) batches: Vec<Found>,
    pub(super) stop: Stop,
}

/// A batch in a piece.
pub(super) struct Found {
    pub(super) position: u64,
    pub(super) size: usize,
    /// `None` where its CRC is wrong, or its header.
    pub(super) checked: Option<Checked>,
}

/// How a piece ends.
#[derive(Default)]
pub(super) enum Stop {
    /// The next piece goes on.
    #[default]
    Goes,
    /// The file ends, right behind a batch.
    End,
    /// Here is something that is no batch, or not a whole one.
    Stuck(u64),
    /// It could not be read.
    Failed(io::Error),
}

impl Piece {
    /// Empties it, keeping its memory.
    pub(super) fn clear(&mut self) {
        self.batches.clear();
        self.stop = Stop::Goes;
    }

    /// The bytes of one of its batches.
    pub(super) fn bytes(&self, found: &Found) -> &[u8] {
        let start = (found.position - self.position) as usize;
        &self.buffer[start..start + found.size]
    }

    /// Reads the range `from..until`. Nothing is checked.
    pub(super) fn read(&mut self, source: &Source, from: u64, until: u64) -> io::Result<()> {
        self.position = from;
        self.buffer.clear();
        self.extend(source, until)
    }

    /// Reads on up to `until`.
    fn extend(&mut self, source: &Source, until: u64) -> io::Result<()> {
        let have = self.buffer.len();
        let start = self.position + have as u64;
        let want = until.saturating_sub(start) as usize;
        if want == 0 {
            return Ok(());
        }
        self.buffer.resize(have + want, 0);
        let read = source.file.read_at(&mut self.buffer[have..], start)?;
        if read < want {
            self.buffer.truncate(have + read);
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Finds the batches that start in `start..until`; where the one behind starts.
    pub(super) fn hop(&mut self, source: &Source, start: u64, until: u64) -> io::Result<Next> {
        let mut at = start;
        loop {
            if at >= source.limit {
                self.stop = Stop::End;
                return Ok(Next::Nowhere);
            }
            if at >= until {
                return Ok(Next::At(at));
            }
            let prefix_end = at + PREFIX_SIZE as u64;
            if prefix_end > self.position + self.buffer.len() as u64 {
                self.extend(source, prefix_end.min(source.limit))?;
            }
            let prefix = self
                .buffer
                .get((at - self.position) as usize..)
                .and_then(|bytes| Prefix::parse(bytes).ok())
                .filter(|prefix| prefix.size as u64 <= source.limit - at)
                .filter(|prefix| prefix.size <= MOST_BATCH);
            let Some(prefix) = prefix else {
                self.stop = Stop::Stuck(at);
                return Ok(Next::Nowhere);
            };
            self.batches.push(Found {
                position: at,
                size: prefix.size,
                checked: None,
            });
            at += prefix.size as u64;
        }
    }

    /// Checks the batches that were found.
    pub(super) fn check(&mut self, source: &Source, memory: &mut Memory) -> io::Result<()> {
        if let Some(last) = self.batches.last() {
            self.extend(source, last.position + last.size as u64)?;
        }
        for found in &mut self.batches {
            let start = (found.position - self.position) as usize;
            let bytes = &self.buffer[start..start + found.size];
            found.checked = batch::check(bytes, memory);
        }
        Ok(())
    }
}

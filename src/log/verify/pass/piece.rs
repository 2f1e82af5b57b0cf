//! One piece of a segment: a fixed range of the file, the batches that start in it,
//! and what checking them gave.
//!
//! Pieces are read at once by several threads. Where the first batch of a piece
//! starts is known only when the piece before it was walked, so each thread reads
//! its range, waits for that, hops from header to header, tells the next one where
//! to start, and only then checks what it has. It reads into a buffer of its own, which
//! stays in its core's cache; of most batches only what was found is handed on.

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
    pub(super) batches: Vec<Found>,
    pub(super) stop: Stop,
    /// Where in the file it ends.
    pub(super) end: u64,
    /// The bytes of its batches, where they are kept: from the first batch on.
    kept: Vec<u8>,
}

/// A part of a file, in memory of one thread that is used again.
#[derive(Default)]
pub(super) struct Buffer {
    /// The file from `position` on, `filled` bytes of it; what is behind them was
    /// there before, and saves zeroing.
    bytes: Vec<u8>,
    filled: usize,
    position: u64,
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
        self.end = 0;
        self.kept.clear();
    }

    /// The bytes of one of its batches; empty where they were not kept.
    pub(super) fn bytes(&self, found: &Found) -> &[u8] {
        let first = self.batches.first().map_or(0, |first| first.position);
        let start = (found.position - first) as usize;
        self.kept.get(start..start + found.size).unwrap_or_default()
    }

    /// Finds the batches that start in `start..until`; where the one behind starts.
    pub(super) fn hop(
        &mut self,
        source: &Source,
        buffer: &mut Buffer,
        start: u64,
        until: u64,
    ) -> io::Result<Next> {
        let mut at = start;
        loop {
            self.end = at;
            if at >= source.limit {
                self.stop = Stop::End;
                return Ok(Next::Nowhere);
            }
            if at >= until {
                return Ok(Next::At(at));
            }
            let prefix_end = at + PREFIX_SIZE as u64;
            if prefix_end > buffer.end() {
                buffer.extend(source, prefix_end.min(source.limit))?;
            }
            let prefix = Prefix::parse(buffer.from(at))
                .ok()
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

    /// Checks the batches that were found, and keeps their bytes where `keep` says so, or
    /// any is of magic 0 or 1.
    pub(super) fn check(
        &mut self,
        source: &Source,
        buffer: &mut Buffer,
        memory: &mut Memory,
        keep: bool,
    ) -> io::Result<()> {
        let Some(last) = self.batches.last() else {
            return Ok(());
        };
        buffer.extend(source, last.position + last.size as u64)?;
        for found in &mut self.batches {
            let bytes = &buffer.from(found.position)[..found.size];
            found.checked = batch::check(bytes, memory);
        }
        let legacy = |found: &Found| {
            let checked = found.checked.as_ref();
            checked.is_some_and(|checked| checked.header.is_none())
        };
        if keep || self.batches.iter().any(legacy) {
            let first = self.batches[0].position;
            let length = (self.end - first) as usize;
            self.kept.extend_from_slice(&buffer.from(first)[..length]);
        }
        Ok(())
    }
}

impl Buffer {
    /// Reads the range `from..until`.
    pub(super) fn read(&mut self, source: &Source, from: u64, until: u64) -> io::Result<()> {
        self.position = from;
        self.filled = 0;
        self.extend(source, until)
    }

    /// Reads on up to `until`.
    fn extend(&mut self, source: &Source, until: u64) -> io::Result<()> {
        let start = self.end();
        let want = until.saturating_sub(start) as usize;
        if want == 0 {
            return Ok(());
        }
        let end = self.filled + want;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let read = source
            .file
            .read_at(&mut self.bytes[self.filled..end], start)?;
        self.filled += read;
        if read < want {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    const fn end(&self) -> u64 {
        self.position + self.filled as u64
    }

    /// What it holds of the file from a position on.
    fn from(&self, position: u64) -> &[u8] {
        let start = (position - self.position) as usize;
        self.bytes[..self.filled].get(start..).unwrap_or_default()
    }
}

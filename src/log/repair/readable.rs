//! Every batch of a file whose CRC is right, damage between them passed over: for
//! planners that want to know what a log tells, not where it is damaged.

use crate::format::any_batch::AnyBatch;
use crate::format::batch::{PREFIX_SIZE, Prefix};
use crate::host::{File, Host, Open};
use crate::log::error::{LogError, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much is read at once.
const CHUNK: usize = 1 << 20;
/// Larger ones are not looked for behind damage.
const LARGEST: usize = 256 << 20;

/// Reads the batches of one file.
pub(super) struct Readable {
    file: Arc<dyn File>,
    path: PathBuf,
    length: u64,
    /// Where in the file `buffer` starts.
    start: u64,
    buffer: Vec<u8>,
    /// Where in the buffer the next batch starts.
    at: usize,
    unread: u64,
}

/// A batch whose CRC is right.
pub(super) struct Piece<'a> {
    /// Where it starts in the file.
    pub(super) position: u64,
    /// All of it.
    pub(super) bytes: &'a [u8],
    /// 0, 1 or 2.
    pub(super) magic: u8,
    /// How many unreadable bytes stand before it.
    pub(super) skipped: u64,
}

impl Readable {
    pub(super) fn open(host: &dyn Host, path: &Path) -> Result<Self> {
        let file = host
            .open(path, Open::Read)
            .map_err(LogError::io("open", path))?;
        let length = file.len().map_err(LogError::io("measure", path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            length,
            start: 0,
            buffer: Vec::new(),
            at: 0,
            unread: 0,
        })
    }

    const fn position(&self) -> u64 {
        self.start + self.at as u64
    }

    /// Bytes that belong to no readable batch so far; zeros at the end do not count.
    pub(super) const fn unread(&self) -> u64 {
        self.unread
    }

    /// The next batch; `None` at the end of the file.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'_>>> {
        let mut skipped = 0;
        let mut zeros = true;
        loop {
            if self.position() >= self.length {
                if !zeros {
                    self.unread += skipped;
                }
                return Ok(None);
            }
            if let Some(size) = self.size_here(skipped > 0)? {
                self.unread += skipped;
                let position = self.position();
                let from = self.at;
                self.at += size;
                let bytes = &self.buffer[from..from + size];
                return Ok(Some(Piece {
                    position,
                    bytes,
                    magic: bytes[PREFIX_SIZE - 1],
                    skipped,
                }));
            }
            zeros &= self.buffer.get(self.at).is_none_or(|byte| *byte == 0);
            self.at += 1;
            skipped += 1;
        }
    }

    /// The size of the batch here, if one is that can be read.
    fn size_here(&mut self, searching: bool) -> Result<Option<usize>> {
        if !self.fill(PREFIX_SIZE)? {
            return Ok(None);
        }
        let Ok(prefix) = Prefix::parse(&self.buffer[self.at..]) else {
            return Ok(None);
        };
        if prefix.size as u64 > self.length - self.position()
            || (searching && prefix.size > LARGEST)
            || !self.fill(prefix.size)?
        {
            return Ok(None);
        }
        let bytes = &self.buffer[self.at..self.at + prefix.size];
        Ok(AnyBatch::parse(prefix.magic, bytes)
            .is_ok()
            .then_some(prefix.size))
    }

    /// Makes `needed` bytes stand in the buffer; `false` where the file ends first.
    fn fill(&mut self, needed: usize) -> Result<bool> {
        if self.buffer.len() - self.at >= needed {
            return Ok(true);
        }
        let left = usize::try_from(self.length - self.position()).unwrap_or(usize::MAX);
        let have = self.buffer.len() - self.at;
        if have == left {
            return Ok(false);
        }
        self.start = self.position();
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.resize(needed.max(CHUNK).min(left), 0);
        let read = self
            .file
            .read_at(&mut self.buffer[have..], self.start + have as u64)
            .map_err(LogError::io("read", &self.path))?;
        if have + read < self.buffer.len() {
            // It has become shorter meanwhile.
            self.buffer.truncate(have + read);
            self.length = self.start + self.buffer.len() as u64;
        }
        Ok(self.buffer.len() >= needed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::record::Headers;
    use crate::format::{Offset, Timestamp};
    use crate::host::real::RealHost;

    fn batch(offset: i64, size: usize) -> Vec<u8> {
        let mut builder = BatchBuilder::default();
        let value = vec![b'v'; size];
        let now = Some(Timestamp::new(5));
        builder
            .append(now, None, Some(&value), Headers::default())
            .unwrap();
        let base_offset = Offset::new(offset);
        builder
            .seal(&Seal {
                base_offset,
                ..Seal::default()
            })
            .to_vec()
    }

    fn read(bytes: &[u8]) -> (Vec<(u64, usize)>, u64) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, bytes).unwrap();
        let mut readable = Readable::open(&RealHost, &path).unwrap();
        let mut found = Vec::new();
        while let Some(piece) = readable.next().unwrap() {
            found.push((piece.position, piece.bytes.len()));
        }
        (found, readable.unread())
    }

    #[test]
    fn batches_behind_damage_and_larger_than_a_chunk_are_found() {
        let (one, two, three) = (batch(0, 10), batch(1, 3 << 20), batch(2, 20));
        let mut log = [one.clone(), two.clone(), three.clone()].concat();
        let at = |index: usize| [0, one.len(), one.len() + two.len()][index] as u64;
        let all = vec![(0, one.len()), (at(1), two.len()), (at(2), three.len())];
        assert_eq!(read(&log), (all.clone(), 0));
        log[one.len() + 70] ^= 1;
        assert_eq!(read(&log), (vec![all[0], all[2]], two.len() as u64));
        log.truncate(log.len() - 1);
        let left = (log.len() - one.len()) as u64;
        assert_eq!(read(&log), (vec![all[0]], left));
        log.truncate(one.len());
        log.resize(one.len() + 5000, 0);
        assert_eq!(read(&log), (vec![all[0]], 0));
    }
}

//! A file of entries of one size, read from front to back in pieces.

use crate::host::{File, Host, Open};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const PIECE: usize = 64 << 10;

/// Whether an entry is out of order: it is where it does not lie behind the last one
/// that was right, or where the two that follow it lie before it and are in order.
pub(super) fn is_out_of_order<K: PartialOrd>(
    before: &K,
    entry: &K,
    next: Option<&K>,
    next_but_one: Option<&K>,
) -> bool {
    if entry < before {
        return true;
    }
    let Some(next) = next.filter(|next| *next > before && *next < entry) else {
        return false;
    };
    next_but_one.is_none_or(|other| other > next && other < entry)
}

/// The entries of a file.
pub(super) struct Entries<const SIZE: usize> {
    file: Arc<dyn File>,
    path: PathBuf,
    length: u64,
    /// Where in the file `buffer[at]` stands.
    position: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl<const SIZE: usize> Entries<SIZE> {
    /// Opens a file; `None` where there is none.
    pub(super) fn open(host: &dyn Host, path: PathBuf) -> io::Result<Option<Self>> {
        let file = match host.open(&path, Open::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.len()?;
        Ok(Some(Self {
            file,
            path,
            length,
            position: 0,
            buffer: Vec::new(),
            at: 0,
        }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The length of the file in bytes.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// Bytes at the end that make no whole entry.
    pub(super) const fn rest(&self) -> u64 {
        self.length % SIZE as u64
    }

    /// Where the next entry starts.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The next whole entry.
    pub(super) fn next(&mut self) -> io::Result<Option<[u8; SIZE]>> {
        if self.position + SIZE as u64 > self.length {
            return Ok(None);
        }
        if self.buffer.len() - self.at < SIZE && !self.fill()? {
            return Ok(None);
        }
        let entry = self.buffer[self.at..self.at + SIZE]
            .try_into()
            .expect("as many bytes");
        self.at += SIZE;
        self.position += SIZE as u64;
        Ok(Some(entry))
    }

    /// The entry so many behind the next one, its place kept; `None` at the end of the
    /// file, or of what is at hand.
    pub(super) fn peek(&self, behind: usize) -> Option<[u8; SIZE]> {
        let start = self.at + behind * SIZE;
        self.buffer.get(start..start + SIZE)?.try_into().ok()
    }

    fn fill(&mut self) -> io::Result<bool> {
        let whole = PIECE - PIECE % SIZE;
        let left = usize::try_from(self.length - self.position).unwrap_or(usize::MAX);
        self.buffer.resize(whole.min(left), 0);
        self.at = 0;
        let read = self.file.read_at(&mut self.buffer, self.position)?;
        self.buffer.truncate(read);
        Ok(read >= SIZE)
    }

    /// Whether every byte from a position on is zero.
    pub(super) fn is_zero_from(&self, position: u64) -> io::Result<bool> {
        let mut piece = vec![0; PIECE];
        let mut at = position;
        while at < self.length {
            let read = self.file.read_at(&mut piece, at)?;
            if read == 0 {
                break;
            }
            if piece[..read].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += read as u64;
        }
        Ok(true)
    }
}

//! Deals out a topic's batches to threads, in pieces of whole ones.
//!
//! One thread at a time reads a piece and hops over its headers; what is no batch is
//! passed over there. CRCs are compared by who takes the piece.

use super::content::Course;
use super::{LogFile, Partition};
use crate::format::Offset;
use crate::format::batch::Prefix;
use crate::host::{File, Host, Open};
use crate::log::error::{LogError, Result};
use crate::log::verify::FileKind;
use crate::log::verify::pass::diagnose;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// How much is read at once.
const PIECE: u64 = 512 << 10;
/// What claims to be longer is taken for damage.
const MOST_BATCH: u64 = 128 << 20;

pub(super) struct Deal<'a> {
    host: &'a dyn Host,
    /// Each with the number of its partition.
    files: Vec<(usize, &'a LogFile)>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: usize,
    open: Option<Opened>,
    pieces: u64,
    stopped: bool,
}

struct Opened {
    file: Arc<dyn File>,
    limit: u64,
    position: u64,
    legacy: bool,
}

/// A piece, in memory that is used again.
#[derive(Default)]
pub(super) struct Piece {
    /// Which one of all.
    pub(super) number: u64,
    /// Which file it is from.
    pub(super) file: usize,
    /// How much of the file it takes.
    pub(super) length: u64,
    /// What is known already: what was passed over.
    pub(super) course: Course,
    bytes: Vec<u8>,
    batches: Vec<Found>,
}

struct Found {
    start: usize,
    size: usize,
    magic: u8,
}

impl<'a> Deal<'a> {
    pub(super) fn new(host: &'a dyn Host, partitions: &'a [Partition]) -> Self {
        let files = partitions
            .iter()
            .enumerate()
            .flat_map(|(at, partition)| partition.files.iter().map(move |file| (at, file)));
        Self {
            host,
            files: files.collect(),
            state: Mutex::default(),
        }
    }

    /// The number of the partition that a file is of.
    pub(super) fn partition(&self, file: usize) -> usize {
        self.files[file].0
    }

    /// Nothing more is wanted.
    pub(super) fn stop(&self) {
        self.state.lock().expect("no thread panicked").stopped = true;
    }

    /// Takes the next piece; `false` where there is none left.
    pub(super) fn take(&self, piece: &mut Piece) -> Result<bool> {
        let mut state = self.state.lock().expect("no thread panicked");
        let state = &mut *state;
        while let Some((_, log)) = self.files.get(state.file).filter(|_| !state.stopped) {
            let is_last = self
                .files
                .get(state.file + 1)
                .is_none_or(|next| next.0 != self.files[state.file].0);
            let opened = match &mut state.open {
                Some(opened) => opened,
                none => match open(self.host, log)? {
                    Some(opened) => none.insert(opened),
                    None => {
                        state.file += 1;
                        continue;
                    }
                },
            };
            if opened.position >= opened.limit {
                state.open = None;
                state.file += 1;
                continue;
            }
            piece.number = state.pieces;
            piece.file = state.file;
            state.pieces += 1;
            opened
                .read(piece, log, is_last)
                .map_err(LogError::io("read", &log.path))?;
            return Ok(true);
        }
        Ok(false)
    }
}

/// `None` where it is gone: a server deletes segments.
fn open(host: &dyn Host, log: &LogFile) -> Result<Option<Opened>> {
    match host.open(&log.path, Open::Read) {
        Ok(file) => Ok(Some(Opened {
            file,
            limit: log.bytes,
            position: 0,
            legacy: true,
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LogError::io("open", &log.path)(error)),
    }
}

impl Opened {
    /// Reads the next whole batches, or passes over what is none.
    fn read(&mut self, piece: &mut Piece, log: &LogFile, is_last: bool) -> std::io::Result<()> {
        piece.course = Course::default();
        let filled = self.fill(piece, PIECE)?;
        let mut passed = piece.hop(filled);
        if passed == 0
            && let Ok(prefix) = Prefix::parse(&piece.bytes[..filled])
            && (prefix.size as u64) <= (self.limit - self.position).min(MOST_BATCH)
        {
            let filled = self.fill(piece, prefix.size as u64)?;
            passed = piece.hop(filled);
        }
        piece.length = passed as u64;
        if passed == 0 {
            self.pass_over(piece, &log.path, log.base(), is_last)?;
        } else {
            self.legacy = piece.batches.iter().any(|batch| batch.magic < 2);
        }
        self.position += piece.length;
        Ok(())
    }

    /// How much there is; less than asked for at the end.
    fn fill(&mut self, piece: &mut Piece, want: u64) -> std::io::Result<usize> {
        let want = want.min(self.limit - self.position) as usize;
        if piece.bytes.len() < want {
            piece.bytes.resize(want, 0);
        }
        let read = self.file.read_at(&mut piece.bytes[..want], self.position)?;
        if read < want {
            // It was cut since it was listed.
            self.limit = self.position + read as u64;
        }
        Ok(read)
    }

    fn pass_over(
        &self,
        piece: &mut Piece,
        path: &Path,
        base: Offset,
        is_last: bool,
    ) -> std::io::Result<()> {
        if self.position >= self.limit {
            return Ok(());
        }
        let source = (Arc::clone(&self.file), path.to_owned(), self.limit);
        let damage = diagnose(source, self.position, base, self.legacy)?;
        piece.length = damage.next - self.position;
        if damage.is_tail && is_last {
            piece.course.tail = piece.length;
        } else {
            piece.course.unreadable = piece.length;
        }
        Ok(())
    }
}

impl Piece {
    /// The batches in order, each with its magic.
    pub(super) fn batches(&self) -> impl Iterator<Item = (u8, &[u8])> {
        let one = |found: &Found| {
            let bytes = &self.bytes[found.start..found.start + found.size];
            (found.magic, bytes)
        };
        self.batches.iter().map(one)
    }

    /// Finds whole batches; how many bytes they take.
    fn hop(&mut self, filled: usize) -> usize {
        self.batches.clear();
        let mut at = 0;
        while let Ok(prefix) = Prefix::parse(&self.bytes[at..filled])
            && prefix.size <= filled - at
        {
            self.batches.push(Found {
                start: at,
                size: prefix.size,
                magic: prefix.magic,
            });
            at += prefix.size;
        }
        at
    }
}

impl LogFile {
    /// The offset that its name tells; 0 for a snapshot.
    pub fn base(&self) -> Offset {
        match self.kind {
            FileKind::Segment(base) => base,
            FileKind::Snapshot => Offset::ZERO,
        }
    }
}

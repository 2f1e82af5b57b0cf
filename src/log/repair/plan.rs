//! What a repair would do: changes of files, and what they keep and lose.
//!
//! A plan is made without writing anything. Paths are relative to the data
//! directory (or to what stands for it), so that a plan can be carried out on a
//! twin of it.

use crate::format::Offset;
use crate::log::layout::TopicPartition;
use crate::log::verify::Check;
use std::ops::Range;
use std::path::PathBuf;

/// Everything that is to be done, in the order in which it is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The changes.
    pub changes: Vec<Change>,
    /// What becomes of the records of each partition whose log is changed.
    pub partitions: Vec<Salvage>,
    /// What was found and is left as it is, and why.
    pub left: Vec<Left>,
    /// What the user has to know besides, a sentence each.
    pub notes: Vec<String>,
}

/// One change of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file or directory, relative to the data directory.
    pub path: PathBuf,
    /// What is done to it.
    pub what: What,
    /// Which promise it restores.
    pub check: Check,
    /// Why, in a few words.
    pub why: String,
}

/// What is done to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It gets these bytes, and is created where it is missing.
    Write(Vec<u8>),
    /// A log gets these pieces, one behind the other.
    Assemble(Vec<Piece>),
    /// It goes.
    Remove,
    /// It gets another name, also relative; what has that name goes.
    Rename(PathBuf),
    /// An empty directory is made.
    CreateDirectory,
    /// A directory goes, with all that is in it.
    RemoveDirectory,
    /// It is made anew from the batches of its partition, as they are when all logs
    /// are changed. The path is the partition's directory.
    Rebuild(Rebuild),
}

/// Files that are made anew from a partition's batches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rebuild {
    /// Segments whose offset, time and transaction indexes are.
    pub indexes: Vec<Offset>,
    /// Producer snapshots, by their offsets.
    pub snapshots: Vec<Offset>,
    /// Whether a snapshot of the end is written.
    pub end_snapshot: bool,
    /// Whether `leader-epoch-checkpoint` is.
    pub epochs: bool,
    /// Whether the partition's lines in the checkpoints of the data directory are:
    /// what they say is moved to within the log.
    pub checkpoints: bool,
}

/// A part of a log to be assembled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of a file as it is now.
    Copy {
        /// The file, relative to the data directory, or absolute.
        path: PathBuf,
        /// Which bytes.
        bytes: Range<u64>,
    },
    /// These bytes.
    Bytes(Vec<u8>),
}

impl Rebuild {
    fn merge(&mut self, other: &Self) {
        self.indexes.extend(&other.indexes);
        self.indexes.sort_unstable();
        self.indexes.dedup();
        self.snapshots.extend(&other.snapshots);
        self.snapshots.sort_unstable();
        self.snapshots.dedup();
        self.end_snapshot |= other.end_snapshot;
        self.epochs |= other.epochs;
        self.checkpoints |= other.checkpoints;
    }
}

impl Piece {
    /// How long it is.
    pub const fn len(&self) -> u64 {
        match self {
            Self::Copy { bytes, .. } => bytes.end - bytes.start,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// Whether it has no bytes.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What becomes of a partition's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Salvage {
    /// The partition.
    pub partition: TopicPartition,
    /// Records that stay as they are.
    pub kept: u64,
    /// Records that were damaged and are mended, or taken from a peer.
    pub mended: u64,
    /// Offsets that no record is left of, in order.
    pub lost: Vec<Range<Offset>>,
    /// Records left out because others have their offsets.
    pub duplicates: u64,
    /// What was done about each damaged place, in order.
    pub steps: Vec<Step>,
}

/// What is done about one damaged place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The file, relative to the data directory.
    pub path: PathBuf,
    /// Which bytes of it.
    pub bytes: Range<u64>,
    /// The offsets concerned.
    pub offsets: Range<Offset>,
    /// What is done: `corrected a bit`, `left a gap`, ….
    pub done: String,
}

/// Something found that is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// The file or directory, relative to the data directory.
    pub path: PathBuf,
    /// Which promise it breaks.
    pub check: Check,
    /// Why it is left, and what can be done.
    pub why: String,
}

impl Plan {
    /// Whether there is nothing to do.
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Takes over everything from another plan, behind its own.
    pub fn extend(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.partitions.extend(other.partitions);
        self.left.extend(other.left);
        self.notes.extend(other.notes);
    }

    /// Adds a change.
    pub fn push(
        &mut self,
        path: impl Into<PathBuf>,
        what: What,
        check: Check,
        why: impl Into<String>,
    ) {
        self.changes.push(Change {
            path: path.into(),
            what,
            check,
            why: why.into(),
        });
    }

    /// Brings what is made anew behind everything else, once for each partition.
    pub(super) fn tidy(&mut self) {
        let mut rebuilds: Vec<Change> = Vec::new();
        let mut others = Vec::new();
        for change in std::mem::take(&mut self.changes) {
            let What::Rebuild(rebuild) = &change.what else {
                others.push(change);
                continue;
            };
            match rebuilds.iter_mut().find(|other| other.path == change.path) {
                Some(Change {
                    what: What::Rebuild(other),
                    ..
                }) => other.merge(rebuild),
                _ => rebuilds.push(change),
            }
        }
        self.changes = others;
        self.changes.extend(rebuilds);
    }
}

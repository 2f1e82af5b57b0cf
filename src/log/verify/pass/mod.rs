//! The pass over partitions: every batch checked on all cores, told to the observers
//! in order.

mod batch;
mod dispatch;
mod order;
mod partition;
mod piece;
pub(crate) mod producers;
mod resync;
#[cfg(test)]
mod tests;

use super::finding::Finding;
use super::observer::Observer;
use super::{Context, Surroundings, Walked};
use crate::format::Offset;
use crate::host::{File, Host, Kind};
use crate::log::browse::Damage;
use crate::log::error::{LogError, Result};
use crate::log::layout::{METADATA_TOPIC, Suffix, TopicPartition, parse_segment_file};
pub(crate) use batch::both_sides;
use dispatch::{Dispatch, Wanted};
use partition::Walk;
use piece::Source;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A partition to be verified.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub name: TopicPartition,
    /// Its directory.
    pub directory: PathBuf,
    /// What the data directory says about it.
    pub context: Context,
    /// Its files of batches, in order.
    pub files: Vec<BatchFile>,
    /// Whether the files beside the log are checked as well.
    pub beside: bool,
}

/// A file of batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchFile {
    /// The file.
    pub path: PathBuf,
    /// What it is.
    pub kind: FileKind,
}

/// What a file of batches is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// A snapshot of the metadata (`.checkpoint`): offsets count from 0 in each.
    Snapshot,
    /// The segment that begins at an offset.
    Segment(Offset),
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Partitions.
    pub partitions: u64,
    /// Files of batches.
    pub files: u64,
    /// Batches.
    pub batches: u64,
    /// Records.
    pub records: u64,
    /// Bytes of the files of batches.
    pub bytes: u64,
}

/// What happens while partitions are verified.
pub trait Events {
    /// Something is wrong.
    fn found(&mut self, finding: Finding);
    /// A segment was walked to its end.
    fn walked(&mut self, segment: Walked) {
        let _ = segment;
    }
    /// More of the log was read. `false` ends it early.
    fn read(&mut self, bytes: u64) -> bool {
        let _ = bytes;
        true
    }
    /// One more who hears of a partition's batches.
    fn observer(&mut self, target: &Target) -> Option<Box<dyn Observer>> {
        let _ = target;
        None
    }
}

impl Target {
    /// A whole partition: lists its directory.
    ///
    /// # Errors
    /// Where the directory cannot be listed.
    pub fn read(
        host: &dyn Host,
        name: TopicPartition,
        directory: &Path,
        context: Context,
    ) -> Result<Self> {
        let entries = host
            .list(directory)
            .map_err(LogError::io("list", directory))?;
        let mut files: Vec<BatchFile> = entries
            .iter()
            .filter(|entry| entry.kind == Kind::File)
            .filter_map(|entry| {
                let path = directory.join(&entry.name);
                let kind = FileKind::of(&path)?;
                let wanted = kind != FileKind::Snapshot || name.topic == METADATA_TOPIC;
                wanted.then_some(BatchFile { path, kind })
            })
            .collect();
        files.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
        Ok(Self {
            name,
            directory: directory.to_owned(),
            context,
            files,
            beside: true,
        })
    }

    /// One file of batches alone.
    pub fn file(around: &Surroundings, name: TopicPartition, path: &Path, kind: FileKind) -> Self {
        Self {
            context: around.of(&name),
            name,
            directory: path.parent().unwrap_or(Path::new(".")).to_owned(),
            files: vec![BatchFile {
                path: path.to_owned(),
                kind,
            }],
            beside: false,
        }
    }

    /// How many bytes there are to read.
    pub fn bytes(&self, host: &dyn Host) -> u64 {
        let length = |file: &BatchFile| host.stat(&file.path).map_or(0, |stat| stat.length);
        self.files.iter().map(length).sum()
    }
}

impl FileKind {
    /// What a file is by its name, if it is one of batches.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?;
        match parse_segment_file(name) {
            Some((base, Suffix::Log)) => Some(Self::Segment(base)),
            Some(_) => None,
            None => (path.extension()? == "checkpoint").then_some(Self::Snapshot),
        }
    }
}

/// Verifies partitions one after the other, on all cores.
pub fn verify(host: &Arc<dyn Host>, targets: &[Target], events: &mut dyn Events) -> Totals {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let files = targets
        .iter()
        .flat_map(|target| {
            target.files.iter().map(|file| Wanted {
                path: file.path.clone(),
                bytes: target.name.topic.starts_with(INTERNAL),
            })
        })
        .collect();
    let dispatch = Dispatch::new(&**host, files, threads.min(MOST_THREADS));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(MOST_THREADS) {
            scope.spawn(|| dispatch.work());
        }
        let totals = in_order(host, targets, &dispatch, events);
        dispatch.close();
        totals
    })
}

/// What the names of Kafka's own topics begin with.
const INTERNAL: &str = "__";

/// What is wrong at `position` of a file (itself, its path, its length), where no
/// valid batch is; see [`resync`]. `base` is the least offset that a batch can have,
/// and `legacy` tells whether old formats are looked for behind the damage.
pub(crate) fn diagnose(
    (file, path, limit): (Arc<dyn File>, PathBuf, u64),
    position: u64,
    base: Offset,
    legacy: bool,
) -> std::io::Result<Damage> {
    let source = Source { file, path, limit };
    let trouble = resync::diagnose(&source, position, base, legacy)?;
    Ok(Damage {
        position,
        next: trouble.next,
        is_tail: trouble.tail,
        check: trouble.fault.check,
        expected: trouble.fault.expected.into_owned(),
        found: trouble.fault.found.into_owned(),
        offsets: trouble.offsets,
    })
}

/// More would need more memory than is promised.
const MOST_THREADS: usize = 32;

fn in_order(
    host: &Arc<dyn Host>,
    targets: &[Target],
    dispatch: &Dispatch<'_>,
    events: &mut dyn Events,
) -> Totals {
    let mut totals = Totals::default();
    let mut first = 0;
    for target in targets {
        let mut walk = Walk::new(host, target, dispatch, events, &mut totals);
        let goes_on = walk.run(first);
        first += target.files.len();
        totals.partitions += 1;
        if !goes_on {
            break;
        }
    }
    totals
}

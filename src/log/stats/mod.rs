//! Measures what is in a log: sizes, codecs, keys, times.
//!
//! A topic is measured at a time, on all cores: each takes the next piece of whole
//! batches ([`deal`]) and adds up what does not depend on order in a [`Content`] of
//! its own; what does, a [`Course`], is put together piece by piece. Memory does not
//! grow with the log but for an entry each segment.
//!
//! What is damaged is passed over and counted; `inspect verify` says more about it.

mod content;
mod deal;
pub mod keys;
pub mod order;
pub mod rates;
pub mod sizes;

pub use content::{Content, Course, Large, Largest, Packed};

use super::error::{LogError, Result};
use super::layout::{METADATA_TOPIC, TopicPartition};
use super::verify::FileKind;
use crate::host::{Host, Kind};
use content::Memory;
use deal::{Deal, Piece};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

/// More would not be faster: reading is done by one at a time.
const MOST_THREADS: usize = 32;
/// What one thread does in less time than others take to start.
const SMALL: u64 = 1 << 20;

/// A partition to be measured.
#[derive(Debug, Clone)]
pub struct Partition {
    /// Its name.
    pub name: Arc<TopicPartition>,
    /// Its files of batches, in order.
    pub files: Vec<LogFile>,
    /// Bytes of the other files in its directory.
    pub beside: u64,
}

/// A file of batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// The file.
    pub path: PathBuf,
    /// What it is.
    pub kind: FileKind,
    /// Its length.
    pub bytes: u64,
}

/// What was measured of a topic.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Everything in it.
    pub content: Content,
    /// For each partition, for each of its files.
    pub files: Vec<Vec<Course>>,
}

impl Partition {
    /// Lists a partition directory. Files that vanish meanwhile are left out.
    ///
    /// # Errors
    /// Where the directory cannot be listed.
    pub fn read(host: &dyn Host, name: TopicPartition, directory: &Path) -> Result<Self> {
        let entries = host
            .list(directory)
            .map_err(LogError::io("list", directory))?;
        let mut partition = Self {
            name: Arc::new(name),
            files: Vec::new(),
            beside: 0,
        };
        for entry in entries.iter().filter(|entry| entry.kind == Kind::File) {
            let path = directory.join(&entry.name);
            let Ok(stat) = host.stat(&path) else {
                continue;
            };
            match FileKind::of(&path) {
                Some(kind @ FileKind::Segment(_)) => partition.files.push(LogFile {
                    path,
                    kind,
                    bytes: stat.length,
                }),
                _ => partition.beside += stat.length,
            }
        }
        partition
            .files
            .sort_by_key(|file| (file.kind, file.path.clone()));
        Ok(partition)
    }

    /// One file of batches alone.
    ///
    /// # Errors
    /// Where it is not there.
    pub fn file(host: &dyn Host, path: &Path, kind: FileKind) -> Result<Self> {
        let stat = host.stat(path).map_err(LogError::io("read", path))?;
        let directory = path.parent().and_then(Path::file_name);
        let name = directory.and_then(|name| TopicPartition::from_directory(name.to_str()?));
        Ok(Self {
            name: Arc::new(name.unwrap_or_else(|| TopicPartition::new(METADATA_TOPIC, 0))),
            files: vec![LogFile {
                path: path.to_owned(),
                kind,
                bytes: stat.length,
            }],
            beside: 0,
        })
    }

    /// Bytes of its files of batches.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// What a thread tells about a piece.
struct Told {
    number: u64,
    file: usize,
    length: u64,
    course: Course,
}

/// Measures partitions of a topic; keeps so many of the largest records. `read` hears
/// of progress in bytes.
///
/// # Errors
/// Where a file cannot be opened or read.
pub fn measure(
    host: &dyn Host,
    partitions: &[Partition],
    largest: usize,
    read: &mut dyn FnMut(u64),
) -> Result<Measured> {
    let deal = Deal::new(host, partitions);
    let bytes: u64 = partitions.iter().map(Partition::bytes).sum();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = if bytes <= SMALL {
        1
    } else {
        cores.min(MOST_THREADS)
    };
    let courses = |partition: &Partition| vec![Course::default(); partition.files.len()];
    let mut measured = Measured {
        content: Content::new(largest),
        files: partitions.iter().map(courses).collect(),
    };
    let starts: Vec<usize> = partitions
        .iter()
        .scan(0, |next, partition| {
            let start = *next;
            *next += partition.files.len();
            Some(start)
        })
        .collect();
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (deal, tell) = (&deal, tell.clone());
                scope.spawn(move || work(deal, partitions, largest, &tell))
            })
            .collect();
        drop(tell);
        for told in in_order(told) {
            let partition = deal.partition(told.file);
            measured.files[partition][told.file - starts[partition]].follow(&told.course);
            read(told.length);
        }
        for worker in workers {
            measured
                .content
                .merge(worker.join().expect("no thread panicked")?);
        }
        Ok(measured)
    })
}

fn work(
    deal: &Deal<'_>,
    partitions: &[Partition],
    largest: usize,
    tell: &mpsc::Sender<Told>,
) -> Result<Content> {
    let mut content = Content::new(largest);
    let mut memory = Memory::default();
    let mut piece = Piece::default();
    while deal.take(&mut piece).inspect_err(|_| deal.stop())? {
        let name = &partitions[deal.partition(piece.file)].name;
        let mut course = piece.course;
        for (magic, bytes) in piece.batches() {
            let outcome = content.batch(bytes, magic, name, &mut memory, &mut course);
            if outcome.is_err() {
                course.unreadable += bytes.len() as u64;
            }
        }
        let told = Told {
            number: piece.number,
            file: piece.file,
            length: piece.length,
            course,
        };
        // No one listens any more only where another thread has failed.
        let _ = tell.send(told);
    }
    Ok(content)
}

/// What threads tell, in the order of the pieces.
fn in_order(told: mpsc::Receiver<Told>) -> impl Iterator<Item = Told> {
    let mut early = BTreeMap::new();
    let mut next = 0;
    told.into_iter().flat_map(move |told| {
        early.insert(told.number, told);
        let mut ready = Vec::new();
        while let Some(told) = early.remove(&next) {
            ready.push(told);
            next += 1;
        }
        ready
    })
}

#[cfg(test)]
mod tests;

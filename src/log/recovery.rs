//! Makes a partition whole after an unclean stop.
//!
//! Up to the recovery point everything was durable: damage there is damage, and is
//! reported, never cut away. From the recovery point on, a power cut may have kept
//! any part of what was written: the log is cut at the first batch that is not
//! whole, as Kafka cuts it. Where whole batches stand behind that place (nobody was
//! promised them), the bytes cut off are kept beside the log, in
//! `<segment>.log.cut-<position>`, which Kafka does not look at.
//!
//! Indexes of the segments walked are written anew from their batches.

use super::error::{LogError, Result};
use super::index_builder::{Indexes, remove};
use super::layout::{LEADER_EPOCHS, Suffix, TopicPartition, segment_file};
use super::partition::{Listing, marker_of, read_epochs};
use super::producer_states::ProducerStates;
use super::scan::Scanner;
use crate::format::batch::UncheckedBatch;
use crate::format::leader_epochs::LeaderEpochs;
use crate::format::producer_snapshot;
use crate::format::{LeaderEpoch, Offset};
use crate::host::{Durability, Host, Open};
use std::path::Path;
use std::sync::Arc;

/// What recovery found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Segments that were walked.
    pub segments: usize,
    /// Bytes cut off behind the last whole batch.
    pub cut: u64,
    /// Of these, bytes kept beside the log.
    pub kept: u64,
    /// The log end offset.
    pub end: Offset,
}

/// Recovers the partition in `directory`, from the segment that holds
/// `recovery_point` on. What it wrote is durable when it returns. The caller holds
/// the data directory alone.
///
/// # Errors
/// `Damaged` where a batch before the recovery point is not whole; nothing was
/// changed in that segment then.
pub fn recover(
    host: &Arc<dyn Host>,
    directory: &Path,
    name: &TopicPartition,
    recovery_point: Offset,
    index_interval: u64,
) -> Result<Recovered> {
    let listing = Listing::read(&**host, directory)?;
    let epochs = read_epochs(&**host, directory).unwrap_or_default();
    let mut recovery = Recovery {
        host,
        directory,
        name,
        recovery_point,
        index_interval,
        epochs,
        producers: ProducerStates::default(),
        done: Recovered::default(),
    };
    let first = listing
        .segments
        .partition_point(|base| *base <= recovery_point)
        .saturating_sub(1);
    let (before, rest) = listing.segments.split_at(first.min(listing.segments.len()));
    if let Some(base) = rest.first() {
        recovery.load_producers(&listing, *base)?;
        if recovery.epochs == LeaderEpochs::new() {
            for base in before {
                recovery.replay(*base, None)?;
            }
        }
        recovery.done.end = *base;
    }
    for base in rest {
        if recovery.done.segments > 0 && *base > recovery.done.end {
            // The segment before was cut: this one begins behind a gap.
            recovery.set_aside(*base)?;
            continue;
        }
        recovery.segment(*base)?;
    }
    recovery.finish(&listing)
}

struct Recovery<'a> {
    host: &'a Arc<dyn Host>,
    directory: &'a Path,
    name: &'a TopicPartition,
    recovery_point: Offset,
    index_interval: u64,
    epochs: LeaderEpochs,
    producers: ProducerStates,
    done: Recovered,
}

impl Recovery<'_> {
    /// Producers as of the start of the first segment to be walked: the latest
    /// snapshot up to there that can be read, and what stands behind it. (The one
    /// written when a segment is rolled may be lost; an earlier one tells the same.)
    fn load_producers(&mut self, listing: &Listing, base: Offset) -> Result<()> {
        let snapshot = listing.producers_before(&**self.host, self.directory, base)?;
        let (from, producers) = snapshot.unwrap_or((Offset::ZERO, ProducerStates::default()));
        self.producers = producers;
        let before = listing.segments.partition_point(|other| *other < base);
        let first = listing.segments.partition_point(|other| *other <= from);
        let segments = &listing.segments[first.saturating_sub(1).min(before)..before];
        for segment in segments {
            if from < base {
                self.replay(*segment, Some(from))?;
            }
        }
        Ok(())
    }

    /// Walks a segment before the recovery point, changing nothing in it: takes note
    /// of the producers of the batches from an offset on, or else of their epochs.
    fn replay(&mut self, base: Offset, producers_from: Option<Offset>) -> Result<()> {
        let path = segment_file(self.directory, base, Suffix::Log);
        let file = self
            .host
            .open(&path, Open::Read)
            .map_err(LogError::io("open", &path))?;
        let length = file.len().map_err(LogError::io("measure", &path))?;
        let mut scanner = Scanner::new(file, &path, 0, length);
        while let Ok(found) = scanner.next_batch()? {
            let at = || LogError::format(&path, found.position);
            let summary = found.summary().map_err(at())?;
            match (producers_from, summary.leader_epoch) {
                (Some(from), _) if summary.base_offset >= from && found.prefix.magic == 2 => {
                    let batch = UncheckedBatch::parse(found.bytes).map_err(at())?;
                    self.note(&batch);
                }
                (None, Some(epoch)) => self.note_epoch(epoch, summary.base_offset),
                _ => {}
            }
        }
        Ok(())
    }

    /// Walks one segment, cuts what is not whole and writes its indexes.
    fn segment(&mut self, base: Offset) -> Result<()> {
        let path = segment_file(self.directory, base, Suffix::Log);
        let file = self
            .host
            .open(&path, Open::Write)
            .map_err(LogError::io("open", &path))?;
        let length = file.len().map_err(LogError::io("measure", &path))?;
        let mut indexes = Indexes::new(base, self.index_interval);
        let mut scanner = Scanner::new(Arc::clone(&file), &path, 0, length);
        let mut end = 0;
        let mut next = base;
        let damage = loop {
            match scanner.next_batch() {
                Ok(Ok(found)) => {
                    let checked = found.check().and_then(|()| found.summary());
                    let summary = match checked {
                        Ok(summary) if summary.last_offset >= next => summary,
                        Ok(summary) => {
                            break Some(crate::format::FormatError::corrupt(
                                "batch offset",
                                0,
                                format!("{next} or more"),
                                summary.last_offset.to_string(),
                            ));
                        }
                        Err(error) => break Some(error),
                    };
                    if let Some(epoch) = summary.leader_epoch {
                        self.note_epoch(epoch, summary.base_offset);
                    }
                    if found.prefix.magic == 2 {
                        let at = LogError::format(&path, found.position);
                        let batch = UncheckedBatch::parse(found.bytes).map_err(at)?;
                        let aborted = self.note(&batch);
                        indexes
                            .aborted
                            .extend(aborted.map(|txn| txn.encode()).iter().flatten());
                    }
                    indexes.note(found.position, found.prefix.size as u64, &summary);
                    next = summary.last_offset.next();
                    end = found.end();
                }
                Ok(Err(super::scan::Stop::End)) => break None,
                Ok(Err(super::scan::Stop::Torn)) => {
                    let left = (length - end) as usize;
                    break Some(crate::format::FormatError::torn("batch", 0, left + 1, left));
                }
                Err(LogError::Io {
                    doing,
                    path,
                    source,
                }) => {
                    return Err(LogError::Io {
                        doing,
                        path,
                        source,
                    });
                }
                Err(_) => {
                    break Some(crate::format::FormatError::corrupt(
                        "batch",
                        0,
                        "the start of a batch",
                        "something else",
                    ));
                }
            }
        };
        if let Some(error) = damage {
            if next < self.recovery_point {
                return Err(LogError::format(&path, end)(error));
            }
            self.cut(&file, &path, end, length)?;
        }
        file.sync().map_err(LogError::io("sync", &path))?;
        indexes.write(&**self.host, self.directory)?;
        self.done.segments += 1;
        self.done.end = next;
        Ok(())
    }

    /// Takes note of a batch's epoch where it is a new one: older ones have their
    /// entries, and later ones may have begun without a record.
    fn note_epoch(&mut self, epoch: LeaderEpoch, first: Offset) {
        let latest = self.epochs.latest().map(|latest| latest.epoch);
        if latest.is_none_or(|latest| epoch > latest) {
            self.epochs.assign(epoch, first);
        }
    }

    fn note(&mut self, batch: &UncheckedBatch<'_>) -> Option<crate::format::txn_index::AbortedTxn> {
        let header = batch.header();
        if !header.attributes.is_control() {
            self.producers.update(header);
            return None;
        }
        let (commit, coordinator) = marker_of(batch)?;
        self.producers.end_transaction(header, commit, coordinator)
    }

    fn cut(
        &mut self,
        file: &Arc<dyn crate::host::File>,
        path: &Path,
        end: u64,
        length: u64,
    ) -> Result<()> {
        let left = length - end;
        let mut tail = vec![0; usize::try_from(left).unwrap_or(usize::MAX)];
        let read = file
            .read_at(&mut tail, end)
            .map_err(LogError::io("read", path))?;
        tail.truncate(read);
        if holds_a_batch(&tail) {
            let mut aside = path.as_os_str().to_owned();
            aside.push(format!(".cut-{end}"));
            let aside = Path::new(&aside);
            self.host
                .replace(aside, &tail, Durability::Synced)
                .map_err(LogError::io("write", aside))?;
            self.done.kept += left;
        }
        self.done.cut += left;
        file.set_len(end)
            .map_err(LogError::io("cut the unfinished end off", path))
    }

    /// Takes a segment out of the log that lies behind a cut.
    fn set_aside(&mut self, base: Offset) -> Result<()> {
        let path = segment_file(self.directory, base, Suffix::Log);
        let length = self
            .host
            .stat(&path)
            .map_err(LogError::io("look at", &path))?
            .length;
        self.done.cut += length;
        if length > 0 {
            let mut aside = path.as_os_str().to_owned();
            aside.push(".cut-0");
            self.host
                .rename(&path, Path::new(&aside))
                .map_err(LogError::io("rename", &path))?;
            self.done.kept += length;
        } else {
            self.host
                .remove_file(&path)
                .map_err(LogError::io("remove", &path))?;
        }
        for suffix in [Suffix::Index, Suffix::TimeIndex, Suffix::TxnIndex] {
            remove(&**self.host, &segment_file(self.directory, base, suffix))?;
        }
        Ok(())
    }

    fn finish(mut self, listing: &Listing) -> Result<Recovered> {
        let end = self.done.end;
        for snapshot in &listing.snapshots {
            if *snapshot > end {
                remove(
                    &**self.host,
                    &segment_file(self.directory, *snapshot, Suffix::Snapshot),
                )?;
            }
        }
        self.epochs.truncate_from_end(end);
        let path = self.directory.join(LEADER_EPOCHS);
        self.host
            .replace(&path, &self.epochs.to_bytes(), Durability::Synced)
            .map_err(LogError::io("write", &path))?;
        if !listing.segments.is_empty() {
            let path = segment_file(self.directory, end, Suffix::Snapshot);
            let bytes = producer_snapshot::encode(&self.producers.to_snapshot())
                .map_err(LogError::format(&path, 0))?;
            self.host
                .replace(&path, &bytes, Durability::Synced)
                .map_err(LogError::io("write", &path))?;
        }
        let _ = self.name;
        self.host
            .sync_dir(self.directory)
            .map_err(LogError::io("sync", self.directory))?;
        Ok(self.done)
    }
}

/// Whether a whole batch, its CRC right, starts anywhere in the bytes.
fn holds_a_batch(bytes: &[u8]) -> bool {
    let magic = crate::format::batch::PREFIX_SIZE - 1;
    memchr::memchr_iter(2, bytes.get(magic..).unwrap_or_default()).any(|start| {
        UncheckedBatch::parse(&bytes[start..]).is_ok_and(|batch| batch.check().is_ok())
    })
}

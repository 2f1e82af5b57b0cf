//! The files beside a log, made anew from its batches.
//!
//! Producer snapshots begin from the latest one that is trusted, as Kafka's recovery
//! does: a snapshot also tells of producers whose batches retention has removed.

use super::plan::Rebuild;
use crate::format::checkpoint::OffsetCheckpoint;
use crate::format::leader_epochs::LeaderEpochs;
use crate::format::{Offset, PartitionId, producer_snapshot};
use crate::host::{Durability, Host, Open};
use crate::log::data_dir::read_checkpoint;
use crate::log::error::{LogError, Result};
use crate::log::index_builder::{Indexes, remove};
use crate::log::layout::{
    HIGH_WATERMARKS, LEADER_EPOCHS, LOG_STARTS, RECOVERY_POINTS, Suffix, TopicPartition,
    segment_file,
};
use crate::log::partition::{Listing, Noted, read_epochs};
use crate::log::producer_states::ProducerStates;
use crate::log::scan::Scanner;
use std::path::Path;
use std::sync::Arc;

/// Writes what `rebuild` names, in a partition directory that is nobody's yet.
pub(super) fn rebuild(
    host: &Arc<dyn Host>,
    directory: &Path,
    name: &TopicPartition,
    rebuild: &Rebuild,
    index_interval: u64,
) -> Result<()> {
    let listing = Listing::read(&**host, directory)?;
    let mut walk = Walk {
        host: &**host,
        directory,
        rebuild,
        listing: &listing,
        index_interval,
        producers: ProducerStates::default(),
        epochs: LeaderEpochs::new(),
        end: listing.segments.first().copied().unwrap_or(Offset::ZERO),
    };
    for base in &listing.segments {
        walk.segment(*base)?;
    }
    let end = walk.end;
    walk.finish()?;
    let data = directory.parent().unwrap_or(Path::new("."));
    if rebuild.checkpoints {
        let start = listing.segments.first().copied().unwrap_or(end);
        clamp_checkpoints(&**host, data, name, start, end)?;
    }
    Ok(())
}

struct Walk<'a> {
    host: &'a dyn Host,
    directory: &'a Path,
    rebuild: &'a Rebuild,
    listing: &'a Listing,
    index_interval: u64,
    producers: ProducerStates,
    epochs: LeaderEpochs,
    end: Offset,
}

impl Walk<'_> {
    fn segment(&mut self, base: Offset) -> Result<()> {
        self.snapshot(base)?;
        let wanted = self.rebuild.indexes.contains(&base);
        let path = segment_file(self.directory, base, Suffix::Log);
        let file = self
            .host
            .open(&path, Open::Read)
            .map_err(LogError::io("open", &path))?;
        let length = file.len().map_err(LogError::io("measure", &path))?;
        let mut indexes = Indexes::new(base, self.index_interval);
        let mut scanner = Scanner::new(file, &path, 0, length);
        while let Ok(found) = scanner.next_batch()? {
            let noted = Noted::of(&found)?;
            indexes.note(found.position, found.prefix.size as u64, &noted.summary);
            if let Some(epoch) = noted.summary.leader_epoch {
                let latest = self.epochs.latest().map(|latest| latest.epoch);
                if latest.is_none_or(|latest| epoch > latest) {
                    self.epochs.assign(epoch, noted.summary.base_offset);
                }
            }
            if let Some(header) = &noted.header {
                match noted.marker {
                    None if !header.attributes.is_control() => self.producers.update(header),
                    None => {}
                    Some((commit, coordinator)) => {
                        let ended = self.producers.end_transaction(header, commit, coordinator);
                        let entry = ended.map(|aborted| aborted.encode());
                        indexes.aborted.extend(entry.iter().flatten());
                    }
                }
            }
            self.end = noted.summary.last_offset.next();
        }
        if wanted {
            indexes.write(self.host, self.directory)?;
        }
        Ok(())
    }

    /// At a segment's start: takes over what a snapshot tells, or makes it anew.
    fn snapshot(&mut self, base: Offset) -> Result<()> {
        let exists = self.listing.snapshots.contains(&base);
        if self.rebuild.snapshots.contains(&base) {
            return self.write_snapshot(base);
        }
        if exists
            && let Some((at, producers)) =
                self.listing
                    .producers_before(self.host, self.directory, base)?
            && at == base
        {
            self.producers = producers;
        }
        Ok(())
    }

    fn write_snapshot(&self, at: Offset) -> Result<()> {
        let path = segment_file(self.directory, at, Suffix::Snapshot);
        let bytes = producer_snapshot::encode(&self.producers.to_snapshot())
            .map_err(LogError::format(&path, 0))?;
        self.host
            .replace(&path, &bytes, Durability::None)
            .map_err(LogError::io("write", &path))
    }

    fn finish(self) -> Result<()> {
        let end = self.end;
        let bases = &self.listing.segments;
        for snapshot in &self.listing.snapshots {
            let at_end = *snapshot == end && !bases.contains(&end);
            let unreadable = self.rebuild.snapshots.contains(snapshot);
            if *snapshot > end || (unreadable && !at_end && !bases.contains(snapshot)) {
                let path = segment_file(self.directory, *snapshot, Suffix::Snapshot);
                remove(self.host, &path)?;
            }
        }
        if self.rebuild.end_snapshot || self.rebuild.snapshots.contains(&end) {
            self.write_snapshot(end)?;
        }
        let path = self.directory.join(LEADER_EPOCHS);
        let mut epochs = self.epochs;
        if !self.rebuild.epochs {
            let Ok(mut there) = read_epochs(self.host, self.directory) else {
                return Ok(());
            };
            if !there.truncate_from_end(end) {
                return Ok(());
            }
            epochs = there;
        }
        self.host
            .replace(&path, &epochs.to_bytes(), Durability::None)
            .map_err(LogError::io("write", &path))
    }
}

/// Moves what the checkpoints say of a partition to within its log.
fn clamp_checkpoints(
    host: &dyn Host,
    data: &Path,
    name: &TopicPartition,
    start: Offset,
    end: Offset,
) -> Result<()> {
    for file in [RECOVERY_POINTS, HIGH_WATERMARKS, LOG_STARTS] {
        let path = data.join(file);
        let mut checkpoint = read_checkpoint(host, &path).unwrap_or_default();
        let partition = PartitionId::new(name.partition);
        let Some(offset) = checkpoint.get(&name.topic, partition) else {
            continue;
        };
        let right = offset.clamp(start, end.max(start));
        if right != offset {
            checkpoint.set(&name.topic, partition, right);
            host.replace(&path, &checkpoint.to_bytes(), Durability::None)
                .map_err(LogError::io("write", &path))?;
        }
    }
    Ok(())
}

/// What can still be read of a damaged checkpoint: the lines that make sense and are
/// about partitions that are there.
pub(super) fn readable_lines(
    bytes: &[u8],
    is_there: impl Fn(&TopicPartition) -> bool,
) -> OffsetCheckpoint {
    let mut checkpoint = OffsetCheckpoint::new();
    for line in String::from_utf8_lossy(bytes).lines() {
        let mut parts = line.split_ascii_whitespace();
        let entry = (|| {
            let topic = parts.next()?;
            let partition = PartitionId::from_wire(parts.next()?.parse().ok()?)?;
            let offset = Offset::from_wire(parts.next()?.parse().ok()?)?;
            parts.next().is_none().then_some((topic, partition, offset))
        })();
        if let Some((topic, partition, offset)) = entry
            && is_there(&TopicPartition::new(topic, partition.get()))
        {
            checkpoint.set(topic, partition, offset);
        }
    }
    checkpoint
}

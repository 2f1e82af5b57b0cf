//! The producers of a partition, from its snapshots and its batches.

use super::{Listing, MOST_SNAPSHOT, Noted, Partition};
use crate::format::Offset;
use crate::format::producer_snapshot;
use crate::log::error::{LogError, Result};
use crate::log::layout::{Suffix, segment_file};
use crate::log::producer_states::ProducerStates;
use crate::log::scan::Scanner;

impl Partition {
    /// The producers as of the end: the latest snapshot that can be read, then every
    /// batch behind it.
    pub(super) fn load_producers(&mut self, listing: &Listing) -> Result<()> {
        let end = self.active.next();
        let mut from = listing.segments.first().copied().unwrap_or(end);
        self.producers = ProducerStates::default();
        for snapshot in listing.snapshots.iter().rev().filter(|at| **at <= end) {
            let path = segment_file(&self.directory, *snapshot, Suffix::Snapshot);
            match self.host.read(&path, MOST_SNAPSHOT) {
                Ok(bytes) => {
                    // One that is damaged is no loss: an earlier one and the log tell the same.
                    if let Ok(entries) = producer_snapshot::decode(&bytes) {
                        self.producers = ProducerStates::from_snapshot(&entries);
                        from = *snapshot;
                        break;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(LogError::io("read", &path)(error)),
            }
        }
        let first = listing.segments.partition_point(|base| *base <= from);
        let base = self.active.base();
        for sealed in &listing.segments[first.saturating_sub(1)..] {
            if *sealed != base && from < end {
                self.replay(*sealed, from)?;
            }
        }
        if from < end {
            self.replay(base, from)?;
        }
        self.cut_aborted(end)
    }

    /// Hands the batches of a segment from an offset on to the producer states.
    pub(super) fn replay(&mut self, base: Offset, from: Offset) -> Result<()> {
        let segment = crate::log::segment::Segment::new(&self.host, &self.directory, base);
        let (log, length) = segment.open_log()?;
        let position = segment.position_before(from, length)?;
        let mut scanner = Scanner::new(log, &segment.path(Suffix::Log), position, length);
        while let Ok(found) = scanner.next_batch()? {
            let noted = Noted::of(&found)?;
            if noted.summary.base_offset < from {
                continue;
            }
            if let Some(header) = &noted.header {
                match noted.marker {
                    None if !header.attributes.is_control() => self.producers.update(header),
                    None => {}
                    Some((commit, coordinator)) => {
                        // Whoever wrote the marker may have been killed before it
                        // came to the index.
                        let ended = self.producers.end_transaction(header, commit, coordinator);
                        if let Some(aborted) = ended {
                            self.add_aborted(base, &aborted)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

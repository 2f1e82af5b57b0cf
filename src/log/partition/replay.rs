//! The producers of a partition, from its snapshots and its batches.

use super::{Listing, Noted, Partition};
use crate::format::Offset;
use crate::log::error::Result;
use crate::log::layout::Suffix;
use crate::log::producer_states::ProducerStates;
use crate::log::scan::Scanner;

impl Partition {
    /// The producers as of the end: the latest snapshot that can be read, then every
    /// batch behind it.
    pub(super) fn load_producers(&mut self, listing: &Listing) -> Result<()> {
        let end = self.active.next();
        let (from, producers) = listing
            .producers_before(&*self.host, &self.directory, end)?
            .unwrap_or_else(|| {
                let start = listing.segments.first().copied().unwrap_or(end);
                (start, ProducerStates::default())
            });
        self.producers = producers;
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

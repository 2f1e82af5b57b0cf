//! What a partition's directory holds.

use crate::format::{Offset, producer_snapshot};
use crate::host::Host;
use crate::log::error::{LogError, Result};
use crate::log::layout::{Suffix, parse_segment_file, segment_file};
use crate::log::producer_states::ProducerStates;
use std::path::Path;

/// A snapshot file larger than this is refused: 22 million producers.
const MOST_SNAPSHOT: u64 = 1 << 30;

/// The segments and snapshots of a partition's directory, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listing {
    pub(crate) segments: Vec<Offset>,
    pub(crate) snapshots: Vec<Offset>,
}

impl Listing {
    pub(crate) fn read(host: &dyn Host, directory: &Path) -> Result<Self> {
        let mut listing = Self::default();
        for entry in host
            .list(directory)
            .map_err(LogError::io("list", directory))?
        {
            match parse_segment_file(&entry.name) {
                Some((base, Suffix::Log)) => listing.segments.push(base),
                Some((base, Suffix::Snapshot)) => listing.snapshots.push(base),
                _ => {}
            }
        }
        listing.segments.sort_unstable();
        listing.snapshots.sort_unstable();
        Ok(listing)
    }

    /// The producers by the latest snapshot that can be read, of those at or before
    /// `end`, and its offset. One that is damaged is no loss: an earlier one and the
    /// log tell the same.
    pub(crate) fn producers_before(
        &self,
        host: &dyn Host,
        directory: &Path,
        end: Offset,
    ) -> Result<Option<(Offset, ProducerStates)>> {
        for snapshot in self.snapshots.iter().rev().filter(|at| **at <= end) {
            let path = segment_file(directory, *snapshot, Suffix::Snapshot);
            match host.read(&path, MOST_SNAPSHOT) {
                Ok(bytes) => {
                    if let Ok(entries) = producer_snapshot::decode(&bytes) {
                        return Ok(Some((*snapshot, ProducerStates::from_snapshot(&entries))));
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(LogError::io("read", &path)(error)),
            }
        }
        Ok(None)
    }
}

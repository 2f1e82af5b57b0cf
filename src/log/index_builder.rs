//! The indexes of a segment, built from its batches as Kafka's recovery builds them.

use super::error::{LogError, Result};
use super::layout::{Suffix, segment_file};
use super::scan::Summary;
use crate::format::offset_index::{OffsetIndexEntry, RelativeOffset};
use crate::format::time_index::TimeIndexEntry;
use crate::format::{Offset, Timestamp};
use crate::host::{Durability, Host};
use std::path::Path;

/// The indexes of one segment, as Kafka's recovery builds them.
pub(crate) struct Indexes {
    base: Offset,
    interval: u64,
    since_entry: u64,
    latest: Option<(Timestamp, Offset)>,
    indexed: Option<Timestamp>,
    offsets: Vec<u8>,
    times: Vec<u8>,
    pub(crate) aborted: Vec<u8>,
}

impl Indexes {
    /// None yet.
    pub(crate) const fn new(base: Offset, interval: u64) -> Self {
        Self {
            base,
            interval,
            since_entry: 0,
            latest: None,
            indexed: None,
            offsets: Vec::new(),
            times: Vec::new(),
            aborted: Vec::new(),
        }
    }

    /// Takes note of the next batch.
    pub(crate) fn note(&mut self, position: u64, size: u64, batch: &Summary) {
        if let Some(time) = batch.max_timestamp
            && self.latest.is_none_or(|(latest, _)| time > latest)
        {
            self.latest = Some((time, batch.last_offset));
        }
        if self.since_entry > self.interval
            && let (Some(relative_offset), Ok(position)) = (
                RelativeOffset::of(self.base, batch.last_offset),
                u32::try_from(position),
            )
        {
            let entry = OffsetIndexEntry {
                relative_offset,
                position,
            };
            self.offsets.extend(entry.encode());
            self.add_time();
            self.since_entry = 0;
        }
        self.since_entry += size;
    }

    fn add_time(&mut self) {
        if let Some((time, offset)) = self.latest
            && self.indexed.is_none_or(|indexed| time > indexed)
            && let Some(relative_offset) = RelativeOffset::of(self.base, offset)
        {
            let entry = TimeIndexEntry {
                timestamp: time,
                relative_offset,
            };
            self.times.extend(entry.encode());
            self.indexed = Some(time);
        }
    }

    /// Replaces the files, durably.
    pub(crate) fn write(mut self, host: &dyn Host, directory: &Path) -> Result<()> {
        self.add_time();
        let mut files = vec![
            (Suffix::Index, self.offsets),
            (Suffix::TimeIndex, self.times),
        ];
        let aborted = segment_file(directory, self.base, Suffix::TxnIndex);
        if self.aborted.is_empty() {
            remove(host, &aborted)?;
        } else {
            files.push((Suffix::TxnIndex, self.aborted));
        }
        for (suffix, bytes) in files {
            let path = segment_file(directory, self.base, suffix);
            host.replace(&path, &bytes, Durability::Synced)
                .map_err(LogError::io("write", &path))?;
        }
        Ok(())
    }
}

/// Removes a file that may not be there.
pub(crate) fn remove(host: &dyn Host, path: &Path) -> Result<()> {
    match host.remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LogError::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

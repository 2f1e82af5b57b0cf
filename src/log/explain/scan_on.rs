//! What stands behind a record: its transaction's marker, and newer records of its
//! key.

use super::{Bounds, Held};
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::batch::{Header, PREFIX_SIZE, UncheckedBatch};
use crate::format::txn_index::AbortedTxn;
use crate::format::{Offset, ProducerId};
use crate::log::error::{LogError, Result};
use crate::log::partition::marker_of;
use crate::log::view::{Chunk, PartitionView};

/// What became of a record's transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It counts.
    Committed {
        /// Where its marker is.
        marker: Offset,
    },
    /// It does not count.
    Aborted {
        /// Where its marker is.
        marker: Offset,
    },
    /// No marker is there yet.
    Open,
    /// Damage may hide the marker.
    Unknown,
}

/// What stands behind a record.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    pub(super) fate: Option<Fate>,
    /// The first and the last newer record of its key that counts.
    pub(super) newer: Option<(Offset, Offset)>,
}

impl Ahead {
    /// Reads on from a record, no further than it must.
    pub(super) fn scan(
        view: &PartitionView,
        bounds: &Bounds,
        held: &Held,
        compact: bool,
    ) -> Result<Self> {
        let header = held.batch.header.as_ref();
        let control = header.is_some_and(|header| header.attributes.is_control());
        let producer = header
            .filter(|header| header.attributes.is_transactional() && !control)
            .and_then(|header| header.producer)
            .map(|producer| producer.id);
        let mut scan = Scan {
            after: held.offset,
            producer,
            key: held.record.key.as_deref().filter(|_| compact && !control),
            aborted: Vec::new(),
            found: Self::default(),
        };
        if scan.is_done() {
            return Ok(scan.found);
        }
        match scan.run(view, bounds) {
            Ok(()) => {
                if producer.is_some() && scan.found.fate.is_none() {
                    scan.found.fate = Some(Fate::Open);
                }
            }
            Err(error @ LogError::Io { .. }) => return Err(error),
            Err(_) => {
                if producer.is_some() && scan.found.fate.is_none() {
                    scan.found.fate = Some(Fate::Unknown);
                }
            }
        }
        Ok(scan.found)
    }
}

struct Scan<'a> {
    after: Offset,
    producer: Option<ProducerId>,
    key: Option<&'a [u8]>,
    aborted: Vec<AbortedTxn>,
    found: Ahead,
}

impl Scan<'_> {
    fn is_done(&self) -> bool {
        self.key.is_none() && (self.producer.is_none() || self.found.fate.is_some())
    }

    fn run(&mut self, view: &PartitionView, bounds: &Bounds) -> Result<()> {
        if self.key.is_some() {
            let end = bounds.end.unwrap_or(Offset::new(i64::MAX));
            self.aborted = view.aborted(self.after, end)?;
        }
        let mut cursor = view.cursor(self.after)?;
        let mut chunk = Chunk::default();
        let mut scratch = AnyScratch::default();
        while !self.is_done() && cursor.next_chunk(&mut chunk, 1 << 20)? {
            for batch in chunk.batches() {
                let (position, bytes) = batch?;
                self.batch(bytes, &mut scratch)
                    .map_err(LogError::format(&chunk.path, position))?;
            }
        }
        Ok(())
    }

    fn batch(&mut self, bytes: &[u8], scratch: &mut AnyScratch) -> crate::format::Result<()> {
        let magic = bytes[PREFIX_SIZE - 1];
        let header = (magic == 2).then(|| Header::parse(bytes)).transpose()?;
        if let Some(header) = &header
            && header.attributes.is_control()
        {
            let ours = header.producer.map(|producer| producer.id) == self.producer;
            let behind = header.base_offset > self.after;
            if ours && behind && self.producer.is_some() && self.found.fate.is_none() {
                let marker = header.base_offset;
                let ended = marker_of(&UncheckedBatch::parse(bytes)?);
                self.found.fate = ended.map(|(commit, _)| match commit {
                    true => Fate::Committed { marker },
                    false => Fate::Aborted { marker },
                });
            }
            return Ok(());
        }
        let Some(key) = self.key else {
            return Ok(());
        };
        if header
            .as_ref()
            .is_some_and(|header| self.is_aborted(header))
        {
            return Ok(());
        }
        for record in AnyBatch::parse(magic, bytes)?.records(scratch)? {
            let record = record?;
            if record.offset > self.after && record.key == Some(key) {
                let first = self.found.newer.map_or(record.offset, |(first, _)| first);
                self.found.newer = Some((first, record.offset));
            }
        }
        Ok(())
    }

    fn is_aborted(&self, header: &Header) -> bool {
        let Some(producer) = header
            .producer
            .filter(|_| header.attributes.is_transactional())
        else {
            return false;
        };
        self.aborted.iter().any(|aborted| {
            aborted.producer_id == producer.id
                && (aborted.first_offset..=aborted.last_offset).contains(&header.base_offset)
        })
    }
}

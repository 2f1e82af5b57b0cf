//! A batch of any magic: what a `.log` is made of since Kafka 0.8.
//!
//! Magic 2 is a record batch, 0 and 1 an entry of a legacy message set, which may
//! wrap a compressed set of its own.

use super::batch::{Batch, Records, Scratch, UncheckedBatch};
use super::error::Result;
use super::legacy::{LegacyEntry, LegacyRecords, LegacyScratch, UncheckedEntry};
use super::record::Record;

/// A batch whose CRC is right.
#[derive(Debug, Clone, Copy)]
pub enum AnyBatch<'a> {
    /// Magic 2.
    V2(Batch<'a>),
    /// Magic 0 or 1.
    Legacy(LegacyEntry<'a>),
}

/// Memory for decompressed records, used again from batch to batch.
#[derive(Default)]
pub struct AnyScratch {
    v2: Scratch,
    legacy: LegacyScratch,
}

/// The records of a batch of any magic.
pub enum AnyRecords<'a> {
    /// Magic 2.
    V2(Records<'a>),
    /// Magic 0 or 1.
    Legacy(LegacyRecords<'a>),
}

impl<'a> AnyBatch<'a> {
    /// Takes the batch of the given magic that `bytes` starts with, its CRC compared.
    pub fn parse(magic: u8, bytes: &'a [u8]) -> Result<Self> {
        if magic == 2 {
            Ok(Self::V2(UncheckedBatch::parse(bytes)?.check()?))
        } else {
            Ok(Self::Legacy(UncheckedEntry::parse(bytes)?.check()?))
        }
    }

    /// Its records, each checked as it is read.
    pub fn records<'s>(&self, scratch: &'s mut AnyScratch) -> Result<AnyRecords<'s>>
    where
        'a: 's,
    {
        match self {
            Self::V2(batch) => batch.records(&mut scratch.v2).map(AnyRecords::V2),
            Self::Legacy(entry) => entry.records(&mut scratch.legacy).map(AnyRecords::Legacy),
        }
    }
}

impl<'a> Iterator for AnyRecords<'a> {
    type Item = Result<Record<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::V2(records) => records.next(),
            Self::Legacy(records) => records.next(),
        }
    }
}

//! `.timeindex`: sparse, from time to offset.
//!
//! ```text
//! entry, 12 bytes:  timestamp      i64   milliseconds since 1970, the greatest so far
//!                   relativeOffset u32   offset − the segment's base offset, 0 to 2^31 − 1
//! ```
//!
//! An entry says: no record up to this offset is later than this time; the record
//! with that time lies in the batch with this last offset. Timestamps ascend
//! strictly, offsets too. An entry is added with each offset index entry where the
//! greatest time has grown since the last, and at roll and at close. Zeros past
//! the last entry are preallocated room; a real entry of zeros (time 0 at the base
//! offset) can only be the first, and a lookup does without it.
//!
//! Sources: `org.apache.kafka.storage.internals.log.TimeIndex`, `LogSegment`; KIP-33.

use super::error::{FormatError, Result};
use super::index_search::{count_used, last_at_most};
use super::offset_index::RelativeOffset;
use super::types::Timestamp;

/// One entry of a `.timeindex`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeIndexEntry {
    /// The greatest time so far.
    pub timestamp: Timestamp,
    /// The last offset of the batch that has it.
    pub relative_offset: RelativeOffset,
}

impl TimeIndexEntry {
    /// Bytes of an entry.
    pub const SIZE: usize = 12;

    /// Reads an entry. Positions in errors count from its start.
    pub fn decode(bytes: &[u8; Self::SIZE]) -> Result<Self> {
        let [a, b, c, d, e, f, g, h, offset @ ..] = *bytes;
        Ok(Self {
            timestamp: Timestamp::new(i64::from_be_bytes([a, b, c, d, e, f, g, h])),
            relative_offset: RelativeOffset::decode(offset, 8)?,
        })
    }

    /// The bytes of the entry.
    pub fn encode(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.timestamp.get().to_be_bytes());
        bytes[8..].copy_from_slice(&self.relative_offset.get().to_be_bytes());
        bytes
    }

    /// Whether it is preallocated room rather than an entry.
    pub const fn is_padding(&self) -> bool {
        self.timestamp.get() == 0 && self.relative_offset.get() == 0
    }
}

/// How many of `count` entries are in use, reading a few of them.
pub fn used_entries<E>(
    count: u64,
    read: impl FnMut(u64) -> Result<TimeIndexEntry, E>,
) -> Result<u64, E> {
    count_used(count, read, TimeIndexEntry::is_padding)
}

/// The last of `count` entries (none of them padding) at or before `target`, with
/// its number; `None`: the first record later than `target` may be anywhere.
///
/// To find the first record at or after `target` as Kafka does, look the entry's
/// offset (or the segment's base offset, or the offset asked for, if greater) up in
/// the offset index and read batches from there until one has a record that late.
pub fn lookup<E>(
    count: u64,
    read: impl FnMut(u64) -> Result<TimeIndexEntry, E>,
    target: Timestamp,
) -> Result<Option<(u64, TimeIndexEntry)>, E> {
    last_at_most(count, read, |entry| entry.timestamp.get(), target.get())
}

/// A `.timeindex` in memory, its padding left out.
#[derive(Debug, Clone, Copy)]
pub struct TimeIndex<'a> {
    entries: &'a [[u8; TimeIndexEntry::SIZE]],
}

impl<'a> TimeIndex<'a> {
    /// Takes a whole file. Errors: `Torn` where the length is no multiple of an
    /// entry (which Kafka's sanity check refuses too), `Corrupt` where an entry
    /// that the search for the padding met is out of range.
    pub fn new(file: &'a [u8]) -> Result<Self> {
        let (entries, rest) = file.as_chunks();
        if !rest.is_empty() {
            return Err(FormatError::torn(
                "time index entry",
                file.len() - rest.len(),
                TimeIndexEntry::SIZE,
                rest.len(),
            ));
        }
        let whole = Self { entries };
        let used = used_entries(entries.len() as u64, |at| whole.get(at))?;
        Ok(Self {
            entries: &entries[..used as usize],
        })
    }

    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The last entry: the greatest time of the segment and its offset, where the
    /// segment was rolled or closed.
    pub fn last(&self) -> Result<Option<TimeIndexEntry>> {
        match self.len() as u64 {
            0 => Ok(None),
            count => self.get(count - 1).map(Some),
        }
    }

    /// Each entry, in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<TimeIndexEntry>> + use<'a> {
        let whole = *self;
        (0..whole.len() as u64).map(move |at| whole.get(at))
    }

    /// See [`lookup`].
    pub fn lookup(&self, target: Timestamp) -> Result<Option<TimeIndexEntry>> {
        let found = lookup(self.len() as u64, |at| self.get(at), target)?;
        Ok(found.map(|(_, entry)| entry))
    }

    /// Checks that every entry is in range and that entries ascend in time and in
    /// offset. (Kafka's own sanity check looks at the file's length and at the
    /// first and last entry only; all of it is part of this.)
    pub fn check(&self) -> Result<()> {
        let mut before: Option<TimeIndexEntry> = None;
        for (number, entry) in self.iter().enumerate() {
            let entry = entry?;
            if let Some(before) = before
                && (entry.timestamp <= before.timestamp
                    || entry.relative_offset < before.relative_offset)
            {
                return Err(FormatError::corrupt(
                    "time index entry",
                    number * TimeIndexEntry::SIZE,
                    format!(
                        "later than {} and not before relative offset {}",
                        before.timestamp,
                        before.relative_offset.get()
                    ),
                    format!("{} and {}", entry.timestamp, entry.relative_offset.get()),
                ));
            }
            before = Some(entry);
        }
        Ok(())
    }

    fn get(&self, number: u64) -> Result<TimeIndexEntry> {
        let at = number as usize;
        TimeIndexEntry::decode(&self.entries[at])
            .map_err(|e| e.shifted(number * TimeIndexEntry::SIZE as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The start of `segments-0/00000000000000000000.timeindex` of Apache Kafka 4.3.1.
    const GOLDEN: [u8; 48] = [
        0, 0, 0x01, 0x8b, 0xcf, 0xe8, 0x71, 0x58, 0, 0, 0, 0xc7, // 199
        0, 0, 0x01, 0x8b, 0xcf, 0xe9, 0xf7, 0xf8, 0, 0, 0x01, 0x2b, // 299
        0, 0, 0x01, 0x8b, 0xcf, 0xeb, 0x7e, 0x98, 0, 0, 0x01, 0x8f, // 399
        0, 0, 0x01, 0x8b, 0xcf, 0xed, 0x05, 0x38, 0, 0, 0x01, 0xf3, // 499
    ];

    #[test]
    fn a_brokers_time_index_reads_as_its_dump_says() {
        let mut padded = GOLDEN.to_vec();
        padded.resize(1200, 0);
        for file in [&GOLDEN[..], &padded] {
            let index = TimeIndex::new(file).unwrap();
            index.check().unwrap();
            let entries: Vec<_> = index
                .iter()
                .map(|entry| entry.unwrap())
                .map(|entry| (entry.timestamp.get(), entry.relative_offset.get()))
                .collect();
            assert_eq!(
                entries,
                [
                    (1_700_000_199_000, 199),
                    (1_700_000_299_000, 299),
                    (1_700_000_399_000, 399),
                    (1_700_000_499_000, 499)
                ]
            );
            assert_eq!(index.last().unwrap().unwrap().relative_offset.get(), 499);
            let offset = |time| {
                let found = index.lookup(Timestamp::new(time)).unwrap();
                found.map(|entry| entry.relative_offset.get())
            };
            assert_eq!(offset(0), None);
            assert_eq!(offset(1_700_000_299_000), Some(299));
            assert_eq!(offset(1_700_000_398_999), Some(299));
            assert_eq!(offset(i64::MAX), Some(499));
        }
    }

    #[test]
    fn a_cut_file_is_torn_and_disorder_is_corrupt() {
        assert!(matches!(
            TimeIndex::new(&GOLDEN[..40]),
            Err(FormatError::Torn { position: 36, .. })
        ));
        let swapped = [&GOLDEN[12..24], &GOLDEN[..12]].concat();
        assert!(TimeIndex::new(&swapped).unwrap().check().is_err());
    }

    proptest! {
        #[test]
        fn entries_round_trip(timestamp: i64, relative in 0..1_u32 << 31) {
            let entry = TimeIndexEntry {
                timestamp: Timestamp::new(timestamp),
                relative_offset: RelativeOffset::new(relative).unwrap(),
            };
            prop_assert_eq!(TimeIndexEntry::decode(&entry.encode()), Ok(entry));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, target: i64) {
            if let Ok(index) = TimeIndex::new(&bytes) {
                let _ = index.check();
                let _ = index.lookup(Timestamp::new(target));
                let _ = index.last();
            }
        }
    }
}

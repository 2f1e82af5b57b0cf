//! `.index`: sparse, from offset to position in the segment's `.log`.
//!
//! ```text
//! entry, 8 bytes:  relativeOffset u32   offset − the segment's base offset, 0 to 2^31 − 1
//!                  position       u32   of the batch that holds the offset; bytes, 0 to 2^31 − 1
//! ```
//!
//! Entries ascend in both. The offset is the *last* offset of a batch and the
//! position that batch's start. The first batch of a segment never gets an entry,
//! so no real entry has position 0, and zeros past the last entry are room that
//! was preallocated (`segment.index.bytes`) in a live or crashed segment.
//!
//! Sources: `org.apache.kafka.storage.internals.log.OffsetIndex`, `AbstractIndex`.

use super::error::{FormatError, Result};
use super::index_search::{count_used, last_at_most};
use super::types::Offset;

/// An offset counted from the base offset of its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RelativeOffset(u32);

impl RelativeOffset {
    /// The greatest that Kafka stores: a segment rolls before it is passed.
    pub const MAX: Self = Self(i32::MAX.cast_unsigned());

    /// Wraps the plain number, or `None` above [`Self::MAX`].
    pub const fn new(value: u32) -> Option<Self> {
        if value > Self::MAX.0 {
            None
        } else {
            Some(Self(value))
        }
    }

    /// `offset` as seen from `base`, or `None` where it lies before it or too far after.
    pub fn of(base: Offset, offset: Offset) -> Option<Self> {
        let distance = offset.get().checked_sub(base.get())?;
        u32::try_from(distance).ok().and_then(Self::new)
    }

    /// The offset itself. Saturates at the end of the range.
    pub const fn absolute(self, base: Offset) -> Offset {
        Offset::new(base.get().saturating_add(self.0 as i64))
    }

    /// The plain number.
    pub const fn get(self) -> u32 {
        self.0
    }

    pub(crate) fn decode(bytes: [u8; 4], position: usize) -> Result<Self> {
        let value = u32::from_be_bytes(bytes);
        Self::new(value).ok_or_else(|| {
            FormatError::corrupt(
                "relative offset",
                position,
                format!("at most {}", Self::MAX.0),
                value.to_string(),
            )
        })
    }
}

/// One entry of an `.index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetIndexEntry {
    /// The last offset of a batch.
    pub relative_offset: RelativeOffset,
    /// Where that batch starts in the `.log`, in bytes.
    pub position: u32,
}

impl OffsetIndexEntry {
    /// Bytes of an entry.
    pub const SIZE: usize = 8;

    /// Reads an entry. Positions in errors count from its start.
    pub fn decode(bytes: &[u8; Self::SIZE]) -> Result<Self> {
        let [a, b, c, d, rest @ ..] = *bytes;
        let position = u32::from_be_bytes(rest);
        if position > i32::MAX.cast_unsigned() {
            return Err(FormatError::corrupt(
                "index position",
                4,
                format!("at most {}", i32::MAX),
                position.to_string(),
            ));
        }
        Ok(Self {
            relative_offset: RelativeOffset::decode([a, b, c, d], 0)?,
            position,
        })
    }

    /// The bytes of the entry.
    pub fn encode(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..4].copy_from_slice(&self.relative_offset.get().to_be_bytes());
        bytes[4..].copy_from_slice(&self.position.to_be_bytes());
        bytes
    }

    /// Whether it is preallocated room rather than an entry.
    pub const fn is_padding(&self) -> bool {
        self.position == 0
    }
}

/// How many of `count` entries are in use, reading a few of them.
pub fn used_entries<E>(
    count: u64,
    read: impl FnMut(u64) -> Result<OffsetIndexEntry, E>,
) -> Result<u64, E> {
    count_used(count, read, OffsetIndexEntry::is_padding)
}

/// The last of `count` entries (none of them padding) at or before `target`,
/// with its number: reading from its position on, the batch that holds `target`
/// follows. `None`: start at position 0.
pub fn lookup<E>(
    count: u64,
    read: impl FnMut(u64) -> Result<OffsetIndexEntry, E>,
    base: Offset,
    target: Offset,
) -> Result<Option<(u64, OffsetIndexEntry)>, E> {
    let target = target.get().saturating_sub(base.get());
    last_at_most(
        count,
        read,
        |entry| i64::from(entry.relative_offset.get()),
        target,
    )
}

/// The last of `count` entries whose position is at most `position`, with its number.
pub fn lookup_position<E>(
    count: u64,
    read: impl FnMut(u64) -> Result<OffsetIndexEntry, E>,
    position: u32,
) -> Result<Option<(u64, OffsetIndexEntry)>, E> {
    last_at_most(
        count,
        read,
        |entry| i64::from(entry.position),
        i64::from(position),
    )
}

/// An `.index` in memory, its padding left out.
#[derive(Debug, Clone, Copy)]
pub struct OffsetIndex<'a> {
    entries: &'a [[u8; OffsetIndexEntry::SIZE]],
}

impl<'a> OffsetIndex<'a> {
    /// Takes a whole file. Errors: `Torn` where the length is no multiple of an
    /// entry (which Kafka's sanity check refuses too), `Corrupt` where an entry
    /// that the search for the padding met is out of range.
    pub fn new(file: &'a [u8]) -> Result<Self> {
        let (entries, rest) = file.as_chunks();
        if !rest.is_empty() {
            return Err(FormatError::torn(
                "index entry",
                file.len() - rest.len(),
                OffsetIndexEntry::SIZE,
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

    /// Each entry, in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<OffsetIndexEntry>> + use<'a> {
        let whole = *self;
        (0..whole.len() as u64).map(move |at| whole.get(at))
    }

    /// See [`lookup`].
    pub fn lookup(&self, base: Offset, target: Offset) -> Result<Option<OffsetIndexEntry>> {
        let found = lookup(self.len() as u64, |at| self.get(at), base, target)?;
        Ok(found.map(|(_, entry)| entry))
    }

    /// Checks that every entry is in range, that entries ascend in offset and in
    /// position, and that all positions lie inside a log of `log_length` bytes.
    /// (Kafka's own sanity check looks at the file's length and the last entry's
    /// sign only; both are part of this.)
    pub fn check(&self, log_length: u64) -> Result<()> {
        let mut before: Option<OffsetIndexEntry> = None;
        for (number, entry) in self.iter().enumerate() {
            let at = number * OffsetIndexEntry::SIZE;
            let entry = entry?;
            if let Some(before) = before
                && (entry.relative_offset <= before.relative_offset
                    || entry.position <= before.position)
            {
                return Err(FormatError::corrupt(
                    "index entry",
                    at,
                    format!(
                        "more than relative offset {} and position {}",
                        before.relative_offset.get(),
                        before.position
                    ),
                    format!("{} and {}", entry.relative_offset.get(), entry.position),
                ));
            }
            if u64::from(entry.position) >= log_length {
                return Err(FormatError::corrupt(
                    "index position",
                    at + 4,
                    format!("less than the log's {log_length} bytes"),
                    entry.position.to_string(),
                ));
            }
            before = Some(entry);
        }
        Ok(())
    }

    fn get(&self, number: u64) -> Result<OffsetIndexEntry> {
        let at = number as usize;
        OffsetIndexEntry::decode(&self.entries[at])
            .map_err(|e| e.shifted(number * OffsetIndexEntry::SIZE as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `__cluster_metadata-0/00000000000000000000.index` of Apache Kafka 4.3.1.
    const GOLDEN: [u8; 24] = [
        0, 0, 0, 66, 0, 0, 0x10, 0x4d, 0, 0, 0, 134, 0, 0, 0x21, 0x19, 0, 0, 1, 13, 0, 0, 0x3d,
        0x3c,
    ];

    #[test]
    fn a_brokers_index_reads_as_its_dump_says() {
        let base = Offset::ZERO;
        let mut padded = GOLDEN.to_vec();
        padded.resize(4096, 0);
        for file in [&GOLDEN[..], &padded] {
            let index = OffsetIndex::new(file).unwrap();
            let entries: Vec<_> = index
                .iter()
                .map(|entry| entry.unwrap())
                .map(|entry| (entry.relative_offset.get(), entry.position))
                .collect();
            assert_eq!(entries, [(66, 4173), (134, 8473), (269, 15676)]);
            index.check(20_000).unwrap();
            assert!(index.check(15_676).is_err());
            let position = |target| {
                let found = index.lookup(base, Offset::new(target)).unwrap();
                found.map(|entry| entry.position)
            };
            assert_eq!(position(65), None);
            assert_eq!(position(66), Some(4173));
            assert_eq!(position(200), Some(8473));
            assert_eq!(position(i64::MAX), Some(15_676));
            assert_eq!(position(i64::MIN), None);
        }
    }

    #[test]
    fn a_cut_file_is_torn_and_disorder_is_corrupt() {
        assert!(matches!(
            OffsetIndex::new(&GOLDEN[..23]),
            Err(FormatError::Torn { position: 16, .. })
        ));
        let swapped = [&GOLDEN[8..16], &GOLDEN[..8]].concat();
        let index = OffsetIndex::new(&swapped).unwrap();
        assert!(index.check(20_000).is_err());
    }

    proptest! {
        #[test]
        fn entries_round_trip(relative in 0..=RelativeOffset::MAX.0, position in 0..1_u32 << 31) {
            let entry = OffsetIndexEntry { relative_offset: RelativeOffset(relative), position };
            prop_assert_eq!(OffsetIndexEntry::decode(&entry.encode()), Ok(entry));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, base: i64, target: i64) {
            if let Ok(index) = OffsetIndex::new(&bytes) {
                let _ = index.check(1 << 20);
                let _ = index.lookup(Offset::new(base), Offset::new(target));
            }
        }
    }
}

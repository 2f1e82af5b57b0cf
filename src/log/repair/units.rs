//! A partition's batches and the damaged places between them, in the order of its
//! files, as a walk of [`crate::log::verify`] finds them.

use crate::format::batch::Header;
use crate::format::legacy::{LegacyScratch, UncheckedEntry};
use crate::format::{LeaderEpoch, Offset};
use crate::log::verify::{Hole, Observer, Report, Seen};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// A batch that can be read, or could be made so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// The base offset that its segment is named after.
    pub(super) segment: Offset,
    /// Where it stands in the segment's log.
    pub(super) bytes: Range<u64>,
    /// The offset of its first record as it should be, and as it stands there: plain
    /// numbers, since damaged ones are subtracted from each other.
    pub(super) base: i64,
    pub(super) stored_base: i64,
    /// Offsets that it spans.
    pub(super) span: i64,
    /// The same of its leader epoch.
    pub(super) epoch: Option<LeaderEpoch>,
    pub(super) stored_epoch: Option<LeaderEpoch>,
    /// How many records it holds.
    pub(super) records: u64,
    pub(super) magic: u8,
    /// Its CRC: batches that have it in common are the same.
    pub(super) print: u32,
    /// Whether the walk had nothing to say against it.
    pub(super) intact: bool,
    /// Its bytes, where they are not those of the file.
    pub(super) mended: Option<Box<[u8]>>,
    /// Whether its offset is to be believed.
    pub(super) trust: Trust,
    /// Its header, where it has magic 2.
    pub(super) header: Option<Header>,
    /// Of which offsets, counted from its base, the records could not be saved.
    pub(super) lost: Option<Range<i64>>,
}

/// What a batch's own word about its offset is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nothing in front of its CRC was damaged.
    Stored,
    /// Something was: a neighbour must say the same.
    Doubtful,
    /// It says nothing: the neighbours alone tell.
    Unknown,
}

/// What stands in a segment, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// A batch whose CRC is right.
    Batch(Unit),
    /// Bytes that are none.
    Hole(Hole),
}

/// What stands in a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Inventory {
    /// Batches and holes.
    pub(super) items: Vec<Item>,
    /// Every segment, and the length of its log.
    pub(super) segments: Vec<(Offset, u64)>,
}

impl Unit {
    /// The offset behind it.
    pub(super) const fn next(&self) -> i64 {
        self.base.saturating_add(self.span)
    }

    /// The offsets of records that could not be saved from it.
    pub(super) fn lost_offsets(&self) -> Option<Range<Offset>> {
        let lost = self.lost.as_ref().filter(|lost| !lost.is_empty())?;
        Some(Offset::new(self.base + lost.start)..Offset::new(self.base + lost.end))
    }

    /// From an entry of a message set, which may wrap others.
    pub(super) fn of_legacy(segment: Offset, position: u64, bytes: &[u8]) -> Option<Self> {
        let entry = UncheckedEntry::parse(bytes).ok()?;
        let header = *entry.header();
        let entry = entry.check().ok()?;
        let mut scratch = LegacyScratch::new();
        let (mut first, mut records) = (None, 0);
        for record in entry.records(&mut scratch).ok()? {
            let offset = record.ok()?.offset.get();
            first = first.or(Some(offset));
            records += 1;
        }
        let base = first.unwrap_or(header.offset.get());
        Some(Self {
            segment,
            bytes: position..position + bytes.len() as u64,
            base,
            stored_base: base,
            span: header.offset.get() - base + 1,
            epoch: None,
            stored_epoch: None,
            records,
            magic: header.magic.get(),
            print: header.crc,
            intact: true,
            mended: None,
            trust: Trust::Stored,
            header: None,
            lost: None,
        })
    }

    /// From a v2 batch.
    pub(super) fn of(segment: Offset, bytes: Range<u64>, header: &Header) -> Self {
        Self {
            segment,
            bytes,
            base: header.base_offset.get(),
            stored_base: header.base_offset.get(),
            span: header.next_offset().get() - header.base_offset.get(),
            epoch: header.leader_epoch,
            stored_epoch: header.leader_epoch,
            records: header.record_count as u64,
            magic: 2,
            print: header.crc,
            intact: true,
            mended: None,
            trust: Trust::Stored,
            header: Some(*header),
            lost: None,
        }
    }
}

/// Takes note of everything that a walk tells.
#[derive(Clone, Default)]
pub(super) struct Collector(Arc<Mutex<Inventory>>);

impl Collector {
    /// What was told so far.
    pub(super) fn take(&self) -> Inventory {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, add: impl FnOnce(&mut Inventory)) {
        add(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Observer for Collector {
    fn segment_start(&mut self, segment: Offset, length: u64, _: &mut Report<'_>) {
        self.add(|inventory| inventory.segments.push((segment, length)));
    }

    fn batch(&mut self, seen: &Seen<'_>, _: &mut Report<'_>) {
        let bytes = seen.position..seen.position + seen.size;
        let unit = match seen.header {
            Some(header) => Some(Unit::of(seen.segment, bytes.clone(), header)),
            None => Unit::of_legacy(seen.segment, seen.position, seen.bytes),
        };
        let Some(mut unit) = unit else {
            let hole = Hole {
                segment: seen.segment,
                bytes,
                offsets: seen.summary.base_offset..seen.summary.last_offset.next(),
                tail: false,
            };
            return self.add(|inventory| inventory.items.push(Item::Hole(hole)));
        };
        unit.intact = seen.intact;
        self.add(|inventory| inventory.items.push(Item::Batch(unit)));
    }

    fn hole(&mut self, hole: &Hole, _: &mut Report<'_>) {
        self.add(|inventory| inventory.items.push(Item::Hole(hole.clone())));
    }
}

/// Batches of ten records, ten bytes each, in one file.
#[cfg(test)]
pub(super) fn of_ten(bases: &[i64]) -> Vec<Unit> {
    let unit = |(at, base): (usize, &i64)| Unit {
        segment: Offset::ZERO,
        bytes: at as u64 * 10..at as u64 * 10 + 10,
        base: *base,
        stored_base: *base,
        span: 10,
        epoch: LeaderEpoch::from_wire(0),
        stored_epoch: None,
        records: 10,
        magic: 2,
        print: *base as u32,
        intact: true,
        mended: None,
        trust: Trust::Stored,
        header: None,
        lost: None,
    };
    bases.iter().enumerate().map(unit).collect()
}

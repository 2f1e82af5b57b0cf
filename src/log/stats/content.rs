//! What batches hold, added up: everything that does not depend on their order.

use super::keys::{Keys, front};
use super::order::TimeOrder;
use super::rates::Rates;
use super::sizes::Sizes;
use crate::format::any_batch::AnyBatch;
use crate::format::batch::{Batch, Scratch};
use crate::format::compression::Codec;
use crate::format::error::Result;
use crate::format::legacy::{LegacyEntry, LegacyScratch, Magic};
use crate::format::record::Record;
use crate::format::{Offset, Timestamp};
use crate::log::layout::TopicPartition;
use std::sync::Arc;

/// Bytes of a message of magic 0 that are neither key nor value.
const LEGACY_FRAME: u64 = 26;
/// Those of the time in a message of magic 1.
const LEGACY_TIME: u64 = 8;

/// Everything about some batches.
#[derive(Debug, Clone)]
pub struct Content {
    /// Batches of each magic.
    pub magics: [u64; 3],
    /// Bytes of a batch as stored.
    pub batch_sizes: Sizes,
    /// Records in a batch.
    pub batch_records: Sizes,
    /// Key, value and headers of each record; not of control records.
    pub record_sizes: Sizes,
    /// By codec, in the order of [`Codec::ALL`].
    pub codecs: [Packed; 5],
    /// Control records.
    pub control: u64,
    /// Records in transactions.
    pub transactional: u64,
    /// Records with headers.
    pub with_headers: u64,
    /// Records with a key but no value.
    pub tombstones: u64,
    /// Records without a key.
    pub keyless: u64,
    /// The keys.
    pub keys: Keys,
    /// Records and bytes over time.
    pub rates: Rates,
    /// The largest records, largest first.
    pub largest: Largest,
}

/// What a codec made of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packed {
    /// Batches.
    pub batches: u64,
    /// Records.
    pub records: u64,
    /// Bytes as stored, without batch headers.
    pub stored: u64,
    /// Bytes decompressed.
    pub unpacked: u64,
}

/// The largest records.
#[derive(Debug, Clone, Default)]
pub struct Largest {
    most: usize,
    records: Vec<Large>,
}

/// A large record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Large {
    /// Its key, value and headers in bytes.
    pub size: u64,
    /// Its partition.
    pub partition: Arc<TopicPartition>,
    /// Its offset.
    pub offset: Offset,
    /// Its time.
    pub timestamp: Option<Timestamp>,
    /// The key, or its first bytes.
    pub key: Option<Vec<u8>>,
    /// How long the key is.
    pub key_length: usize,
}

/// What only the order of batches tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Course {
    /// Whole batches that could be read.
    pub batches: u64,
    /// Records in them, control records among them.
    pub records: u64,
    /// The first and the last offset.
    pub offsets: Option<(Offset, Offset)>,
    /// The times of the records.
    pub times: TimeOrder,
    /// Bytes that are no readable batch.
    pub unreadable: u64,
    /// Bytes at the end that are not a whole batch yet.
    pub tail: u64,
}

/// Memory that is used from batch to batch.
#[derive(Default)]
pub(super) struct Memory {
    v2: Scratch,
    legacy: LegacyScratch,
}

impl Content {
    /// Nothing yet; it will keep so many of the largest records.
    pub fn new(largest: usize) -> Self {
        Self {
            magics: [0; 3],
            batch_sizes: Sizes::default(),
            batch_records: Sizes::default(),
            record_sizes: Sizes::default(),
            codecs: [Packed::default(); 5],
            control: 0,
            transactional: 0,
            with_headers: 0,
            tombstones: 0,
            keyless: 0,
            keys: Keys::default(),
            rates: Rates::default(),
            largest: Largest {
                most: largest,
                records: Vec::new(),
            },
        }
    }

    /// Takes all of another.
    pub fn merge(&mut self, other: Self) {
        for (own, more) in self.magics.iter_mut().zip(other.magics) {
            *own += more;
        }
        self.batch_sizes.merge(&other.batch_sizes);
        self.batch_records.merge(&other.batch_records);
        self.record_sizes.merge(&other.record_sizes);
        for (own, more) in self.codecs.iter_mut().zip(other.codecs) {
            own.add(more);
        }
        self.control += other.control;
        self.transactional += other.transactional;
        self.with_headers += other.with_headers;
        self.tombstones += other.tombstones;
        self.keyless += other.keyless;
        self.keys.merge(other.keys);
        self.rates.merge(&other.rates);
        self.largest.merge(other.largest);
    }

    /// Takes a batch of a partition, whose CRC is compared first.
    ///
    /// # Errors
    /// Where it is damaged; of its records those before the damage are in, unless
    /// the CRC was wrong.
    pub(super) fn batch(
        &mut self,
        bytes: &[u8],
        magic: u8,
        partition: &Arc<TopicPartition>,
        memory: &mut Memory,
        course: &mut Course,
    ) -> Result<()> {
        match AnyBatch::parse(magic, bytes)? {
            AnyBatch::V2(batch) => self.v2(&batch, partition, &mut memory.v2, course)?,
            AnyBatch::Legacy(entry) => {
                self.legacy(&entry, partition, &mut memory.legacy, course)?;
            }
        }
        self.magics[usize::from(magic.min(2))] += 1;
        self.batch_sizes.add(bytes.len() as u64);
        course.batches += 1;
        Ok(())
    }

    fn v2(
        &mut self,
        batch: &Batch<'_>,
        partition: &Arc<TopicPartition>,
        scratch: &mut Scratch,
        course: &mut Course,
    ) -> Result<()> {
        let header = batch.header();
        let codec = header.attributes.codec()?;
        let count = header.record_count as u64;
        course.pass(header.base_offset, header.last_offset);
        let mut packed = Packed {
            batches: 1,
            records: count,
            stored: batch.stored_records().len() as u64,
            unpacked: 0,
        };
        if !batch.stored_records().is_empty() {
            let mut records = batch.records(scratch)?;
            if header.attributes.is_control() {
                for record in records.by_ref() {
                    record?;
                    self.control += 1;
                }
            } else {
                for record in records.by_ref() {
                    self.record(&record?, partition, &mut course.times);
                }
            }
            packed.unpacked = records.position() as u64;
        }
        if header.attributes.is_transactional() && !header.attributes.is_control() {
            self.transactional += count;
        }
        self.packed(codec, packed);
        self.batch_records.add(count);
        course.records += count;
        Ok(())
    }

    fn legacy(
        &mut self,
        entry: &LegacyEntry<'_>,
        partition: &Arc<TopicPartition>,
        scratch: &mut LegacyScratch,
        course: &mut Course,
    ) -> Result<()> {
        let header = entry.header();
        let codec = header.codec()?;
        let frame = match header.magic {
            Magic::V0 => LEGACY_FRAME,
            Magic::V1 => LEGACY_FRAME + LEGACY_TIME,
        };
        let mut packed = Packed {
            batches: 1,
            ..Packed::default()
        };
        let mut first = None;
        for record in entry.records(scratch)? {
            let record = record?;
            first = first.or(Some(record.offset));
            packed.records += 1;
            packed.unpacked += frame + size(&record);
            self.record(&record, partition, &mut course.times);
        }
        packed.stored = match codec {
            Codec::None => packed.unpacked,
            _ => (header.size as u64).saturating_sub(frame),
        };
        course.pass(first.unwrap_or(header.offset), header.offset);
        self.packed(codec, packed);
        self.batch_records.add(packed.records);
        course.records += packed.records;
        Ok(())
    }

    fn packed(&mut self, codec: Codec, packed: Packed) {
        let at = Codec::ALL.iter().position(|known| *known == codec);
        self.codecs[at.expect("every codec is in the list of all")].add(packed);
    }

    #[inline]
    fn record(
        &mut self,
        record: &Record<'_>,
        partition: &Arc<TopicPartition>,
        times: &mut TimeOrder,
    ) {
        let size = size(record);
        self.record_sizes.add(size);
        self.with_headers += u64::from(!record.headers.is_empty());
        match record.key {
            Some(key) => {
                self.keys.add(key);
                self.tombstones += u64::from(record.value.is_none());
            }
            None => self.keyless += 1,
        }
        times.add(record.timestamp);
        if let Some(time) = record.timestamp {
            self.rates.add(time, size);
        }
        if self.largest.wants(size) {
            self.largest.take(Large {
                size,
                partition: Arc::clone(partition),
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key.map(|key| front(key).to_vec()),
                key_length: record.key.map_or(0, <[u8]>::len),
            });
        }
    }
}

#[inline]
fn size(record: &Record<'_>) -> u64 {
    let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    (length(record.key) + length(record.value) + record.headers.encoded().len()) as u64
}

impl Packed {
    /// Adds another.
    pub const fn add(&mut self, other: Self) {
        self.batches += other.batches;
        self.records += other.records;
        self.stored += other.stored;
        self.unpacked += other.unpacked;
    }

    /// How many times smaller the records became.
    pub fn ratio(&self) -> Option<f64> {
        (self.stored > 0).then(|| self.unpacked as f64 / self.stored as f64)
    }
}

impl Largest {
    /// Largest first; of equals the first ones of the log.
    pub fn records(&self) -> &[Large] {
        &self.records
    }

    #[inline]
    fn wants(&self, size: u64) -> bool {
        match self.records.last() {
            // Of equals the first one stays, and a thread meets them in order.
            Some(last) if self.records.len() >= self.most => size > last.size,
            _ => self.most > 0,
        }
    }

    #[cold]
    fn take(&mut self, large: Large) {
        let before = |other: &Large| {
            let key = |large: &Large| (large.partition.as_ref().clone(), large.offset);
            other.size > large.size || (other.size == large.size && key(other) < key(&large))
        };
        let at = self.records.partition_point(before);
        if at < self.most {
            self.records.insert(at, large);
            self.records.truncate(self.most);
        }
    }

    fn merge(&mut self, other: Self) {
        for large in other.records {
            self.take(large);
        }
    }
}

impl Course {
    fn pass(&mut self, first: Offset, last: Offset) {
        let (start, end) = self.offsets.unwrap_or((first, last));
        self.offsets = Some((start, end.max(last)));
    }

    /// Puts what comes behind at the end.
    pub fn follow(&mut self, next: &Self) {
        self.add(next);
        self.times.follow(&next.times);
        if let Some((first, last)) = next.offsets {
            self.pass(first, last);
        }
    }

    /// Takes what has no order with this.
    pub fn join(&mut self, other: &Self) {
        self.add(other);
        self.times.join(&other.times);
        self.offsets = None;
    }

    const fn add(&mut self, other: &Self) {
        self.batches += other.batches;
        self.records += other.records;
        self.unreadable += other.unreadable;
        self.tail += other.tail;
    }
}

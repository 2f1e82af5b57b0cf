//! Builds v2 batches: records are appended in the order of their offsets, then
//! the whole is compressed, headed and sealed with its CRC.
//!
//! The buffer begins with room for the header, so an uncompressed batch is built
//! in place; it keeps its memory from batch to batch.

use super::batch::{Attributes, HEADER_SIZE, Header, Producer};
use super::bytes::{varint_size, zigzag};
use super::compression::{Codec, Compressor};
use super::error::{FormatError, Result};
use super::record::Headers;
use super::types::{LeaderEpoch, Offset, Timestamp};

/// The most a record takes beside its key, value and headers: seven varints and
/// the attributes.
pub const RECORD_OVERHEAD: usize = 5 + 1 + 10 + 5 + 5 + 5 + 5;

/// What a batch's header says beyond its records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seal {
    /// Offset of the batch's first record. A log patches it when it appends.
    pub base_offset: Offset,
    /// The leader's term.
    pub leader_epoch: Option<LeaderEpoch>,
    /// Who writes, where that is known.
    pub producer: Option<Producer>,
    /// Part of a transaction.
    pub transactional: bool,
    /// Markers, not data.
    pub control: bool,
    /// The broker's time, which replaces the records' own (`LogAppendTime`).
    pub append_time: Option<Timestamp>,
}

/// A batch in the making.
#[derive(Debug, Clone)]
pub struct BatchBuilder {
    bytes: Vec<u8>,
    /// Where the batch in the making begins, behind those that are sealed.
    start: usize,
    count: usize,
    next_delta: i32,
    base_timestamp: Option<Timestamp>,
    max_timestamp: Option<Timestamp>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl BatchBuilder {
    /// An empty batch with room for `records` bytes of records.
    pub fn with_capacity(records: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER_SIZE + records);
        bytes.resize(HEADER_SIZE, 0);
        Self {
            bytes,
            start: 0,
            count: 0,
            next_delta: 0,
            base_timestamp: None,
            max_timestamp: None,
        }
    }

    /// Forgets the records and the sealed batches, keeping the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.begin();
    }

    /// Begins a batch behind what is there.
    fn begin(&mut self) {
        self.start = self.bytes.len();
        self.bytes.resize(self.start + HEADER_SIZE, 0);
        self.count = 0;
        self.next_delta = 0;
        self.base_timestamp = None;
        self.max_timestamp = None;
    }

    /// How many records it holds.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether it holds none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Its size in bytes before compression, header included.
    pub const fn size(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// How many offsets it spans so far: the next record's distance from the first.
    pub const fn next_delta(&self) -> i32 {
        self.next_delta
    }

    /// Appends a record at the next offset.
    ///
    /// # Errors
    /// `Unencodable` where key, value or headers are too long for a record
    /// (`i32::MAX` bytes in all) or the batch holds 2³¹ − 1 offsets; nothing is
    /// appended then.
    #[inline]
    pub fn append(
        &mut self,
        timestamp: Option<Timestamp>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Headers<'_>,
    ) -> Result<()> {
        self.append_at(self.next_delta, timestamp, key, value, headers)
    }

    /// Appends a record `delta` offsets after the first one; the deltas between
    /// are left out, as compaction leaves them out.
    ///
    /// # Errors
    /// As [`BatchBuilder::append`], and `Unencodable` for a delta that does not grow.
    #[inline]
    pub fn append_at(
        &mut self,
        delta: i32,
        timestamp: Option<Timestamp>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Headers<'_>,
    ) -> Result<()> {
        if delta < self.next_delta || delta == i32::MAX {
            return Err(FormatError::unencodable(
                "offset delta",
                format!("{} to {}", self.next_delta, i32::MAX - 1),
                delta.to_string(),
            ));
        }
        let data =
            key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + headers.encoded().len();
        if data > (i32::MAX as usize - HEADER_SIZE - RECORD_OVERHEAD).saturating_sub(self.size()) {
            return Err(FormatError::unencodable(
                "record",
                "a batch of at most 2147483647 bytes",
                format!("{data} bytes of key, value and headers"),
            ));
        }
        let time = Timestamp::to_wire(timestamp);
        let base = if self.count == 0 {
            self.base_timestamp = timestamp;
            time
        } else {
            Timestamp::to_wire(self.base_timestamp)
        };
        if timestamp > self.max_timestamp {
            self.max_timestamp = timestamp;
        }
        let time_delta = time.wrapping_sub(base);
        let key_length = key.map_or(-1, |key| key.len() as i64);
        let value_length = value.map_or(-1, |value| value.len() as i64);
        let length = 1
            + varint_size(time_delta)
            + varint_size(i64::from(delta))
            + varint_size(key_length)
            + varint_size(value_length)
            + varint_size(headers.len() as i64)
            + data;

        // One small head is put together on the stack: a push for each byte of it
        // would check the capacity each time.
        let mut head = Head::default();
        head.varint(length as i64);
        head.byte(0);
        head.varint(time_delta);
        head.varint(i64::from(delta));
        head.varint(key_length);
        self.bytes.reserve(length + RECORD_OVERHEAD);
        if let Some(key) = key {
            self.bytes.extend_from_slice(head.as_slice());
            self.bytes.extend_from_slice(key);
            head = Head::default();
        }
        head.varint(value_length);
        self.bytes.extend_from_slice(head.as_slice());
        self.bytes.extend_from_slice(value.unwrap_or_default());
        if headers.is_empty() {
            self.bytes.push(0);
        } else {
            let mut head = Head::default();
            head.varint(headers.len() as i64);
            self.bytes.extend_from_slice(head.as_slice());
            self.bytes.extend_from_slice(headers.encoded());
        }
        self.count += 1;
        self.next_delta = delta + 1;
        Ok(())
    }

    /// Makes an uncompressed batch of what was appended: its bytes, in place.
    ///
    /// # Panics
    /// If nothing was appended.
    pub fn seal(&mut self, seal: &Seal) -> &mut [u8] {
        let header = self.header(Codec::None, seal);
        let batch = &mut self.bytes[self.start..];
        header.write(batch);
        batch
    }

    /// Makes an uncompressed batch of what was appended and begins the next one
    /// behind it, in the same buffer. Its size in bytes.
    ///
    /// # Panics
    /// If nothing was appended.
    pub fn seal_and_go_on(&mut self, seal: &Seal) -> usize {
        let size = self.seal(seal).len();
        self.begin();
        size
    }

    /// The batches that [`BatchBuilder::seal_and_go_on`] made, one behind the other.
    pub fn sealed(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.start]
    }

    /// Makes a compressed batch of what was appended and puts it into `out`, over
    /// what was there. With [`Codec::None`] the records are copied.
    ///
    /// # Errors
    /// As the codec's.
    ///
    /// # Panics
    /// If nothing was appended.
    pub fn seal_compressed(
        &self,
        compressor: &mut Compressor,
        seal: &Seal,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        out.clear();
        out.resize(HEADER_SIZE, 0);
        compressor.compress(&self.bytes[self.start + HEADER_SIZE..], out)?;
        self.header(compressor.compression().codec(), seal)
            .write(out);
        Ok(())
    }

    fn header(&self, codec: Codec, seal: &Seal) -> Header {
        assert!(self.count > 0, "a batch holds at least one record");
        let attributes = Attributes::default().with(
            codec,
            seal.append_time.is_some(),
            seal.transactional,
            seal.control,
        );
        Header {
            base_offset: seal.base_offset,
            last_offset: Offset::new(seal.base_offset.get() + i64::from(self.next_delta) - 1),
            size: 0,
            leader_epoch: seal.leader_epoch,
            crc: 0,
            attributes,
            base_timestamp: self.base_timestamp,
            max_timestamp: seal.append_time.or(self.max_timestamp),
            producer: seal.producer,
            stray_sequence: None,
            record_count: self.count,
        }
    }
}

/// Up to five varints, on the stack.
struct Head {
    bytes: [u8; 40],
    used: usize,
}

impl Default for Head {
    #[inline]
    fn default() -> Self {
        Self {
            bytes: [0; 40],
            used: 0,
        }
    }
}

impl Head {
    #[inline]
    fn byte(&mut self, byte: u8) {
        self.bytes[self.used] = byte;
        self.used += 1;
    }

    #[inline]
    fn varint(&mut self, value: i64) {
        let mut value = zigzag(value);
        while value >= 0x80 {
            self.byte(value as u8 | 0x80);
            value >>= 7;
        }
        self.byte(value as u8);
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.used]
    }
}

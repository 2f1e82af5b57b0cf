//! Record batches of magic 2, as views into bytes: walked without allocation,
//! and without decompressing where only the header is wanted.
//!
//! ```text
//!  0 baseOffset            i64  ┐ outside the CRC: a broker patches them
//!  8 batchLength           i32  │ bytes after this field
//! 12 partitionLeaderEpoch  i32  │
//! 16 magic                 i8   │ 2
//! 17 crc                   u32  ┘ CRC-32C of everything below
//! 21 attributes            i16    0–2 codec, 3 append time, 4 transactional, 5 control,
//!                                 6 baseTimestamp is a delete horizon; the rest kept as it came
//! 23 lastOffsetDelta       i32
//! 27 baseTimestamp         i64    ms; −1 none
//! 35 maxTimestamp          i64    ms; −1 none
//! 43 producerId            i64    −1 none
//! 51 producerEpoch         i16    −1 none
//! 53 baseSequence          i32    −1 none
//! 57 recordCount           i32
//! 61 records                      compressed as one block where the codec says so
//! ```
//!
//! [`UncheckedBatch`] has a plausible length and header; [`UncheckedBatch::check`]
//! compares the CRC and makes it a [`Batch`], the only type that gives records.
//!
//! Source: `org.apache.kafka.common.record.DefaultRecordBatch`; KIP-98, KIP-534.

mod check;
mod header;
#[cfg(test)]
mod tests;

pub use check::Checked;
pub use header::*;

use super::bytes::Reader;
use super::compression::{Codec, Decompressor, MAX_DECOMPRESSED};
use super::crc32c::crc32c;
use super::error::{FormatError, Result};
use super::record::{Headers, Record, read_nullable};
use super::types::{Offset, Timestamp};

/// The smallest record: length, attributes, two deltas, key, value, header count.
const SMALLEST_RECORD: usize = 7;

/// A whole batch with a plausible header, its CRC not compared yet.
#[derive(Debug, Clone, Copy)]
pub struct UncheckedBatch<'a> {
    header: Header,
    bytes: &'a [u8],
}

impl<'a> UncheckedBatch<'a> {
    /// Takes the batch that `bytes` starts with; what follows it is ignored.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let header = Header::parse(bytes)?;
        match bytes.get(..header.size) {
            Some(bytes) => Ok(Self { header, bytes }),
            None => Err(FormatError::torn("batch", 0, header.size, bytes.len())),
        }
    }

    /// Its header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// All of its bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The same as a checked one, for [`super::mend`], which knows that its CRC is wrong.
    pub(super) const fn without_check(self) -> Batch<'a> {
        Batch {
            header: self.header,
            bytes: self.bytes,
        }
    }

    /// Compares the CRC.
    #[inline]
    pub fn check(self) -> Result<Batch<'a>> {
        let found = crc32c(&self.bytes[ATTRIBUTES_AT..]);
        if found == self.header.crc {
            Ok(Batch {
                header: self.header,
                bytes: self.bytes,
            })
        } else {
            Err(FormatError::corrupt(
                "batch crc",
                CRC_AT,
                format!("{:#010x} as stored", self.header.crc),
                format!(
                    "{found:#010x} computed over {} bytes",
                    self.bytes.len() - ATTRIBUTES_AT
                ),
            ))
        }
    }
}

/// A batch whose CRC is right.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    header: Header,
    bytes: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Its header.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// All of its bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records' bytes as stored, compressed or not.
    pub fn stored_records(&self) -> &'a [u8] {
        &self.bytes[HEADER_SIZE..]
    }

    /// The records' bytes, decompressed into `scratch` where they must be, at most
    /// [`MAX_DECOMPRESSED`] of them, or what [`Scratch::bound`] says.
    pub fn unpacked<'s>(&self, scratch: &'s mut Scratch) -> Result<&'s [u8]>
    where
        'a: 's,
    {
        let stored = self.stored_records();
        match self.header.attributes.codec()? {
            Codec::None => Ok(stored),
            codec => {
                let limit = scratch.limit.unwrap_or(MAX_DECOMPRESSED);
                scratch.decompressed.clear();
                scratch
                    .decompressor
                    .decompress(codec, stored, &mut scratch.decompressed, limit)
                    .map_err(|error| error.shifted(HEADER_SIZE as u64))?;
                Ok(&scratch.decompressed)
            }
        }
    }

    /// Refuses a count of records that cannot fit in so many (decompressed) bytes.
    fn bound_count(&self, bytes: usize) -> Result<()> {
        if self.header.record_count <= bytes / SMALLEST_RECORD {
            return Ok(());
        }
        Err(FormatError::corrupt(
            "record count",
            COUNT_AT,
            format!("at most {} in {bytes} bytes", bytes / SMALLEST_RECORD),
            self.header.record_count.to_string(),
        ))
    }

    /// Its records, each checked as it is read. `scratch` holds what had to be
    /// decompressed, at most [`MAX_DECOMPRESSED`] bytes.
    pub fn records<'s>(&self, scratch: &'s mut Scratch) -> Result<Records<'s>>
    where
        'a: 's,
    {
        let bytes = self.unpacked(scratch)?;
        self.bound_count(bytes.len())?;
        Ok(Records {
            reader: Reader::new(bytes),
            base_offset: self.header.base_offset.get(),
            last_delta: last_offset_delta(self.bytes),
            base_timestamp: raw_base_timestamp(self.bytes),
            append_time: self
                .header
                .attributes
                .is_append_time()
                .then_some(self.header.max_timestamp)
                .flatten(),
            left: self.header.record_count,
            least_delta: 0,
        })
    }
}

/// Memory for decompressed records, used again from batch to batch.
#[derive(Default)]
pub struct Scratch {
    decompressor: Decompressor,
    decompressed: Vec<u8>,
    limit: Option<usize>,
}

impl Scratch {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// From here on a batch may decompress to so many bytes at most.
    pub const fn bound(&mut self, limit: usize) {
        self.limit = Some(limit);
    }

    /// The bytes that it holds on to.
    pub const fn memory(&self) -> usize {
        self.decompressed.capacity()
    }
}

/// Iterates over the records of one batch; ends after the first error.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    reader: Reader<'a>,
    base_offset: i64,
    last_delta: i32,
    base_timestamp: i64,
    append_time: Option<Timestamp>,
    left: usize,
    least_delta: i32,
}

impl<'a> Records<'a> {
    /// Bytes of (decompressed) records consumed so far.
    pub const fn position(&self) -> usize {
        self.reader.position()
    }

    #[inline]
    fn read(&mut self) -> Result<Record<'a>> {
        let reader = &mut self.reader;
        let start = reader.position();
        let length = reader.varint("record length")?;
        let body = reader.position();
        let length = usize::try_from(length).map_err(|_| {
            FormatError::corrupt("record length", start, "0 or more", length.to_string())
        })?;
        if length > reader.remaining() {
            return Err(FormatError::torn(
                "record",
                start,
                length,
                reader.remaining(),
            ));
        }
        reader.i8("record attributes")?;
        let timestamp_delta = reader.varlong("timestamp delta")?;
        let delta_at = reader.position();
        let offset_delta = reader.varint("offset delta")?;
        if offset_delta < self.least_delta || offset_delta > self.last_delta {
            return Err(FormatError::corrupt(
                "offset delta",
                delta_at,
                format!("{} to {}", self.least_delta, self.last_delta),
                offset_delta.to_string(),
            ));
        }
        self.least_delta = offset_delta.saturating_add(1);
        let key = read_nullable(reader, "key length")?;
        let value = read_nullable(reader, "value length")?;
        let headers = Headers::read(reader)?;
        let consumed = reader.position() - body;
        if consumed != length {
            return Err(FormatError::corrupt(
                "record length",
                start,
                format!("{consumed}, as its fields take"),
                length.to_string(),
            ));
        }
        let timestamp = match self.append_time {
            Some(time) => Some(time),
            None => Timestamp::from_wire(self.base_timestamp.wrapping_add(timestamp_delta)),
        };
        Ok(Record {
            offset: Offset::new(self.base_offset + i64::from(offset_delta)),
            timestamp,
            key,
            value,
            headers,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            if self.reader.is_empty() {
                return None;
            }
            let extra = self.reader.remaining();
            let at = self.reader.position();
            self.reader = Reader::new(&[]);
            return Some(Err(FormatError::corrupt(
                "records",
                at,
                "the end, as the record count says",
                format!("{extra} more bytes"),
            )));
        }
        self.left -= 1;
        let record = self.read();
        if record.is_err() {
            self.left = 0;
            self.reader = Reader::new(&[]);
        }
        Some(record)
    }
}

/// The base timestamp as stored, −1 for none: deltas count from it either way.
fn raw_base_timestamp(bytes: &[u8]) -> i64 {
    Reader::new(&bytes[BASE_TIMESTAMP_AT..])
        .i64("base timestamp")
        .expect("a batch has a whole header")
}

fn last_offset_delta(bytes: &[u8]) -> i32 {
    Reader::new(&bytes[LAST_OFFSET_DELTA_AT..])
        .i32("last offset delta")
        .expect("a batch has a whole header")
}

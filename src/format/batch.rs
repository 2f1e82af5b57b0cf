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

use super::bytes::Reader;
use super::compression::{Codec, Decompressor, MAX_DECOMPRESSED};
use super::crc32c::crc32c;
use super::error::{FormatError, Result};
use super::record::{Headers, Record, read_nullable};
use super::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

/// baseOffset and batchLength: what every magic starts with.
pub const LOG_OVERHEAD: usize = 12;
/// Up to and with the magic byte, at the same place in every magic.
pub const PREFIX_SIZE: usize = MAGIC_AT + 1;
/// The header of a v2 batch.
pub const HEADER_SIZE: usize = COUNT_AT + 4;

const LENGTH_AT: usize = 8;
pub(crate) const LEADER_EPOCH_AT: usize = LENGTH_AT + 4;
const MAGIC_AT: usize = LEADER_EPOCH_AT + 4;
pub(crate) const CRC_AT: usize = MAGIC_AT + 1;
pub(crate) const ATTRIBUTES_AT: usize = CRC_AT + 4;
const LAST_OFFSET_DELTA_AT: usize = ATTRIBUTES_AT + 2;
const BASE_TIMESTAMP_AT: usize = LAST_OFFSET_DELTA_AT + 4;
const MAX_TIMESTAMP_AT: usize = BASE_TIMESTAMP_AT + 8;
const PRODUCER_ID_AT: usize = MAX_TIMESTAMP_AT + 8;
const PRODUCER_EPOCH_AT: usize = PRODUCER_ID_AT + 8;
const BASE_SEQUENCE_AT: usize = PRODUCER_EPOCH_AT + 2;
const COUNT_AT: usize = BASE_SEQUENCE_AT + 4;

/// The smallest record: length, attributes, two deltas, key, value, header count.
const SMALLEST_RECORD: usize = 7;

/// What stands at the start of a batch of any magic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// The first offset (magic 2), or the last one of a compressed set (magic 0 and 1).
    pub offset: Offset,
    /// Length of the whole batch in bytes, this prefix included.
    pub size: usize,
    /// 0, 1 or 2.
    pub magic: u8,
}

impl Prefix {
    /// Reads the prefix and refuses impossible offsets, sizes and magics. The
    /// batch itself may be longer than `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let offset = reader.i64("batch base offset")?;
        let length = reader.i32("batch length")?;
        reader.i32("partition leader epoch")?;
        let magic = reader.i8("magic")?;
        let least = match magic {
            2 => HEADER_SIZE - LOG_OVERHEAD,
            1 => 22,
            0 => 14,
            _ => {
                return Err(FormatError::corrupt(
                    "magic",
                    MAGIC_AT,
                    "0, 1 or 2",
                    magic.to_string(),
                ));
            }
        };
        let offset = Offset::from_wire(offset).ok_or_else(|| {
            FormatError::corrupt("batch base offset", 0, "0 or more", offset.to_string())
        })?;
        match usize::try_from(length) {
            Ok(length) if length >= least => Ok(Self {
                offset,
                size: length + LOG_OVERHEAD,
                magic: magic.cast_unsigned(),
            }),
            _ => Err(FormatError::corrupt(
                "batch length",
                LENGTH_AT,
                format!("{least} or more"),
                length.to_string(),
            )),
        }
    }
}

/// The attribute bits of a batch; those not known stay as they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(i16);

impl Attributes {
    const APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// From the wire.
    pub const fn from_bits(bits: i16) -> Self {
        Self(bits)
    }

    /// As on the wire.
    pub const fn bits(self) -> i16 {
        self.0
    }

    /// The codec, or an error for the three numbers that name none.
    pub fn codec(self) -> Result<Codec> {
        Codec::from_attributes(self.0).map_err(|error| error.shifted(ATTRIBUTES_AT as u64))
    }

    /// Whether the records' time is the batch's `maxTimestamp`, set by the broker.
    pub const fn is_append_time(self) -> bool {
        self.0 & Self::APPEND_TIME != 0
    }

    /// Whether it belongs to a transaction.
    pub const fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Whether it holds control records (markers) and no data.
    pub const fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Whether `baseTimestamp` is the time from which tombstones may go (KIP-534).
    pub const fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    pub(crate) const fn with(self, codec: Codec, append: bool, txn: bool, control: bool) -> Self {
        let mut bits = self.0 | codec.id();
        if append {
            bits |= Self::APPEND_TIME;
        }
        if txn {
            bits |= Self::TRANSACTIONAL;
        }
        if control {
            bits |= Self::CONTROL;
        }
        Self(bits)
    }
}

/// Who wrote a batch, for idempotence and transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// Its id.
    pub id: ProducerId,
    /// Its term.
    pub epoch: ProducerEpoch,
    /// The sequence number of the batch's first record; `None` on markers.
    pub base_sequence: Option<i32>,
}

/// The header of a v2 batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Offset of the first record, or where it was before compaction.
    pub base_offset: Offset,
    /// Offset of the last record, or where it was before compaction.
    pub last_offset: Offset,
    /// Length of the whole batch in bytes, this header included.
    pub size: usize,
    /// The term of the leader that took it.
    pub leader_epoch: Option<LeaderEpoch>,
    /// CRC-32C as stored.
    pub crc: u32,
    /// Codec and flags.
    pub attributes: Attributes,
    /// The first record's time, or the delete horizon where the attributes say so.
    pub base_timestamp: Option<Timestamp>,
    /// The latest time of its records.
    pub max_timestamp: Option<Timestamp>,
    /// Who wrote it.
    pub producer: Option<Producer>,
    /// A base sequence without a producer id: Kafka's group coordinator writes 0 there.
    pub stray_sequence: Option<i32>,
    /// How many records it holds; 0 only where compaction emptied it.
    pub record_count: usize,
}

impl Header {
    /// Reads 61 bytes. The batch itself may be longer than `bytes`.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let prefix = Prefix::parse(bytes)?;
        if prefix.magic != 2 {
            return Err(FormatError::unsupported(
                "magic",
                MAGIC_AT,
                "2",
                prefix.magic.to_string(),
            ));
        }
        let mut reader = Reader::new(bytes);
        reader.take("batch header", LEADER_EPOCH_AT)?;
        let leader_epoch = reader.i32("partition leader epoch")?;
        reader.i8("magic")?;
        let crc = reader.u32("crc")?;
        let attributes = Attributes(reader.i16("attributes")?);
        let last_offset_delta = reader.i32("last offset delta")?;
        let base_timestamp = reader.i64("base timestamp")?;
        let max_timestamp = reader.i64("max timestamp")?;
        let producer_id = reader.i64("producer id")?;
        let producer_epoch = reader.i16("producer epoch")?;
        let base_sequence = reader.i32("base sequence")?;
        let count = reader.i32("record count")?;

        let last_offset = (last_offset_delta >= 0)
            .then(|| prefix.offset.checked_add(i64::from(last_offset_delta)))
            .flatten()
            .ok_or_else(|| {
                FormatError::corrupt(
                    "last offset delta",
                    LAST_OFFSET_DELTA_AT,
                    "0 or more, the last offset within 63 bits",
                    last_offset_delta.to_string(),
                )
            })?;
        let record_count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= last_offset_delta as usize + 1)
            .ok_or_else(|| {
                FormatError::corrupt(
                    "record count",
                    COUNT_AT,
                    format!("0 to {}", i64::from(last_offset_delta) + 1),
                    count.to_string(),
                )
            })?;
        let producer = match ProducerId::from_wire(producer_id) {
            None => None,
            Some(id) => Some(Producer {
                id,
                epoch: ProducerEpoch::from_wire(producer_epoch).ok_or_else(|| {
                    FormatError::corrupt(
                        "producer epoch",
                        PRODUCER_EPOCH_AT,
                        "0 or more",
                        producer_epoch.to_string(),
                    )
                })?,
                base_sequence: (base_sequence >= 0).then_some(base_sequence),
            }),
        };
        let stray_sequence = (producer.is_none() && base_sequence >= 0).then_some(base_sequence);
        Ok(Self {
            base_offset: prefix.offset,
            last_offset,
            size: prefix.size,
            leader_epoch: LeaderEpoch::from_wire(leader_epoch),
            crc,
            attributes,
            base_timestamp: Timestamp::from_wire(base_timestamp),
            max_timestamp: Timestamp::from_wire(max_timestamp),
            producer,
            stray_sequence,
            record_count,
        })
    }

    /// The offset behind the batch.
    pub const fn next_offset(&self) -> Offset {
        self.last_offset.next()
    }

    /// The sequence number of the first record, whoever gave it.
    pub fn base_sequence(&self) -> Option<i32> {
        match self.producer {
            Some(producer) => producer.base_sequence,
            None => self.stray_sequence,
        }
    }

    /// The sequence number of the last record, which wraps from `i32::MAX` to 0.
    pub fn last_sequence(&self) -> Option<i32> {
        let base = self.base_sequence()?;
        let delta = self.last_offset.get() - self.base_offset.get();
        Some(sequence_after(base, delta))
    }

    /// From when its tombstones and markers may be removed.
    pub const fn delete_horizon(&self) -> Option<Timestamp> {
        if self.attributes.has_delete_horizon() {
            self.base_timestamp
        } else {
            None
        }
    }
}

/// The sequence number `by` later: they run from 0 to `i32::MAX` and start over.
pub fn sequence_after(base: i32, by: i64) -> i32 {
    let period = i64::from(i32::MAX) + 1;
    i32::try_from((i64::from(base) + by).rem_euclid(period)).expect("within the period")
}

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

    /// Its records, each checked as it is read. `scratch` holds what had to be
    /// decompressed, at most [`MAX_DECOMPRESSED`] bytes.
    pub fn records<'s>(&self, scratch: &'s mut Scratch) -> Result<Records<'s>>
    where
        'a: 's,
    {
        let stored = self.stored_records();
        let bytes = match self.header.attributes.codec()? {
            Codec::None => stored,
            codec => {
                scratch.decompressed.clear();
                scratch
                    .decompressor
                    .decompress(codec, stored, &mut scratch.decompressed, MAX_DECOMPRESSED)
                    .map_err(|error| error.shifted(HEADER_SIZE as u64))?;
                &scratch.decompressed
            }
        };
        if self.header.record_count > bytes.len() / SMALLEST_RECORD {
            return Err(FormatError::corrupt(
                "record count",
                COUNT_AT,
                format!(
                    "at most {} in {} bytes",
                    bytes.len() / SMALLEST_RECORD,
                    bytes.len()
                ),
                self.header.record_count.to_string(),
            ));
        }
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
}

impl Scratch {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
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

/// Sets the first offset of a batch. It lies outside the CRC.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn patch_base_offset(batch: &mut [u8], offset: Offset) {
    batch[..LENGTH_AT].copy_from_slice(&offset.get().to_be_bytes());
}

/// Sets the leader epoch of a batch. It lies outside the CRC.
///
/// # Panics
/// If `batch` is shorter than a header.
pub fn patch_leader_epoch(batch: &mut [u8], epoch: LeaderEpoch) {
    batch[LEADER_EPOCH_AT..MAGIC_AT].copy_from_slice(&epoch.get().to_be_bytes());
}

impl Header {
    /// Writes the header, CRC included, over the first 61 bytes of a whole batch.
    /// The size, the CRC and the deltas are computed; `self.size` and `self.crc`
    /// are not looked at.
    ///
    /// # Panics
    /// If `batch` is shorter than a header or longer than `i32::MAX`.
    pub fn write(&self, batch: &mut [u8]) {
        let length = i32::try_from(batch.len() - LOG_OVERHEAD).expect("a batch fits its length");
        let delta = i32::try_from(self.last_offset.get() - self.base_offset.get())
            .expect("a batch spans at most 2^31 offsets");
        let (id, epoch, sequence) = match self.producer {
            None => (-1, -1, self.stray_sequence.unwrap_or(-1)),
            Some(p) => (p.id.get(), p.epoch.get(), p.base_sequence.unwrap_or(-1)),
        };
        let count = i32::try_from(self.record_count).expect("a count fits its field");
        let mut put = |at: usize, bytes: &[u8]| batch[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &self.base_offset.get().to_be_bytes());
        put(LENGTH_AT, &length.to_be_bytes());
        put(
            LEADER_EPOCH_AT,
            &LeaderEpoch::to_wire(self.leader_epoch).to_be_bytes(),
        );
        put(MAGIC_AT, &[2]);
        put(ATTRIBUTES_AT, &self.attributes.bits().to_be_bytes());
        put(LAST_OFFSET_DELTA_AT, &delta.to_be_bytes());
        put(
            BASE_TIMESTAMP_AT,
            &Timestamp::to_wire(self.base_timestamp).to_be_bytes(),
        );
        put(
            MAX_TIMESTAMP_AT,
            &Timestamp::to_wire(self.max_timestamp).to_be_bytes(),
        );
        put(PRODUCER_ID_AT, &id.to_be_bytes());
        put(PRODUCER_EPOCH_AT, &epoch.to_be_bytes());
        put(BASE_SEQUENCE_AT, &sequence.to_be_bytes());
        put(COUNT_AT, &count.to_be_bytes());
        let crc = crc32c(&batch[ATTRIBUTES_AT..]);
        batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::batch_builder::{BatchBuilder, Seal};
    use crate::format::compression::{Compression, Compressor};
    use crate::format::record::HeadersBuf;
    use proptest::prelude::*;

    type Owned = (
        Option<i64>,
        Option<Vec<u8>>,
        Option<Vec<u8>>,
        Vec<(Vec<u8>, Option<Vec<u8>>)>,
    );

    fn owned_record() -> impl Strategy<Value = Owned> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..40);
        (
            proptest::option::of(0..i64::MAX / 4),
            proptest::option::of(bytes()),
            proptest::option::of(bytes()),
            proptest::collection::vec((bytes(), proptest::option::of(bytes())), 0..4),
        )
    }

    fn build(records: &[Owned], gaps: &[i32]) -> BatchBuilder {
        let mut builder = BatchBuilder::default();
        for ((time, key, value, headers), gap) in records.iter().zip(gaps) {
            let mut buffer = HeadersBuf::new();
            for (name, value) in headers {
                buffer.push(name, value.as_deref());
            }
            let time = time.map(Timestamp::new);
            let delta = builder.next_delta() + gap;
            builder
                .append_at(
                    delta,
                    time,
                    key.as_deref(),
                    value.as_deref(),
                    buffer.as_headers(),
                )
                .unwrap();
        }
        builder
    }

    proptest! {
        #[test]
        fn what_was_built_reads_back_in_every_codec(
            records in proptest::collection::vec(owned_record(), 1..30),
            gaps in proptest::collection::vec(0..3_i32, 30),
            base in 0..i64::MAX / 2,
        ) {
            let builder = build(&records, &gaps);
            let mut scratch = Scratch::new();
            for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
                let seal = Seal { base_offset: Offset::new(base), ..Seal::default() };
                let mut compressor = Compressor::new(Compression::from(codec));
                let mut bytes = Vec::new();
                builder.seal_compressed(&mut compressor, &seal, &mut bytes).unwrap();
                let batch = UncheckedBatch::parse(&bytes).unwrap().check().unwrap();
                prop_assert_eq!(batch.header().attributes.codec().unwrap(), codec);
                let mut expected = base;
                let mut read = batch.records(&mut scratch).unwrap();
                for ((time, key, value, headers), gap) in records.iter().zip(&gaps) {
                    let record = read.next().unwrap().unwrap();
                    expected += i64::from(*gap);
                    prop_assert_eq!(record.offset.get(), expected);
                    expected += 1;
                    prop_assert_eq!(record.timestamp.map(Timestamp::get), *time);
                    prop_assert_eq!(record.key, key.as_deref());
                    prop_assert_eq!(record.value, value.as_deref());
                    let found: Vec<_> = record
                        .headers
                        .iter()
                        .map(|h| (h.name.to_vec(), h.value.map(<[u8]>::to_vec)))
                        .collect();
                    prop_assert_eq!(&found, headers);
                }
                prop_assert!(read.next().is_none());
                prop_assert_eq!(batch.header().next_offset().get(), expected);
            }
        }

        #[test]
        fn no_bytes_make_the_decoder_panic(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
            fix in any::<bool>(),
        ) {
            if fix && bytes.len() >= HEADER_SIZE {
                let length = (bytes.len() - LOG_OVERHEAD) as i32;
                bytes[0] &= 0x7f;
                bytes[LENGTH_AT..LEADER_EPOCH_AT].copy_from_slice(&length.to_be_bytes());
                bytes[MAGIC_AT] = 2;
                let crc = crc32c(&bytes[ATTRIBUTES_AT..]);
                bytes[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
            }
            let mut scratch = Scratch::new();
            if let Ok(batch) = UncheckedBatch::parse(&bytes)
                && let Ok(batch) = batch.check()
                && let Ok(records) = batch.records(&mut scratch)
            {
                for record in records {
                    let _ = record;
                }
            }
        }

        #[test]
        fn any_flipped_bit_under_the_crc_is_found(
            records in proptest::collection::vec(owned_record(), 1..5),
            bit in any::<prop::sample::Index>(),
        ) {
            let mut builder = build(&records, &[0; 5]);
            let bytes = builder.seal(&Seal::default());
            let first = CRC_AT * 8;
            let bit = first + bit.index(bytes.len() * 8 - first);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(UncheckedBatch::parse(bytes).and_then(UncheckedBatch::check).is_err());
        }
    }

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(sequence_after(i32::MAX, 1), 0);
        assert_eq!(sequence_after(i32::MAX - 1, 3), 1);
        assert_eq!(sequence_after(5, 0), 5);
    }
}

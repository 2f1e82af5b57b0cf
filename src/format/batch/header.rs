//! The header of a batch: read, written, patched.

use crate::format::bytes::Reader;
use crate::format::compression::Codec;
use crate::format::crc32c::crc32c;
use crate::format::error::{FormatError, Result};
use crate::format::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};

/// baseOffset and batchLength: what every magic starts with.
pub const LOG_OVERHEAD: usize = 12;
/// Up to and with the magic byte, at the same place in every magic.
pub const PREFIX_SIZE: usize = MAGIC_AT + 1;
/// The header of a v2 batch.
pub const HEADER_SIZE: usize = COUNT_AT + 4;

pub(super) const LENGTH_AT: usize = 8;
pub(crate) const LEADER_EPOCH_AT: usize = LENGTH_AT + 4;
pub(super) const MAGIC_AT: usize = LEADER_EPOCH_AT + 4;
pub(crate) const CRC_AT: usize = MAGIC_AT + 1;
pub(crate) const ATTRIBUTES_AT: usize = CRC_AT + 4;
pub(super) const LAST_OFFSET_DELTA_AT: usize = ATTRIBUTES_AT + 2;
pub(super) const BASE_TIMESTAMP_AT: usize = LAST_OFFSET_DELTA_AT + 4;
pub(super) const MAX_TIMESTAMP_AT: usize = BASE_TIMESTAMP_AT + 8;
pub(super) const PRODUCER_ID_AT: usize = MAX_TIMESTAMP_AT + 8;
pub(super) const PRODUCER_EPOCH_AT: usize = PRODUCER_ID_AT + 8;
pub(super) const BASE_SEQUENCE_AT: usize = PRODUCER_EPOCH_AT + 2;
pub(super) const COUNT_AT: usize = BASE_SEQUENCE_AT + 4;

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

    /// Writes the fields in which it differs from the header that stands in `batch`, and
    /// the CRC. What [`Header::parse`] takes for absent stays as it is.
    ///
    /// # Panics
    /// As [`Header::write`]; and if no header stands there.
    pub(crate) fn amend(&self, batch: &mut [u8]) {
        let there = Self::parse(batch).expect("a header stands there");
        let raw: [u8; HEADER_SIZE] = *batch.first_chunk().expect("a whole header");
        self.write(batch);
        let mut keep = |same: bool, bytes: std::ops::Range<usize>| {
            if same {
                batch[bytes.clone()].copy_from_slice(&raw[bytes]);
            }
        };
        let (base, max) = (there.base_timestamp, there.max_timestamp);
        keep(
            base == self.base_timestamp,
            BASE_TIMESTAMP_AT..MAX_TIMESTAMP_AT,
        );
        keep(max == self.max_timestamp, MAX_TIMESTAMP_AT..PRODUCER_ID_AT);
        let same_producer =
            (there.producer, there.stray_sequence) == (self.producer, self.stray_sequence);
        keep(same_producer, PRODUCER_ID_AT..COUNT_AT);
        let crc = crc32c(&batch[ATTRIBUTES_AT..]);
        batch[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    }
}

//! Message sets of magic 0 and 1, written before Kafka 0.11 and still found in old
//! directories.
//!
//! ```text
//! offset      i64
//! size        i32   bytes after this field
//! crc         u32   CRC-32 (IEEE) of everything after this field
//! magic       i8    0, or 1
//! attributes  i8    0–2 codec (no zstd), 3 append time (magic 1); the rest kept as it came
//! timestamp   i64   magic 1 only; milliseconds since 1970, −1 none
//! keyLength   i32   −1 for null, then the key
//! valueLength i32   −1 for null, then the value
//! ```
//!
//! An entry without a codec is one record. One with a codec wraps others: its value
//! is their compressed message set. Its own offset is that of the last of them, and
//! inside, magic 0 holds the offsets themselves, magic 1 offsets counted from the
//! first (0, 1, 2, …); a wrapper of magic 1 at offset 0 is what some versions of
//! librdkafka send, the inner offsets are then taken as they are. A wrapper with
//! append time gives its own time to all of its records. Wrappers do not nest.
//!
//! Old writers of magic 0 took lz4's header checksum over the wrong bytes; so do we
//! for magic 0, and do not check it there.
//!
//! Sources: `LegacyRecord`, `AbstractLegacyRecordBatch`, `MemoryRecordsBuilder` of
//! `org.apache.kafka.common.record`; KIP-31, KIP-32, KIP-724.

use super::batch::{LOG_OVERHEAD, Prefix};
use super::bytes::Reader;
use super::compression::{Codec, Compressor, Decompressor, MAX_DECOMPRESSED, break_lz4_header};
use super::error::{FormatError, Result};
use super::record::{Headers, Record};
use super::types::{Offset, Timestamp};

const CRC_AT: usize = LOG_OVERHEAD;
const MAGIC_AT: usize = CRC_AT + 4;
const ATTRIBUTES_AT: usize = MAGIC_AT + 1;
const BODY_AT: usize = ATTRIBUTES_AT + 1;

/// Which of the two layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Magic {
    /// Before Kafka 0.10: no timestamps.
    V0,
    /// Before Kafka 0.11.
    V1,
}

impl Magic {
    /// As on the wire.
    pub const fn get(self) -> u8 {
        self as u8
    }
}

/// What stands before the key of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegacyHeader {
    /// Of the record, or of the last record in a wrapper.
    pub offset: Offset,
    /// Length of the whole entry in bytes.
    pub size: usize,
    /// CRC-32 as stored.
    pub crc: u32,
    /// Which layout.
    pub magic: Magic,
    /// The attributes as they came.
    pub attributes: u8,
    /// Of the record; in a wrapper, the greatest of its records, or its append time.
    pub timestamp: Option<Timestamp>,
}

impl LegacyHeader {
    const APPEND_TIME: u8 = 1 << 3;

    /// The codec; zstd came later and is refused.
    pub fn codec(&self) -> Result<Codec> {
        let codec = Codec::from_attributes(i16::from(self.attributes))
            .map_err(|e| e.shifted(ATTRIBUTES_AT as u64))?;
        if codec == Codec::Zstd {
            return Err(FormatError::unsupported(
                "compression codec",
                ATTRIBUTES_AT,
                "none, gzip, snappy or lz4 in a message set",
                "zstd",
            ));
        }
        Ok(codec)
    }

    /// Whether the time was set by the broker.
    pub const fn is_append_time(&self) -> bool {
        matches!(self.magic, Magic::V1) && self.attributes & Self::APPEND_TIME != 0
    }
}

/// A whole entry with a plausible layout, its CRC not compared yet.
#[derive(Debug, Clone, Copy)]
pub struct UncheckedEntry<'a> {
    header: LegacyHeader,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    bytes: &'a [u8],
}

impl<'a> UncheckedEntry<'a> {
    /// Takes the entry that `bytes` starts with; what follows it is ignored.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let prefix = Prefix::parse(bytes)?;
        let magic = match prefix.magic {
            0 => Magic::V0,
            1 => Magic::V1,
            other => {
                return Err(FormatError::unsupported(
                    "magic",
                    MAGIC_AT,
                    "0 or 1",
                    other.to_string(),
                ));
            }
        };
        let bytes = bytes
            .get(..prefix.size)
            .ok_or_else(|| FormatError::torn("message", 0, prefix.size, bytes.len()))?;
        let mut reader = Reader::new(bytes);
        reader.take("message", CRC_AT)?;
        let crc = reader.u32("message crc")?;
        reader.u8("magic")?;
        let attributes = reader.u8("attributes")?;
        let timestamp = match magic {
            Magic::V0 => None,
            Magic::V1 => Timestamp::from_wire(reader.i64("timestamp")?),
        };
        let key = reader.nullable_bytes("message key")?;
        let value = reader.nullable_bytes("message value")?;
        if !reader.is_empty() {
            return Err(FormatError::corrupt(
                "message size",
                LOG_OVERHEAD - 4,
                format!("{}, as its fields take", reader.position() - LOG_OVERHEAD),
                (prefix.size - LOG_OVERHEAD).to_string(),
            ));
        }
        Ok(Self {
            header: LegacyHeader {
                offset: prefix.offset,
                size: prefix.size,
                crc,
                magic,
                attributes,
                timestamp,
            },
            key,
            value,
            bytes,
        })
    }

    /// Its header.
    pub const fn header(&self) -> &LegacyHeader {
        &self.header
    }

    /// All of its bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Compares the CRC.
    pub fn check(self) -> Result<LegacyEntry<'a>> {
        let computed = crc32fast::hash(&self.bytes[MAGIC_AT..]);
        if computed == self.header.crc {
            Ok(LegacyEntry(self))
        } else {
            Err(FormatError::corrupt(
                "message crc",
                CRC_AT,
                format!("{:#010x} as stored", self.header.crc),
                format!(
                    "{computed:#010x} computed over {} bytes",
                    self.bytes.len() - MAGIC_AT
                ),
            ))
        }
    }
}

/// An entry whose CRC is right.
#[derive(Debug, Clone, Copy)]
pub struct LegacyEntry<'a>(UncheckedEntry<'a>);

impl<'a> LegacyEntry<'a> {
    /// Its header.
    pub const fn header(&self) -> &LegacyHeader {
        &self.0.header
    }

    /// All of its bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.0.bytes
    }

    /// Its record, or those that it wraps. `scratch` holds what had to be
    /// decompressed, at most [`MAX_DECOMPRESSED`] bytes; nothing else is allocated.
    ///
    /// Errors: a wrapper that is null, empty, nested or damaged. A record inside
    /// that is damaged shows when the iterator comes to it.
    pub fn records<'s>(&self, scratch: &'s mut LegacyScratch) -> Result<LegacyRecords<'s>>
    where
        'a: 's,
    {
        let header = &self.0.header;
        let codec = header.codec()?;
        if codec == Codec::None {
            return Ok(LegacyRecords(Inner::One(Some(self.record()))));
        }
        let value = self.0.value.ok_or_else(|| {
            FormatError::corrupt("compressed message", BODY_AT, "a message set", "null")
        })?;
        let LegacyScratch {
            decompressor,
            decompressed,
        } = scratch;
        match header.magic {
            Magic::V0 => {
                decompressor.decompress_magic_0(codec, value, decompressed, MAX_DECOMPRESSED)
            }
            Magic::V1 => decompressor.decompress(codec, value, decompressed, MAX_DECOMPRESSED),
        }
        .map_err(|e| e.shifted((self.0.bytes.len() - value.len()) as u64))?;
        let base = self.inner_base(decompressed)?;
        Ok(LegacyRecords(Inner::Wrapped {
            reader: Reader::new(decompressed),
            base,
            append_time: header.is_append_time().then_some(header.timestamp),
        }))
    }

    /// What to add to the offsets of the wrapped entries.
    fn inner_base(&self, set: &[u8]) -> Result<i64> {
        let mut last = None;
        let mut at = 0;
        while at < set.len() {
            let inner = Prefix::parse(&set[at..]).map_err(|e| e.shifted(at as u64))?;
            last = Some(inner.offset);
            at = at.saturating_add(inner.size);
        }
        let last = last.ok_or_else(|| {
            FormatError::corrupt("compressed message", BODY_AT, "messages inside", "none")
        })?;
        let outer = self.0.header.offset;
        match self.0.header.magic {
            Magic::V0 => Ok(0),
            Magic::V1 if outer == Offset::ZERO => Ok(0),
            Magic::V1 if outer >= last => Ok(outer.get() - last.get()),
            Magic::V1 => Err(FormatError::corrupt(
                "compressed message offset",
                0,
                format!("0, or {last} and more as the last message inside"),
                outer.to_string(),
            )),
        }
    }

    fn record(&self) -> Record<'a> {
        let header = &self.0.header;
        Record {
            offset: header.offset,
            timestamp: header.timestamp,
            key: self.0.key,
            value: self.0.value,
            headers: Headers::default(),
        }
    }
}

/// Memory for wrapped messages, used again from entry to entry.
#[derive(Debug, Default)]
pub struct LegacyScratch {
    decompressor: Decompressor,
    decompressed: Vec<u8>,
}

impl LegacyScratch {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }
}

/// Iterates over the records of one entry; ends after the first error.
#[derive(Debug, Clone)]
pub struct LegacyRecords<'a>(Inner<'a>);

#[derive(Debug, Clone)]
enum Inner<'a> {
    One(Option<Record<'a>>),
    Wrapped {
        reader: Reader<'a>,
        base: i64,
        append_time: Option<Option<Timestamp>>,
    },
}

impl<'a> Iterator for LegacyRecords<'a> {
    type Item = Result<Record<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Inner::One(record) => record.take().map(Ok),
            Inner::Wrapped { reader, .. } if reader.is_empty() => None,
            Inner::Wrapped {
                reader,
                base,
                append_time,
            } => {
                let record = wrapped_record(reader, *base, *append_time);
                if record.is_err() {
                    self.0 = Inner::One(None);
                }
                Some(record)
            }
        }
    }
}

fn wrapped_record<'a>(
    reader: &mut Reader<'a>,
    base: i64,
    append_time: Option<Option<Timestamp>>,
) -> Result<Record<'a>> {
    let at = reader.position();
    let entry = UncheckedEntry::parse(reader.rest())
        .and_then(UncheckedEntry::check)
        .map_err(|e| e.shifted(at as u64))?;
    reader.take("message", entry.bytes().len())?;
    let header = *entry.header();
    if header.codec().map_err(|e| e.shifted(at as u64))? != Codec::None {
        return Err(FormatError::corrupt(
            "wrapped message",
            at + ATTRIBUTES_AT,
            "no codec",
            format!("{:#04x}", header.attributes),
        ));
    }
    let mut record = entry.record();
    record.offset = record.offset.checked_add(base).ok_or_else(|| {
        FormatError::corrupt(
            "wrapped offset",
            at,
            "within 63 bits",
            header.offset.to_string(),
        )
    })?;
    if header.magic == Magic::V1
        && let Some(time) = append_time
    {
        record.timestamp = time;
    }
    Ok(record)
}

/// Appends a record as an entry of its own, its offset as it is. Headers are left
/// out, and in magic 0 the time: these layouts have no place for them.
///
/// # Errors
/// `Unencodable` where key and value are too long for an entry (`i32::MAX` bytes).
pub fn put_entry(
    out: &mut Vec<u8>,
    magic: Magic,
    append_time: bool,
    record: &Record<'_>,
) -> Result<()> {
    let attributes = match magic {
        Magic::V1 if append_time => LegacyHeader::APPEND_TIME,
        _ => 0,
    };
    put(out, magic, attributes, record)
}

/// Appends records as one compressed entry.
///
/// # Errors
/// `Unencodable` for no records at all, a codec that message sets do not have, and
/// records too long for an entry.
pub fn put_compressed(
    out: &mut Vec<u8>,
    magic: Magic,
    append_time: bool,
    compressor: &mut Compressor,
    records: &[Record<'_>],
) -> Result<()> {
    let codec = compressor.compression().codec();
    if matches!(codec, Codec::None | Codec::Zstd) {
        return Err(FormatError::unencodable(
            "message set",
            "gzip, snappy or lz4",
            codec.name(),
        ));
    }
    let (Some(first), Some(last)) = (records.first(), records.last()) else {
        return Err(FormatError::unencodable("message set", "records", "none"));
    };
    let mut set = Vec::new();
    for record in records {
        let mut inner = *record;
        if magic == Magic::V1 {
            let relative = inner.offset.get().saturating_sub(first.offset.get());
            inner.offset = Offset::new(relative);
        }
        put_entry(&mut set, magic, append_time, &inner)?;
    }
    let mut value = Vec::new();
    compressor.compress(&set, &mut value)?;
    if codec == Codec::Lz4 && magic == Magic::V0 {
        break_lz4_header(&mut value);
    }
    let mut attributes = codec.id() as u8;
    if magic == Magic::V1 && append_time {
        attributes |= LegacyHeader::APPEND_TIME;
    }
    let wrapper = Record {
        offset: last.offset,
        timestamp: records.iter().filter_map(|record| record.timestamp).max(),
        key: None,
        value: Some(&value),
        headers: Headers::default(),
    };
    put(out, magic, attributes, &wrapper)
}

fn put(out: &mut Vec<u8>, magic: Magic, attributes: u8, record: &Record<'_>) -> Result<()> {
    let time = match magic {
        Magic::V0 => 0,
        Magic::V1 => 8,
    };
    let data = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
    let size = i32::try_from(BODY_AT - LOG_OVERHEAD + time + 8 + data).map_err(|_| {
        FormatError::unencodable("message", "at most 2147483647 bytes", data.to_string())
    })?;
    let start = out.len();
    out.extend_from_slice(&record.offset.get().to_be_bytes());
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&[magic.get(), attributes]);
    if magic == Magic::V1 {
        out.extend_from_slice(&Timestamp::to_wire(record.timestamp).to_be_bytes());
    }
    for bytes in [record.key, record.value] {
        let length = bytes.map_or(-1, |bytes| bytes.len() as i32);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(bytes.unwrap_or_default());
    }
    let crc = crc32fast::hash(&out[start + MAGIC_AT..]);
    out[start + CRC_AT..start + MAGIC_AT].copy_from_slice(&crc.to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests;

//! Where an offset is, or why it is not there.

use super::Bounds;
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::batch::Header;
use crate::format::compression::Codec;
use crate::format::control::ControlRecord;
use crate::format::legacy::UncheckedEntry;
use crate::format::offset_index::OffsetIndex;
use crate::format::{FormatError, Offset, Timestamp};
use crate::host::Host;
use crate::log::error::{LogError, Result};
use crate::log::layout::Suffix;
use crate::log::partition::Listing;
use crate::log::scan::{Found, Scanner, Stop};
use crate::log::segment::Segment;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// More than an index has: `segment.index.bytes` is an i32.
const MOST_INDEX: u64 = 1 << 31;

/// Where an offset is.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "one is made in a run")]
pub enum Place {
    /// A record has it.
    Here(Box<Held>),
    /// No record has it.
    Missing(Missing),
}

/// Why no record has an offset.
#[derive(Debug)]
pub enum Missing {
    /// It was deleted from the head: by retention, or by a client.
    Deleted {
        /// The segment that still has its bytes.
        segment: Option<SegmentAt>,
    },
    /// It was not written yet.
    BeyondEnd,
    /// Between two batches, or in a batch that has other offsets: the cleaner took it.
    Compacted {
        /// The batch that spans it, if one does.
        batch: Option<BatchAt>,
        /// The last offset before it that is there, in its segment.
        before: Option<Offset>,
        /// The first offset behind it that is there, in its segment.
        after: Option<Offset>,
    },
    /// The same where no cleaner should have been: records are lost.
    Gap {
        /// The batch that spans it, if one does.
        batch: Option<BatchAt>,
        /// The last offset before it that is there, in its segment.
        before: Option<Offset>,
        /// The first offset behind it that is there, in its segment.
        after: Option<Offset>,
    },
    /// In an empty batch, which a cleaner or a repair leaves where records were.
    EmptyBatch {
        /// The batch.
        batch: BatchAt,
        /// Which of the two, as far as its header tells.
        left_by: LeftBy,
        /// Whether the topic is compacted now.
        compacted: bool,
    },
    /// In damage, or behind it.
    Damaged {
        /// The segment.
        segment: SegmentAt,
        /// What is damaged.
        error: LogError,
    },
}

/// Who left an empty batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftBy {
    /// Kafka's cleaner: a repair leaves no control batches.
    Cleaner,
    /// A repair, in the place of lost records: the cleaner keeps the times of the
    /// batch that it emptied.
    Repair,
    /// Either: a repair gives a gap the producer and the times of the batch that was
    /// there, where its header could be read.
    Either,
}

impl LeftBy {
    /// Source: `org.apache.kafka.common.record.internal.MemoryRecords.filterTo`,
    /// `org.apache.kafka.storage.internals.log.Cleaner`.
    fn of(batch: &BatchAt) -> Self {
        match &batch.header {
            Some(header) if header.attributes.is_control() => Self::Cleaner,
            Some(header) if header.producer.is_none() && header.max_timestamp.is_none() => {
                Self::Repair
            }
            _ => Self::Either,
        }
    }
}

/// A segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentAt {
    /// Its first offset.
    pub base: Offset,
    /// The base of the next one; `None` for the active one.
    pub next: Option<Offset>,
    /// Its `.log`.
    pub path: PathBuf,
    /// The bytes of its `.log`.
    pub size: u64,
    /// Its place among the segments, from 0.
    pub number: usize,
    /// How many segments there are.
    pub count: usize,
}

/// The index entry that a reader starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexAt {
    /// The offset that it names: the last one of a batch.
    pub offset: Offset,
    /// Where it points to in the `.log`.
    pub position: u64,
}

/// A batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchAt {
    /// Where it starts in the `.log`.
    pub position: u64,
    /// Its bytes.
    pub size: usize,
    /// Its version.
    pub magic: u8,
    /// Its first offset.
    pub base_offset: Offset,
    /// Its last offset.
    pub last_offset: Offset,
    /// How many records it has.
    pub records: usize,
    /// Its codec.
    pub codec: Codec,
    /// Its checksum, which fits.
    pub crc: u32,
    /// Whether its times are those of the append.
    pub append_time: bool,
    /// Its latest time.
    pub max_timestamp: Option<Timestamp>,
    /// All of its header, of a v2 batch.
    pub header: Option<Header>,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordAt {
    /// Its time.
    pub timestamp: Option<Timestamp>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// What a control record says: its type and its fields.
    pub control: Option<(&'static str, Value)>,
}

/// A record with everything around it.
#[derive(Debug)]
pub struct Held {
    /// Its offset.
    pub offset: Offset,
    /// Its segment.
    pub segment: SegmentAt,
    /// The index entry before it; `None` where the segment is read from its start.
    pub index: Option<IndexAt>,
    /// Its batch.
    pub batch: BatchAt,
    /// The record.
    pub record: RecordAt,
}

pub(super) fn find(
    host: &Arc<dyn Host>,
    directory: &Path,
    listing: &Listing,
    bounds: &Bounds,
    offset: Offset,
    compact: bool,
) -> Result<Place> {
    let at = listing.segments.partition_point(|base| *base <= offset);
    let Some(at) = at.checked_sub(1) else {
        let beyond = bounds.first_segment.is_none() && offset >= bounds.log_start;
        return Ok(Place::Missing(match beyond {
            true => Missing::BeyondEnd,
            false => Missing::Deleted { segment: None },
        }));
    };
    let segment = Segment::new(host, directory, listing.segments[at]);
    let (file, size) = segment.open_log()?;
    let here = SegmentAt {
        base: segment.base(),
        next: listing.segments.get(at + 1).copied(),
        path: segment.path(Suffix::Log),
        size,
        number: at,
        count: listing.segments.len(),
    };
    if offset < bounds.log_start {
        let segment = Some(here);
        return Ok(Place::Missing(Missing::Deleted { segment }));
    }
    if bounds.end.is_some_and(|end| offset >= end) {
        return Ok(Place::Missing(Missing::BeyondEnd));
    }
    let index = index_entry(&**host, &segment, offset).filter(|entry| entry.position < size);
    let from = index.map_or(0, |entry| entry.position);
    let scanner = Scanner::new(file, &here.path, from, size);
    match walk(scanner, offset, &here, index, compact) {
        Ok(place) => Ok(place),
        Err(error @ LogError::Io { .. }) => Err(error),
        Err(error) => Ok(Place::Missing(Missing::Damaged {
            segment: here,
            error,
        })),
    }
}

/// The last entry before an offset. An index that cannot be read is as good as none.
fn index_entry(host: &dyn Host, segment: &Segment, offset: Offset) -> Option<IndexAt> {
    let bytes = host.read(&segment.path(Suffix::Index), MOST_INDEX).ok()?;
    let index = OffsetIndex::new(&bytes).ok()?;
    let entry = index.lookup(segment.base(), offset).ok()??;
    Some(IndexAt {
        offset: entry.relative_offset.absolute(segment.base()),
        position: entry.position.into(),
    })
}

fn walk(
    mut scanner: Scanner,
    offset: Offset,
    segment: &SegmentAt,
    index: Option<IndexAt>,
    compact: bool,
) -> Result<Place> {
    let mut before = None;
    let mut scratch = AnyScratch::default();
    let absent = |batch, before, after| {
        Place::Missing(match compact {
            true => Missing::Compacted {
                batch,
                before,
                after,
            },
            false => Missing::Gap {
                batch,
                before,
                after,
            },
        })
    };
    loop {
        let at = scanner.position();
        let found = match scanner.next_batch()? {
            Ok(found) => found,
            Err(Stop::Torn) if segment.next.is_some() => {
                let left = (segment.size - at) as usize;
                let torn = FormatError::torn("batch", 0, left + 1, left);
                return Err(LogError::format(&segment.path, at)(torn));
            }
            Err(_) if segment.next.is_none() => return Ok(Place::Missing(Missing::BeyondEnd)),
            Err(_) => return Ok(absent(None, before, segment.next)),
        };
        let bad = |error| LogError::format(&segment.path, at)(error);
        let summary = found.summary().map_err(bad)?;
        if summary.last_offset < offset {
            before = Some(summary.last_offset);
            continue;
        }
        let bad = |error| LogError::format(&segment.path, at)(error);
        let (batch, record) = open(&found, offset, &mut scratch).map_err(bad)?;
        if summary.base_offset > offset && found.prefix.magic == 2 {
            return Ok(absent(None, before, Some(summary.base_offset)));
        }
        return Ok(match record {
            Some(record) => Place::Here(Box::new(Held {
                offset,
                segment: segment.clone(),
                index,
                batch,
                record,
            })),
            None if batch.records == 0 => Place::Missing(Missing::EmptyBatch {
                left_by: LeftBy::of(&batch),
                batch,
                compacted: compact,
            }),
            None if batch.base_offset > offset => absent(None, before, Some(batch.base_offset)),
            None => absent(Some(batch), before, None),
        });
    }
}

/// A batch, and the record in it that has the offset.
fn open(
    found: &Found<'_>,
    offset: Offset,
    scratch: &mut AnyScratch,
) -> crate::format::Result<(BatchAt, Option<RecordAt>)> {
    let parsed = AnyBatch::parse(found.prefix.magic, found.bytes)?;
    let mut batch = match found.prefix.magic {
        2 => of_v2(found, Header::parse(found.bytes)?)?,
        _ => of_legacy(found)?,
    };
    let control = batch
        .header
        .is_some_and(|header| header.attributes.is_control());
    let mut wanted = None;
    let (mut first, mut last) = (None, None);
    for record in parsed.records(scratch)? {
        let record = record?;
        first = first.or(Some(record.offset));
        last = Some(record.offset);
        batch.records += 1;
        if record.offset == offset {
            wanted = Some(owned(&record, control));
        }
    }
    if found.prefix.magic != 2 {
        batch.base_offset = first.unwrap_or(batch.base_offset);
        batch.last_offset = last.unwrap_or(batch.last_offset);
    }
    Ok((batch, wanted))
}

fn of_v2(found: &Found<'_>, header: Header) -> crate::format::Result<BatchAt> {
    Ok(BatchAt {
        position: found.position,
        size: header.size,
        magic: 2,
        base_offset: header.base_offset,
        last_offset: header.last_offset,
        records: 0,
        codec: header.attributes.codec()?,
        crc: header.crc,
        append_time: header.attributes.is_append_time(),
        max_timestamp: header.max_timestamp,
        header: Some(header),
    })
}

fn of_legacy(found: &Found<'_>) -> crate::format::Result<BatchAt> {
    let entry = UncheckedEntry::parse(found.bytes)?;
    let header = entry.header();
    Ok(BatchAt {
        position: found.position,
        size: header.size,
        magic: header.magic.get(),
        base_offset: header.offset,
        last_offset: header.offset,
        records: 0,
        codec: header.codec()?,
        crc: header.crc,
        append_time: header.is_append_time(),
        max_timestamp: header.timestamp,
        header: None,
    })
}

fn owned(record: &crate::format::record::Record<'_>, control: bool) -> RecordAt {
    let said = control
        .then(|| ControlRecord::decode(record.key, record.value).ok())
        .flatten();
    RecordAt {
        timestamp: record.timestamp,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        headers: record
            .headers
            .iter()
            .map(|header| (header.name.to_vec(), header.value.map(<[u8]>::to_vec)))
            .collect(),
        control: said.map(|said| (said.type_name(), said.to_json())),
    }
}

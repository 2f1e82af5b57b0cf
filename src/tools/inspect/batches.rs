//! `ottla inspect batches`: every field of every batch's header.

use super::cells::{Cell, write_names, write_row};
use super::people;
use super::walk::{Place, Verdict, Visit, Wanted, walk};
use crate::format::any_batch::AnyBatch;
use crate::format::batch::Scratch;
use crate::format::batch::{Header, UncheckedBatch};
use crate::format::control::ControlRecord;
use crate::format::legacy::UncheckedEntry;
use crate::format::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::host::Host;
use crate::log::browse::Damage;
use crate::log::scan::Found;
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::RecordsOptions;
use crate::tools::error::Result;
use std::sync::Arc;

/// The names of the fields, which scripts rely on.
pub(super) const FIELDS: [&str; 25] = [
    "topic",
    "partition",
    "file",
    "position",
    "size",
    "magic",
    "baseOffset",
    "lastOffset",
    "count",
    "leaderEpoch",
    "crc",
    "crcValid",
    "codec",
    "attributes",
    "timestampType",
    "baseTimestamp",
    "maxTimestamp",
    "deleteHorizon",
    "producerId",
    "producerEpoch",
    "baseSequence",
    "lastSequence",
    "transactional",
    "control",
    "controlType",
];

/// Does what the options say.
pub(super) fn run(options: &RecordsOptions, host: &Arc<dyn Host>) -> Result<()> {
    let mut batches = Batches {
        format: options.output,
        left: options.count.unwrap_or(u64::MAX),
        place: None,
        damaged: None,
        scratch: Scratch::new(),
    };
    walk(options, host, &mut batches)
}

struct Batches {
    format: DataFormat,
    left: u64,
    place: Option<Place>,
    /// Shown where its length turns out to be right.
    damaged: Option<Row>,
    scratch: Scratch,
}

/// A batch as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) position: u64,
    pub(super) size: usize,
    pub(super) magic: u8,
    pub(super) base: Option<Offset>,
    pub(super) last: Offset,
    pub(super) count: Option<u64>,
    pub(super) leader_epoch: Option<LeaderEpoch>,
    pub(super) crc: u32,
    pub(super) is_valid: bool,
    pub(super) codec: &'static str,
    pub(super) attributes: i16,
    pub(super) timestamp_type: &'static str,
    pub(super) base_timestamp: Option<Timestamp>,
    pub(super) max_timestamp: Option<Timestamp>,
    pub(super) delete_horizon: Option<Timestamp>,
    pub(super) producer: Option<(ProducerId, ProducerEpoch)>,
    pub(super) base_sequence: Option<i32>,
    pub(super) last_sequence: Option<i32>,
    pub(super) transactional: bool,
    pub(super) control: bool,
    /// The types of its control records, apart by commas.
    pub(super) control_types: Option<String>,
}

impl Visit for Batches {
    fn start(&mut self, out: &mut Vec<u8>) {
        write_names(out, &FIELDS, self.format);
    }

    fn file(&mut self, place: &Place, out: &mut Vec<u8>) {
        if self.format == DataFormat::Table {
            people::file(out, place, self.place.is_none());
            out.extend_from_slice(people::BATCHES.as_bytes());
        }
        self.place = Some(place.clone());
    }

    fn batch(
        &mut self,
        found: &Found<'_>,
        wanted: Wanted,
        out: &mut Vec<u8>,
        _tell: &mut dyn FnMut(String),
    ) -> Result<Verdict> {
        if self.left == 0 {
            return Ok(Verdict::Enough);
        }
        let Some(row) = Row::of(found, &mut self.scratch) else {
            return Ok(Verdict::Damaged);
        };
        if row.last < wanted.from {
            let verdict = if row.is_valid {
                Verdict::Fine
            } else {
                Verdict::Damaged
            };
            return Ok(verdict);
        }
        if !row.is_valid {
            self.damaged = Some(row);
            return Ok(Verdict::Damaged);
        }
        self.show(&row, out);
        Ok(Verdict::Fine)
    }

    fn damaged(&mut self, damage: &Damage, out: &mut Vec<u8>) {
        // Where its length is wrong too, nothing it says can be relied on.
        if let Some(row) = self.damaged.take()
            && damage.next - damage.position == row.size as u64
        {
            self.show(&row, out);
        }
    }
}

impl Batches {
    fn show(&mut self, row: &Row, out: &mut Vec<u8>) {
        self.left = self.left.saturating_sub(1);
        let place = self.place.as_ref().expect("a file has begun");
        match self.format {
            DataFormat::Table => people::batch(out, row),
            format => write_row(out, &FIELDS, row.cells(place).into_iter(), format),
        }
    }
}

impl Row {
    /// What the header says; `None` where it makes no sense.
    fn of(found: &Found<'_>, scratch: &mut Scratch) -> Option<Self> {
        if found.prefix.magic == 2 {
            let batch = UncheckedBatch::parse(found.bytes).ok()?;
            let mut row = Self::of_header(found, batch.header())?;
            match batch.check() {
                Err(_) => row.is_valid = false,
                Ok(batch) if row.control => {
                    let records = batch.records(scratch).into_iter().flatten().flatten();
                    let names: Vec<_> = records
                        .map(|record| {
                            let control = ControlRecord::decode(record.key, record.value);
                            control.map_or("UNKNOWN", |control| control.type_name())
                        })
                        .collect();
                    row.control_types = Some(names.join(","));
                }
                Ok(_) => {}
            }
            return Some(row);
        }
        let entry = UncheckedEntry::parse(found.bytes).ok()?;
        let header = entry.header();
        let codec = header.codec().ok()?;
        let is_one = codec == crate::format::compression::Codec::None;
        Some(Self {
            position: found.position,
            size: header.size,
            magic: found.prefix.magic,
            base: is_one.then_some(header.offset),
            last: header.offset,
            count: is_one.then_some(1),
            leader_epoch: None,
            crc: header.crc,
            is_valid: AnyBatch::parse(found.prefix.magic, found.bytes).is_ok(),
            codec: codec.name(),
            attributes: i16::from(header.attributes),
            timestamp_type: match found.prefix.magic {
                0 => "NoTimestampType",
                _ => time_type(header.is_append_time()),
            },
            base_timestamp: None,
            max_timestamp: header.timestamp,
            delete_horizon: None,
            producer: None,
            base_sequence: None,
            last_sequence: None,
            transactional: false,
            control: false,
            control_types: None,
        })
    }

    fn of_header(found: &Found<'_>, header: &Header) -> Option<Self> {
        let attributes = header.attributes;
        Some(Self {
            position: found.position,
            size: header.size,
            magic: 2,
            base: Some(header.base_offset),
            last: header.last_offset,
            count: Some(header.record_count as u64),
            leader_epoch: header.leader_epoch,
            crc: header.crc,
            is_valid: true,
            codec: attributes.codec().ok()?.name(),
            attributes: attributes.bits(),
            timestamp_type: time_type(attributes.is_append_time()),
            base_timestamp: header.base_timestamp,
            max_timestamp: header.max_timestamp,
            delete_horizon: header.delete_horizon(),
            producer: header
                .producer
                .map(|producer| (producer.id, producer.epoch)),
            base_sequence: header.base_sequence(),
            last_sequence: header.last_sequence(),
            transactional: attributes.is_transactional(),
            control: attributes.is_control(),
            control_types: None,
        })
    }

    fn cells<'a>(&'a self, place: &'a Place) -> [Cell<'a>; FIELDS.len()] {
        let [topic, partition, file] = place.cells();
        let number = |it: Option<i64>| Cell::from(it);
        let time = |it: Option<Timestamp>| number(it.map(Timestamp::get));
        let count = |it: u64| Cell::Number(i64::try_from(it).unwrap_or(i64::MAX));
        [
            topic,
            partition,
            file,
            count(self.position),
            count(self.size as u64),
            Cell::Number(i64::from(self.magic)),
            number(self.base.map(Offset::get)),
            Cell::Number(self.last.get()),
            self.count.map_or(Cell::Null, count),
            number(self.leader_epoch.map(|epoch| i64::from(epoch.get()))),
            Cell::Number(i64::from(self.crc)),
            Cell::Bool(self.is_valid),
            Cell::Text(self.codec),
            Cell::Number(i64::from(self.attributes)),
            Cell::Text(self.timestamp_type),
            time(self.base_timestamp),
            time(self.max_timestamp),
            time(self.delete_horizon),
            number(self.producer.map(|(id, _)| id.get())),
            number(self.producer.map(|(_, epoch)| i64::from(epoch.get()))),
            number(self.base_sequence.map(i64::from)),
            number(self.last_sequence.map(i64::from)),
            Cell::Bool(self.transactional),
            Cell::Bool(self.control),
            Cell::from(self.control_types.as_deref()),
        ]
    }
}

/// Kafka's name for where the time of records comes from.
pub(super) const fn time_type(is_append_time: bool) -> &'static str {
    if is_append_time {
        "LogAppendTime"
    } else {
        "CreateTime"
    }
}

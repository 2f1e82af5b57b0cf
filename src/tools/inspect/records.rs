//! `ottla inspect records`: every record of every batch, and what is inside those of
//! Kafka's own topics.

mod decode;

use super::batches::time_type;
use super::cells::{Cell, write_members, write_names, write_row};
use super::people;
use super::walk::{Place, Verdict, Visit, Wanted, walk};
use crate::format::any_batch::{AnyBatch, AnyScratch};
use crate::format::batch::sequence_after;
use crate::format::record::Record;
use crate::format::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::host::Host;
use crate::log::scan::Found;
use crate::tools::args::DataFormat;
use crate::tools::args::inspect::RecordsOptions;
use crate::tools::error::Result;
use decode::{Decoded, Decoder};
use std::sync::Arc;

/// The names of the fields, which scripts rely on. See [`Frame`] for those that all
/// records of a batch share.
const FIELDS: [&str; 21] = [
    "topic",
    "partition",
    "file",
    "position",
    "offset",
    "timestamp",
    "timestampType",
    "leaderEpoch",
    "codec",
    "producerId",
    "producerEpoch",
    "sequence",
    "transactional",
    "control",
    "controlType",
    "keySize",
    "valueSize",
    "key",
    "value",
    "headers",
    "problem",
];

/// Does what the options say.
pub(super) fn run(options: &RecordsOptions, host: &Arc<dyn Host>) -> Result<()> {
    let mut records = Records {
        format: options.output,
        raw: options.raw,
        lines: people::Lines::new(options.wide),
        left: options.count.unwrap_or(u64::MAX),
        place: None,
        decoder: None,
        frame: Frame::default(),
        scratch: AnyScratch::default(),
    };
    walk(options, host, &mut records)
}

struct Records {
    format: DataFormat,
    raw: bool,
    lines: people::Lines,
    left: u64,
    place: Option<Place>,
    /// Of the records of the file at hand.
    decoder: Option<Decoder>,
    /// Of the batch at hand.
    frame: Frame,
    scratch: AnyScratch,
}

/// What a batch says of all of its records.
#[derive(Debug, Clone, Copy)]
struct Around {
    position: u64,
    base: Offset,
    is_append_time: bool,
    magic: u8,
    codec: &'static str,
    leader_epoch: Option<LeaderEpoch>,
    producer: Option<(ProducerId, ProducerEpoch)>,
    base_sequence: Option<i32>,
    transactional: bool,
    control: bool,
}

impl Visit for Records {
    fn start(&mut self, out: &mut Vec<u8>) {
        write_names(out, &FIELDS, self.format);
    }

    fn file(&mut self, place: &Place, out: &mut Vec<u8>) {
        if self.format == DataFormat::Table {
            people::file(out, place, self.place.is_none());
            out.extend_from_slice(people::RECORDS.as_bytes());
        }
        self.decoder = place.topic().and_then(Decoder::of).filter(|_| !self.raw);
        self.place = Some(place.clone());
    }

    fn batch(
        &mut self,
        found: &Found<'_>,
        wanted: Wanted,
        out: &mut Vec<u8>,
        tell: &mut dyn FnMut(String),
    ) -> Result<Verdict> {
        if self.left == 0 {
            return Ok(Verdict::Enough);
        }
        let Ok(batch) = AnyBatch::parse(found.prefix.magic, found.bytes) else {
            return Ok(Verdict::Damaged);
        };
        let around = match Around::of(found, &batch) {
            Ok(around) => around,
            Err(error) => {
                tell(error.to_string());
                return Ok(Verdict::Fine);
            }
        };
        if self.format == DataFormat::Json {
            let place = self.place.as_ref().expect("a file has begun");
            self.frame.fill(place, &around);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        match batch.records(&mut scratch) {
            Err(error) => tell(error.to_string()),
            Ok(records) => {
                for record in records {
                    let record = match record {
                        Ok(record) => record,
                        Err(error) => {
                            tell(error.to_string());
                            break;
                        }
                    };
                    if record.offset < wanted.from {
                        continue;
                    }
                    if record.offset >= wanted.until || self.left == 0 {
                        break;
                    }
                    self.left -= 1;
                    self.show(&around, &record, out);
                }
            }
        }
        self.scratch = scratch;
        Ok(Verdict::Fine)
    }
}

impl Records {
    fn show(&self, around: &Around, record: &Record<'_>, out: &mut Vec<u8>) {
        let decoded = if self.raw {
            Decoded::default()
        } else if around.control {
            Decoded::control(record)
        } else {
            self.decoder
                .map(|decoder| decoder.decode(record))
                .unwrap_or_default()
        };
        let place = self.place.as_ref().expect("a file has begun");
        match self.format {
            DataFormat::Table => {
                self.lines
                    .record(out, record, around.control, &decoded.shown(record))
            }
            DataFormat::Json => self.frame.write(out, &around.own(record, &decoded)),
            format => {
                let cells = cells(place, around, &around.own(record, &decoded));
                write_row(out, &FIELDS, cells.into_iter(), format);
            }
        }
    }
}

impl Around {
    fn of(found: &Found<'_>, batch: &AnyBatch<'_>) -> crate::format::Result<Self> {
        let (position, magic) = (found.position, found.prefix.magic);
        Ok(match batch {
            AnyBatch::V2(batch) => {
                let header = batch.header();
                Self {
                    position,
                    magic,
                    base: header.base_offset,
                    is_append_time: header.attributes.is_append_time(),
                    codec: header.attributes.codec()?.name(),
                    leader_epoch: header.leader_epoch,
                    producer: header
                        .producer
                        .map(|producer| (producer.id, producer.epoch)),
                    base_sequence: header.base_sequence(),
                    transactional: header.attributes.is_transactional(),
                    control: header.attributes.is_control(),
                }
            }
            AnyBatch::Legacy(entry) => Self {
                position,
                magic,
                base: entry.header().offset,
                is_append_time: entry.header().is_append_time(),
                codec: entry.header().codec()?.name(),
                leader_epoch: None,
                producer: None,
                base_sequence: None,
                transactional: false,
                control: false,
            },
        })
    }
}

/// The cells of a record that differ from record to record: offset and timestamp, the
/// sequence, and what comes behind `control`.
type Own<'a> = ([Cell<'a>; 2], Cell<'a>, [Cell<'a>; 7]);

/// What is the same in every JSON line of a batch, written once.
#[derive(Debug, Default)]
struct Frame {
    /// Before the offset.
    head: Vec<u8>,
    /// Between the timestamp and the sequence.
    middle: Vec<u8>,
    /// Behind the sequence.
    flags: Vec<u8>,
}

impl Frame {
    fn fill(&mut self, place: &Place, around: &Around) {
        for part in [&mut self.head, &mut self.middle, &mut self.flags] {
            part.clear();
        }
        self.head.push(b'{');
        write_members(
            &mut self.head,
            &FIELDS,
            around.head(place).into_iter(),
            true,
        );
        let names = &FIELDS[6..];
        write_members(&mut self.middle, names, around.middle().into_iter(), false);
        let names = &FIELDS[12..];
        write_members(&mut self.flags, names, around.flags().into_iter(), false);
    }

    fn write(&self, out: &mut Vec<u8>, (times, sequence, content): &Own<'_>) {
        out.extend_from_slice(&self.head);
        write_members(out, &FIELDS[4..], times.iter().copied(), false);
        out.extend_from_slice(&self.middle);
        write_members(out, &FIELDS[11..], std::iter::once(*sequence), false);
        out.extend_from_slice(&self.flags);
        write_members(out, &FIELDS[14..], content.iter().copied(), false);
        out.extend_from_slice(b"}\n");
    }
}

impl Around {
    fn head<'a>(&self, place: &'a Place) -> [Cell<'a>; 4] {
        let [topic, partition, file] = place.cells();
        let position = i64::try_from(self.position).unwrap_or(i64::MAX);
        [topic, partition, file, Cell::Number(position)]
    }

    fn middle(&self) -> [Cell<'static>; 5] {
        [
            Cell::Text(match self.magic {
                0 => "NoTimestampType",
                _ => time_type(self.is_append_time),
            }),
            Cell::from(self.leader_epoch.map(|epoch| i64::from(epoch.get()))),
            Cell::Text(self.codec),
            Cell::from(self.producer.map(|(id, _)| id.get())),
            Cell::from(self.producer.map(|(_, epoch)| i64::from(epoch.get()))),
        ]
    }

    const fn flags(&self) -> [Cell<'static>; 2] {
        [Cell::Bool(self.transactional), Cell::Bool(self.control)]
    }

    fn own<'a>(&self, record: &Record<'a>, decoded: &'a Decoded) -> Own<'a> {
        let size = |bytes: Option<&[u8]>| Cell::from(bytes.map(|bytes| bytes.len() as i64));
        let shown = |json: &'a Option<String>, bytes: Option<&'a [u8]>| match json {
            Some(json) => Cell::Json(json),
            None => Cell::from(bytes),
        };
        let sequence = self
            .base_sequence
            .map(|base| i64::from(sequence_after(base, record.offset.get() - self.base.get())));
        let control = decoded.control_type;
        let times = [
            Cell::Number(record.offset.get()),
            Cell::from(record.timestamp.map(Timestamp::get)),
        ];
        let content = [
            Cell::from(control),
            size(record.key),
            size(record.value),
            if control.is_some() {
                Cell::Absent
            } else {
                shown(&decoded.key, record.key)
            },
            shown(&decoded.value, record.value),
            Cell::Headers(record.headers),
            decoded.problem.as_deref().map_or(Cell::Absent, Cell::Text),
        ];
        (times, Cell::from(sequence), content)
    }
}

/// All of them in the order of [`FIELDS`].
fn cells<'a>(place: &'a Place, around: &Around, own: &Own<'a>) -> [Cell<'a>; FIELDS.len()] {
    let [topic, partition, file, position] = around.head(place);
    let [time_type, epoch, codec, producer, producer_epoch] = around.middle();
    let [transactional, control] = around.flags();
    let ([offset, time], sequence, [kind, key_size, value_size, key, value, headers, problem]) =
        *own;
    [
        topic,
        partition,
        file,
        position,
        offset,
        time,
        time_type,
        epoch,
        codec,
        producer,
        producer_epoch,
        sequence,
        transactional,
        control,
        kind,
        key_size,
        value_size,
        key,
        value,
        headers,
        problem,
    ]
}

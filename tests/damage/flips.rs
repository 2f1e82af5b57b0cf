//! Single bits of a `.log` turned over: in each field of headers and records, as the
//! disk would do it, and with the CRC made to fit again, so that only deeper checks
//! can see it.

use super::layout::{self, BatchAt, Field};
use super::undetectable::Undetectable;
use super::{Expected, Maker, found};
use ottla::format::any_batch::{AnyBatch, AnyScratch};
use ottla::format::time_index::TimeIndexEntry;
use ottla::log::verify::Check;
use std::ops::Range;

/// What a batch that is read with a wrong length, magic or codec looks like.
const SHAPE: &[Check] = &[
    Check::BatchCrc,
    Check::BatchLength,
    Check::BatchHeader,
    Check::Record,
    Check::Tail,
];
/// A CRC that does not fit its bytes.
const CRC: &[Check] = &[Check::BatchCrc];
/// Offsets that are not where they should be.
const OFFSETS: &[Check] = &[Check::OffsetOrder, Check::OffsetGap, Check::SegmentOrder];
/// A header or its records, seen from inside.
const INSIDE: &[Check] = &[
    Check::BatchHeader,
    Check::Record,
    Check::Compression,
    Check::Timestamp,
    Check::MetadataLog,
    Check::InternalTopic,
];
/// A batch in the history of its producer.
const PRODUCER: &[Check] = &[
    Check::BatchHeader,
    Check::Sequence,
    Check::ProducerSnapshot,
    Check::TxnIndex,
];

/// Every bit flip for one template.
pub(crate) fn generate(maker: &mut Maker<'_>) {
    let logs = maker.with_suffix(".log");
    let mut chosen = Vec::new();
    for (segment, (path, log)) in logs.iter().enumerate() {
        let batches = layout::batches(log);
        let last = batches.len().saturating_sub(1);
        for (index, batch) in batches.iter().enumerate() {
            let is_interesting =
                index == 0 || index == last || index == last / 2 || batch.is_control();
            let is_segment = segment < 2 || segment == logs.len() - 1;
            if is_interesting && is_segment {
                chosen.push((*path, *log, batch.clone(), index));
            }
        }
    }
    thin(&mut chosen, 9);
    for (path, log, batch, index) in chosen {
        let batches = layout::batches(log);
        let place = Place {
            path,
            log,
            batch: &batches[index],
            all: &batches,
            index,
        };
        debug_assert_eq!(place.batch.position, batch.position);
        raw_header(maker, &place);
        sealed_header(maker, &place);
        if batch.magic < 2 {
            continue;
        }
        if batch.codec() == 0 {
            records(maker, &place);
        } else {
            payload(maker, &place);
        }
    }
}

/// Keeps at most so many, spread evenly.
fn thin<T>(list: &mut Vec<T>, most: usize) {
    let all = list.len();
    let mut index = 0;
    list.retain(|_| {
        index += 1;
        all <= most || (index - 1) * most / all != index * most / all
    });
}

/// A batch in its log.
struct Place<'a> {
    path: &'a str,
    log: &'a [u8],
    batch: &'a BatchAt,
    all: &'a [BatchAt],
    index: usize,
}

impl Place<'_> {
    /// The log with a bit of a byte turned over, the batch's CRC made to fit or not.
    fn flipped(&self, at: usize, bit: u8, sealed: bool) -> Vec<u8> {
        let mut log = self.log.to_vec();
        log[at] ^= 1 << bit;
        if sealed {
            layout::reseal(&mut log[self.batch.range()]);
        }
        log
    }

    fn bytes(&self) -> Range<usize> {
        self.batch.range()
    }

    fn what(&self, field: &str, at: usize, bit: u8) -> String {
        format!(
            "{} batch at {} ({} to {}), {field}: bit {bit} of byte {at}",
            self.path, self.batch.position, self.batch.base, self.batch.last
        )
    }
}

/// A byte of the field and a bit of it.
fn pick(maker: &mut Maker<'_>, field: &Field, low: bool) -> (usize, u8) {
    let size = field.bytes.len() as u64;
    // The bits that count least are those that are hardest to see.
    let at = if low {
        field.bytes.end - 1
    } else {
        field.bytes.start + maker.rng.below(size) as usize
    };
    (at, maker.rng.below(8) as u8)
}

fn raw_header(maker: &mut Maker<'_>, place: &Place<'_>) {
    for field in layout::header(place.log, place.batch) {
        for low in [true, false] {
            let (at, bit) = pick(maker, &field, low);
            let log = place.flipped(at, bit, false);
            let expected = raw_field(maker, place, &field, &log);
            maker.put(
                format!("header: {}, bit", field.name),
                place.what(field.name, at, bit),
                place.path,
                log,
                expected,
            );
        }
    }
}

/// What a flip that no CRC was made to fit for is.
fn raw_field(maker: &Maker<'_>, place: &Place<'_>, field: &Field, log: &[u8]) -> Expected {
    let legacy = place.batch.magic < 2;
    match field.name {
        "batchLength" | "size" | "magic" => found(SHAPE, place.path, place.bytes()),
        "keyLength" | "valueLength" => found(SHAPE, place.path, place.bytes()),
        "baseOffset" | "offset" => moved(maker, place, log),
        "partitionLeaderEpoch" if !legacy => {
            const EPOCHS: &[Check] = &[Check::EpochOrder, Check::LeaderEpochs, Check::BatchHeader];
            Expected::Found {
                checks: EPOCHS,
                files: vec![place.path.to_owned(), maker.path("leader-epoch-checkpoint")],
                bytes: None,
            }
        }
        _ => found(&[Check::BatchCrc], place.path, place.bytes()),
    }
}

/// A batch that says that it stands elsewhere, its CRC right.
fn moved(maker: &Maker<'_>, place: &Place<'_>, log: &[u8]) -> Expected {
    let base = layout::int(&log[place.batch.position..place.batch.position + 8]);
    let last = base + (place.batch.last - place.batch.base);
    if maker.template.compacted && fits_in_gap(place, base, last) {
        return Expected::Free(Undetectable::CompactedOffsets);
    }
    let mut files = vec![place.path.to_owned()];
    files.extend(indexes(place.path));
    Expected::Found {
        checks: &[
            Check::OffsetOrder,
            Check::OffsetGap,
            Check::SegmentOrder,
            Check::BatchHeader,
            Check::OffsetIndex,
            Check::TimeIndex,
            Check::LeaderEpochs,
            Check::Checkpoint,
        ],
        files,
        bytes: None,
    }
}

fn fits_in_gap(place: &Place<'_>, base: i64, last: i64) -> bool {
    let after = place
        .index
        .checked_sub(1)
        .map(|index| place.all[index].last);
    let before = place.all.get(place.index + 1).map(|next| next.base);
    after.is_some_and(|after| base > after) && before.is_some_and(|before| last < before)
}

fn indexes(path: &str) -> [String; 2] {
    let stem = path.strip_suffix(".log").unwrap();
    [format!("{stem}.index"), format!("{stem}.timeindex")]
}

/// Flips in what the CRC covers, and the CRC made to fit.
fn sealed_header(maker: &mut Maker<'_>, place: &Place<'_>) {
    for field in layout::header(place.log, place.batch) {
        let outside = place.batch.magic == 2 && field.bytes.end <= place.batch.position + 21;
        if outside || ["crc", "offset", "size", "magic"].contains(&field.name) {
            continue;
        }
        for low in [true, false] {
            let (at, bit) = pick(maker, &field, low);
            let log = place.flipped(at, bit, true);
            let expected = if place.batch.magic == 2 {
                sealed_field(maker, place, &field, &log)
            } else {
                sealed_legacy(place, &field, &log)
            };
            maker.put(
                format!("header: {}, bit, CRC made to fit", field.name),
                place.what(field.name, at, bit),
                place.path,
                log,
                expected,
            );
        }
    }
}

fn sealed_field(maker: &Maker<'_>, place: &Place<'_>, field: &Field, log: &[u8]) -> Expected {
    let flipped = layout::batches_loosely(&log[place.bytes()]);
    let batch = place.batch;
    match field.name {
        "attributes" => attributes(
            maker,
            place,
            field.name,
            flipped.attributes ^ batch.attributes,
        ),
        "lastOffsetDelta" => {
            let is_last = place.index + 1 == place.all.len();
            let last = batch.base + flipped.last - flipped.base;
            let fits = maker.template.compacted
                && last >= last_record(place)
                && place
                    .all
                    .get(place.index + 1)
                    .is_none_or(|next| last < next.base);
            if fits && place.index + 1 < place.all.len() {
                return Expected::Free(Undetectable::CompactedOffsets);
            }
            let mut files = vec![place.path.to_owned()];
            files.extend(indexes(place.path));
            if is_last {
                files.push("*-checkpoint".into());
            }
            Expected::Found {
                checks: &[
                    Check::Checkpoint,
                    Check::BatchHeader,
                    Check::Record,
                    Check::OffsetOrder,
                    Check::OffsetGap,
                    Check::SegmentOrder,
                    Check::Sequence,
                    Check::OffsetIndex,
                ],
                files,
                bytes: None,
            }
        }
        "baseTimestamp" if batch.is_append_time() => Expected::Free(Undetectable::Unread),
        "baseTimestamp" => found(
            &[Check::Timestamp, Check::Record, Check::MetadataLog],
            place.path,
            place.bytes(),
        ),
        "maxTimestamp" if batch.is_append_time() => times(maker, place, flipped.max_timestamp),
        "maxTimestamp" => found(&[Check::Timestamp], place.path, place.bytes()),
        "producerId" | "producerEpoch" | "baseSequence" => producers(maker, place, field.name),
        _ => found(INSIDE, place.path, place.bytes()),
    }
}

/// The offset of a batch's last record that is left.
fn last_record(place: &Place<'_>) -> i64 {
    let mut scratch = AnyScratch::default();
    let batch = AnyBatch::parse(place.batch.magic, &place.log[place.bytes()]).unwrap();
    let last = batch.records(&mut scratch).unwrap().last();
    last.map_or(place.batch.base, |record| record.unwrap().offset.get())
}

fn attributes(maker: &Maker<'_>, place: &Place<'_>, field: &str, changed: i16) -> Expected {
    let batch = place.batch;
    let bytes = place.bytes();
    match changed {
        0..=7 => found(INSIDE, place.path, bytes),
        8 if batch.is_append_time() => found(&[Check::Timestamp], place.path, bytes),
        8 if maker.template.name == "metadata" => found(&[Check::BatchHeader], place.path, bytes),
        8 => Expected::Free(Undetectable::TimestampType),
        0x10 if batch.producer < 0 => found(&[Check::BatchHeader], place.path, bytes),
        0x10 => producers(maker, place, field),
        0x20 => Expected::Found {
            checks: &[
                Check::BatchHeader,
                Check::Record,
                Check::Sequence,
                Check::MetadataLog,
                Check::InternalTopic,
                Check::ProducerSnapshot,
                Check::TxnIndex,
            ],
            files: beside(place.path),
            bytes: None,
        },
        0x40 => found(&[Check::BatchHeader, Check::Timestamp], place.path, bytes),
        _ => found(&[Check::BatchHeader], place.path, bytes),
    }
}

/// The log and what is told of its producers.
fn beside(path: &str) -> Vec<String> {
    let stem = path.strip_suffix(".log").unwrap();
    vec![
        path.to_owned(),
        format!("{stem}.txnindex"),
        "*.log".to_owned(),
        "*.snapshot".to_owned(),
    ]
}

fn producers(maker: &Maker<'_>, place: &Place<'_>, field: &str) -> Expected {
    if place.batch.producer < 0 || (place.batch.is_control() && field == "baseSequence") {
        return found(&[Check::BatchHeader], place.path, place.bytes());
    }
    if maker.template.has_gaps() {
        return Expected::Free(Undetectable::Compacted);
    }
    let earlier = place.all[..place.index].iter();
    let is_first = earlier
        .filter(|batch| batch.producer == place.batch.producer)
        .count()
        == 0;
    if is_first || field == "producerId" && place.batch.is_control() {
        return Expected::Free(Undetectable::FirstOfProducer);
    }
    Expected::Found {
        checks: PRODUCER,
        files: beside(place.path),
        bytes: None,
    }
}

/// The append time of a batch, which only the time index repeats.
fn times(maker: &Maker<'_>, place: &Place<'_>, time: i64) -> Expected {
    let index = place.path.replace(".log", ".timeindex");
    let entries: Vec<_> = maker.template.files[&index]
        .chunks_exact(12)
        .map(|entry| TimeIndexEntry::decode(entry.try_into().unwrap()).unwrap())
        .collect();
    let base: i64 = place.path.rsplit('/').next().unwrap()[..20]
        .parse()
        .unwrap();
    let batch = place.batch;
    let told = entries.iter().any(|entry| {
        let offset = base + i64::from(entry.relative_offset.get());
        let of_batch = (batch.base..=batch.last).contains(&offset);
        of_batch || (offset > batch.last && time > entry.timestamp.get())
    });
    let last = entries
        .last()
        .map_or(i64::MIN, |entry| entry.timestamp.get());
    if told || time > last {
        return Expected::Found {
            checks: &[Check::Timestamp, Check::TimeIndex],
            files: vec![place.path.to_owned(), index],
            bytes: None,
        };
    }
    Expected::Free(Undetectable::AppendTime)
}

fn sealed_legacy(place: &Place<'_>, field: &Field, log: &[u8]) -> Expected {
    match field.name {
        "timestamp" if place.batch.codec() == 0 => Expected::Free(Undetectable::RecordTime),
        "timestamp" => found_or_later(place, log),
        "attributes" => {
            let changed = log[place.batch.position + 17] ^ place.log[place.batch.position + 17];
            if changed == 8 && place.batch.magic == 1 {
                return Expected::Free(Undetectable::TimestampType);
            }
            found(INSIDE, place.path, place.bytes())
        }
        "key" | "value" if place.batch.codec() == 0 || field.name == "key" => {
            Expected::Free(Undetectable::Content)
        }
        "value" => decoded(place, log),
        _ => found(SHAPE, place.path, place.bytes()),
    }
}

/// The time of a wrapper must not be before that of a message in it.
fn found_or_later(place: &Place<'_>, log: &[u8]) -> Expected {
    let at = place.batch.position + 18;
    if layout::int(&log[at..at + 8]) > place.batch.max_timestamp {
        return Expected::Free(Undetectable::RecordTime);
    }
    found(&[Check::Timestamp], place.path, place.bytes())
}

/// Flips in the records of an uncompressed batch.
fn records(maker: &mut Maker<'_>, place: &Place<'_>) {
    let records = layout::records(place.log, place.batch);
    let Some(last) = records.len().checked_sub(1) else {
        return;
    };
    let mut which = vec![0, last / 2, last];
    which.dedup();
    for number in which {
        for field in &records[number] {
            let (at, bit) = pick(maker, field, false);
            let log = place.flipped(at, bit, false);
            maker.put(
                format!("record: {}, bit", field.name),
                place.what(field.name, at, bit),
                place.path,
                log,
                found(CRC, place.path, place.bytes()),
            );
            let log = place.flipped(at, bit, true);
            let expected = sealed_record(maker, place, field, number, &records, &log);
            maker.put(
                format!("record: {}, bit, CRC made to fit", field.name),
                place.what(field.name, at, bit),
                place.path,
                log,
                expected,
            );
        }
    }
}

fn sealed_record(
    maker: &Maker<'_>,
    place: &Place<'_>,
    field: &Field,
    number: usize,
    records: &[Vec<Field>],
    log: &[u8],
) -> Expected {
    let batch = place.batch;
    if field.name.ends_with("Length") && is_null_or_empty(place.log, log, field) {
        return Expected::Free(Undetectable::NullOrEmpty);
    }
    let moves = ["length", "offsetDelta", "timestampDelta", "attributes"].contains(&field.name);
    if !moves && matches!(decoded(place, log), Expected::Free(_)) {
        // Lengths that lead elsewhere, and to whole records again.
        return Expected::Free(Undetectable::Content);
    }
    if batch.is_control() || maker.template.partition.starts_with("__") {
        return internal(place, field);
    }
    match field.name {
        "key" | "value" | "headerKey" | "headerValue" => Expected::Free(Undetectable::Content),
        "attributes" => found(&[Check::Record], place.path, place.bytes()),
        "timestampDelta" => sealed_time(place, log),
        "offsetDelta" if maker.template.compacted => {
            let deltas: Vec<_> = layout::records_loosely(log, batch, records.len())
                .iter()
                .map(|record| record.1)
                .collect();
            let last = batch.last - batch.base;
            let ascends = deltas.windows(2).all(|pair| pair[0] < pair[1]);
            if deltas.len() == records.len()
                && ascends
                && deltas.iter().all(|delta| (0..=last).contains(delta))
            {
                return Expected::Free(Undetectable::CompactedOffsets);
            }
            let _ = number;
            found(
                &[Check::Record, Check::OffsetOrder, Check::BatchHeader],
                place.path,
                place.bytes(),
            )
        }
        "offsetDelta" => found(
            &[
                Check::Record,
                Check::OffsetOrder,
                Check::OffsetGap,
                Check::BatchHeader,
            ],
            place.path,
            place.bytes(),
        ),
        _ => found(
            &[Check::Record, Check::BatchHeader],
            place.path,
            place.bytes(),
        ),
    }
}

/// Whether a length was −1 and is 0, or the other way round.
fn is_null_or_empty(before: &[u8], after: &[u8], field: &Field) -> bool {
    let (before, after) = (&before[field.bytes.clone()], &after[field.bytes.clone()]);
    before.len() == 1 && before[0] < 2 && after[0] < 2
}

/// What is decoded further has more that can be wrong, and more that is free.
fn internal(place: &Place<'_>, field: &Field) -> Expected {
    match field.name {
        "attributes" => found(&[Check::Record], place.path, place.bytes()),
        "key" | "value" => Expected::Free(Undetectable::Content),
        "timestampDelta" if !place.batch.is_append_time() && place.batch.count == 1 => found(
            &[Check::Timestamp, Check::Record],
            place.path,
            place.bytes(),
        ),
        "timestampDelta" => Expected::Free(Undetectable::RecordTime),
        _ => found(
            &[
                Check::Record,
                Check::BatchHeader,
                Check::OffsetOrder,
                Check::OffsetGap,
            ],
            place.path,
            place.bytes(),
        ),
    }
}

/// The header repeats only the latest time of the records.
fn sealed_time(place: &Place<'_>, log: &[u8]) -> Expected {
    let batch = place.batch;
    if batch.is_append_time() {
        return Expected::Free(Undetectable::Unread);
    }
    let base = layout::int(&log[batch.position + 27..batch.position + 35]);
    let times = layout::records_loosely(log, batch, batch.count as usize);
    let latest = times.iter().map(|record| base.wrapping_add(record.0)).max();
    if times.len() == batch.count as usize && latest == Some(batch.max_timestamp) {
        return Expected::Free(Undetectable::RecordTime);
    }
    found(
        &[Check::Timestamp, Check::Record],
        place.path,
        place.bytes(),
    )
}

/// Flips in compressed records.
fn payload(maker: &mut Maker<'_>, place: &Place<'_>) {
    let start = place.batch.position + layout::HEADER_SIZE;
    let end = place.batch.position + place.batch.size;
    let size = (end - start) as u64;
    for step in 0..6_u64 {
        let at = match step {
            0 => start,
            1 => end - 1,
            _ => start + maker.rng.below(size) as usize,
        };
        let bit = maker.rng.below(8) as u8;
        for sealed in [false, true] {
            let log = place.flipped(at, bit, sealed);
            let (kind, expected) = if sealed {
                ("payload: bit, CRC made to fit", decoded(place, &log))
            } else {
                ("payload: bit", found(CRC, place.path, place.bytes()))
            };
            maker.put(
                kind,
                place.what("payload", at, bit),
                place.path,
                log,
                expected,
            );
        }
    }
}

/// Whether what a compressed batch unpacks to is still a batch like any other.
fn decoded(place: &Place<'_>, log: &[u8]) -> Expected {
    let batch = place.batch;
    let bytes = &log[place.bytes()];
    let mut scratch = AnyScratch::default();
    let records = AnyBatch::parse(batch.magic, bytes).and_then(|batch| {
        let mut scratch = AnyScratch::default();
        let records = batch.records(&mut scratch)?;
        records
            .map(|record| record.map(|record| (record.offset.get(), record.timestamp)))
            .collect::<Result<Vec<_>, _>>()
    });
    let original = AnyBatch::parse(batch.magic, &place.log[place.bytes()]).unwrap();
    let original: Vec<_> = original
        .records(&mut scratch)
        .unwrap()
        .map(|record| record.unwrap().offset.get())
        .collect();
    if let Ok(records) = records {
        let offsets: Vec<_> = records.iter().map(|record| record.0).collect();
        let latest = records
            .iter()
            .filter_map(|record| record.1)
            .map(ottla::format::Timestamp::get)
            .max();
        let times = batch.is_append_time() || latest.unwrap_or(-1) == batch.max_timestamp;
        if offsets == original && times {
            return Expected::Free(Undetectable::Content);
        }
    }
    const UNPACKED: &[Check] = &[
        Check::Compression,
        Check::Record,
        Check::BatchHeader,
        Check::Timestamp,
        Check::OffsetOrder,
        Check::OffsetGap,
        Check::MetadataLog,
        Check::InternalTopic,
    ];
    found(UNPACKED, place.path, place.bytes())
}

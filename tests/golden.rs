//! Every batch, record, index entry, aborted transaction and producer snapshot that
//! Apache Kafka 4.3.1 wrote, against what its own `DumpLogSegments` says of them:
//! the dump is printed again from what we decode and compared line by line. (What
//! is inside the records of internal topics is compared in `golden_metadata.rs`.)
//!
//! And back: records, headers, indexes and snapshots encode to the bytes they came
//! from, and indexes rebuilt from the batches find what Kafka's find.

mod support;

use ottla::format::Offset;
use ottla::format::batch::{Batch, HEADER_SIZE, Scratch, UncheckedBatch, sequence_after};
use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::bytes::put_varint;
use ottla::format::compression::{Codec, Decompressor, MAX_DECOMPRESSED};
use ottla::format::control::ControlRecord;
use ottla::format::offset_index::{OffsetIndex, OffsetIndexEntry, RelativeOffset};
use ottla::format::producer_snapshot::{self, ProducerEntry};
use ottla::format::record::Record;
use ottla::format::time_index::{TimeIndex, TimeIndexEntry};
use ottla::format::txn_index::{self, AbortedTxn};
use ottla::format::{LeaderEpoch, ProducerEpoch, ProducerId, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;

type Files = BTreeMap<String, Vec<u8>>;

#[test]
fn the_dump_printed_from_what_we_decode_is_kafkas() {
    let files = support::files(support::CLEAN);
    let mut lines = 0;
    let mut dumped = 0;
    for (name, dump) in support::files(support::DUMP) {
        let dump = String::from_utf8(dump).expect("a dump is text");
        for (path, expected) in sections(&dump) {
            let ours = print(&path, &files[&path]);
            let mut theirs = expected.lines();
            for our in ours.lines() {
                let their = theirs.next().unwrap_or("(the end)");
                assert_eq!(our, comparable(&name, their), "{path}");
                lines += 1;
            }
            assert_eq!(theirs.next(), None, "{path}: Kafka's dump goes on");
            dumped += 1;
        }
    }
    assert_eq!((dumped, lines), (117, 81_283), "no less than all of it");
    // The dump leaves out two empty snapshots of the metadata log, and nothing else.
    let kinds = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"];
    let ours = files
        .keys()
        .filter(|path| kinds.iter().any(|kind| path.ends_with(kind)));
    assert_eq!(ours.count(), dumped + 2);
}

#[test]
fn every_batch_encodes_to_the_bytes_it_came_from() {
    let mut scratch = Scratch::new();
    let mut decompressor = Decompressor::new();
    let mut decompressed = Vec::new();
    let (mut batches, mut built) = (0, 0);
    for (path, log) in logs() {
        for batch in walk(&log) {
            let header = *batch.header();
            let codec = header.attributes.codec().unwrap();
            decompressor
                .decompress(
                    codec,
                    batch.stored_records(),
                    &mut decompressed,
                    MAX_DECOMPRESSED,
                )
                .unwrap();

            // The header, over a copy whose own header is gone.
            let mut copy = batch.bytes().to_vec();
            copy[..HEADER_SIZE].fill(0xee);
            header.write(&mut copy);
            assert!(copy == batch.bytes(), "{path} at {}", header.base_offset);

            // The records, with the times of their own under an append time.
            let own = without_append_time(&batch);
            let own = UncheckedBatch::parse(&own).unwrap().check().unwrap();
            let records: Vec<_> = own
                .records(&mut scratch)
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let mut encoded = Vec::new();
            for record in &records {
                put_record(&mut encoded, record, &own);
            }
            assert!(encoded == decompressed, "{path} at {}", header.base_offset);

            // The whole, by the builder that `produce` writes with. It starts from the
            // first record's time; a delete horizon in its place is the cleaner's. And
            // a sequence without a producer is what Kafka's coordinators write.
            let strange = header.attributes.has_delete_horizon() || header.stray_sequence.is_some();
            if codec == Codec::None && !strange {
                let bytes = build(&own, &records);
                let records = &bytes[HEADER_SIZE..];
                assert!(
                    records == batch.stored_records(),
                    "{path} at {}",
                    header.base_offset
                );
                let plain = !header.attributes.is_append_time();
                assert!(
                    !plain || bytes == batch.bytes(),
                    "{path} at {}",
                    header.base_offset
                );
                built += 1;
            }
            batches += 1;
        }
    }
    assert_eq!((batches, built), (898, 856));
}

#[test]
fn indexes_and_snapshots_encode_to_the_bytes_they_came_from() {
    let mut snapshots = 0;
    for (path, file) in support::files(support::CLEAN) {
        let (_, kind) = path.rsplit_once('.').unwrap_or_default();
        let written: Vec<u8> = match kind {
            "index" => {
                let index = OffsetIndex::new(&file).unwrap();
                index
                    .iter()
                    .flat_map(|entry| entry.unwrap().encode())
                    .collect()
            }
            "timeindex" => {
                let index = TimeIndex::new(&file).unwrap();
                index
                    .iter()
                    .flat_map(|entry| entry.unwrap().encode())
                    .collect()
            }
            "txnindex" => txn_index::entries(&file)
                .flat_map(|entry| entry.unwrap().encode())
                .collect(),
            "snapshot" => {
                snapshots += 1;
                producer_snapshot::encode(&producer_snapshot::decode(&file).unwrap()).unwrap()
            }
            _ => continue,
        };
        assert!(written == file, "{path}");
    }
    assert_eq!(snapshots, 27);
}

#[test]
fn every_offset_and_time_is_found_through_kafkas_indexes() {
    let files = support::files(support::CLEAN);
    for (path, log) in logs() {
        let base = base_offset(&path);
        let index = OffsetIndex::new(&files[&path.replace(".log", ".index")]).unwrap();
        let times = TimeIndex::new(&files[&path.replace(".log", ".timeindex")]).unwrap();
        index.check(log.len() as u64).unwrap();
        times.check().unwrap();
        for batch in walk(&log) {
            let header = batch.header();
            for target in [header.base_offset, header.last_offset] {
                let from = index.lookup(base, target).unwrap();
                let from = from.map_or(0, |entry| entry.position as usize);
                let found = walk(&log[from..]).find(|batch| batch.header().last_offset >= target);
                assert_eq!(
                    found.unwrap().bytes().as_ptr(),
                    batch.bytes().as_ptr(),
                    "{path}"
                );
            }
            let Some(time) = header.max_timestamp else {
                continue;
            };
            let first = walk(&log).find(|batch| batch.header().max_timestamp >= Some(time));
            let entry = times.lookup(Timestamp::new(time.get() - 1)).unwrap();
            let after = entry.map_or(base, |entry| entry.relative_offset.absolute(base));
            let from = index.lookup(base, after).unwrap();
            let from = from.map_or(0, |entry| entry.position as usize);
            let found = walk(&log[from..]).find(|batch| batch.header().max_timestamp >= Some(time));
            assert_eq!(
                found.unwrap().header().base_offset,
                first.unwrap().header().base_offset,
                "{path}"
            );
        }
    }
}

#[test]
fn indexes_rebuilt_from_the_batches_are_kafkas() {
    let files = support::files(support::CLEAN);
    let mut entries = 0;
    for (path, log) in logs() {
        let interval = if path.starts_with("segments-") {
            1024
        } else {
            4096
        };
        // The metadata log went on after the kill was recovered from; no other did.
        let reopened = path
            .starts_with("__cluster_metadata-")
            .then_some(Offset::new(174));
        let (index, times) = rebuild(&log, base_offset(&path), interval, reopened);
        assert!(index == files[&path.replace(".log", ".index")], "{path}");
        assert!(
            times == files[&path.replace(".log", ".timeindex")],
            "{path}"
        );
        entries += index.len() / OffsetIndexEntry::SIZE;
    }
    assert_eq!(entries, 728);
}

#[test]
fn what_kafka_left_when_it_was_killed_decodes() {
    let mut padded = 0;
    let mut batches = 0;
    support::each_file(support::UNCLEAN, |path, file| {
        let (_, kind) = path.rsplit_once('.').unwrap_or_default();
        match kind {
            "index" => {
                let index = OffsetIndex::new(file).unwrap();
                let used = index.len() * OffsetIndexEntry::SIZE;
                assert!(file[used..].iter().all(|byte| *byte == 0), "{path}");
                index.check(u64::MAX).unwrap();
                padded += usize::from(used < file.len());
            }
            "timeindex" => {
                let index = TimeIndex::new(file).unwrap();
                let used = index.len() * TimeIndexEntry::SIZE;
                assert!(file[used..].iter().all(|byte| *byte == 0), "{path}");
                index.check().unwrap();
                padded += usize::from(used < file.len());
            }
            "txnindex" => txn_index::check(file, base_offset(path)).unwrap(),
            "snapshot" => drop(producer_snapshot::decode(file).unwrap()),
            "log" => batches += walk(file).count(),
            _ => {}
        }
    });
    assert_eq!((padded, batches), (48, 866));
}

// ---- Kafka's dump ----

/// The dump's text for each file, by path.
fn sections(dump: &str) -> Vec<(String, String)> {
    let dump = dump.split("Non-consecutive offsets in").next().unwrap();
    dump.split("Dumping ")
        .skip(1)
        .map(|section| {
            let (path, text) = section.split_once('\n').unwrap();
            (path.to_owned(), text.to_owned())
        })
        .collect()
}

/// The part of a line that is compared: records of internal topics without what is
/// in them, but for control records.
fn comparable<'a>(dump: &str, line: &'a str) -> &'a str {
    let internal = dump.starts_with("__") && line.starts_with('|');
    if !internal || line.contains(" endTxnMarker: ") || line.contains(" LeaderChange: ") {
        return line;
    }
    let (start, _) = line.split_once("headerKeys: []").expect("no headers there");
    &line[..start.len() + "headerKeys: []".len()]
}

fn print(path: &str, file: &[u8]) -> String {
    let mut out = String::new();
    let (_, kind) = path.rsplit_once('.').unwrap();
    match kind {
        "log" => print_log(&mut out, path, file),
        "index" => {
            let index = OffsetIndex::new(file).unwrap();
            if index.is_empty() {
                writeln!(out, "{path} is empty.").unwrap();
            }
            for entry in index.iter() {
                let entry = entry.unwrap();
                let offset = entry.relative_offset.absolute(base_offset(path));
                writeln!(out, "offset: {offset} position: {}", entry.position).unwrap();
            }
        }
        "timeindex" => {
            for entry in TimeIndex::new(file).unwrap().iter() {
                let entry = entry.unwrap();
                let offset = entry.relative_offset.absolute(base_offset(path));
                writeln!(out, "timestamp: {} offset: {offset}", entry.timestamp).unwrap();
            }
        }
        "txnindex" => {
            for entry in txn_index::entries(file) {
                print_aborted(&mut out, &entry.unwrap());
            }
        }
        "snapshot" => {
            for entry in &producer_snapshot::decode(file).unwrap() {
                print_producer(&mut out, entry);
            }
        }
        _ => panic!("{path}: of no kind that Kafka dumps"),
    }
    out
}

fn print_log(out: &mut String, path: &str, log: &[u8]) {
    writeln!(out, "Log starting offset: {}", base_offset(path)).unwrap();
    let mut scratch = Scratch::new();
    let mut position = 0;
    for batch in walk(log) {
        print_batch(out, &batch, position);
        for record in batch.records(&mut scratch).unwrap() {
            let internal = path.starts_with("__");
            print_record(out, &batch, &record.unwrap(), internal);
        }
        position += batch.bytes().len();
    }
}

fn print_batch(out: &mut String, batch: &Batch<'_>, position: usize) {
    let header = batch.header();
    let attributes = header.attributes;
    let horizon = match header.delete_horizon() {
        None => "OptionalLong.empty".to_owned(),
        Some(time) => format!("OptionalLong[{time}]"),
    };
    let sequence = header.base_sequence();
    writeln!(
        out,
        "baseOffset: {} lastOffset: {} count: {} baseSequence: {} lastSequence: {} \
         producerId: {} producerEpoch: {} partitionLeaderEpoch: {} isTransactional: {} \
         isControl: {} deleteHorizonMs: {horizon} position: {position} {}: {} size: {} magic: 2 \
         compresscodec: {} crc: {} isvalid: true",
        header.base_offset,
        header.last_offset,
        header.record_count,
        sequence.unwrap_or(-1),
        header.last_sequence().unwrap_or(-1),
        ProducerId::to_wire(header.producer.map(|producer| producer.id)),
        ProducerEpoch::to_wire(header.producer.map(|producer| producer.epoch)),
        LeaderEpoch::to_wire(header.leader_epoch),
        attributes.is_transactional(),
        attributes.is_control(),
        time_type(batch),
        Timestamp::to_wire(header.max_timestamp),
        header.size,
        attributes.codec().unwrap(),
        header.crc,
    )
    .unwrap();
}

fn print_record(out: &mut String, batch: &Batch<'_>, record: &Record<'_>, internal: bool) {
    let length = |bytes: Option<&[u8]>| bytes.map_or(-1, |bytes| bytes.len() as i64);
    let text = |bytes| std::str::from_utf8(bytes).expect("golden text is UTF-8");
    let header = batch.header();
    let base = header.base_sequence();
    let by = record.offset.get() - header.base_offset.get();
    let names: Vec<_> = record
        .headers
        .iter()
        .map(|header| text(header.name))
        .collect();
    write!(
        out,
        "| offset: {} {}: {} keySize: {} valueSize: {} sequence: {} headerKeys: [{}]",
        record.offset,
        time_type(batch),
        Timestamp::to_wire(record.timestamp),
        length(record.key),
        length(record.value),
        base.map_or(-1, |base| sequence_after(base, by)),
        names.join(","),
    )
    .unwrap();
    if header.attributes.is_control() {
        print_control(
            out,
            &ControlRecord::decode(record.key, record.value).unwrap(),
        );
    } else if !internal {
        if let Some(key) = record.key {
            write!(out, " key: {}", text(key)).unwrap();
        }
        if let Some(value) = record.value {
            write!(out, " payload: {}", text(value)).unwrap();
        }
    }
    out.push('\n');
}

fn print_control(out: &mut String, record: &ControlRecord<'_>) {
    let (name, marker) = match record {
        ControlRecord::Abort(marker) => ("ABORT", marker),
        ControlRecord::Commit(marker) => ("COMMIT", marker),
        ControlRecord::LeaderChange(change) => {
            let voters = |voters: &[_]| {
                let show = |voter: &ottla::format::kraft_control::LeaderChangeVoter| {
                    format!("{{\"voterId\":{}}}", voter.id)
                };
                voters.iter().map(show).collect::<Vec<_>>().join(",")
            };
            write!(
                out,
                " LeaderChange: {{\"version\":{},\"leaderId\":{},\"voters\":[{}],\"grantingVoters\":[{}]}}",
                change.version,
                change.leader,
                voters(&change.voters),
                voters(&change.granting_voters)
            )
            .unwrap();
            return;
        }
        other => panic!("{other:?} is in no golden log"),
    };
    let epoch = marker.coordinator_epoch;
    write!(out, " endTxnMarker: {name} coordinatorEpoch: {epoch}").unwrap();
}

fn print_aborted(out: &mut String, txn: &AbortedTxn) {
    writeln!(
        out,
        "version: 0 producerId: {} firstOffset: {} lastOffset: {} lastStableOffset: {}",
        txn.producer_id, txn.first_offset, txn.last_offset, txn.last_stable_offset
    )
    .unwrap();
}

fn print_producer(out: &mut String, entry: &ProducerEntry) {
    let txn = match entry.current_txn_first_offset {
        None => "OptionalLong.empty".to_owned(),
        Some(offset) => format!("OptionalLong[{offset}]"),
    };
    let time = Timestamp::to_wire(entry.timestamp);
    write!(
        out,
        "producerId: {} producerEpoch: {} coordinatorEpoch: {} currentTxnFirstOffset: {txn} \
         lastTimestamp: {time}",
        entry.producer_id,
        ProducerEpoch::to_wire(entry.epoch),
        entry.coordinator_epoch.unwrap_or(-1),
    )
    .unwrap();
    if let Some(last) = entry.last_offset {
        write!(
            out,
            " firstSequence: {} lastSequence: {} lastOffset: {last} offsetDelta: {} timestamp: {time}",
            entry.first_sequence().unwrap_or(-1),
            entry.last_sequence.unwrap_or(-1),
            entry.offset_delta,
        )
        .unwrap();
    }
    out.push('\n');
}

fn time_type(batch: &Batch<'_>) -> &'static str {
    if batch.header().attributes.is_append_time() {
        "LogAppendTime"
    } else {
        "CreateTime"
    }
}

// ---- logs ----

/// The logs of the clean directory, by path.
fn logs() -> Files {
    let mut files = support::files(support::CLEAN);
    files.retain(|path, _| path.ends_with(".log"));
    assert_eq!(files.len(), 30);
    files
}

/// Each batch of a log, all of it checked.
fn walk(mut log: &[u8]) -> impl Iterator<Item = Batch<'_>> {
    std::iter::from_fn(move || {
        if log.is_empty() {
            return None;
        }
        let batch = UncheckedBatch::parse(log).unwrap().check().unwrap();
        log = &log[batch.bytes().len()..];
        Some(batch)
    })
}

fn base_offset(path: &str) -> Offset {
    let (_, name) = path.rsplit_once('/').unwrap();
    let (offset, _) = name.split_once('.').unwrap();
    Offset::new(offset.parse().unwrap())
}

/// The batch with its attribute of append time cleared, so that its records show the
/// times that the producer gave.
fn without_append_time(batch: &Batch<'_>) -> Vec<u8> {
    const ATTRIBUTES_LOW: usize = 22;
    let mut bytes = batch.bytes().to_vec();
    bytes[ATTRIBUTES_LOW] &= !(1 << 3);
    let header = *UncheckedBatch::parse(&bytes).unwrap().header();
    header.write(&mut bytes);
    bytes
}

/// A record's bytes, put together field by field from the layout's description.
fn put_record(out: &mut Vec<u8>, record: &Record<'_>, batch: &Batch<'_>) {
    let put = |out: &mut Vec<u8>, bytes: Option<&[u8]>| {
        put_varint(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
        out.extend_from_slice(bytes.unwrap_or_default());
    };
    let header = batch.header();
    let base_time = Timestamp::to_wire(header.base_timestamp);
    let mut body = vec![0];
    put_varint(&mut body, Timestamp::to_wire(record.timestamp) - base_time);
    put_varint(&mut body, record.offset.get() - header.base_offset.get());
    put(&mut body, record.key);
    put(&mut body, record.value);
    put_varint(&mut body, record.headers.len() as i64);
    for header in record.headers.iter() {
        put(&mut body, Some(header.name));
        put(&mut body, header.value);
    }
    put_varint(out, body.len() as i64);
    out.extend(body);
}

fn build(batch: &Batch<'_>, records: &[Record<'_>]) -> Vec<u8> {
    let header = batch.header();
    let mut builder = BatchBuilder::default();
    for record in records {
        let delta = i32::try_from(record.offset.get() - header.base_offset.get()).unwrap();
        builder
            .append_at(
                delta,
                record.timestamp,
                record.key,
                record.value,
                record.headers,
            )
            .unwrap();
    }
    let seal = Seal {
        base_offset: header.base_offset,
        leader_epoch: header.leader_epoch,
        producer: header.producer,
        transactional: header.attributes.is_transactional(),
        control: header.attributes.is_control(),
        append_time: None,
    };
    builder.seal(&seal).to_vec()
}

/// Offset and time index as Kafka's recovery makes them. Where a log was closed and
/// opened again, the latest time is noted and the interval starts anew.
fn rebuild(
    log: &[u8],
    base: Offset,
    interval: usize,
    reopened: Option<Offset>,
) -> (Vec<u8>, Vec<u8>) {
    let (mut index, mut times) = (Vec::new(), Vec::new());
    let mut greatest: Option<(Timestamp, RelativeOffset)> = None;
    let mut noted = None;
    let mut note = |times: &mut Vec<u8>, greatest: Option<(Timestamp, RelativeOffset)>| {
        if let Some((timestamp, relative_offset)) = greatest
            && Some(timestamp) > noted
        {
            noted = Some(timestamp);
            let entry = TimeIndexEntry {
                timestamp,
                relative_offset,
            };
            times.extend(entry.encode());
        }
    };
    let (mut position, mut last_entry) = (0, 0);
    for batch in walk(log) {
        let header = batch.header();
        if Some(header.base_offset) == reopened {
            note(&mut times, greatest);
            last_entry = position;
        }
        let last = RelativeOffset::of(base, header.last_offset).unwrap();
        if header.max_timestamp > greatest.map(|(time, _)| time) {
            greatest = header.max_timestamp.map(|time| (time, last));
        }
        if position - last_entry > interval {
            let entry = OffsetIndexEntry {
                relative_offset: last,
                position: position as u32,
            };
            index.extend(entry.encode());
            note(&mut times, greatest);
            last_entry = position;
        }
        position += batch.bytes().len();
    }
    note(&mut times, greatest);
    (index, times)
}

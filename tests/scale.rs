//! A partition of 10,000 segments: what opening and seeking cost, counted in system
//! calls and 4 KiB pages on the simulated host. (What they cost in time:
//! `tests/bench`.)

use ottla::format::batch_builder::{BatchBuilder, Seal};
use ottla::format::record::Headers;
use ottla::format::{Offset, Timestamp};
use ottla::host::sim::{Call, SimHost};
use ottla::host::{Durability, Host};
use ottla::log::data_dir::DataDir;
use ottla::log::layout::TopicPartition;
use ottla::log::partition::Placement;
use ottla::log::session::Session;
use ottla::log::view::{Chunk, PartitionView};
use std::path::Path;
use std::sync::Arc;

const SEGMENTS: i64 = 10_000;
/// Batches in each, a record a batch.
const BATCHES: i64 = 8;
const RECORDS: i64 = SEGMENTS * BATCHES;
/// The time of record 0; each later one is a second later.
const START: i64 = 1_600_000_000_000;
const DATA: &str = "/data";

/// Writes the partition, a segment of eight batches of about a page after another.
fn machine() -> SimHost {
    let machine = SimHost::new(1);
    let host: Arc<dyn Host> = Arc::new(machine.clone());
    let mut session = Session::open(&host, Path::new(DATA), Durability::None).unwrap();
    let configs = [("segment.bytes".to_owned(), "32000".to_owned())];
    session.create_topic("wide", 1, &configs).unwrap();
    let mut partition = session.partition(&TopicPartition::new("wide", 0)).unwrap();
    let value = vec![b'v'; 3900];
    let mut bytes = Vec::new();
    for record in 0..RECORDS {
        let time = Some(Timestamp::new(START + record * 1000));
        let mut builder = BatchBuilder::default();
        builder
            .append(time, None, Some(&value), Headers::default())
            .unwrap();
        bytes.extend_from_slice(builder.seal(&Seal::default()));
        if record % 64 == 63 {
            partition.append(&mut bytes, Placement::Next).unwrap();
            bytes.clear();
        }
    }
    assert_eq!(partition.end().get(), RECORDS);
    session.sync([&mut partition].into_iter()).unwrap();
    session.close().unwrap();
    machine
}

/// What happened since the last call: pages read, calls of any kind.
fn cost(machine: &SimHost) -> (usize, u64) {
    let reads = machine.reads();
    assert!(
        reads.values().all(|reads| reads.mapped == 0),
        "what is mapped is not counted"
    );
    let pages = reads.values().map(|reads| reads.pages.len()).sum();
    let calls = machine.all_calls();
    machine.reset_counts();
    (pages, calls)
}

fn open(host: &Arc<dyn Host>) -> PartitionView {
    let directory = DataDir::open(host, Path::new(DATA)).unwrap();
    let name = TopicPartition::new("wide", 0);
    directory.partition(&name).unwrap().expect("the directory")
}

#[test]
fn ten_thousand_segments_open_and_seek_in_a_handful_of_pages() {
    let machine = machine();
    let reader = machine.another_process();
    let host: Arc<dyn Host> = Arc::new(reader.clone());

    let view = open(&host);
    assert_eq!(view.segments(), SEGMENTS as usize);
    let (pages, calls) = cost(&reader);
    assert!(
        pages <= 4 && calls <= 25,
        "opening: {pages} pages, {calls} calls"
    );

    assert_eq!(view.end().unwrap(), Offset::new(RECORDS));
    let (pages, calls) = cost(&reader);
    // The last index entry is a batch or two before the end.
    assert!(
        pages <= 6 && calls <= 8,
        "the end: {pages} pages, {calls} calls"
    );

    for number in 0..200 {
        let offset = Offset::new(number * 397 % RECORDS);
        let mut cursor = view.cursor(offset).unwrap();
        let (pages, calls) = cost(&reader);
        assert!(
            pages <= 5 && calls <= 8,
            "seek to {offset}: {pages} pages, {calls} calls"
        );
        let mut chunk = Chunk::default();
        assert!(cursor.next_chunk(&mut chunk, 4096).unwrap());
        assert_eq!(
            i64::from_be_bytes(*chunk.bytes.first_chunk().unwrap()),
            offset.get()
        );
        reader.reset_counts();
    }

    for number in 0..200 {
        let offset = number * 397 % RECORDS;
        let time = Timestamp::new(START + offset * 1000 - 999);
        assert_eq!(
            view.offset_for_time(time).unwrap(),
            Some(Offset::new(offset))
        );
        let (pages, calls) = cost(&reader);
        // One page of each of the 14 time indexes that halving 10,000 meets, then the
        // segment's two indexes and its batch.
        assert!(
            pages <= 20 && calls <= 60,
            "seek to time {time}: {pages} pages, {calls} calls"
        );
    }
}

#[test]
fn opening_to_append_reads_the_last_segment_only() {
    let machine = machine();
    let writer = machine.another_process();
    let host: Arc<dyn Host> = Arc::new(writer.clone());
    let mut session = Session::open(&host, Path::new(DATA), Durability::Synced).unwrap();
    session.partition(&TopicPartition::new("wide", 0)).unwrap();
    // It was left unclean (`Durability::None`), but no power was cut: no recovery.
    let reads = writer.reads();
    let logs = reads.iter().filter(|(path, reads)| {
        path.extension().is_some_and(|extension| extension == "log") && reads.bytes > 0
    });
    let logs = logs
        .filter(|(path, _)| path.starts_with("/data/wide-0"))
        .count();
    assert_eq!(logs, 1, "logs read");
    assert!(
        writer.calls(Call::Open) < 60,
        "{} files opened",
        writer.calls(Call::Open)
    );
}

use super::*;
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::compression::{Codec, Compression, Compressor};
use crate::format::record::HeadersBuf;
use crate::format::{Offset, Timestamp};
use crate::host::Open;
use crate::host::sim::SimHost;
use crate::log::layout::{Suffix, segment_file};

const START: i64 = 1_700_000_000_000;

/// `count` records from `base` on, a second apart: key `k<offset % 10>`, a value as
/// long as the offset says.
fn batch(base: i64, count: i64, codec: Codec) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    let mut headers = HeadersBuf::new();
    headers.push(b"h", None);
    for at in base..base + count {
        let key = format!("k{}", at % 10);
        let value = vec![b'v'; at as usize % 100];
        let time = Timestamp::from_wire(START + at * 1000);
        let headers = if at % 4 == 0 {
            headers.as_headers()
        } else {
            crate::format::record::Headers::default()
        };
        builder
            .append(
                time,
                (at % 5 != 0).then_some(key.as_bytes()),
                (at % 7 != 0).then_some(&value),
                headers,
            )
            .unwrap();
    }
    let seal = Seal {
        base_offset: Offset::new(base),
        ..Seal::default()
    };
    let mut out = Vec::new();
    let compression = Compression::new(codec, None).unwrap();
    builder
        .seal_compressed(&mut Compressor::new(compression), &seal, &mut out)
        .unwrap();
    out
}

fn partition(host: &SimHost, segments: &[(i64, Vec<u8>)]) -> Partition {
    let name = TopicPartition::new("t", 0);
    let directory = Path::new("/t-0");
    host.create_dir(directory).unwrap();
    for (base, bytes) in segments {
        let path = segment_file(directory, Offset::new(*base), Suffix::Log);
        let file = host.open(&path, Open::Create).unwrap();
        file.write_at(bytes, 0).unwrap();
    }
    let beside = host.open(&directory.join("leader-epoch-checkpoint"), Open::Create);
    beside.unwrap().write_at(b"0\n0\n", 0).unwrap();
    Partition::read(host, name, directory).unwrap()
}

fn measured(host: &SimHost, partition: &Partition) -> (Content, Vec<Course>) {
    let mut read = 0;
    let partitions = std::slice::from_ref(partition);
    let mut measured = measure(host, partitions, 3, &mut |bytes| read += bytes).unwrap();
    assert_eq!(read, partition.bytes());
    (measured.content, measured.files.remove(0))
}

#[test]
fn everything_in_two_segments_is_added_up() {
    let host = SimHost::new(1);
    let mut second = batch(500, 500, Codec::Zstd);
    second.extend(batch(1000, 200, Codec::None));
    let partition = partition(&host, &[(0, batch(0, 500, Codec::None)), (500, second)]);
    assert_eq!(partition.beside, 4);
    let (content, files) = measured(&host, &partition);
    assert_eq!((files[0].records, files[1].records), (500, 700));
    let ends = |first, last| Some((Offset::new(first), Offset::new(last)));
    assert_eq!(files[0].offsets, ends(0, 499));
    assert_eq!(files[1].offsets, ends(500, 1199));
    assert_eq!(files[1].batches, 2);
    assert_eq!(content.record_sizes.count(), 1200);
    assert_eq!(content.batch_records.most(), Some(500));
    assert_eq!(content.keyless, 240);
    // Multiples of 7, those of 35 have no key either.
    assert_eq!(content.tombstones, 172 - 35);
    assert_eq!(content.with_headers, 300);
    assert_eq!(content.keys.distinct(), (8, true));
    assert_eq!(content.keys.frequent(1)[0].least, 120);
    let zstd = content.codecs[4];
    assert_eq!((zstd.batches, zstd.records), (1, 500));
    assert!(zstd.ratio().unwrap() > 5.0);
    let plain = content.codecs[0];
    assert_eq!(plain.stored, plain.unpacked);
    let largest: Vec<i64> = content
        .largest
        .records()
        .iter()
        .map(|large| large.offset.get())
        .collect();
    // 99 bytes of value and two of key, or 96, two and a header's three; of equals
    // the first.
    assert_eq!(largest, [96, 99, 199]);
    let times = files[1].times;
    assert_eq!((times.back, times.late, times.without), (0, 0, 0));
    let end = Timestamp::new(START + 1_199_000);
    assert_eq!(times.span, Some((Timestamp::new(START + 500_000), end)));
    let chart = content.rates.chart(24).unwrap();
    assert_eq!(chart.width, 60_000);
    assert_eq!(chart.spans[1].1.records, 60);
}

#[test]
fn many_threads_find_what_one_finds() {
    let host = SimHost::new(1);
    let segments: Vec<_> = (0..4)
        .map(|segment| {
            let base = segment * 40_000;
            let batches = (0..40).flat_map(|at| batch(base + at * 1000, 1000, Codec::None));
            (base, batches.collect())
        })
        .collect();
    let partition = partition(&host, &segments);
    assert!(partition.bytes() > 8 * SMALL);
    let (content, files) = measured(&host, &partition);
    assert_eq!(content.record_sizes.count(), 160_000);
    assert!(files.iter().all(|file| file.records == 40_000));
    assert!(files.iter().all(|file| file.times.back == 0));
    assert_eq!(content.keys.frequent(1)[0].least, 16_000);
    assert_eq!(content.largest.records()[0].offset, Offset::new(96));
}

#[test]
fn damage_is_passed_over_and_counted() {
    let host = SimHost::new(1);
    let (a, mut b, c) = (
        batch(0, 10, Codec::None),
        batch(10, 10, Codec::None),
        batch(20, 10, Codec::None),
    );
    let (size, at) = (b.len() as u64, b.len() - 1);
    b[at] ^= 1;
    let torn = &batch(30, 10, Codec::None)[..50];
    let first = [&a[..], &[0xff; 33], &c].concat();
    let last = [&a[..], &b, &c, torn].concat();
    let partition = partition(&host, &[(0, first), (5000, last)]);
    let (content, files) = measured(&host, &partition);
    assert_eq!((files[0].unreadable, files[0].tail), (33, 0));
    assert_eq!((files[1].unreadable, files[1].tail), (size, 50));
    assert_eq!((files[0].records, files[1].records), (20, 20));
    assert_eq!(content.record_sizes.count(), 40);
}

#[test]
fn an_unfinished_end_before_the_last_segment_is_damage() {
    let host = SimHost::new(1);
    let torn = batch(10, 10, Codec::None)[..70].to_vec();
    let first = [batch(0, 10, Codec::None), torn].concat();
    let partition = partition(&host, &[(0, first), (20, batch(20, 10, Codec::None))]);
    let (_, files) = measured(&host, &partition);
    assert_eq!((files[0].unreadable, files[0].tail), (70, 0));
}

#[test]
fn messages_of_old_formats_are_measured_alike() {
    let fragments = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/kafka-4.3.1-fragments");
    for magic in ["magic0", "magic1"] {
        let mut found = Vec::new();
        for codec in ["none", "gzip", "snappy", "lz4"] {
            let path = fragments.join(format!("legacy/{magic}-{codec}.bin"));
            let host = SimHost::new(1);
            let partition = partition(&host, &[(1000, std::fs::read(path).unwrap())]);
            let (content, files) = measured(&host, &partition);
            let ends = Some((Offset::new(1000), Offset::new(1002)));
            assert_eq!(
                (files[0].records, files[0].offsets),
                (3, ends),
                "{magic} {codec}"
            );
            assert_eq!(files[0].unreadable + files[0].tail, 0);
            assert_eq!((content.keyless, content.tombstones), (1, 1));
            let at = Codec::ALL.iter().position(|known| known.name() == codec);
            found.push(content.codecs[at.unwrap()].unpacked);
        }
        assert!(
            found.iter().all(|unpacked| *unpacked == found[0]),
            "{found:?}"
        );
    }
}

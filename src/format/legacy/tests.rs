//! Tests of [`super`]: against what Kafka's own classes wrote, and damage.

use super::*;
use crate::format::compression::Compression;
use proptest::prelude::*;

macro_rules! kafkas {
    ($($name:literal),*) => {
        [$(($name, include_bytes!(concat!(
            "../../../testdata/kafka-4.3.1-fragments/legacy/", $name, ".bin"
        )) as &[u8])),*]
    };
}

const KAFKAS: [(&str, &[u8]); 12] = kafkas![
    "magic0-none",
    "magic0-gzip",
    "magic0-snappy",
    "magic0-lz4",
    "magic1-none",
    "magic1-gzip",
    "magic1-snappy",
    "magic1-lz4",
    "magic1-none-appendtime",
    "magic1-gzip-appendtime",
    "magic1-snappy-appendtime",
    "magic1-lz4-appendtime"
];

type Owned = (i64, Option<i64>, Option<Vec<u8>>, Option<Vec<u8>>);

fn read(mut set: &[u8]) -> Result<Vec<Owned>> {
    let mut scratch = LegacyScratch::new();
    let mut found = Vec::new();
    while !set.is_empty() {
        let entry = UncheckedEntry::parse(set)?.check()?;
        for record in entry.records(&mut scratch)? {
            let record = record?;
            found.push((
                record.offset.get(),
                record.timestamp.map(Timestamp::get),
                record.key.map(<[u8]>::to_vec),
                record.value.map(<[u8]>::to_vec),
            ));
        }
        set = &set[entry.bytes().len()..];
    }
    Ok(found)
}

fn view(record: &Owned) -> Record<'_> {
    Record {
        offset: Offset::new(record.0),
        timestamp: record.1.map(Timestamp::new),
        key: record.2.as_deref(),
        value: record.3.as_deref(),
        headers: Headers::default(),
    }
}

#[test]
fn what_kafkas_classes_wrote_reads_as_they_read_it() {
    for (name, bytes) in KAFKAS {
        let time = |i: i64| match () {
            () if name.starts_with("magic0") => None,
            () if name.ends_with("appendtime") => Some(1_700_000_009_999),
            () => Some(1_700_000_000_000 + i),
        };
        let expected = [
            (
                1000,
                time(0),
                Some(b"k0".to_vec()),
                Some(b"value 0".to_vec()),
            ),
            (1001, time(1), None, Some(b"value 1".to_vec())),
            (1002, time(2), Some(b"k2".to_vec()), None),
        ];
        assert_eq!(read(bytes).unwrap(), expected, "{name}");
    }
}

#[test]
fn uncompressed_and_lz4_entries_are_written_as_kafkas_classes_write_them() {
    for (name, bytes) in KAFKAS {
        let magic = if name.starts_with("magic0") {
            Magic::V0
        } else {
            Magic::V1
        };
        let append_time = name.ends_with("appendtime");
        let records = read(bytes).unwrap();
        let views: Vec<_> = records.iter().map(view).collect();
        let mut out = Vec::new();
        if name.contains("none") {
            for view in &views {
                put_entry(&mut out, magic, append_time, view).unwrap();
            }
            assert_eq!(out, bytes, "{name}");
        } else {
            let codec = name.split('-').nth(1).unwrap();
            let mut compressor = Compressor::new(codec.parse::<Compression>().unwrap());
            put_compressed(&mut out, magic, append_time, &mut compressor, &views).unwrap();
            assert_eq!(read(&out).unwrap(), records, "{name}");
        }
        if name == "magic0-lz4" {
            let value = BODY_AT + 8;
            assert_eq!(
                out[value..value + 7],
                bytes[value..value + 7],
                "broken header"
            );
        }
    }
}

#[test]
fn a_wrapper_at_offset_0_leaves_the_inner_offsets() {
    let (_, bytes) = KAFKAS[5];
    let mut bytes = bytes.to_vec();
    bytes[..8].fill(0); // outside the CRC
    let offsets: Vec<_> = read(&bytes).unwrap().iter().map(|r| r.0).collect();
    assert_eq!(offsets, [0, 1, 2]);
    bytes[7] = 1;
    assert!(read(&bytes).is_err(), "less than the last inside");
}

#[test]
fn every_damaged_byte_under_the_crc_is_noticed_and_every_cut_is_torn() {
    for (name, bytes) in KAFKAS {
        if name.contains("none") {
            continue; // several entries: their offsets lie outside
        }
        for at in LOG_OVERHEAD..bytes.len() {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 0x10;
            assert!(read(&damaged).is_err(), "{name} byte {at}");
        }
    }
    let (_, bytes) = KAFKAS[5];
    for length in 1..bytes.len() {
        let result = UncheckedEntry::parse(&bytes[..length]);
        assert!(matches!(result, Err(FormatError::Torn { .. })), "{length}");
    }
}

#[test]
fn wrappers_do_not_nest() {
    let (_, bytes) = KAFKAS[1];
    let mut compressor = Compressor::new(Codec::Gzip.into());
    let mut value = Vec::new();
    compressor.compress(bytes, &mut value).unwrap();
    let record = (1002, None, None, Some(value));
    let mut out = Vec::new();
    put(&mut out, Magic::V0, 1, &view(&record)).unwrap();
    assert!(read(&out).is_err());
}

fn any_record() -> impl Strategy<Value = Owned> {
    let bytes = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..30));
    (
        0..3_i64,
        proptest::option::of(0..i64::MAX),
        bytes(),
        bytes(),
    )
}

proptest! {
    #[test]
    fn records_round_trip_in_every_codec(
        mut records in proptest::collection::vec(any_record(), 1..20),
        first in 1..i64::MAX / 2,
        magic in prop_oneof![Just(Magic::V0), Just(Magic::V1)],
    ) {
        let mut offset = first;
        for (number, record) in records.iter_mut().enumerate() {
            offset += record.0 + i64::from(number > 0);
            record.0 = offset;
            if magic == Magic::V0 {
                record.1 = None;
            }
        }
        let views: Vec<_> = records.iter().map(view).collect();
        let mut plain = Vec::new();
        for view in &views {
            put_entry(&mut plain, magic, false, view).unwrap();
        }
        prop_assert_eq!(&read(&plain).unwrap(), &records);
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4] {
            let mut out = Vec::new();
            let mut compressor = Compressor::new(codec.into());
            put_compressed(&mut out, magic, false, &mut compressor, &views).unwrap();
            prop_assert_eq!(&read(&out).unwrap(), &records);
        }
    }

    #[test]
    fn no_bytes_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..100),
        mend: bool, magic in 0..2_u8, codec in 0..4_u8,
    ) {
        if mend && bytes.len() > 40 {
            let size = (bytes.len() - LOG_OVERHEAD) as i32;
            bytes[0] &= 0x7f;
            bytes[8..12].copy_from_slice(&size.to_be_bytes());
            bytes[MAGIC_AT] = magic;
            bytes[ATTRIBUTES_AT] = codec;
            let key = BODY_AT + 8 * usize::from(magic);
            let value = (bytes.len() - key - 8) as i32;
            bytes[key..key + 4].fill(0xff);
            bytes[key + 4..key + 8].copy_from_slice(&value.to_be_bytes());
            let crc = crc32fast::hash(&bytes[MAGIC_AT..]);
            bytes[CRC_AT..MAGIC_AT].copy_from_slice(&crc.to_be_bytes());
        }
        let _ = read(&bytes);
    }
}

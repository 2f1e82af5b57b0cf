//! Everything that Kafka's own dump says of the metadata log, of
//! `__consumer_offsets` and of `__transaction_state`, against what we say; and
//! every small file of the data directories, against what we write.

mod support;

use ottla::format::batch::{Scratch, UncheckedBatch};
use ottla::format::checkpoint::OffsetCheckpoint;
use ottla::format::clean_shutdown::CleanShutdown;
use ottla::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use ottla::format::leader_epochs::LeaderEpochs;
use ottla::format::meta_properties::MetaProperties;
use ottla::format::metadata::{MetadataRecord, VersionedRecord};
use ottla::format::partition_metadata::PartitionMetadata;
use ottla::format::quorum_state::QuorumState;
use ottla::format::transaction_state::{TransactionRecordKey, TransactionRecordValue};
use ottla::format::{Result, Timestamp};
use std::collections::BTreeMap;

/// Key and payload of a record, as Kafka's dump prints them.
type Shown = (Option<String>, String);

/// A record's key and value, decoded, encoded again and shown.
type Show = fn(Option<&[u8]>, Option<&[u8]>) -> Result<Shown>;

#[test]
fn the_metadata_log_says_what_kafka_says() {
    let count = compare("__cluster_metadata-0", |key, value| {
        let value = value.expect("a metadata record has a value");
        assert_eq!(key, None);
        let record = VersionedRecord::decode(value)?;
        assert!(!matches!(record.record, MetadataRecord::Unknown { .. }));
        assert_eq!(record.to_bytes()?, value);
        Ok((None, record.to_json().to_string()))
    });
    assert_eq!(count, 297);
}

#[test]
fn committed_offsets_and_groups_say_what_kafka_says() {
    let show: Show = |key, value| {
        let key = key.expect("a coordinator's record has a key");
        let decoded = GroupRecordKey::decode(key)?;
        assert!(!matches!(decoded, GroupRecordKey::Unknown { .. }));
        assert_eq!(decoded.to_bytes()?, key);
        let value = match value {
            None => "<DELETE>".to_owned(),
            Some(bytes) => {
                let value = GroupRecordValue::decode(decoded.kind(), bytes)?;
                assert!(!matches!(value.value, GroupRecordValue::Unknown { .. }));
                assert_eq!(value.to_bytes()?, bytes);
                value.to_json().to_string()
            }
        };
        Ok((Some(decoded.to_json().to_string()), value))
    };
    let count = compare("__consumer_offsets-0", show) + compare("__consumer_offsets-1", show);
    assert_eq!(count, 17);
}

#[test]
fn transactions_say_what_kafka_says() {
    let show: Show = |key, value| {
        let key = key.expect("a coordinator's record has a key");
        let value = value.expect("no transactional id has expired");
        let decoded = TransactionRecordKey::decode(key)?;
        assert_eq!(decoded.to_bytes()?, key);
        let decoded_value = TransactionRecordValue::decode(decoded.kind(), value)?;
        assert_eq!(decoded_value.to_bytes()?, value);
        Ok((
            Some(decoded.to_json().to_string()),
            decoded_value.to_json().to_string(),
        ))
    };
    let count = compare("__transaction_state-0", show) + compare("__transaction_state-1", show);
    assert_eq!(count, 26);
}

#[test]
fn bootstrap_records_decode_and_encode_as_they_were() {
    for archive in [support::CLEAN, support::UNCLEAN] {
        let bytes = &support::files(archive)["bootstrap.checkpoint"];
        let mut names = Vec::new();
        for_each_record(bytes, |offset, _, value| {
            let value = value.expect("a metadata record has a value");
            let record = VersionedRecord::decode(value).unwrap();
            assert_eq!(record.to_bytes().unwrap(), value, "offset {offset}");
            if let MetadataRecord::FeatureLevel(feature) = record.record {
                names.push((feature.name, feature.feature_level));
            }
        });
        assert_eq!(names.len(), 6);
        assert_eq!(names[0], ("metadata.version".to_owned(), 30));
    }
}

#[test]
fn small_files_come_out_as_kafka_wrote_them() {
    for archive in [support::CLEAN, support::UNCLEAN] {
        let mut seen = BTreeMap::<&str, usize>::new();
        let files = support::files(archive);
        for (path, bytes) in &files {
            let name = path.rsplit('/').next().expect("a path has a last part");
            let ours = match name {
                "leader-epoch-checkpoint" => LeaderEpochs::parse(bytes).unwrap().to_bytes(),
                "partition.metadata" => PartitionMetadata::parse(bytes).unwrap().to_bytes(),
                "quorum-state" => QuorumState::parse(bytes).unwrap().to_bytes(),
                ".kafka_cleanshutdown" => CleanShutdown::parse(bytes).to_bytes(),
                "meta.properties" => {
                    let when = Timestamp::new(1_795_376_235_000);
                    MetaProperties::parse(bytes).unwrap().to_bytes(when)
                }
                _ if name.ends_with("-offset-checkpoint") => {
                    let ours = OffsetCheckpoint::parse(bytes).unwrap().to_bytes();
                    // Kafka writes the lines in the order of a hash table.
                    assert_eq!(sorted_lines(&ours), sorted_lines(bytes), "{path}");
                    *seen.entry(name).or_default() += 1;
                    continue;
                }
                _ => continue,
            };
            assert_eq!(ours, *bytes, "{path} of {archive}");
            *seen.entry(name).or_default() += 1;
        }
        let clean = archive == support::CLEAN;
        assert_eq!(seen.len(), if clean { 9 } else { 8 }, "{seen:?}");
    }
}

fn sorted_lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

/// Compares every record of a partition with its line in Kafka's dump; how many.
fn compare(partition: &str, show: Show) -> usize {
    let dump = support::files(support::DUMP);
    let dump = std::str::from_utf8(&dump[&format!("{partition}.txt")]).expect("dumps are UTF-8");
    let mut theirs: BTreeMap<i64, Shown> = dump.lines().filter_map(dumped_record).collect();
    let expected = theirs.len();
    for (path, bytes) in &support::files(support::CLEAN) {
        if !(path.starts_with(&format!("{partition}/")) && path.ends_with(".log")) {
            continue;
        }
        for_each_record(bytes, |offset, key, value| {
            let ours = show(key, value).unwrap_or_else(|e| panic!("{partition} at {offset}: {e}"));
            let theirs = theirs.remove(&offset);
            assert_eq!(Some(ours), theirs, "{partition} at offset {offset}");
        });
    }
    assert!(theirs.is_empty(), "{partition}: not found here: {theirs:?}");
    expected
}

/// Offset, key and payload of a line of Kafka's dump that is about a data record.
fn dumped_record(line: &str) -> Option<(i64, Shown)> {
    let rest = line.strip_prefix("| offset: ")?;
    let (offset, rest) = rest.split_once(' ')?;
    let (_, rest) = rest.split_once(" headerKeys: [] ")?;
    let (key, payload) = match rest.strip_prefix("key: ") {
        None => (None, rest.strip_prefix("payload: ")?),
        Some(rest) => {
            let (key, payload) = rest.split_once(" payload: ")?;
            (Some(key.to_owned()), payload)
        }
    };
    let offset = offset.parse().expect("an offset is a number");
    Some((offset, (key, payload.to_owned())))
}

/// Each data record of a log or snapshot: offset, key, value.
fn for_each_record(bytes: &[u8], mut each: impl FnMut(i64, Option<&[u8]>, Option<&[u8]>)) {
    let mut rest = bytes;
    let mut scratch = Scratch::new();
    while !rest.is_empty() {
        let batch = UncheckedBatch::parse(rest).unwrap().check().unwrap();
        rest = &rest[batch.bytes().len()..];
        if batch.header().attributes.is_control() {
            continue;
        }
        for record in batch.records(&mut scratch).unwrap() {
            let record = record.unwrap();
            each(record.offset.get(), record.key, record.value);
        }
    }
}

//! Everything that Kafka's own dump says of the metadata log and its snapshots, of
//! `__consumer_offsets`, `__transaction_state` and `__share_group_state`, against
//! what we say; and every small file of the data directories, against what we
//! write.

#[path = "support/dumps.rs"]
mod dumps;
mod support;

use dumps::{Show, compare, for_each_record};
use ottla::format::Timestamp;
use ottla::format::checkpoint::OffsetCheckpoint;
use ottla::format::clean_shutdown::CleanShutdown;
use ottla::format::leader_epochs::LeaderEpochs;
use ottla::format::meta_properties::MetaProperties;
use ottla::format::metadata::{MetadataRecord, VersionedRecord};
use ottla::format::partition_metadata::PartitionMetadata;
use ottla::format::quorum_state::{QuorumState, QuorumStateVersion};
use std::collections::BTreeMap;

#[test]
fn the_metadata_log_says_what_kafka_says() {
    assert_eq!(compare_clean("__cluster_metadata-0", dumps::metadata), 297);
}

#[test]
fn committed_offsets_and_groups_say_what_kafka_says() {
    assert_eq!(compare_clean("__consumer_offsets-0", dumps::group), 0);
    assert_eq!(compare_clean("__consumer_offsets-1", dumps::group), 17);
}

#[test]
fn transactions_say_what_kafka_says() {
    assert_eq!(
        compare_clean("__transaction_state-0", dumps::transaction),
        5
    );
    assert_eq!(
        compare_clean("__transaction_state-1", dumps::transaction),
        21
    );
}

#[test]
fn a_dynamic_quorum_its_snapshots_and_share_groups_say_what_kafka_says() {
    let files = support::files(support::DYNAMIC);
    let mut counts = BTreeMap::<&str, usize>::new();
    for (path, log) in &files {
        let Some(name) = path.strip_prefix("data/") else {
            continue;
        };
        let Some(dump) = files.get(&format!("dump/{}.txt", name.replace('/', ","))) else {
            continue;
        };
        let dump = std::str::from_utf8(dump).expect("dumps are UTF-8");
        let (topic, show): (_, Show) = match name.split(['-', '.']).next() {
            Some("__consumer_offsets") => ("groups", dumps::group),
            Some("__transaction_state") => ("transactions", dumps::transaction),
            Some("__share_group_state") => ("share groups", dumps::share_state),
            _ if name.ends_with(".checkpoint") => ("snapshots", dumps::metadata),
            _ => ("metadata", dumps::metadata),
        };
        *counts.entry(topic).or_default() += compare(name, dump, log, show);
    }
    let expected = [
        ("groups", 64),
        ("metadata", 529),
        ("share groups", 2),
        ("snapshots", 106),
        ("transactions", 13),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
    let state = QuorumState::parse(&files["data/__cluster_metadata-0/quorum-state"]).unwrap();
    assert!(matches!(state.version, QuorumStateVersion::V1 { .. }));
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
    for (archive, kinds) in [
        (support::CLEAN, 9),
        (support::UNCLEAN, 8),
        (support::DYNAMIC, 9),
    ] {
        let mut seen = BTreeMap::<String, usize>::new();
        support::each_file(archive, |path, bytes| {
            let name = path.rsplit('/').next().expect("a path has a last part");
            let ours = match name {
                "leader-epoch-checkpoint" => LeaderEpochs::parse(bytes).unwrap().to_bytes(),
                "partition.metadata" => PartitionMetadata::parse(bytes).unwrap().to_bytes(),
                "quorum-state" => QuorumState::parse(bytes).unwrap().to_bytes(),
                ".kafka_cleanshutdown" => CleanShutdown::parse(bytes).to_bytes(),
                "meta.properties" => {
                    let ours = MetaProperties::parse(bytes).unwrap();
                    ours.to_bytes(written_at(bytes))
                }
                _ if name.ends_with("-offset-checkpoint") => {
                    OffsetCheckpoint::parse(bytes).unwrap().to_bytes()
                }
                _ => return,
            };
            if name.ends_with("-offset-checkpoint") {
                // Kafka writes the lines in the order of a hash table.
                assert_eq!(sorted_lines(&ours), sorted_lines(bytes), "{path}");
            } else {
                assert_eq!(ours, *bytes, "{path} of {archive}");
            }
            *seen.entry(name.to_owned()).or_default() += 1;
        });
        assert_eq!(seen.len(), kinds, "{archive}: {seen:?}");
    }
}

/// The time in the comment of a `meta.properties`.
fn written_at(bytes: &[u8]) -> Timestamp {
    let text = std::str::from_utf8(bytes).expect("Kafka writes ASCII");
    let comment = text.lines().nth(1).expect("the date is on line 2");
    let time = jiff::fmt::strtime::parse("#%a %b %d %H:%M:%S UTC %Y", comment)
        .and_then(|time| time.to_datetime())
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC))
        .expect("a date as Java writes it");
    Timestamp::new(time.timestamp().as_millisecond())
}

fn sorted_lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    lines.sort_unstable();
    lines
}

/// Compares a partition of the golden directory with its dump.
fn compare_clean(partition: &str, show: Show) -> usize {
    let dump = support::files(support::DUMP);
    let dump = std::str::from_utf8(&dump[&format!("{partition}.txt")]).expect("dumps are UTF-8");
    let log = format!("{partition}/00000000000000000000.log");
    compare(partition, dump, &support::files(support::CLEAN)[&log], show)
}

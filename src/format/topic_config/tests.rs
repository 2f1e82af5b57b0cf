//! The table against Kafka's own, values that it takes and refuses, messages.

use super::*;
use proptest::prelude::*;

/// What Kafka 4.3.1 says of its own configs (`LogConfig.configDefCopy`): name,
/// type, default, validator, internal.
const KAFKA: &str = "\
cleanup.policy|LIST|delete|[compact, delete]|false
compression.gzip.level|INT|-1|[1,...,9] or -1|false
compression.lz4.level|INT|9|[1,...,17]|false
compression.type|STRING|producer|[uncompressed, zstd, lz4, snappy, gzip, producer]|false
compression.zstd.level|INT|3|[-131072,...,22]|false
delete.retention.ms|LONG|86400000|[0,...]|false
file.delete.delay.ms|LONG|60000|[0,...]|false
flush.messages|LONG|9223372036854775807|[1,...]|false
flush.ms|LONG|9223372036854775807|[0,...]|false
follower.replication.throttled.replicas|LIST||[partitionId]:[brokerId],[partitionId]:[brokerId],...|false
index.interval.bytes|INT|4096|[0,...]|false
internal.segment.bytes|INT|null|null|true
leader.replication.throttled.replicas|LIST||[partitionId]:[brokerId],[partitionId]:[brokerId],...|false
local.retention.bytes|LONG|-2|[-2,...]|false
local.retention.ms|LONG|-2|[-2,...]|false
max.compaction.lag.ms|LONG|9223372036854775807|[1,...]|false
max.message.bytes|INT|1048588|[0,...]|false
message.timestamp.after.max.ms|LONG|3600000|[0,...]|false
message.timestamp.before.max.ms|LONG|9223372036854775807|[0,...]|false
message.timestamp.type|STRING|CreateTime|[CreateTime, LogAppendTime]|false
min.cleanable.dirty.ratio|DOUBLE|0.5|[0,...,1]|false
min.compaction.lag.ms|LONG|0|[0,...]|false
min.insync.replicas|INT|1|[1,...]|false
preallocate|BOOLEAN|false|null|false
remote.log.copy.disable|BOOLEAN|false|null|false
remote.log.delete.on.disable|BOOLEAN|false|null|false
remote.storage.enable|BOOLEAN|false|null|false
retention.bytes|LONG|-1|null|false
retention.ms|LONG|604800000|[-1,...]|false
segment.bytes|INT|1073741824|[1048576,...]|false
segment.index.bytes|INT|10485760|[4,...]|false
segment.jitter.ms|LONG|0|[0,...]|false
segment.ms|LONG|604800000|[1,...]|false
unclean.leader.election.enable|BOOLEAN|false|null|false
";

/// Values around each limit, and what Kafka 4.3.1's `LogConfig.validate` said.
const VERDICTS: &[(&str, &str, bool)] = &[
    ("cleanup.policy", "", true),
    ("cleanup.policy", "compact, delete", true),
    ("cleanup.policy", "compact,compact", true),
    ("cleanup.policy", "Compact", false),
    ("cleanup.policy", "delete,", false),
    ("cleanup.policy", "none", false),
    ("compression.gzip.level", "0", false),
    ("compression.gzip.level", "-1", true),
    ("compression.gzip.level", "9", true),
    ("compression.gzip.level", "10", false),
    ("compression.gzip.level", "-2", false),
    ("compression.lz4.level", "0", false),
    ("compression.lz4.level", "17", true),
    ("compression.lz4.level", "18", false),
    ("compression.zstd.level", "-131072", true),
    ("compression.zstd.level", "-131073", false),
    ("compression.zstd.level", "22", true),
    ("compression.zstd.level", "23", false),
    ("compression.type", "none", false),
    ("compression.type", "zstd ", true),
    ("compression.type", "ZSTD", false),
    ("compression.type", "uncompressed", true),
    ("delete.retention.ms", "-1", false),
    ("delete.retention.ms", "0", true),
    ("delete.retention.ms", "9223372036854775808", false),
    ("file.delete.delay.ms", "-1", false),
    ("flush.messages", "0", false),
    ("flush.messages", "1", true),
    ("flush.ms", "-1", false),
    ("flush.ms", "0", true),
    ("follower.replication.throttled.replicas", "*", true),
    ("follower.replication.throttled.replicas", "0:1, 2:3", true),
    ("follower.replication.throttled.replicas", "0:1,*", false),
    ("follower.replication.throttled.replicas", "0", false),
    ("leader.replication.throttled.replicas", "", true),
    ("leader.replication.throttled.replicas", "0:1,,1:2", true),
    ("leader.replication.throttled.replicas", "a:b", false),
    ("index.interval.bytes", "0", true),
    ("index.interval.bytes", "-1", false),
    ("index.interval.bytes", "2147483648", false),
    ("internal.segment.bytes", "1", true),
    ("internal.segment.bytes", "x", false),
    ("local.retention.bytes", "-2", true),
    ("local.retention.bytes", "-3", false),
    ("local.retention.ms", "-3", false),
    ("max.compaction.lag.ms", "0", false),
    ("max.compaction.lag.ms", "1", true),
    ("max.message.bytes", "-1", false),
    ("max.message.bytes", "0", true),
    ("max.message.bytes", " 5 ", true),
    ("max.message.bytes", "+5", true),
    ("max.message.bytes", "5.0", false),
    ("message.timestamp.after.max.ms", "-1", false),
    ("message.timestamp.before.max.ms", "0", true),
    ("message.timestamp.type", "createTime", false),
    ("message.timestamp.type", "LogAppendTime", true),
    ("min.cleanable.dirty.ratio", "0", true),
    ("min.cleanable.dirty.ratio", "1.0", true),
    ("min.cleanable.dirty.ratio", "1.1", false),
    ("min.cleanable.dirty.ratio", "-0.1", false),
    ("min.cleanable.dirty.ratio", "5e-1", true),
    ("min.cleanable.dirty.ratio", "half", false),
    ("min.compaction.lag.ms", "-1", false),
    ("min.insync.replicas", "0", false),
    ("min.insync.replicas", "1", true),
    ("preallocate", "yes", false),
    ("preallocate", "True", true),
    ("preallocate", "1", false),
    ("preallocate", "", false),
    ("retention.bytes", "-5", true),
    ("retention.bytes", "1k", false),
    ("retention.ms", "-2", false),
    ("retention.ms", "-1", true),
    ("retention.ms", "", false),
    ("segment.bytes", "1048575", false),
    ("segment.bytes", "1048576", true),
    ("segment.index.bytes", "3", false),
    ("segment.index.bytes", "4", true),
    ("segment.jitter.ms", "-1", false),
    ("segment.ms", "0", false),
    ("segment.ms", "1", true),
    ("unclean.leader.election.enable", "FALSE", true),
    ("message.downconversion.enable", "true", false),
    ("message.format.version", "3.0", false),
    ("nope", "1", false),
];

fn message(name: &str, value: &str) -> String {
    validate(name, value).unwrap_err().to_string()
}

#[test]
fn the_table_is_kafkas() {
    let lines: Vec<_> = KAFKA.lines().collect();
    assert_eq!(lines.len(), KEYS.len());
    for (line, key) in lines.iter().zip(KEYS) {
        let [name, kind, default, validator, internal] =
            line.split('|').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(name, key.name);
        assert_eq!(kind.to_lowercase(), key.kind.to_string(), "{name}");
        assert_eq!(default, key.default.unwrap_or("null"), "{name}");
        assert_eq!(internal, key.internal.to_string(), "{name}");
        for number in validator.split(|c: char| !(c == '-' || c.is_ascii_digit())) {
            assert!(
                key.values().contains(number),
                "{name}: {} lacks {number}",
                key.values()
            );
        }
        if let Some(default) = key.default {
            assert_eq!(validate(name, default), Ok(()), "{name}");
        }
        assert!(key.doc.ends_with('.') && !key.doc.contains('\n'), "{name}");
    }
}

#[test]
fn kafka_takes_what_we_take() {
    let differ: Vec<_> = VERDICTS
        .iter()
        .filter(|(name, value, taken)| validate(name, value).is_ok() != *taken)
        .collect();
    assert!(differ.is_empty(), "{differ:?}");
}

#[test]
fn the_defaults_and_what_is_set() {
    let config = TopicConfig::default();
    assert_eq!(
        (config.segment_bytes, config.segment_ms),
        (1 << 30, 604_800_000)
    );
    assert_eq!(
        (config.retention_bytes, config.retention_ms),
        (None, Some(604_800_000))
    );
    assert_eq!((config.flush_messages, config.flush_ms), (None, None));
    assert_eq!(config.compression, None);
    assert!(config.cleanup_policy.delete && !config.cleanup_policy.compact);

    let config = TopicConfig::new([
        ("cleanup.policy", " compact , delete"),
        ("compression.type", "zstd"),
        ("compression.zstd.level", "-5"),
        ("max.compaction.lag.ms", "1000"),
        ("message.timestamp.type", "LogAppendTime"),
        ("retention.ms", "-1"),
        ("internal.segment.bytes", "100"),
        ("preallocate", "TRUE"),
    ])
    .unwrap();
    assert!(config.cleanup_policy.delete && config.cleanup_policy.compact);
    assert_eq!(
        config.compression,
        Some(Compression::new(Codec::Zstd, Some(-5)).unwrap())
    );
    assert_eq!(config.longest_segment_ms(), 1000);
    assert_eq!(config.message_timestamp_type, TimestampType::LogAppendTime);
    assert_eq!((config.retention_ms, config.segment_bytes), (None, 100));
    assert!(config.preallocate);

    let kept = TopicConfig::new([("cleanup.policy", "")])
        .unwrap()
        .cleanup_policy;
    assert!(!kept.delete && !kept.compact);
    for (name, codec) in [("uncompressed", Codec::None), ("snappy", Codec::Snappy)] {
        let config = TopicConfig::new([("compression.type", name)]).unwrap();
        assert_eq!(config.compression, Some(codec.into()));
    }
}

#[test]
fn values_that_contradict_each_other() {
    let error = TopicConfig::new([
        ("min.compaction.lag.ms", "2"),
        ("max.compaction.lag.ms", "1"),
    ]);
    assert_eq!(
        error.unwrap_err().to_string(),
        "min.compaction.lag.ms and max.compaction.lag.ms: expected the first to be no more \
         than the second, found 2 and 1"
    );
    assert!(TopicConfig::new([("remote.storage.enable", "true")]).is_err());
}

#[test]
fn messages_say_what_was_probably_meant() {
    assert_eq!(
        message("retention.msx", "1"),
        "topics have no config \"retention.msx\" (did you mean retention.ms?)"
    );
    for (name, meant) in [
        ("log.retention.bytes", "retention.bytes"),
        ("RETENTION_MS", "retention.ms"),
        ("compression_typ", "compression.type"),
        ("min.insync.replica", "min.insync.replicas"),
    ] {
        assert!(
            message(name, "1").ends_with(&format!("(did you mean {meant}?)")),
            "{name}"
        );
    }
    assert_eq!(message("colour", "1"), "topics have no config \"colour\"");
    assert_eq!(
        message("retention.ms", "7d"),
        "retention.ms: expected a whole number from -1 to 9223372036854775807, \
         found \"7d\" (write 604800000)"
    );
    assert!(message("segment.bytes", "16MiB").ends_with("(write 16777216)"));
    assert!(message("segment.bytes", "16KiB").ends_with("found \"16KiB\""));
    assert!(message("compression.type", "none").ends_with("(write uncompressed)"));
    assert!(message("compression.type", "ZSTD").ends_with("(write zstd)"));
    assert_eq!(
        message("cleanup.policy", "compact,compat"),
        "cleanup.policy: expected some of compact, delete, with commas between, \
         found \"compact,compat\""
    );
}

proptest! {
    #[test]
    fn no_name_or_value_makes_it_panic(name in ".{0,30}", value in ".{0,30}", index in 0..KEYS.len()) {
        let _ = validate(&name, &value);
        let name = KEYS[index].name;
        if validate(name, &value).is_ok() {
            let _ = TopicConfig::new([(name, value.as_str())]);
        }
    }

    #[test]
    fn every_number_that_is_valid_makes_a_config(number: i64, index in 0..KEYS.len()) {
        let (name, value) = (KEYS[index].name, number.to_string());
        if validate(name, &value).is_ok() {
            TopicConfig::new([(name, value.as_str())]).unwrap();
        }
    }
}

//! Every config of a topic in Apache Kafka 4.3.1.
//!
//! Source: `org.apache.kafka.storage.internals.log.LogConfig`,
//! `org.apache.kafka.common.config.TopicConfig`.

use super::rule::Rule;
use std::fmt;

/// What a value is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigType {
    /// `true` or `false`, in any case.
    Boolean,
    /// A whole number of 32 bits.
    Int,
    /// A whole number of 64 bits.
    Long,
    /// A number.
    Double,
    /// A text.
    String,
    /// Texts with commas between.
    List,
}

impl fmt::Display for ConfigType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Double => "double",
            Self::String => "string",
            Self::List => "list",
        })
    }
}

/// One config of a topic.
#[derive(Debug, Clone, Copy)]
pub struct ConfigKey {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub kind: ConfigType,
    /// Its value where none is set.
    pub default: Option<&'static str>,
    /// What it does, in one line.
    pub doc: &'static str,
    /// For Kafka's own tests: taken, but not shown.
    pub internal: bool,
    pub(super) rule: Rule,
}

impl ConfigKey {
    /// Which values it takes, in words.
    pub fn values(&self) -> String {
        self.rule.describe(self.kind)
    }
}

/// The config of this name.
pub fn key(name: &str) -> Option<&'static ConfigKey> {
    let place = KEYS.binary_search_by_key(&name, |key| key.name).ok()?;
    Some(&KEYS[place])
}

const fn key_of(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    rule: Rule,
    doc: &'static str,
) -> ConfigKey {
    ConfigKey {
        name,
        kind,
        default: Some(default),
        doc,
        internal: false,
        rule,
    }
}

use ConfigType::{Boolean, Double, Int, List, Long, String as Text};
use Rule::{Any, AtLeast, Between, Fraction, ListOf, OneOf, Replicas};

/// All of them, sorted by name.
pub const KEYS: [ConfigKey; 34] = [
    key_of(
        "cleanup.policy",
        List,
        "delete",
        ListOf(&["compact", "delete"]),
        "What removes old records: `delete` by age and size, `compact` all but the latest of each key, both, or neither.",
    ),
    key_of(
        "compression.gzip.level",
        Int,
        "-1",
        Between(1, 9, Some(-1)),
        "The level where compression.type is gzip.",
    ),
    key_of(
        "compression.lz4.level",
        Int,
        "9",
        Between(1, 17, None),
        "The level where compression.type is lz4.",
    ),
    key_of(
        "compression.type",
        Text,
        "producer",
        OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]),
        "How batches are stored; `producer` leaves them as they came.",
    ),
    key_of(
        "compression.zstd.level",
        Int,
        "3",
        Between(-131_072, 22, None),
        "The level where compression.type is zstd.",
    ),
    key_of(
        "delete.retention.ms",
        Long,
        "86400000",
        AtLeast(0),
        "How long compaction keeps a tombstone after it reached it, in milliseconds.",
    ),
    key_of(
        "file.delete.delay.ms",
        Long,
        "60000",
        AtLeast(0),
        "How long a removed segment's file stays, in milliseconds.",
    ),
    key_of(
        "flush.messages",
        Long,
        "9223372036854775807",
        AtLeast(1),
        "After how many records the log is made durable.",
    ),
    key_of(
        "flush.ms",
        Long,
        "9223372036854775807",
        AtLeast(0),
        "After how many milliseconds the log is made durable.",
    ),
    key_of(
        "follower.replication.throttled.replicas",
        List,
        "",
        Replicas,
        "Followers whose replication is throttled, as PARTITION:BROKER, or `*` for all.",
    ),
    key_of(
        "index.interval.bytes",
        Int,
        "4096",
        AtLeast(0),
        "After how many bytes of log the indexes get an entry.",
    ),
    ConfigKey {
        name: "internal.segment.bytes",
        kind: Int,
        default: None,
        doc: "The size of a segment in Kafka's own tests.",
        internal: true,
        rule: Any,
    },
    key_of(
        "leader.replication.throttled.replicas",
        List,
        "",
        Replicas,
        "Leaders whose replication is throttled, as PARTITION:BROKER, or `*` for all.",
    ),
    key_of(
        "local.retention.bytes",
        Long,
        "-2",
        AtLeast(-2),
        "With tiered storage, how many bytes stay local; -2 for retention.bytes.",
    ),
    key_of(
        "local.retention.ms",
        Long,
        "-2",
        AtLeast(-2),
        "With tiered storage, for how many milliseconds records stay local; -2 for retention.ms.",
    ),
    key_of(
        "max.compaction.lag.ms",
        Long,
        "9223372036854775807",
        AtLeast(1),
        "After how many milliseconds a record has to be compacted.",
    ),
    key_of(
        "max.message.bytes",
        Int,
        "1048588",
        AtLeast(0),
        "The largest batch, as stored.",
    ),
    key_of(
        "message.timestamp.after.max.ms",
        Long,
        "3600000",
        AtLeast(0),
        "How far a record's time may lie ahead of the broker's, in milliseconds.",
    ),
    key_of(
        "message.timestamp.before.max.ms",
        Long,
        "9223372036854775807",
        AtLeast(0),
        "How far a record's time may lie behind the broker's, in milliseconds.",
    ),
    key_of(
        "message.timestamp.type",
        Text,
        "CreateTime",
        OneOf(&["CreateTime", "LogAppendTime"]),
        "Whose time a record has: its producer's, or that of its append.",
    ),
    key_of(
        "min.cleanable.dirty.ratio",
        Double,
        "0.5",
        Fraction,
        "The part of the log that is not compacted from which on compaction runs.",
    ),
    key_of(
        "min.compaction.lag.ms",
        Long,
        "0",
        AtLeast(0),
        "For how many milliseconds a record is not compacted.",
    ),
    key_of(
        "min.insync.replicas",
        Int,
        "1",
        AtLeast(1),
        "How many replicas have to be in sync for a write with acks=all.",
    ),
    key_of(
        "preallocate",
        Boolean,
        "false",
        Any,
        "Whether a new segment's file gets its full size at once.",
    ),
    key_of(
        "remote.log.copy.disable",
        Boolean,
        "false",
        Any,
        "With tiered storage, whether nothing more is copied to it.",
    ),
    key_of(
        "remote.log.delete.on.disable",
        Boolean,
        "false",
        Any,
        "Whether turning tiered storage off removes what it holds.",
    ),
    key_of(
        "remote.storage.enable",
        Boolean,
        "false",
        Any,
        "Whether the topic uses tiered storage.",
    ),
    key_of(
        "retention.bytes",
        Long,
        "-1",
        Any,
        "How large a partition may grow before old segments go; below 0 for no limit.",
    ),
    key_of(
        "retention.ms",
        Long,
        "604800000",
        AtLeast(-1),
        "How long records stay, in milliseconds; -1 for ever.",
    ),
    key_of(
        "segment.bytes",
        Int,
        "1073741824",
        AtLeast(1_048_576),
        "The largest segment.",
    ),
    key_of(
        "segment.index.bytes",
        Int,
        "10485760",
        AtLeast(4),
        "The largest index of a segment.",
    ),
    key_of(
        "segment.jitter.ms",
        Long,
        "0",
        AtLeast(0),
        "By how many milliseconds at most, at random, segment.ms is shortened.",
    ),
    key_of(
        "segment.ms",
        Long,
        "604800000",
        AtLeast(1),
        "After how many milliseconds a new segment begins.",
    ),
    key_of(
        "unclean.leader.election.enable",
        Boolean,
        "false",
        Any,
        "Whether a replica that lacks records may lead when no other can.",
    ),
];

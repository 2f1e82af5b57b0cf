//! Configs of topics: their names, types, ranges and defaults as in Apache Kafka
//! 4.3.1, and [`TopicConfig`], the values that the log acts on.
//!
//! [`validate`] checks one value, [`TopicConfig::new`] a whole set with the rules
//! between values. An error says what was expected and found, names the nearest
//! config where the name is unknown, and spells out `7d` or `10MiB` as the plain
//! number that Kafka asks for.
//!
//! Source: `org.apache.kafka.storage.internals.log.LogConfig`.

mod error;
mod keys;
mod rule;
mod synonyms;

pub use error::ConfigError;
pub use keys::{ConfigKey, ConfigType, KEYS, key};
pub use synonyms::{Synonym, broker_synonyms};

use super::compression::{Codec, Compression};
use rule::{boolean, double, list, trim};
use std::collections::BTreeMap;

/// Checks the name and value of one config.
///
/// # Errors
/// A name that Kafka does not have, or a value that it would refuse.
pub fn validate(name: &str, value: &str) -> Result<(), ConfigError> {
    let Some(key) = key(name) else {
        return Err(ConfigError::unknown(name));
    };
    if key.rule.allows(key.kind, value) {
        Ok(())
    } else {
        Err(ConfigError::invalid(key, value))
    }
}

/// What removes old records. Neither keeps them for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// All but the latest of each key goes.
    pub compact: bool,
    /// What is too old or too much goes.
    pub delete: bool,
}

/// Whose time a record has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimestampType {
    /// Its producer's.
    #[default]
    CreateTime,
    /// That of its append.
    LogAppendTime,
}

/// The configs of one topic, each with its value or its default. Sizes are in
/// bytes, times in milliseconds; `None` is no limit.
#[derive(Debug, Clone, PartialEq)]
pub struct TopicConfig {
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `compression.type` with its level; `None` leaves batches as they came.
    pub compression: Option<Compression>,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// `file.delete.delay.ms`.
    pub file_delete_delay_ms: i64,
    /// `flush.messages`.
    pub flush_messages: Option<u64>,
    /// `flush.ms`.
    pub flush_ms: Option<u64>,
    /// `index.interval.bytes`.
    pub index_interval_bytes: u32,
    /// `max.compaction.lag.ms`.
    pub max_compaction_lag_ms: Option<u64>,
    /// `max.message.bytes`.
    pub max_message_bytes: u32,
    /// `message.timestamp.after.max.ms`.
    pub message_timestamp_after_max_ms: Option<u64>,
    /// `message.timestamp.before.max.ms`.
    pub message_timestamp_before_max_ms: Option<u64>,
    /// `message.timestamp.type`.
    pub message_timestamp_type: TimestampType,
    /// `min.cleanable.dirty.ratio`, from 0 to 1.
    pub min_cleanable_dirty_ratio: f64,
    /// `min.compaction.lag.ms`.
    pub min_compaction_lag_ms: i64,
    /// `min.insync.replicas`, from 1.
    pub min_insync_replicas: u32,
    /// `preallocate`.
    pub preallocate: bool,
    /// `retention.bytes`.
    pub retention_bytes: Option<u64>,
    /// `retention.ms`.
    pub retention_ms: Option<u64>,
    /// `segment.bytes`, or `internal.segment.bytes` where that is set.
    pub segment_bytes: u32,
    /// `segment.index.bytes`, from 4.
    pub segment_index_bytes: u32,
    /// `segment.jitter.ms`.
    pub segment_jitter_ms: i64,
    /// `segment.ms`, from 1.
    pub segment_ms: i64,
    /// `unclean.leader.election.enable`.
    pub unclean_leader_election_enable: bool,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self::new([]).expect("the defaults are valid")
    }
}

impl TopicConfig {
    /// The configs of a topic for which these are set; the last of a name counts.
    ///
    /// # Errors
    /// An unknown name, a value out of range, or values that contradict each other.
    pub fn new<'a>(set: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ConfigError> {
        let mut values = Values::default();
        for (name, value) in set {
            validate(name, value)?;
            values.0.insert(name, value);
        }
        values.check_together()?;
        Ok(Self {
            cleanup_policy: {
                let policies = list(values.text("cleanup.policy"));
                CleanupPolicy {
                    compact: policies.contains(&"compact"),
                    delete: policies.contains(&"delete"),
                }
            },
            compression: values.compression(),
            delete_retention_ms: values.number("delete.retention.ms"),
            file_delete_delay_ms: values.number("file.delete.delay.ms"),
            flush_messages: values.limit("flush.messages"),
            flush_ms: values.limit("flush.ms"),
            index_interval_bytes: values.size("index.interval.bytes"),
            max_compaction_lag_ms: values.limit("max.compaction.lag.ms"),
            max_message_bytes: values.size("max.message.bytes"),
            message_timestamp_after_max_ms: values.limit("message.timestamp.after.max.ms"),
            message_timestamp_before_max_ms: values.limit("message.timestamp.before.max.ms"),
            message_timestamp_type: match trim(values.text("message.timestamp.type")) {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            min_cleanable_dirty_ratio: double(values.text("min.cleanable.dirty.ratio"))
                .expect("a validated number"),
            min_compaction_lag_ms: values.number("min.compaction.lag.ms"),
            min_insync_replicas: values.size("min.insync.replicas"),
            preallocate: values.flag("preallocate"),
            retention_bytes: values.limit("retention.bytes"),
            retention_ms: values.limit("retention.ms"),
            segment_bytes: match values.0.get("internal.segment.bytes") {
                Some(size) => trim(size)
                    .parse::<i32>()
                    .map_or(0, |size| size.max(0).cast_unsigned()),
                None => values.size("segment.bytes"),
            },
            segment_index_bytes: values.size("segment.index.bytes"),
            segment_jitter_ms: values.number("segment.jitter.ms"),
            segment_ms: values.number("segment.ms"),
            unclean_leader_election_enable: values.flag("unclean.leader.election.enable"),
        })
    }

    /// After how many milliseconds a new segment begins at the latest: where
    /// records are compacted, they may not wait in the active one for longer than
    /// `max.compaction.lag.ms`.
    pub fn longest_segment_ms(&self) -> i64 {
        match self.max_compaction_lag_ms {
            Some(lag) if self.cleanup_policy.compact => {
                self.segment_ms.min(i64::try_from(lag).unwrap_or(i64::MAX))
            }
            _ => self.segment_ms,
        }
    }
}

/// Values that have been validated one by one, over the defaults.
#[derive(Default)]
struct Values<'a>(BTreeMap<&'a str, &'a str>);

impl Values<'_> {
    fn text(&self, name: &str) -> &str {
        let default = || key(name).and_then(|key| key.default);
        self.0
            .get(name)
            .copied()
            .or_else(default)
            .expect("a config with a default")
    }

    fn number(&self, name: &str) -> i64 {
        trim(self.text(name)).parse().expect("a validated number")
    }

    fn size(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).expect("a validated size")
    }

    /// Negative numbers and the largest are no limit.
    fn limit(&self, name: &str) -> Option<u64> {
        match self.number(name) {
            i64::MAX => None,
            number => u64::try_from(number).ok(),
        }
    }

    fn flag(&self, name: &str) -> bool {
        boolean(self.text(name)).expect("a validated boolean")
    }

    fn compression(&self) -> Option<Compression> {
        let (codec, level) = match trim(self.text("compression.type")) {
            "producer" => return None,
            "gzip" => (Codec::Gzip, Some("compression.gzip.level")),
            "lz4" => (Codec::Lz4, Some("compression.lz4.level")),
            "zstd" => (Codec::Zstd, Some("compression.zstd.level")),
            "snappy" => (Codec::Snappy, None),
            _ => (Codec::None, None),
        };
        let level = level.map(|name| self.number(name) as i32);
        Some(Compression::new(codec, level).expect("a validated level"))
    }

    /// The rules between values, as a broker without tiered storage has them.
    fn check_together(&self) -> Result<(), ConfigError> {
        let least = self.number("min.compaction.lag.ms");
        let most = self.number("max.compaction.lag.ms");
        if least > most {
            return Err(ConfigError::Conflict {
                names: "min.compaction.lag.ms and max.compaction.lag.ms",
                expected: "the first to be no more than the second".to_owned(),
                found: format!("{least} and {most}"),
            });
        }
        if self.flag("remote.storage.enable") {
            return Err(ConfigError::Conflict {
                names: "remote.storage.enable",
                expected: "false, as there is no tiered storage here".to_owned(),
                found: "true".to_owned(),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

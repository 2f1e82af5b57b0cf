//! When segments are rolled, and how densely they are indexed.

use crate::format::topic_config::TopicConfig;

/// When a partition goes on to the next segment, and how densely it is indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentConfig {
    /// `segment.bytes`: the most bytes of a `.log`.
    pub segment_bytes: u64,
    /// `segment.ms`: how long a segment takes batches, by their times.
    pub segment_ms: i64,
    /// `index.interval.bytes`: bytes of `.log` from one index entry to the next.
    pub index_interval: u64,
    /// `segment.index.bytes`: the most bytes of an index.
    pub index_bytes: u64,
}

impl SegmentConfig {
    /// From the configs that were set on a topic; Kafka's defaults for the others.
    pub fn from_configs<'c>(configs: impl Iterator<Item = (&'c str, &'c str)>) -> Self {
        let mut config = Self::default();
        for (name, value) in configs {
            let number = value.parse::<i64>();
            match (name, number) {
                ("segment.bytes", Ok(n)) => config.segment_bytes = n.max(14).cast_unsigned(),
                ("segment.ms", Ok(n)) => config.segment_ms = n.max(1),
                ("index.interval.bytes", Ok(n)) => config.index_interval = n.max(0).cast_unsigned(),
                ("segment.index.bytes", Ok(n)) => config.index_bytes = n.max(4).cast_unsigned(),
                _ => {}
            }
        }
        config
    }
}

impl From<&TopicConfig> for SegmentConfig {
    fn from(topic: &TopicConfig) -> Self {
        Self {
            segment_bytes: u64::from(topic.segment_bytes.max(14)),
            segment_ms: topic.longest_segment_ms().max(1),
            index_interval: u64::from(topic.index_interval_bytes),
            index_bytes: u64::from(topic.segment_index_bytes.max(4)),
        }
    }
}

impl Default for SegmentConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 3600 * 1000,
            index_interval: 4096,
            index_bytes: 10 << 20,
        }
    }
}

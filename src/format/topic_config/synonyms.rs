//! What brokers call the configs of topics: a broker's value counts where the topic
//! has none.
//!
//! Source: `org.apache.kafka.server.config.ServerTopicConfigSynonyms`.

use super::rule::trim;

/// A broker's name for a topic's config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synonym {
    /// The name.
    pub name: &'static str,
    /// How many of the topic's units its own unit is: an hour's milliseconds.
    pub times: i64,
}

impl Synonym {
    const fn of(name: &'static str) -> Self {
        Self { name, times: 1 }
    }

    /// Its value as the topic's; `None` where it is no number and would have to be.
    pub fn convert(&self, value: &str) -> Option<String> {
        if self.times == 1 {
            return Some(value.to_owned());
        }
        let number: i64 = trim(value).parse().ok()?;
        Some(number.checked_mul(self.times)?.to_string())
    }
}

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// The names that brokers have for a topic's config, the first that is set counts; none
/// where brokers have no such config.
pub fn broker_synonyms(name: &str) -> &'static [Synonym] {
    let place = SYNONYMS.iter().find(|(topic, _)| *topic == name);
    place.map_or(&[], |(_, synonyms)| synonyms)
}

macro_rules! synonyms {
    ($($topic:literal => $($broker:literal $(* $times:ident)?),+;)*) => {
        const SYNONYMS: [(&str, &[Synonym]); 28] = [
            $(($topic, &[$(synonyms!(@ $broker $(, $times)?)),+])),*
        ];
    };
    (@ $broker:literal) => { Synonym::of($broker) };
    (@ $broker:literal, $times:ident) => { Synonym { name: $broker, times: $times } };
}

synonyms! {
    "cleanup.policy" => "log.cleanup.policy";
    "compression.gzip.level" => "compression.gzip.level";
    "compression.lz4.level" => "compression.lz4.level";
    "compression.type" => "compression.type";
    "compression.zstd.level" => "compression.zstd.level";
    "delete.retention.ms" => "log.cleaner.delete.retention.ms";
    "file.delete.delay.ms" => "log.segment.delete.delay.ms";
    "flush.messages" => "log.flush.interval.messages";
    "flush.ms" => "log.flush.interval.ms", "log.flush.scheduler.interval.ms";
    "index.interval.bytes" => "log.index.interval.bytes";
    "local.retention.bytes" => "log.local.retention.bytes";
    "local.retention.ms" => "log.local.retention.ms";
    "max.compaction.lag.ms" => "log.cleaner.max.compaction.lag.ms";
    "max.message.bytes" => "message.max.bytes";
    "message.timestamp.after.max.ms" => "log.message.timestamp.after.max.ms";
    "message.timestamp.before.max.ms" => "log.message.timestamp.before.max.ms";
    "message.timestamp.type" => "log.message.timestamp.type";
    "min.cleanable.dirty.ratio" => "log.cleaner.min.cleanable.ratio";
    "min.compaction.lag.ms" => "log.cleaner.min.compaction.lag.ms";
    "min.insync.replicas" => "min.insync.replicas";
    "preallocate" => "log.preallocate";
    "retention.bytes" => "log.retention.bytes";
    "retention.ms" => "log.retention.ms", "log.retention.minutes" * MINUTE, "log.retention.hours" * HOUR;
    "segment.bytes" => "log.segment.bytes";
    "segment.index.bytes" => "log.index.size.max.bytes";
    "segment.jitter.ms" => "log.roll.jitter.ms", "log.roll.jitter.hours" * HOUR;
    "segment.ms" => "log.roll.ms", "log.roll.hours" * HOUR;
    "unclean.leader.election.enable" => "unclean.leader.election.enable";
}

#[cfg(test)]
mod tests {
    use super::super::KEYS;
    use super::*;

    #[test]
    fn synonyms_are_of_configs_that_topics_have() {
        for (topic, synonyms) in SYNONYMS {
            assert!(KEYS.iter().any(|key| key.name == topic), "{topic}");
            assert_eq!(synonyms[0].times, 1, "{topic}");
        }
        let hours = broker_synonyms("retention.ms")[2];
        assert_eq!(hours.convert("168").as_deref(), Some("604800000"));
        assert_eq!(hours.convert("a week"), None);
        assert!(broker_synonyms("remote.storage.enable").is_empty());
    }
}

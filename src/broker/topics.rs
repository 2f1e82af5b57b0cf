//! Topics that are made because someone asked for them.

use super::Broker;
use crate::log::Result;
use crate::log::layout::{OFFSETS_TOPIC, SHARE_GROUPS_TOPIC, TRANSACTIONS_TOPIC};

/// Creates a topic as the broker's configuration has it; one of Kafka's own as Kafka
/// does. Nothing where someone else was faster.
pub(super) fn create_default(broker: &Broker, name: &str) -> Result<()> {
    let owned = |configs: &[(&str, String)]| -> Vec<(String, String)> {
        configs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    };
    let setting = |name| broker.config.number(name);
    let (partitions, configs) = match name {
        OFFSETS_TOPIC => (
            broker.config.offsets_partitions,
            owned(&[
                ("cleanup.policy", "compact".to_owned()),
                ("compression.type", "producer".to_owned()),
                (
                    "segment.bytes",
                    broker.config.offsets_segment_bytes.to_string(),
                ),
            ]),
        ),
        TRANSACTIONS_TOPIC => (
            i32::try_from(setting("transaction.state.log.num.partitions")).unwrap_or(50),
            owned(&[
                ("cleanup.policy", "compact".to_owned()),
                ("compression.type", "uncompressed".to_owned()),
                ("min.insync.replicas", "1".to_owned()),
                (
                    "segment.bytes",
                    setting("transaction.state.log.segment.bytes").to_string(),
                ),
                ("unclean.leader.election.enable", "false".to_owned()),
            ]),
        ),
        SHARE_GROUPS_TOPIC => (
            i32::try_from(setting("share.coordinator.state.topic.num.partitions")).unwrap_or(50),
            owned(&[
                // Kafka deletes what a whole state has made needless.
                ("cleanup.policy", "delete".to_owned()),
                ("compression.type", "producer".to_owned()),
                ("retention.ms", "-1".to_owned()),
                (
                    "segment.bytes",
                    setting("share.coordinator.state.topic.segment.bytes").to_string(),
                ),
            ]),
        ),
        _ => (broker.config.num_partitions, Vec::new()),
    };
    let outcome = broker.change(|session| session.create_topic(name, partitions, &configs));
    match outcome {
        Err(crate::log::LogError::TopicExists { .. }) => Ok(()),
        outcome => outcome,
    }
}

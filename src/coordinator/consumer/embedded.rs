//! What consumers of the classic protocol say inside of it: what they subscribe to, own,
//! and are assigned, by topic name.

use super::partitions::Partitions;
use super::topics::Topics;
use crate::format::consumer_offsets::{
    ClassicProtocol, ConsumerProtocolAssignment, ConsumerProtocolSubscription,
    TopicPartitionNumbers,
};

/// The protocol type of consumers.
pub(super) const CONSUMER: &str = "consumer";

/// A member's subscription. It is the same under all of its protocols.
pub(super) fn subscription(protocols: &[ClassicProtocol]) -> Option<ConsumerProtocolSubscription> {
    let bytes = &protocols.first()?.metadata;
    ConsumerProtocolSubscription::from_bytes(bytes)
        .ok()
        .map(|(subscription, _)| subscription)
}

/// Partitions of topics that are there.
pub(super) fn by_id(topics: &dyn Topics, named: &[TopicPartitionNumbers]) -> Partitions {
    let mut partitions = Partitions::new();
    for of_topic in named
        .iter()
        .filter(|of_topic| !of_topic.partitions.is_empty())
    {
        if let Some(topic) = topics.by_name(&of_topic.topic) {
            partitions
                .entry(topic.id)
                .or_default()
                .extend(&of_topic.partitions);
        }
    }
    partitions
}

/// An assignment, in the version of the member's subscription `metadata`.
pub(super) fn assignment(
    topics: &dyn Topics,
    partitions: &Partitions,
    metadata: &[u8],
) -> Option<Vec<u8>> {
    let (_, version) = ConsumerProtocolSubscription::from_bytes(metadata).ok()?;
    let named = partitions.iter().filter_map(|(topic, partitions)| {
        Some(TopicPartitionNumbers {
            topic: topics.by_id(topic)?.name.to_owned(),
            partitions: partitions.iter().copied().collect(),
            ..Default::default()
        })
    });
    let assignment = ConsumerProtocolAssignment {
        assigned_partitions: named.collect(),
        ..Default::default()
    };
    assignment.to_bytes(version).ok()
}

//! Sets of partitions by topic.

use crate::format::Uuid;
use crate::format::types::PartitionId;
use std::collections::{BTreeMap, BTreeSet};

/// Partitions of several topics. No topic has an empty set.
pub type Partitions = BTreeMap<Uuid, BTreeSet<PartitionId>>;

/// Partitions of several topics, each with the member's epoch at which it was assigned.
/// No topic has an empty map.
pub type EpochedPartitions = BTreeMap<Uuid, BTreeMap<PartitionId, i32>>;

/// The same partitions without epochs.
pub fn without_epochs(partitions: &EpochedPartitions) -> Partitions {
    let plain = |(topic, epochs): (&Uuid, &BTreeMap<PartitionId, i32>)| {
        (*topic, epochs.keys().copied().collect())
    };
    partitions.iter().map(plain).collect()
}

/// The same partitions, all assigned at `epoch`.
pub fn with_epoch(partitions: &Partitions, epoch: i32) -> EpochedPartitions {
    let epoched = |(topic, set): (&Uuid, &BTreeSet<PartitionId>)| {
        (*topic, set.iter().map(|id| (*id, epoch)).collect())
    };
    partitions.iter().map(epoched).collect()
}

/// Whether a partition is among them.
pub fn holds(partitions: &EpochedPartitions, topic: &Uuid, partition: PartitionId) -> bool {
    partitions
        .get(topic)
        .is_some_and(|epochs| epochs.contains_key(&partition))
}

/// How many partitions there are.
pub fn count(partitions: &Partitions) -> usize {
    partitions.values().map(BTreeSet::len).sum()
}

//! What the records of `__consumer_offsets` and `__share_group_state` add up to:
//! groups of all kinds, their members as far as records tell, and their offsets.
//!
//! Source: `org.apache.kafka.coordinator.group.OffsetMetadataManager`,
//! `GroupMetadataManager`, `ShareCoordinatorShard`.

mod change;
mod members;
mod offsets;
mod read;
mod replay_shares;
mod share;
mod walk;

pub use change::{Change, apply};
pub use members::{Assigned, Kind, Member};
pub use offsets::{Committed, Pending};
pub use read::{Groups, read};
pub use replay_shares::replay_shares;
pub use share::Shared;
pub use walk::{GroupEvent, replay};

use super::layout::TopicPartition;
use crate::format::ProducerId;
use crate::format::consumer_offsets::{ClassicGroupValue, StreamsGroupTopologyValue};
use std::collections::BTreeMap;

/// A group.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// The partition of `__consumer_offsets` that its records are in.
    pub partition: i32,
    /// Its kind; a group that only commits offsets has no record of its own.
    pub kind: Kind,
    /// Raised with each change of its members; a classic group's generation.
    pub epoch: Option<i32>,
    /// The epoch that the assignment was made for.
    pub assignment_epoch: Option<i32>,
    /// A classic group as it was last written.
    pub classic: Option<ClassicGroupValue>,
    /// Its members by id.
    pub members: BTreeMap<String, Member>,
    /// The topology of a streams group.
    pub topology: Option<StreamsGroupTopologyValue>,
    /// Its committed offsets.
    pub offsets: BTreeMap<TopicPartition, Committed>,
    /// Offsets in transactions that are open.
    pub pending: BTreeMap<(TopicPartition, ProducerId), Pending>,
    /// What a share group has done with each partition.
    pub shared: BTreeMap<TopicPartition, Shared>,
}

impl Group {
    /// Kafka's name of its state, as far as records tell: that a member is silent, or
    /// that members are joining, is not written down.
    pub fn state(&self) -> &'static str {
        match self.kind {
            _ if self.members.is_empty() => "Empty",
            Kind::Classic | Kind::Share | Kind::Simple => "Stable",
            Kind::Streams if self.topology.is_none() => "NotReady",
            _ if self.epoch > self.assignment_epoch => "Assigning",
            _ if self
                .members
                .values()
                .all(|member| member.state == Some(0) && member.epoch == self.assignment_epoch) =>
            {
                "Stable"
            }
            _ => "Reconciling",
        }
    }

    /// The member that has a partition.
    pub fn owner(&self, partition: &TopicPartition) -> Option<(&str, &Member)> {
        let has = |member: &Member| {
            member.assigned.iter().any(|part| {
                part.topic == partition.topic && part.partitions.contains(&partition.partition)
            })
        };
        self.members
            .iter()
            .find(|(_, member)| has(member))
            .map(|(id, member)| (id.as_str(), member))
    }

    /// Every partition that it has to do with: committed, pending, shared or assigned.
    pub fn partitions(&self) -> Vec<TopicPartition> {
        let assigned = self.members.values().flat_map(|member| {
            member.assigned.iter().flat_map(|part| {
                let name = |number: &i32| TopicPartition::new(part.topic.clone(), *number);
                part.partitions.iter().map(name)
            })
        });
        let assigned = assigned.filter(|_| matches!(self.kind, Kind::Classic | Kind::Consumer));
        let mut all: Vec<_> = self
            .offsets
            .keys()
            .chain(self.pending.keys().map(|(name, _)| name))
            .chain(self.shared.keys())
            .cloned()
            .chain(assigned)
            .collect();
        all.sort();
        all.dedup();
        all
    }

    fn is_nothing(&self) -> bool {
        self.kind == Kind::Simple
            && self.members.is_empty()
            && self.offsets.is_empty()
            && self.pending.is_empty()
            && self.shared.is_empty()
    }
}

#[cfg(test)]
mod tests;

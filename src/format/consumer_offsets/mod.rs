//! Records of `__consumer_offsets`: committed offsets, and the state of classic,
//! consumer (KIP-848), share (KIP-932) and streams (KIP-1071) groups. The layout
//! is that of [`super::coordinator`].
//!
//! ```text
//! type      key                       value versions
//! 0, 1      offset commit             0; 0–4 (flexible from 4)
//! 2         classic group             0–4 (flexible from 4)
//! 3–8, 16   consumer group            0
//! 10–15     share group               0
//! 17, 19–23 streams group             0
//! ```
//!
//! Source: `group-coordinator/src/main/resources/common/message/*.json`.

mod classic;
mod consumer;
mod offsets;
mod share;
mod streams;

pub use classic::{
    ClassicGroupKey, ClassicGroupMember, ClassicGroupValue, ConsumerProtocolAssignment,
    ConsumerProtocolSubscription, TopicPartitionNumbers,
};
pub use consumer::{
    AssignedPartitions, ClassicMemberMetadata, ClassicProtocol,
    ConsumerGroupCurrentAssignmentValue, ConsumerGroupMemberValue,
    ConsumerGroupPartitionMetadataValue, ConsumerGroupRegularExpressionKey,
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberValue,
    ConsumerGroupTargetAssignmentValue, ConsumerGroupValue, GroupKey, MemberKey, PartitionRacks,
    TopicMetadata, TopicPartitions,
};
pub use offsets::{LegacyOffsetCommitValue, OffsetCommitKey, OffsetCommitValue};
pub use share::{
    ShareGroupCurrentAssignmentValue, ShareGroupMemberValue, ShareGroupStatePartitionsValue,
    ShareGroupTargetAssignmentMemberValue, ShareGroupTargetAssignmentValue, ShareGroupValue,
    SharedTopic, SharedTopicPartitions,
};
pub use streams::{
    CopartitionGroup, KeyValue, StreamsEndpoint, StreamsGroupCurrentAssignmentValue,
    StreamsGroupMemberValue, StreamsGroupTargetAssignmentMemberValue,
    StreamsGroupTargetAssignmentValue, StreamsGroupTopologyValue, StreamsGroupValue, Subtopology,
    TaskIds, TaskIdsWithEpochs, TopologyTopic, TopologyTopicConfig,
};

use super::bytes::Reader;
use super::coordinator::{Versioned, coordinator_partition, coordinator_records};
use super::error::{FormatError, Result};
use super::schema::{Message, Wire, base64_json, finish};
use super::types::PartitionId;
use serde_json::{Value, json};
use std::num::NonZeroU32;

/// The partition of `__consumer_offsets` that holds a group's records.
pub fn group_partition(group_id: &str, partitions: NonZeroU32) -> PartitionId {
    coordinator_partition(group_id, partitions)
}

coordinator_records! {
    /// The key of a record of `__consumer_offsets`.
    key GroupRecordKey;
    /// The value of a record of `__consumer_offsets`.
    value GroupRecordValue;

    /// A committed offset, as written before Kafka 0.8.2.
    0 LegacyOffsetCommit(OffsetCommitKey, LegacyOffsetCommitValue),
    /// A committed offset.
    1 OffsetCommit(OffsetCommitKey, OffsetCommitValue),
    /// A classic group with its members.
    2 ClassicGroup(ClassicGroupKey, ClassicGroupValue),
    /// A consumer group.
    3 ConsumerGroup(GroupKey, ConsumerGroupValue),
    /// The topics of a consumer group (before 4.1).
    4 ConsumerGroupPartitionMetadata(GroupKey, ConsumerGroupPartitionMetadataValue),
    /// A member of a consumer group.
    5 ConsumerGroupMember(MemberKey, ConsumerGroupMemberValue),
    /// The assignment that a consumer group moves to.
    6 ConsumerGroupTargetAssignment(GroupKey, ConsumerGroupTargetAssignmentValue),
    /// What a member of a consumer group is to get.
    7 ConsumerGroupTargetAssignmentMember(MemberKey, ConsumerGroupTargetAssignmentMemberValue),
    /// What a member of a consumer group has.
    8 ConsumerGroupCurrentAssignment(MemberKey, ConsumerGroupCurrentAssignmentValue),
    /// A member of a share group.
    10 ShareGroupMember(MemberKey, ShareGroupMemberValue),
    /// A share group.
    11 ShareGroup(GroupKey, ShareGroupValue),
    /// The assignment that a share group moves to.
    12 ShareGroupTargetAssignment(GroupKey, ShareGroupTargetAssignmentValue),
    /// What a member of a share group is to get.
    13 ShareGroupTargetAssignmentMember(MemberKey, ShareGroupTargetAssignmentMemberValue),
    /// What a member of a share group has.
    14 ShareGroupCurrentAssignment(MemberKey, ShareGroupCurrentAssignmentValue),
    /// Which partitions a share group keeps state for.
    15 ShareGroupStatePartitions(GroupKey, ShareGroupStatePartitionsValue),
    /// The topics that a regular expression of a consumer group stands for.
    16 ConsumerGroupRegularExpression(
        ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue
    ),
    /// A streams group.
    17 StreamsGroup(GroupKey, StreamsGroupValue),
    /// A member of a streams group.
    19 StreamsGroupMember(MemberKey, StreamsGroupMemberValue),
    /// The assignment that a streams group moves to.
    20 StreamsGroupTargetAssignment(GroupKey, StreamsGroupTargetAssignmentValue),
    /// What a member of a streams group is to get.
    21 StreamsGroupTargetAssignmentMember(MemberKey, StreamsGroupTargetAssignmentMemberValue),
    /// What a member of a streams group has.
    22 StreamsGroupCurrentAssignment(MemberKey, StreamsGroupCurrentAssignmentValue),
    /// The topology that a streams group runs.
    23 StreamsGroupTopology(GroupKey, StreamsGroupTopologyValue),
}

impl GroupRecordKey {
    /// The group that the record is about, unless its type is unknown.
    pub fn group(&self) -> Option<&str> {
        match self {
            Self::LegacyOffsetCommit(key) | Self::OffsetCommit(key) => Some(&key.group),
            Self::ClassicGroup(key) => Some(&key.group),
            Self::ConsumerGroup(key)
            | Self::ConsumerGroupPartitionMetadata(key)
            | Self::ConsumerGroupTargetAssignment(key)
            | Self::ShareGroup(key)
            | Self::ShareGroupTargetAssignment(key)
            | Self::ShareGroupStatePartitions(key)
            | Self::StreamsGroup(key)
            | Self::StreamsGroupTargetAssignment(key)
            | Self::StreamsGroupTopology(key) => Some(&key.group_id),
            Self::ConsumerGroupMember(key)
            | Self::ConsumerGroupTargetAssignmentMember(key)
            | Self::ConsumerGroupCurrentAssignment(key)
            | Self::ShareGroupMember(key)
            | Self::ShareGroupTargetAssignmentMember(key)
            | Self::ShareGroupCurrentAssignment(key)
            | Self::StreamsGroupMember(key)
            | Self::StreamsGroupTargetAssignmentMember(key)
            | Self::StreamsGroupCurrentAssignment(key) => Some(&key.group_id),
            Self::ConsumerGroupRegularExpression(key) => Some(&key.group_id),
            Self::Unknown { .. } => None,
        }
    }
}

impl Versioned<GroupRecordValue> {
    /// What Kafka's dump prints as the payload: the subscription and assignment of
    /// a classic consumer are shown decoded. An unknown value has base64 in `data`.
    pub fn to_json(&self) -> Value {
        let mut data = self.value.data_json(self.version);
        if let GroupRecordValue::ClassicGroup(group) = &self.value {
            group.show_members(&mut data);
        }
        json!({ "version": self.version.to_string(), "data": data })
    }
}

#[cfg(test)]
mod tests;

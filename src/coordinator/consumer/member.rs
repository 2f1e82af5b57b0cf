//! A member of a consumer group, and the records that keep it.

use super::partitions::{EpochedPartitions, holds};
use crate::format::Uuid;
use crate::format::consumer_offsets::{
    AssignedPartitions, ClassicMemberMetadata, ConsumerGroupCurrentAssignmentValue,
    ConsumerGroupMemberValue,
};
use crate::format::types::PartitionId;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The epoch of a member that left.
pub(super) const LEFT: i32 = -1;
/// The epoch of a static member that is expected back.
pub(super) const LEFT_FOR_NOW: i32 = -2;

/// How far a member is on the way to its target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MemberState {
    /// It has all that it was to get at its epoch.
    #[default]
    Stable,
    /// It has to give up partitions before it moves to the next epoch.
    UnrevokedPartitions,
    /// It waits for partitions that others have to give up.
    UnreleasedPartitions,
    /// A state that a later server wrote.
    Unknown,
}

impl MemberState {
    /// The byte of the record.
    pub const fn code(self) -> i8 {
        match self {
            Self::Stable => 0,
            Self::UnrevokedPartitions => 1,
            Self::UnreleasedPartitions => 2,
            Self::Unknown => 127,
        }
    }

    const fn from_code(code: i8) -> Self {
        match code {
            0 => Self::Stable,
            1 => Self::UnrevokedPartitions,
            2 => Self::UnreleasedPartitions,
            _ => Self::Unknown,
        }
    }
}

/// A member of a consumer group.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its id.
    pub id: Arc<str>,
    /// The epoch that it is to send; [`LEFT_FOR_NOW`] for a static member that is away.
    pub epoch: i32,
    /// The one before it, which it may still send; −1 where there was none.
    pub previous_epoch: i32,
    /// How far it is.
    pub state: MemberState,
    /// The id that it keeps over restarts.
    pub instance_id: Option<String>,
    /// Its rack.
    pub rack_id: Option<String>,
    /// How long it may take to give up partitions, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// What the client calls itself.
    pub client_id: String,
    /// From where it connected.
    pub client_host: String,
    /// The topics that it subscribes to by name.
    pub topic_names: Arc<BTreeSet<String>>,
    /// The regular expression that it subscribes to; an empty one is none.
    pub topic_regex: Option<String>,
    /// The assignor that it asks for.
    pub server_assignor: Option<String>,
    /// The partitions that it has.
    pub assigned: EpochedPartitions,
    /// The partitions that it has to give up.
    pub revoking: EpochedPartitions,
    /// What it said in the classic protocol, if it speaks that.
    pub classic: Option<ClassicMemberMetadata>,
}

impl Member {
    /// A member that joins.
    pub fn new(id: Arc<str>) -> Self {
        Self {
            id,
            epoch: 0,
            previous_epoch: -1,
            state: MemberState::Stable,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: -1,
            client_id: String::new(),
            client_host: String::new(),
            topic_names: Arc::default(),
            topic_regex: Some(String::new()),
            server_assignor: None,
            assigned: EpochedPartitions::new(),
            revoking: EpochedPartitions::new(),
            classic: None,
        }
    }

    /// Whether it has what it was to get at `target_epoch`.
    pub fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.state == MemberState::Stable && self.epoch == target_epoch
    }

    /// Whether it speaks the classic protocol.
    pub fn is_classic(&self) -> bool {
        self.classic.is_some()
    }

    /// The regular expression that it subscribes to.
    pub fn regex(&self) -> Option<&str> {
        self.topic_regex
            .as_deref()
            .filter(|regex| !regex.is_empty())
    }

    /// Whether a partition is its own, even if only until it gives it up.
    pub fn owns(&self, topic: &Uuid, partition: PartitionId) -> bool {
        holds(&self.assigned, topic, partition) || holds(&self.revoking, topic, partition)
    }

    /// The epoch at which it got a partition that it still owns.
    pub fn assignment_epoch(&self, topic: &Uuid, partition: PartitionId) -> Option<i32> {
        [&self.assigned, &self.revoking]
            .into_iter()
            .find_map(|partitions| partitions.get(topic)?.get(&partition).copied())
    }

    /// The next step towards its target.
    #[must_use]
    pub(super) fn moved(
        &self,
        state: MemberState,
        epoch: i32,
        assigned: EpochedPartitions,
        revoking: EpochedPartitions,
    ) -> Self {
        Self {
            previous_epoch: self.epoch,
            epoch,
            state,
            assigned,
            revoking,
            ..self.clone()
        }
    }

    /// What its record says about it.
    pub(super) fn describe(&mut self, value: &ConsumerGroupMemberValue) {
        self.instance_id.clone_from(&value.instance_id);
        self.rack_id.clone_from(&value.rack_id);
        self.client_id.clone_from(&value.client_id);
        self.client_host.clone_from(&value.client_host);
        self.topic_names = Arc::new(value.subscribed_topic_names.iter().cloned().collect());
        self.topic_regex.clone_from(&value.subscribed_topic_regex);
        self.rebalance_timeout_ms = value.rebalance_timeout_ms;
        self.server_assignor.clone_from(&value.server_assignor);
        self.classic.clone_from(&value.classic_member_metadata);
    }

    /// What its record says that it has.
    pub(super) fn take_assignment(&mut self, value: &ConsumerGroupCurrentAssignmentValue) {
        self.epoch = value.member_epoch;
        self.previous_epoch = value.previous_member_epoch;
        self.state = MemberState::from_code(value.state);
        self.assigned = from_record(&value.assigned_partitions, value.member_epoch);
        self.revoking = from_record(&value.partitions_pending_revocation, value.member_epoch);
    }

    pub(super) fn to_value(&self) -> ConsumerGroupMemberValue {
        ConsumerGroupMemberValue {
            instance_id: self.instance_id.clone(),
            rack_id: self.rack_id.clone(),
            client_id: self.client_id.clone(),
            client_host: self.client_host.clone(),
            subscribed_topic_names: self.topic_names.iter().cloned().collect(),
            subscribed_topic_regex: self.topic_regex.clone(),
            rebalance_timeout_ms: self.rebalance_timeout_ms,
            server_assignor: self.server_assignor.clone(),
            classic_member_metadata: self.classic.clone(),
            ..Default::default()
        }
    }

    pub(super) fn to_assignment_value(&self) -> ConsumerGroupCurrentAssignmentValue {
        ConsumerGroupCurrentAssignmentValue {
            member_epoch: self.epoch,
            previous_member_epoch: self.previous_epoch,
            state: self.state.code(),
            assigned_partitions: to_record(&self.assigned),
            partitions_pending_revocation: to_record(&self.revoking),
            ..Default::default()
        }
    }
}

/// Records before Kafka 4.3 have no epochs: the partitions count as assigned at the
/// member's own epoch.
fn from_record(topics: &[AssignedPartitions], member_epoch: i32) -> EpochedPartitions {
    let mut partitions = EpochedPartitions::new();
    for topic in topics.iter().filter(|topic| !topic.partitions.is_empty()) {
        let epochs = topic.assignment_epochs.as_deref().unwrap_or(&[]);
        let epochs = (epochs.len() == topic.partitions.len()).then_some(epochs);
        let of_topic = partitions.entry(topic.topic_id).or_default();
        for (at, partition) in topic.partitions.iter().enumerate() {
            let epoch = epochs.map_or(member_epoch.max(0), |epochs| epochs[at]);
            of_topic.insert(*partition, epoch);
        }
    }
    partitions
}

fn to_record(partitions: &EpochedPartitions) -> Vec<AssignedPartitions> {
    let topic = |(topic_id, epochs): (&Uuid, &std::collections::BTreeMap<PartitionId, i32>)| {
        AssignedPartitions {
            topic_id: *topic_id,
            partitions: epochs.keys().copied().collect(),
            assignment_epochs: Some(epochs.values().copied().collect()),
            ..Default::default()
        }
    };
    partitions.iter().map(topic).collect()
}

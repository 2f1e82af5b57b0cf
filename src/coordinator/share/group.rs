//! The state of one share group. Only records change it.
//!
//! A member has what it is to get as soon as it asks: members share partitions, so nobody
//! has to give one up first. Only partitions whose state is set up are assigned.

use crate::coordinator::consumer::partitions::Partitions;
use crate::format::Uuid;
use crate::format::consumer_offsets::{
    GroupRecordKey, GroupRecordValue, ShareGroupCurrentAssignmentValue, ShareGroupMemberValue,
    ShareGroupStatePartitionsValue, SharedTopicPartitions, TopicPartitions,
};
use crate::format::types::PartitionId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The epoch of a group that nothing was written about.
const FIRST_EPOCH: i32 = 1;

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareMember {
    /// Its id.
    pub id: Arc<str>,
    /// The epoch that it is to send.
    pub epoch: i32,
    /// The one before it, which it may still send.
    pub previous_epoch: i32,
    /// Its rack.
    pub rack_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// From where it connects.
    pub client_host: String,
    /// The topics that it asks for.
    pub topics: BTreeSet<String>,
    /// What it has.
    pub assigned: Partitions,
}

impl ShareMember {
    /// A member that joins.
    pub fn new(id: &str) -> Self {
        Self {
            id: Arc::from(id),
            epoch: 0,
            previous_epoch: -1,
            rack_id: None,
            client_id: String::new(),
            client_host: String::new(),
            topics: BTreeSet::new(),
            assigned: Partitions::new(),
        }
    }

    fn describe(&mut self, value: &ShareGroupMemberValue) {
        self.rack_id.clone_from(&value.rack_id);
        self.client_id.clone_from(&value.client_id);
        self.client_host.clone_from(&value.client_host);
        self.topics = value.subscribed_topic_names.iter().cloned().collect();
    }

    fn take(&mut self, value: &ShareGroupCurrentAssignmentValue) {
        self.epoch = value.member_epoch;
        self.previous_epoch = value.previous_member_epoch;
        self.assigned = partitions(&value.assigned_partitions);
    }
}

/// Partitions of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) partitions: BTreeSet<PartitionId>,
}

/// Partitions by topic, with the topics' names.
pub(super) type NamedPartitions = BTreeMap<Uuid, Named>;

/// Which partitions there is state of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct StatePartitions {
    pub(super) initializing: NamedPartitions,
    pub(super) initialized: NamedPartitions,
    pub(super) deleting: BTreeMap<Uuid, String>,
}

/// A share group.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareGroup {
    pub(super) id: String,
    pub(super) epoch: i32,
    pub(super) metadata_hash: i64,
    /// −1 while there is no target.
    pub(super) assignment_epoch: i32,
    pub(super) assigned_at_ms: i64,
    pub(super) members: BTreeMap<Arc<str>, ShareMember>,
    pub(super) target: BTreeMap<Arc<str>, Partitions>,
    /// `None` while nothing was written about it.
    pub(super) state: Option<StatePartitions>,
}

impl ShareGroup {
    /// A group without members.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            epoch: FIRST_EPOCH,
            metadata_hash: 0,
            assignment_epoch: -1,
            assigned_at_ms: 0,
            members: BTreeMap::new(),
            target: BTreeMap::new(),
            state: None,
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its epoch.
    pub fn epoch(&self) -> i32 {
        self.epoch
    }

    /// Its members.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &ShareMember> {
        self.members.values()
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Kafka's name of its state.
    pub fn state_name(&self) -> &'static str {
        match self.is_empty() {
            true => "Empty",
            false => "Stable",
        }
    }

    /// The partitions whose state is set up.
    pub fn initialized(&self) -> Partitions {
        let topics = self.state.iter().flat_map(|state| &state.initialized);
        topics
            .map(|(id, topic)| (*id, topic.partitions.clone()))
            .collect()
    }

    /// The topics that somebody asks for, once `old` has become `new`.
    pub(super) fn topics_with(&self, new: Option<&ShareMember>, gone: &str) -> BTreeSet<String> {
        let others = self.members.values();
        let others = others
            .filter(|member| &*member.id != gone && new.is_none_or(|new| new.id != member.id));
        others
            .chain(new)
            .flat_map(|member| &member.topics)
            .cloned()
            .collect()
    }

    /// Takes a record of this group in; those of other kinds change nothing. A tombstone of
    /// [`GroupRecordKey::ShareGroup`] ends the group: the caller drops it.
    pub fn replay(&mut self, key: &GroupRecordKey, value: Option<&GroupRecordValue>) {
        use {GroupRecordKey as Key, GroupRecordValue as Value};
        match (key, value) {
            (Key::ShareGroup(_), Some(Value::ShareGroup(value))) => {
                self.epoch = value.epoch;
                self.metadata_hash = value.metadata_hash;
            }
            (Key::ShareGroupMember(key), Some(Value::ShareGroupMember(value))) => {
                self.member(&key.member_id).describe(value);
            }
            (Key::ShareGroupMember(key), None) => {
                self.members.remove(key.member_id.as_str());
            }
            (
                Key::ShareGroupTargetAssignment(_),
                Some(Value::ShareGroupTargetAssignment(value)),
            ) => {
                self.assignment_epoch = value.assignment_epoch;
                self.assigned_at_ms = value.assignment_timestamp;
            }
            (Key::ShareGroupTargetAssignment(_), None) => {
                self.assignment_epoch = -1;
                self.assigned_at_ms = 0;
            }
            (
                Key::ShareGroupTargetAssignmentMember(key),
                Some(Value::ShareGroupTargetAssignmentMember(value)),
            ) => {
                let target = partitions(&value.topic_partitions);
                self.target.insert(Arc::from(&*key.member_id), target);
            }
            (Key::ShareGroupTargetAssignmentMember(key), None) => {
                self.target.remove(key.member_id.as_str());
            }
            (
                Key::ShareGroupCurrentAssignment(key),
                Some(Value::ShareGroupCurrentAssignment(value)),
            ) => self.member(&key.member_id).take(value),
            (Key::ShareGroupCurrentAssignment(key), None) => {
                if let Some(member) = self.members.get_mut(key.member_id.as_str()) {
                    member.epoch = -1;
                    member.previous_epoch = -1;
                    member.assigned.clear();
                }
            }
            (Key::ShareGroupStatePartitions(_), Some(Value::ShareGroupStatePartitions(value))) => {
                self.state = Some(state(value))
            }
            (Key::ShareGroupStatePartitions(_), None) => self.state = None,
            _ => {}
        }
    }

    fn member(&mut self, id: &str) -> &mut ShareMember {
        self.members
            .entry(Arc::from(id))
            .or_insert_with(|| ShareMember::new(id))
    }
}

fn partitions(topics: &[TopicPartitions]) -> Partitions {
    let mut partitions = Partitions::new();
    for topic in topics.iter().filter(|topic| !topic.partitions.is_empty()) {
        let of_topic = partitions.entry(topic.topic_id).or_default();
        of_topic.extend(&topic.partitions);
    }
    partitions
}

fn state(value: &ShareGroupStatePartitionsValue) -> StatePartitions {
    let named = |topics: &[SharedTopicPartitions]| {
        let topic = |topic: &SharedTopicPartitions| {
            let named = Named {
                name: topic.topic_name.clone(),
                partitions: topic.partitions.iter().copied().collect(),
            };
            (topic.topic_id, named)
        };
        topics.iter().map(topic).collect()
    };
    let deleting = value.deleting_topics.iter();
    StatePartitions {
        initializing: named(&value.initializing_topics),
        initialized: named(&value.initialized_topics),
        deleting: deleting
            .map(|topic| (topic.topic_id, topic.topic_name.clone()))
            .collect(),
    }
}

//! The state of one consumer group. Only records change it, so a log read again gives
//! the same state.
//!
//! The *group epoch* counts changes of members and topics. The *assignment epoch* is the
//! group epoch that the target was made for; a member that has its target has that epoch.
//! A partition has at most one owner; a member gets one only when nobody owns it.

use super::assignor::Assignor;
use super::member::{LEFT, Member};
use super::partitions::{EpochedPartitions, Partitions};
use super::topics::{self, Topics};
use crate::format::Uuid;
use crate::format::consumer_offsets::{
    ConsumerGroupRegularExpressionValue, ConsumerGroupTargetAssignmentMemberValue, GroupRecordKey,
    GroupRecordValue,
};
use crate::format::types::PartitionId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

/// The epoch of a group that nothing was written about. The first member raises it, as 0
/// is what a member sends that joins.
const FIRST_EPOCH: i32 = 1;

/// A record of `__consumer_offsets`: its key, and its value or a tombstone.
pub type Record = (GroupRecordKey, Option<GroupRecordValue>);

/// What a group is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// It has no members.
    Empty,
    /// Its target is to be made.
    Assigning,
    /// Members move to the target.
    Reconciling,
    /// All members have their target.
    Stable,
}

impl fmt::Display for GroupState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Empty => "Empty",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::Stable => "Stable",
        })
    }
}

/// How many ask for a topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Subscribers {
    /// Members that name it.
    pub(super) by_name: usize,
    /// Regular expressions that match it.
    pub(super) by_regex: usize,
}

/// The topics that a regular expression stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Resolved {
    pub(super) topics: BTreeSet<String>,
    /// The version of the metadata.
    pub(super) version: i64,
    pub(super) timestamp_ms: i64,
}

/// A consumer group.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerGroup {
    pub(super) id: String,
    pub(super) epoch: i32,
    pub(super) metadata_hash: i64,
    /// −1 while there is no target.
    pub(super) assignment_epoch: i32,
    /// When the target was made, in milliseconds since 1970; 0 where that is not known.
    pub(super) assigned_at_ms: i64,
    pub(super) members: BTreeMap<Arc<str>, Member>,
    pub(super) target: BTreeMap<Arc<str>, Arc<Partitions>>,
    pub(super) resolved: BTreeMap<String, Resolved>,
    /// A record of before Kafka 4.1 is in the log, which is to be deleted.
    pub(super) has_old_metadata: bool,

    // All below is counted from the above.
    pub(super) static_members: HashMap<String, Arc<str>>,
    owners: HashMap<(Uuid, PartitionId), Arc<str>>,
    assignors: BTreeMap<String, usize>,
    pub(super) regexes: BTreeMap<String, usize>,
    pub(super) topics: BTreeMap<String, Subscribers>,
    pub(super) classic_members: usize,
    pub(super) classic_protocols: BTreeMap<String, usize>,
}

impl ConsumerGroup {
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
            resolved: BTreeMap::new(),
            has_old_metadata: false,
            static_members: HashMap::new(),
            owners: HashMap::new(),
            assignors: BTreeMap::new(),
            regexes: BTreeMap::new(),
            topics: BTreeMap::new(),
            classic_members: 0,
            classic_protocols: BTreeMap::new(),
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

    /// The epoch of its target; −1 where there is none.
    pub fn assignment_epoch(&self) -> i32 {
        self.assignment_epoch
    }

    /// Its members.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.values()
    }

    /// A member.
    pub fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    /// The member with an instance id.
    pub fn static_member(&self, instance_id: &str) -> Option<&Member> {
        self.members.get(self.static_members.get(instance_id)?)
    }

    /// What it is doing. Takes time in the number of members.
    pub fn state(&self) -> GroupState {
        let reconciled = |member: &Member| member.is_reconciled_to(self.assignment_epoch);
        if self.members.is_empty() {
            GroupState::Empty
        } else if self.epoch > self.assignment_epoch {
            GroupState::Assigning
        } else if self.members.values().all(reconciled) {
            GroupState::Stable
        } else {
            GroupState::Reconciling
        }
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether a member asks for a topic, by name or by a regular expression.
    pub fn subscribes_to(&self, topic: &str) -> bool {
        self.topics.contains_key(topic)
    }

    /// What a member is to get.
    pub fn target(&self, member_id: &str) -> Option<&Arc<Partitions>> {
        self.target.get(member_id)
    }

    /// The member that owns a partition, even if only until it gives it up.
    pub fn owner(&self, topic: &Uuid, partition: PartitionId) -> Option<&str> {
        self.owners.get(&(*topic, partition)).map(|id| &**id)
    }

    /// The assignor that most members ask for; `None` where nobody asks.
    pub fn preferred_assignor(&self) -> Option<&str> {
        preferred(&self.assignors)
    }

    /// The same, once `old` has become `new`.
    pub(super) fn preferred_assignor_with(&self, old: &Member, new: &Member) -> Option<Assignor> {
        let mut counts = self.assignors.clone();
        count_down(&mut counts, old.server_assignor.as_deref());
        count_up(&mut counts, new.server_assignor.as_deref());
        preferred(&counts).and_then(Assignor::from_name)
    }

    /// Takes a record of this group in. Records of other groups or types change nothing.
    ///
    /// A tombstone of [`GroupRecordKey::ConsumerGroup`] ends the group: the caller drops it.
    pub fn replay(&mut self, key: &GroupRecordKey, value: Option<&GroupRecordValue>) {
        use {GroupRecordKey as Key, GroupRecordValue as Value};
        match (key, value) {
            (Key::ConsumerGroup(_), Some(Value::ConsumerGroup(value))) => {
                self.epoch = value.epoch;
                self.metadata_hash = value.metadata_hash;
            }
            (Key::ConsumerGroupPartitionMetadata(_), value) => {
                self.has_old_metadata = value.is_some();
            }
            (Key::ConsumerGroupMember(key), Some(Value::ConsumerGroupMember(value))) => {
                self.update(&key.member_id, |member| member.describe(value));
            }
            (Key::ConsumerGroupMember(key), None) => self.remove(&key.member_id),
            (
                Key::ConsumerGroupTargetAssignment(_),
                Some(Value::ConsumerGroupTargetAssignment(value)),
            ) => {
                self.assignment_epoch = value.assignment_epoch;
                self.assigned_at_ms = value.assignment_timestamp;
            }
            (Key::ConsumerGroupTargetAssignment(_), None) => {
                self.assignment_epoch = -1;
                self.assigned_at_ms = 0;
            }
            (
                Key::ConsumerGroupTargetAssignmentMember(key),
                Some(Value::ConsumerGroupTargetAssignmentMember(value)),
            ) => {
                let id = self.interned(&key.member_id);
                self.target.insert(id, Arc::new(target(value)));
            }
            (Key::ConsumerGroupTargetAssignmentMember(key), None) => {
                self.target.remove(key.member_id.as_str());
            }
            (
                Key::ConsumerGroupCurrentAssignment(key),
                Some(Value::ConsumerGroupCurrentAssignment(value)),
            ) => self.update(&key.member_id, |member| member.take_assignment(value)),
            (Key::ConsumerGroupCurrentAssignment(key), None)
                if self.members.contains_key(key.member_id.as_str()) =>
            {
                self.update(&key.member_id, forget_assignment);
            }
            (
                Key::ConsumerGroupRegularExpression(key),
                Some(Value::ConsumerGroupRegularExpression(value)),
            ) => self.resolve(&key.regular_expression, Some(value)),
            (Key::ConsumerGroupRegularExpression(key), None) => {
                self.resolve(&key.regular_expression, None);
            }
            _ => {}
        }
    }

    fn interned(&self, member_id: &str) -> Arc<str> {
        let known = self.members.get_key_value(member_id);
        known.map_or_else(|| Arc::from(member_id), |(id, _)| Arc::clone(id))
    }

    fn update(&mut self, member_id: &str, change: impl FnOnce(&mut Member)) {
        let mut member = match self.members.remove(member_id) {
            Some(member) => {
                self.uncount(&member);
                member
            }
            None => Member::new(self.interned(member_id)),
        };
        change(&mut member);
        self.count(&member);
        self.members.insert(Arc::clone(&member.id), member);
    }

    fn remove(&mut self, member_id: &str) {
        if let Some(member) = self.members.remove(member_id) {
            self.uncount(&member);
        }
    }

    fn count(&mut self, member: &Member) {
        for topic in member.topic_names.iter() {
            self.topics.entry(topic.clone()).or_default().by_name += 1;
        }
        count_up(&mut self.assignors, member.server_assignor.as_deref());
        count_up(&mut self.regexes, member.regex());
        if let Some(instance_id) = &member.instance_id {
            self.static_members
                .insert(instance_id.clone(), Arc::clone(&member.id));
        }
        if let Some(classic) = &member.classic {
            self.classic_members += 1;
            for protocol in &classic.supported_protocols {
                count_up(&mut self.classic_protocols, Some(&protocol.name));
            }
        }
        for (topic, partition) in owned(member) {
            self.owners
                .insert((topic, partition), Arc::clone(&member.id));
        }
    }

    fn uncount(&mut self, member: &Member) {
        for topic in member.topic_names.iter() {
            unsubscribe(&mut self.topics, topic, |subscribers| {
                &mut subscribers.by_name
            });
        }
        count_down(&mut self.assignors, member.server_assignor.as_deref());
        count_down(&mut self.regexes, member.regex());
        if let Some(instance_id) = &member.instance_id
            && self.static_members.get(instance_id) == Some(&member.id)
        {
            self.static_members.remove(instance_id);
        }
        if let Some(classic) = &member.classic {
            self.classic_members -= 1;
            for protocol in &classic.supported_protocols {
                count_down(&mut self.classic_protocols, Some(&protocol.name));
            }
        }
        for owned in owned(member) {
            // In a log without old records another may have it already.
            if self.owners.get(&owned) == Some(&member.id) {
                self.owners.remove(&owned);
            }
        }
    }

    fn resolve(&mut self, regex: &str, value: Option<&ConsumerGroupRegularExpressionValue>) {
        if let Some(old) = self.resolved.remove(regex) {
            for topic in &old.topics {
                unsubscribe(&mut self.topics, topic, |subscribers| {
                    &mut subscribers.by_regex
                });
            }
        }
        let Some(value) = value else { return };
        let resolved = Resolved {
            topics: value.topics.iter().cloned().collect(),
            version: value.version,
            timestamp_ms: value.timestamp,
        };
        for topic in &resolved.topics {
            self.topics.entry(topic.clone()).or_default().by_regex += 1;
        }
        self.resolved.insert(regex.to_owned(), resolved);
    }
}

/// The hash of the topics that somebody asks for.
pub(super) fn hash_of(subscribed: &BTreeMap<String, Subscribers>, topics: &dyn Topics) -> i64 {
    topics::hash(topics, subscribed.keys().map(String::as_str))
}

/// One subscriber of a topic less, of those that `kind` counts.
pub(super) fn unsubscribe(
    topics: &mut BTreeMap<String, Subscribers>,
    topic: &str,
    kind: impl FnOnce(&mut Subscribers) -> &mut usize,
) {
    if let Some(subscribers) = topics.get_mut(topic) {
        let count = kind(subscribers);
        *count = count.saturating_sub(1);
        if *subscribers == Subscribers::default() {
            topics.remove(topic);
        }
    }
}

pub(super) fn count_up(counts: &mut BTreeMap<String, usize>, name: Option<&str>) {
    if let Some(name) = name {
        *counts.entry(name.to_owned()).or_default() += 1;
    }
}

pub(super) fn count_down(counts: &mut BTreeMap<String, usize>, name: Option<&str>) {
    if let Some(name) = name
        && let Some(count) = counts.get_mut(name)
    {
        *count -= 1;
        if *count == 0 {
            counts.remove(name);
        }
    }
}

fn preferred(counts: &BTreeMap<String, usize>) -> Option<&str> {
    let most = counts.iter().max_by_key(|(_, count)| **count);
    most.map(|(name, _)| name.as_str())
}

fn owned(member: &Member) -> impl Iterator<Item = (Uuid, PartitionId)> {
    let all = [&member.assigned, &member.revoking].into_iter().flatten();
    all.flat_map(|(topic, epochs)| epochs.keys().map(|partition| (*topic, *partition)))
}

fn forget_assignment(member: &mut Member) {
    member.epoch = LEFT;
    member.previous_epoch = LEFT;
    member.assigned = EpochedPartitions::new();
    member.revoking = EpochedPartitions::new();
}

fn target(value: &ConsumerGroupTargetAssignmentMemberValue) -> Partitions {
    let mut partitions = Partitions::new();
    for topic in value
        .topic_partitions
        .iter()
        .filter(|topic| !topic.partitions.is_empty())
    {
        partitions
            .entry(topic.topic_id)
            .or_default()
            .extend(&topic.partitions);
    }
    partitions
}

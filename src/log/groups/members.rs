//! Groups and their members.

use super::Group;
use crate::format::consumer_offsets::{
    AssignedPartitions, ClassicGroupMember, ClassicGroupValue, GroupRecordKey, GroupRecordValue,
    TaskIdsWithEpochs, TopicPartitions,
};
use crate::format::{PartitionId, Uuid};
use crate::log::image::Image;

/// What a group is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    /// It commits offsets and has no members that Kafka knows of.
    #[default]
    Simple,
    /// Members agree among themselves.
    Classic,
    /// The broker assigns (KIP-848).
    Consumer,
    /// Members share partitions (KIP-932).
    Share,
    /// Kafka Streams (KIP-1071).
    Streams,
}

impl Kind {
    /// As Kafka's tools print it, in small letters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Share => "share",
            Self::Streams => "streams",
        }
    }
}

/// A member of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Member {
    /// The id that it keeps over restarts.
    pub instance_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// From where it connected.
    pub client_host: String,
    /// Its rack.
    pub rack: Option<String>,
    /// Its epoch, in groups where members have one.
    pub epoch: Option<i32>,
    /// 0 stable, 1 has to revoke, 2 waits for others; in groups where members have
    /// a state.
    pub state: Option<i8>,
    /// The topics that it subscribes to.
    pub topics: Vec<String>,
    /// The regular expression that it subscribes to.
    pub regex: Option<String>,
    /// What it has: topics, or the subtopologies of streams, with partitions.
    pub assigned: Vec<Assigned>,
    /// What it is to get, where that is written down.
    pub target: Vec<Assigned>,
}

/// Partitions of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The topic; its id where nothing tells its name.
    pub topic: String,
    /// The partitions.
    pub partitions: Vec<i32>,
}

/// Names of topics by their ids.
pub(super) struct Names<'a>(pub(super) Option<&'a Image>);

impl Names<'_> {
    pub(super) fn of(&self, id: Uuid) -> String {
        let name = self.0.and_then(|image| image.topic_name(id));
        name.map_or_else(|| id.to_string(), str::to_owned)
    }

    fn assigned(&self, parts: &[AssignedPartitions]) -> Vec<Assigned> {
        let part = |part: &AssignedPartitions| self.part(part.topic_id, &part.partitions);
        parts.iter().map(part).collect()
    }

    fn plain(&self, parts: &[TopicPartitions]) -> Vec<Assigned> {
        let part = |part: &TopicPartitions| self.part(part.topic_id, &part.partitions);
        parts.iter().map(part).collect()
    }

    fn part(&self, id: Uuid, partitions: &[PartitionId]) -> Assigned {
        Assigned {
            topic: self.of(id),
            partitions: partitions.iter().map(|number| number.get()).collect(),
        }
    }
}

impl Group {
    /// Takes a record about the group itself or a member.
    pub(super) fn take(
        &mut self,
        key: &GroupRecordKey,
        value: Option<GroupRecordValue>,
        names: &Names<'_>,
    ) {
        match value {
            Some(value) => self.put(key, value, names),
            None => self.remove(key),
        }
    }

    fn remove(&mut self, key: &GroupRecordKey) {
        match key {
            GroupRecordKey::ClassicGroup(_) => {
                if self.kind == Kind::Classic {
                    self.forget();
                }
                self.classic = None;
            }
            GroupRecordKey::ConsumerGroup(_) if self.kind == Kind::Consumer => self.forget(),
            GroupRecordKey::ShareGroup(_) if self.kind == Kind::Share => self.forget(),
            GroupRecordKey::StreamsGroup(_) if self.kind == Kind::Streams => self.forget(),
            GroupRecordKey::StreamsGroupTopology(_) => self.topology = None,
            GroupRecordKey::ConsumerGroupMember(key)
            | GroupRecordKey::ShareGroupMember(key)
            | GroupRecordKey::StreamsGroupMember(key) => {
                self.members.remove(&key.member_id);
            }
            GroupRecordKey::ConsumerGroupCurrentAssignment(key)
            | GroupRecordKey::ShareGroupCurrentAssignment(key)
            | GroupRecordKey::StreamsGroupCurrentAssignment(key) => {
                if let Some(member) = self.members.get_mut(&key.member_id) {
                    member.assigned.clear();
                    (member.epoch, member.state) = (None, None);
                }
            }
            GroupRecordKey::ConsumerGroupTargetAssignmentMember(key)
            | GroupRecordKey::ShareGroupTargetAssignmentMember(key)
            | GroupRecordKey::StreamsGroupTargetAssignmentMember(key) => {
                if let Some(member) = self.members.get_mut(&key.member_id) {
                    member.target.clear();
                }
            }
            _ => {}
        }
    }

    /// It is gone; offsets have records of their own.
    fn forget(&mut self) {
        self.kind = Kind::Simple;
        (self.epoch, self.assignment_epoch) = (None, None);
        self.members.clear();
        self.topology = None;
    }

    fn put(&mut self, key: &GroupRecordKey, value: GroupRecordValue, names: &Names<'_>) {
        let (kind, epoch) = match &value {
            GroupRecordValue::ClassicGroup(_) => {
                if let GroupRecordValue::ClassicGroup(value) = value {
                    self.put_classic(value);
                }
                return;
            }
            GroupRecordValue::ConsumerGroup(value) => (Kind::Consumer, value.epoch),
            GroupRecordValue::ShareGroup(value) => (Kind::Share, value.epoch),
            GroupRecordValue::StreamsGroup(value) => (Kind::Streams, value.epoch),
            _ => return self.put_part(key, value, names),
        };
        // Members may have been written before.
        (self.kind, self.epoch) = (kind, Some(epoch));
    }

    fn put_classic(&mut self, value: ClassicGroupValue) {
        self.kind = Kind::Classic;
        self.epoch = Some(value.generation);
        self.members = value
            .members
            .iter()
            .map(|member| (member.member_id.clone(), classic_member(member)))
            .collect();
        self.classic = Some(value);
    }

    fn put_part(&mut self, key: &GroupRecordKey, value: GroupRecordValue, names: &Names<'_>) {
        match value {
            GroupRecordValue::ConsumerGroupTargetAssignment(value) => {
                self.assignment_epoch = Some(value.assignment_epoch);
            }
            GroupRecordValue::ShareGroupTargetAssignment(value) => {
                self.assignment_epoch = Some(value.assignment_epoch);
            }
            GroupRecordValue::StreamsGroupTargetAssignment(value) => {
                self.assignment_epoch = Some(value.assignment_epoch);
            }
            GroupRecordValue::StreamsGroupTopology(value) => self.topology = Some(value),
            value => {
                if let Some(id) = member_of(key) {
                    let member = self.members.entry(id.to_owned()).or_default();
                    put_member(member, value, names);
                }
            }
        }
    }
}

fn member_of(key: &GroupRecordKey) -> Option<&str> {
    match key {
        GroupRecordKey::ConsumerGroupMember(key)
        | GroupRecordKey::ConsumerGroupTargetAssignmentMember(key)
        | GroupRecordKey::ConsumerGroupCurrentAssignment(key)
        | GroupRecordKey::ShareGroupMember(key)
        | GroupRecordKey::ShareGroupTargetAssignmentMember(key)
        | GroupRecordKey::ShareGroupCurrentAssignment(key)
        | GroupRecordKey::StreamsGroupMember(key)
        | GroupRecordKey::StreamsGroupTargetAssignmentMember(key)
        | GroupRecordKey::StreamsGroupCurrentAssignment(key) => Some(&key.member_id),
        _ => None,
    }
}

fn put_member(member: &mut Member, value: GroupRecordValue, names: &Names<'_>) {
    match value {
        GroupRecordValue::ConsumerGroupMember(value) => {
            member.instance_id = value.instance_id;
            member.client_id = value.client_id;
            member.client_host = value.client_host;
            member.rack = value.rack_id;
            member.topics = value.subscribed_topic_names;
            member.regex = value
                .subscribed_topic_regex
                .filter(|regex| !regex.is_empty());
        }
        GroupRecordValue::ShareGroupMember(value) => {
            member.client_id = value.client_id;
            member.client_host = value.client_host;
            member.rack = value.rack_id;
            member.topics = value.subscribed_topic_names;
        }
        GroupRecordValue::StreamsGroupMember(value) => {
            member.instance_id = value.instance_id;
            member.client_id = value.client_id;
            member.client_host = value.client_host;
            member.rack = value.rack_id;
        }
        GroupRecordValue::ConsumerGroupCurrentAssignment(value) => {
            (member.epoch, member.state) = (Some(value.member_epoch), Some(value.state));
            member.assigned = names.assigned(&value.assigned_partitions);
        }
        GroupRecordValue::ShareGroupCurrentAssignment(value) => {
            (member.epoch, member.state) = (Some(value.member_epoch), Some(value.state));
            member.assigned = names.plain(&value.assigned_partitions);
        }
        GroupRecordValue::StreamsGroupCurrentAssignment(value) => {
            (member.epoch, member.state) = (Some(value.member_epoch), Some(value.state));
            member.assigned = value.active_tasks.iter().map(tasks).collect();
        }
        GroupRecordValue::ConsumerGroupTargetAssignmentMember(value) => {
            member.target = names.plain(&value.topic_partitions);
        }
        GroupRecordValue::ShareGroupTargetAssignmentMember(value) => {
            member.target = names.plain(&value.topic_partitions);
        }
        _ => {}
    }
}

fn tasks(tasks: &TaskIdsWithEpochs) -> Assigned {
    Assigned {
        topic: tasks.subtopology_id.clone(),
        partitions: tasks.partitions.iter().map(|number| number.get()).collect(),
    }
}

/// Subscription and assignment are opaque to Kafka; those of consumers can be read.
fn classic_member(member: &ClassicGroupMember) -> Member {
    let topics = member
        .consumer_subscription()
        .map(|subscription| subscription.topics)
        .unwrap_or_default();
    let assigned = member
        .consumer_assignment()
        .map(|assignment| assignment.assigned_partitions)
        .unwrap_or_default()
        .into_iter()
        .map(|part| Assigned {
            topic: part.topic,
            partitions: part.partitions.iter().map(|number| number.get()).collect(),
        })
        .collect();
    Member {
        instance_id: member.group_instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        topics,
        assigned,
        ..Member::default()
    }
}

//! The records of consumer groups, as Kafka writes them: types 3 and 5 to 8, and 16. Type
//! 4 is only ever deleted.

use super::group::{ConsumerGroup, Record, Resolved};
use super::member::Member;
use super::partitions::Partitions;
use crate::format::Uuid;
use crate::format::consumer_offsets::{
    ConsumerGroupRegularExpressionKey, ConsumerGroupRegularExpressionValue,
    ConsumerGroupTargetAssignmentMemberValue, ConsumerGroupTargetAssignmentValue,
    ConsumerGroupValue, GroupKey, GroupRecordKey as Key, GroupRecordValue as Value, MemberKey,
    TopicPartitions,
};
use crate::format::types::PartitionId;
use std::collections::BTreeSet;

fn group_key(group_id: &str) -> GroupKey {
    GroupKey {
        group_id: group_id.to_owned(),
        ..Default::default()
    }
}

fn member_key(group_id: &str, member_id: &str) -> MemberKey {
    MemberKey {
        group_id: group_id.to_owned(),
        member_id: member_id.to_owned(),
        ..Default::default()
    }
}

fn regex_key(group_id: &str, regex: &str) -> Key {
    Key::ConsumerGroupRegularExpression(ConsumerGroupRegularExpressionKey {
        group_id: group_id.to_owned(),
        regular_expression: regex.to_owned(),
        ..Default::default()
    })
}

pub(super) fn epoch(group_id: &str, epoch: i32, metadata_hash: i64) -> Record {
    let value = ConsumerGroupValue {
        epoch,
        metadata_hash,
        ..Default::default()
    };
    (
        Key::ConsumerGroup(group_key(group_id)),
        Some(Value::ConsumerGroup(value)),
    )
}

pub(super) fn no_old_metadata(group_id: &str) -> Record {
    (
        Key::ConsumerGroupPartitionMetadata(group_key(group_id)),
        None,
    )
}

pub(super) fn member(group_id: &str, member: &Member) -> Record {
    let key = Key::ConsumerGroupMember(member_key(group_id, &member.id));
    (key, Some(Value::ConsumerGroupMember(member.to_value())))
}

pub(super) fn target(group_id: &str, member_id: &str, partitions: &Partitions) -> Record {
    let topic = |(topic_id, partitions): (&Uuid, &BTreeSet<PartitionId>)| TopicPartitions {
        topic_id: *topic_id,
        partitions: partitions.iter().copied().collect(),
        ..Default::default()
    };
    let value = ConsumerGroupTargetAssignmentMemberValue {
        topic_partitions: partitions.iter().map(topic).collect(),
        ..Default::default()
    };
    let key = Key::ConsumerGroupTargetAssignmentMember(member_key(group_id, member_id));
    (key, Some(Value::ConsumerGroupTargetAssignmentMember(value)))
}

pub(super) fn target_epoch(group_id: &str, epoch: i32, made_at_ms: i64) -> Record {
    let value = ConsumerGroupTargetAssignmentValue {
        assignment_epoch: epoch,
        assignment_timestamp: made_at_ms,
        ..Default::default()
    };
    let key = Key::ConsumerGroupTargetAssignment(group_key(group_id));
    (key, Some(Value::ConsumerGroupTargetAssignment(value)))
}

pub(super) fn assignment(group_id: &str, member: &Member) -> Record {
    let key = Key::ConsumerGroupCurrentAssignment(member_key(group_id, &member.id));
    (
        key,
        Some(Value::ConsumerGroupCurrentAssignment(
            member.to_assignment_value(),
        )),
    )
}

pub(super) fn regex(group_id: &str, regex: &str, resolved: &Resolved) -> Record {
    let value = ConsumerGroupRegularExpressionValue {
        topics: resolved.topics.iter().cloned().collect(),
        version: resolved.version,
        timestamp: resolved.timestamp_ms,
        ..Default::default()
    };
    (
        regex_key(group_id, regex),
        Some(Value::ConsumerGroupRegularExpression(value)),
    )
}

pub(super) fn no_regex(group_id: &str, regex: &str) -> Record {
    (regex_key(group_id, regex), None)
}

/// What deletes a member: first what it has, then what it is to get, then itself.
pub(super) fn no_member(group_id: &str, member_id: &str) -> [Record; 3] {
    let key = || member_key(group_id, member_id);
    [
        (Key::ConsumerGroupCurrentAssignment(key()), None),
        (Key::ConsumerGroupTargetAssignmentMember(key()), None),
        (Key::ConsumerGroupMember(key()), None),
    ]
}

/// What deletes a group with all its members, whose ids are given, as a member may just
/// have been replaced.
pub(super) fn no_group(group: &ConsumerGroup, member_ids: &[&str]) -> Vec<Record> {
    let keys = |of: fn(MemberKey) -> Key| {
        member_ids
            .iter()
            .map(move |id| (of(member_key(&group.id, id)), None))
    };
    let mut records: Vec<Record> = keys(Key::ConsumerGroupCurrentAssignment).collect();
    records.extend(keys(Key::ConsumerGroupTargetAssignmentMember));
    records.push((
        Key::ConsumerGroupTargetAssignment(group_key(&group.id)),
        None,
    ));
    records.extend(keys(Key::ConsumerGroupMember));
    records.extend(
        group
            .resolved
            .keys()
            .map(|regex| no_regex(&group.id, regex)),
    );
    records.push(no_old_metadata(&group.id));
    records.push((Key::ConsumerGroup(group_key(&group.id)), None));
    records
}

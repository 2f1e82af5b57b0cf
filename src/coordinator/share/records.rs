//! The records of share groups, as Kafka writes them: types 10 to 15.

use super::group::{NamedPartitions, ShareGroup, ShareMember, StatePartitions};
use crate::coordinator::consumer::Record;
use crate::coordinator::consumer::partitions::Partitions;
use crate::format::consumer_offsets::{
    GroupKey, GroupRecordKey as Key, GroupRecordValue as Value, MemberKey,
    ShareGroupCurrentAssignmentValue, ShareGroupMemberValue, ShareGroupStatePartitionsValue,
    ShareGroupTargetAssignmentMemberValue, ShareGroupTargetAssignmentValue, ShareGroupValue,
    SharedTopic, SharedTopicPartitions, TopicPartitions,
};

fn group_key(group_id: &str) -> GroupKey {
    GroupKey {
        group_id: group_id.to_owned(),
        ..GroupKey::default()
    }
}

fn member_key(group_id: &str, member_id: &str) -> MemberKey {
    MemberKey {
        group_id: group_id.to_owned(),
        member_id: member_id.to_owned(),
        ..MemberKey::default()
    }
}

fn topics(partitions: &Partitions) -> Vec<TopicPartitions> {
    let topics = partitions
        .iter()
        .map(|(topic_id, numbers)| TopicPartitions {
            topic_id: *topic_id,
            partitions: numbers.iter().copied().collect(),
            ..TopicPartitions::default()
        });
    topics.collect()
}

pub(super) fn epoch(group_id: &str, epoch: i32, metadata_hash: i64) -> Record {
    let value = ShareGroupValue {
        epoch,
        metadata_hash,
        ..ShareGroupValue::default()
    };
    (
        Key::ShareGroup(group_key(group_id)),
        Some(Value::ShareGroup(value)),
    )
}

pub(super) fn member(group_id: &str, member: &ShareMember) -> Record {
    let value = ShareGroupMemberValue {
        rack_id: member.rack_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        subscribed_topic_names: member.topics.iter().cloned().collect(),
        ..ShareGroupMemberValue::default()
    };
    let key = Key::ShareGroupMember(member_key(group_id, &member.id));
    (key, Some(Value::ShareGroupMember(value)))
}

pub(super) fn target(group_id: &str, member_id: &str, partitions: &Partitions) -> Record {
    let value = ShareGroupTargetAssignmentMemberValue {
        topic_partitions: topics(partitions),
        ..ShareGroupTargetAssignmentMemberValue::default()
    };
    let key = Key::ShareGroupTargetAssignmentMember(member_key(group_id, member_id));
    (key, Some(Value::ShareGroupTargetAssignmentMember(value)))
}

pub(super) fn target_epoch(group_id: &str, epoch: i32, made_at_ms: i64) -> Record {
    let value = ShareGroupTargetAssignmentValue {
        assignment_epoch: epoch,
        assignment_timestamp: made_at_ms,
        ..ShareGroupTargetAssignmentValue::default()
    };
    let key = Key::ShareGroupTargetAssignment(group_key(group_id));
    (key, Some(Value::ShareGroupTargetAssignment(value)))
}

pub(super) fn assignment(group_id: &str, member: &ShareMember) -> Record {
    let value = ShareGroupCurrentAssignmentValue {
        member_epoch: member.epoch,
        previous_member_epoch: member.previous_epoch,
        // A member of a share group is always where it is to be.
        state: 0,
        assigned_partitions: topics(&member.assigned),
        ..ShareGroupCurrentAssignmentValue::default()
    };
    let key = Key::ShareGroupCurrentAssignment(member_key(group_id, &member.id));
    (key, Some(Value::ShareGroupCurrentAssignment(value)))
}

pub(super) fn state(group_id: &str, state: &StatePartitions) -> Record {
    let named = |topics: &NamedPartitions| {
        let topics = topics
            .iter()
            .map(|(topic_id, topic)| SharedTopicPartitions {
                topic_id: *topic_id,
                topic_name: topic.name.clone(),
                partitions: topic.partitions.iter().copied().collect(),
                ..SharedTopicPartitions::default()
            });
        topics.collect()
    };
    let deleting = state.deleting.iter().map(|(topic_id, name)| SharedTopic {
        topic_id: *topic_id,
        topic_name: name.clone(),
        ..SharedTopic::default()
    });
    let value = ShareGroupStatePartitionsValue {
        initializing_topics: named(&state.initializing),
        initialized_topics: named(&state.initialized),
        deleting_topics: deleting.collect(),
        ..ShareGroupStatePartitionsValue::default()
    };
    (
        Key::ShareGroupStatePartitions(group_key(group_id)),
        Some(Value::ShareGroupStatePartitions(value)),
    )
}

/// What deletes a member.
pub(super) fn no_member(group_id: &str, member_id: &str) -> [Record; 3] {
    let key = || member_key(group_id, member_id);
    [
        (Key::ShareGroupCurrentAssignment(key()), None),
        (Key::ShareGroupTargetAssignmentMember(key()), None),
        (Key::ShareGroupMember(key()), None),
    ]
}

/// What deletes a group without members.
pub(super) fn no_group(group: &ShareGroup) -> Vec<Record> {
    let key = || group_key(&group.id);
    vec![
        (Key::ShareGroupTargetAssignment(key()), None),
        (Key::ShareGroupStatePartitions(key()), None),
        (Key::ShareGroup(key()), None),
    ]
}

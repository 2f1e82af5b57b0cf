//! The record of a classic group, of type 2.

use super::group::Group;
use super::member::Member;
use crate::coordinator::consumer::Record;
use crate::format::consumer_offsets::{
    ClassicGroupKey, ClassicGroupMember, ClassicGroupValue, GroupRecordKey, GroupRecordValue,
};
use crate::format::types::Timestamp;

fn key(group_id: &str) -> GroupRecordKey {
    GroupRecordKey::ClassicGroup(ClassicGroupKey {
        group: group_id.to_owned(),
        ..Default::default()
    })
}

/// The group with its members and their assignments.
pub(super) fn group(group: &Group) -> Record {
    let protocol = group.protocol.as_deref().unwrap_or_default();
    let member = |member: &Member| ClassicGroupMember {
        member_id: member.id.to_string(),
        group_instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout: member.rebalance_timeout_ms,
        session_timeout: member.session_timeout_ms,
        subscription: member.metadata(protocol).to_vec(),
        assignment: member.assignment.clone(),
        ..Default::default()
    };
    let value = ClassicGroupValue {
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        generation: group.generation,
        protocol: group.protocol.clone(),
        leader: group.leader.as_deref().map(str::to_owned),
        members: group.members.values().map(member).collect(),
        ..empty_value(group)
    };
    (key(&group.id), Some(GroupRecordValue::ClassicGroup(value)))
}

/// A group that nobody has been in yet.
pub(super) fn new_group(group: &Group) -> Record {
    let value = GroupRecordValue::ClassicGroup(empty_value(group));
    (key(&group.id), Some(value))
}

fn empty_value(group: &Group) -> ClassicGroupValue {
    ClassicGroupValue {
        current_state_timestamp: group.since_ms.and_then(Timestamp::from_wire),
        ..Default::default()
    }
}

/// What deletes a group.
pub(super) fn no_group(group_id: &str) -> Record {
    (key(group_id), None)
}

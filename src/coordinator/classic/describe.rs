//! `DescribeGroups` and `ListGroups`.

use super::group::{Group, GroupState};
use super::groups::ClassicGroups;
use super::member::Member;
use crate::protocol::messages::describe_groups::{DescribedGroup, DescribedGroupMember};
use crate::protocol::messages::list_groups::ListedGroup;

impl ClassicGroups {
    /// A group for `DescribeGroups`; `None` if there is none of that id.
    pub fn describe(&self, group_id: &str) -> Option<DescribedGroup> {
        self.groups.get(group_id).map(describe)
    }

    /// All groups for `ListGroups`.
    pub fn list(&self) -> impl Iterator<Item = ListedGroup> {
        self.groups.values().map(|group| ListedGroup {
            group_id: group.id.to_string(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            group_state: group.state.name().to_owned(),
            group_type: "Classic".to_owned(),
            ..Default::default()
        })
    }
}

/// What members said and got is told of a stable group only.
fn describe(group: &Group) -> DescribedGroup {
    let is_stable = group.state == GroupState::Stable;
    let protocol = group.protocol.as_deref().filter(|_| is_stable);
    let member = |member: &Member| {
        let described = DescribedGroupMember {
            member_id: member.id.to_string(),
            group_instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            ..Default::default()
        };
        match protocol {
            None => described,
            Some(protocol) => DescribedGroupMember {
                member_metadata: member.metadata(protocol).to_vec(),
                member_assignment: member.assignment.clone(),
                ..described
            },
        }
    };
    DescribedGroup {
        group_id: group.id.to_string(),
        group_state: group.state.name().to_owned(),
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        protocol_data: protocol.unwrap_or_default().to_owned(),
        members: group.members.values().map(member).collect(),
        ..Default::default()
    }
}

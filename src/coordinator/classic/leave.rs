//! `LeaveGroup`.

use super::group::GroupState;
use super::groups::ClassicGroups;
use super::round::Act;
use super::scene::{Effects, Scene};
use crate::protocol::ErrorCode;
use crate::protocol::messages::leave_group::{
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
};

impl ClassicGroups {
    /// Answers a `LeaveGroup`; `None` if there is no group of that id. The member of a
    /// version before 3 is given in the list.
    pub fn leave(
        &mut self,
        request: &LeaveGroupRequest,
        scene: Scene<'_>,
    ) -> Option<(LeaveGroupResponse, Effects)> {
        let group = self.groups.get_mut(request.group_id.as_str())?;
        let mut act = Act::new(group, &mut self.timers, scene);
        let members: Vec<MemberResponse> = request
            .members
            .iter()
            .map(|identity| MemberResponse {
                member_id: identity.member_id.clone(),
                group_instance_id: identity.group_instance_id.clone(),
                error_code: act.leave(identity).code(),
                ..Default::default()
            })
            .collect();
        let has_left = members.iter().any(|member| member.error_code == 0);
        match act.group.state {
            GroupState::Stable | GroupState::CompletingRebalance if has_left => {
                act.prepare_rebalance();
            }
            GroupState::PreparingRebalance if has_left => act.complete_join_if_all(),
            _ => {}
        }
        let response = LeaveGroupResponse {
            members,
            ..Default::default()
        };
        Some((response, act.effects))
    }
}

impl Act<'_> {
    fn leave(&mut self, identity: &MemberIdentity) -> ErrorCode {
        let instance_id = identity.group_instance_id.as_deref();
        let id = identity.member_id.as_str();
        if id.is_empty() {
            // An administrator removes by the instance alone.
            let known = instance_id.and_then(|instance_id| self.group.statics.get(instance_id));
            let Some(id) = known.cloned() else {
                return ErrorCode::UnknownMemberId;
            };
            self.remove(&id);
        } else if self.group.pending.contains(id) {
            self.remove(id);
        } else if let Err(code) = self.group.check(id, instance_id) {
            return code;
        } else {
            self.remove(id);
        }
        ErrorCode::None
    }
}

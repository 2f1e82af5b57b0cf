//! `SyncGroup`, `Heartbeat`, and who may commit offsets.

use super::group::{Group, GroupState};
use super::groups::ClassicGroups;
use super::records;
use super::round::{Act, not_synced};
use super::scene::{Effects, Reply, Scene, Wait, Waiter};
use crate::coordinator::consumer::Committer;
use crate::protocol::ErrorCode;
use crate::protocol::messages::heartbeat::HeartbeatRequest;
use crate::protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};
use std::collections::HashMap;

impl ClassicGroups {
    /// Answers a `SyncGroup`, at once or when the leader has assigned.
    pub fn sync(
        &mut self,
        request: &SyncGroupRequest,
        waiter: Waiter,
        scene: Scene<'_>,
    ) -> Effects {
        let group = self.groups.get_mut(request.group_id.as_str());
        let Some(group) = group.filter(|group| group.state != GroupState::Empty) else {
            let response = not_synced(ErrorCode::UnknownMemberId);
            return Effects {
                replies: vec![(waiter, Reply::Sync(response))],
                ..Effects::default()
            };
        };
        let mut act = Act::new(group, &mut self.timers, scene);
        act.sync(request, waiter);
        act.effects
    }

    /// Answers a `Heartbeat`.
    pub fn heartbeat(&mut self, request: &HeartbeatRequest, scene: Scene<'_>) -> ErrorCode {
        let Some(group) = self.groups.get_mut(request.group_id.as_str()) else {
            return ErrorCode::UnknownMemberId;
        };
        if let Err(code) = group.check(&request.member_id, request.group_instance_id.as_deref()) {
            return code;
        }
        if request.generation_id != group.generation {
            return ErrorCode::IllegalGeneration;
        }
        let code = match group.state {
            GroupState::Empty => return ErrorCode::UnknownMemberId,
            GroupState::PreparingRebalance => ErrorCode::RebalanceInProgress,
            GroupState::CompletingRebalance | GroupState::Stable => ErrorCode::None,
        };
        Act::new(group, &mut self.timers, scene).hear(&request.member_id);
        code
    }

    /// Whether offsets of a group may be committed. A member that does is there.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`,
    /// `REBALANCE_IN_PROGRESS`.
    pub fn check_commit(
        &mut self,
        group_id: &str,
        committer: Committer<'_>,
        scene: Scene<'_>,
    ) -> Result<(), ErrorCode> {
        let Some(group) = self.groups.get_mut(group_id) else {
            return Err(ErrorCode::GroupIdNotFound);
        };
        group.check_commit(committer)?;
        let in_session = matches!(
            group.state,
            GroupState::Stable | GroupState::PreparingRebalance
        );
        if in_session && !committer.transactional {
            Act::new(group, &mut self.timers, scene).hear(committer.member_id);
        }
        Ok(())
    }
}

impl Group {
    fn check_commit(&self, committer: Committer<'_>) -> Result<(), ErrorCode> {
        let is_empty = self.state == GroupState::Empty;
        if committer.epoch < 0 && is_empty {
            return Ok(());
        }
        let is_known = committer.epoch >= 0
            || !committer.member_id.is_empty()
            || committer.instance_id.is_some();
        if is_known {
            self.check(committer.member_id, committer.instance_id)?;
            if committer.epoch != self.generation {
                return Err(ErrorCode::IllegalGeneration);
            }
        } else if !committer.transactional && !is_empty {
            return Err(ErrorCode::UnknownMemberId);
        }
        if self.state == GroupState::CompletingRebalance && !committer.transactional {
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    fn check_sync(&self, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
        self.check(&request.member_id, request.group_instance_id.as_deref())?;
        let differs = |given: &Option<String>, own: &Option<String>| matches!((given, own), (Some(given), Some(own)) if given != own);
        if request.generation_id != self.generation {
            Err(ErrorCode::IllegalGeneration)
        } else if differs(&request.protocol_type, &self.protocol_type)
            || differs(&request.protocol_name, &self.protocol)
        {
            Err(ErrorCode::InconsistentGroupProtocol)
        } else {
            Ok(())
        }
    }
}

impl Act<'_> {
    fn sync(&mut self, request: &SyncGroupRequest, waiter: Waiter) {
        let id = request.member_id.as_str();
        if let Err(code) = self.group.check_sync(request) {
            self.reply(waiter, Reply::Sync(not_synced(code)));
            return;
        }
        match self.group.state {
            GroupState::Empty | GroupState::PreparingRebalance => {
                let response = not_synced(ErrorCode::RebalanceInProgress);
                self.reply(waiter, Reply::Sync(response));
            }
            GroupState::CompletingRebalance => {
                let member = self.group.members.get_mut(id);
                let older = member.and_then(|member| member.syncing.replace(waiter));
                if let Some(older) = older {
                    let response = not_synced(ErrorCode::RebalanceInProgress);
                    self.reply(older, Reply::Sync(response));
                }
                self.synced(id);
                if self.group.is_leader(id) {
                    self.assign(request);
                }
            }
            GroupState::Stable => {
                self.synced(id);
                let response = self.assigned(id);
                self.reply(waiter, Reply::Sync(response));
            }
        }
    }

    fn synced(&mut self, id: &str) {
        self.group.unsynced.remove(id);
        if self.group.unsynced.is_empty() {
            self.no_wait(Wait::Sync);
        }
    }

    /// The leader has assigned: the round ends.
    fn assign(&mut self, request: &SyncGroupRequest) {
        let mut assignments: HashMap<&str, &[u8]> = HashMap::new();
        for given in &request.assignments {
            assignments.insert(&given.member_id, &given.assignment);
        }
        let mut waiting = Vec::new();
        for member in self.group.members.values_mut() {
            let assignment = assignments.get(&*member.id).copied();
            member.assignment = assignment.unwrap_or_default().to_vec();
            if let Some(waiter) = member.syncing.take() {
                waiting.push((member.id.clone(), waiter));
            }
        }
        // The record has the time since when members joined, as Kafka's.
        let record = records::group(self.group);
        self.effects.records.push(record);
        self.group.turn(GroupState::Stable, self.scene.now_ms);
        for (id, waiter) in waiting {
            let response = self.assigned(&id);
            self.reply(waiter, Reply::Sync(response));
            self.hear(&id);
        }
    }

    fn assigned(&self, id: &str) -> SyncGroupResponse {
        let member = self.group.members.get(id);
        SyncGroupResponse {
            protocol_type: self.group.protocol_type.clone(),
            protocol_name: self.group.protocol.clone(),
            assignment: member
                .map(|member| member.assignment.clone())
                .unwrap_or_default(),
            ..Default::default()
        }
    }
}

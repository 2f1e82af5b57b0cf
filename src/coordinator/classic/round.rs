//! The rounds of a group: how they begin, get their members, and end.

use super::group::{FirstRound, Group, GroupState};
use super::member::Member;
use super::records;
use super::scene::{Effects, Reply, Scene, Timer, Wait, Waiter};
use crate::coordinator::timers::Timers;
use crate::protocol::ErrorCode;
use crate::protocol::messages::join_group::{JoinGroupResponse, JoinGroupResponseMember};
use crate::protocol::messages::sync_group::SyncGroupResponse;
use std::sync::Arc;

/// Something that happens to a group.
pub(super) struct Act<'a> {
    pub(super) group: &'a mut Group,
    pub(super) scene: Scene<'a>,
    pub(super) effects: Effects,
    timers: &'a mut Timers<Timer>,
}

impl<'a> Act<'a> {
    pub(super) fn new(
        group: &'a mut Group,
        timers: &'a mut Timers<Timer>,
        scene: Scene<'a>,
    ) -> Self {
        Self {
            group,
            scene,
            effects: Effects::default(),
            timers,
        }
    }

    fn timer(&self, wait: Wait) -> Timer {
        Timer {
            group: Arc::clone(&self.group.id),
            wait,
        }
    }

    pub(super) fn wait(&mut self, wait: Wait, after_ms: i32) {
        let timer = self.timer(wait);
        let due_ms = self.scene.now_ms.saturating_add(i64::from(after_ms.max(0)));
        self.timers.set(timer, due_ms);
    }

    pub(super) fn no_wait(&mut self, wait: Wait) {
        let timer = self.timer(wait);
        self.timers.cancel(&timer);
    }

    /// A member is there: its session begins anew.
    pub(super) fn hear(&mut self, id: &str) {
        if let Some(member) = self.group.members.get(id) {
            let (id, timeout_ms) = (Arc::clone(&member.id), member.session_timeout_ms);
            self.wait(Wait::Session(id), timeout_ms);
        }
    }

    pub(super) fn reply(&mut self, waiter: Waiter, reply: Reply) {
        self.effects.replies.push((waiter, reply));
    }

    /// Answers who waits for a removed member's answer.
    pub(super) fn dismiss(&mut self, member: &Member, join: ErrorCode, sync: ErrorCode) {
        self.no_wait(Wait::Session(Arc::clone(&member.id)));
        if let Some(waiter) = member.joining {
            self.reply(waiter, Reply::Join(refused("", join)));
        }
        if let Some(waiter) = member.syncing {
            self.reply(waiter, Reply::Sync(not_synced(sync)));
        }
    }

    /// Takes a member out that left or was given up.
    pub(super) fn remove(&mut self, id: &str) {
        if let Some(member) = self.group.remove(id) {
            let unknown = ErrorCode::UnknownMemberId;
            self.dismiss(&member, unknown, unknown);
        } else {
            self.no_wait(Wait::Session(Arc::from(id)));
        }
    }

    /// Answers all who wait, and waits for nothing any more.
    pub(super) fn dissolve(&mut self, code: ErrorCode) {
        for member in std::mem::take(&mut self.group.members).into_values() {
            self.dismiss(&member, code, code);
        }
        for id in std::mem::take(&mut self.group.pending) {
            self.no_wait(Wait::Session(id));
        }
        self.no_wait(Wait::Join);
        self.no_wait(Wait::Sync);
    }

    /// Begins a round, or goes on with the one that is under way.
    pub(super) fn rebalance(&mut self) {
        if self.group.state == GroupState::PreparingRebalance {
            self.complete_join_if_all();
        } else {
            self.prepare_rebalance();
        }
    }

    /// Begins a round.
    pub(super) fn prepare_rebalance(&mut self) {
        if self.group.state == GroupState::CompletingRebalance {
            self.take_assignments_back();
        }
        self.group.unsynced.clear();
        self.no_wait(Wait::Sync);
        let is_first = self.group.state == GroupState::Empty;
        let now_ms = self.scene.now_ms;
        self.group.turn(GroupState::PreparingRebalance, now_ms);
        let timeout_ms = self.group.rebalance_timeout_ms();
        if is_first {
            let delay_ms = self.scene.config.initial_rebalance_delay_ms;
            self.group.first_round = Some(FirstRound {
                delay_ms,
                left_ms: (timeout_ms - delay_ms).max(0),
                has_grown: false,
            });
            self.wait(Wait::Join, delay_ms);
        } else if self.group.have_all_joined() {
            self.complete_join();
        } else {
            self.wait(Wait::Join, timeout_ms);
        }
    }

    fn take_assignments_back(&mut self) {
        let mut waiting = Vec::new();
        for member in self.group.members.values_mut() {
            member.assignment.clear();
            if let Some(waiter) = member.syncing.take() {
                waiting.push((Arc::clone(&member.id), waiter));
            }
        }
        for (id, waiter) in waiting {
            let code = ErrorCode::RebalanceInProgress;
            self.reply(waiter, Reply::Sync(not_synced(code)));
            self.hear(&id);
        }
    }

    /// Ends the joining if all are there, and it is not the first round, which waits for
    /// more.
    pub(super) fn complete_join_if_all(&mut self) {
        let group = &self.group;
        if group.state == GroupState::PreparingRebalance
            && group.first_round.is_none()
            && group.have_all_joined()
        {
            self.complete_join();
        }
    }

    /// The time to join is over.
    pub(super) fn end_of_join(&mut self) {
        match &mut self.group.first_round {
            Some(round) if round.has_grown && round.left_ms != 0 => {
                let config_ms = self.scene.config.initial_rebalance_delay_ms;
                let delay_ms = config_ms.min(round.left_ms);
                round.left_ms = (round.left_ms - round.delay_ms).max(0);
                round.delay_ms = delay_ms;
                round.has_grown = false;
                self.wait(Wait::Join, delay_ms);
            }
            _ => self.complete_join(),
        }
    }

    /// Begins a generation with those that have joined.
    pub(super) fn complete_join(&mut self) {
        self.no_wait(Wait::Join);
        let members = self.group.members.values();
        // Static members come back; the others are gone.
        let lost =
            members.filter(|member| member.joining.is_none() && member.instance_id.is_none());
        for id in lost
            .map(|member| Arc::clone(&member.id))
            .collect::<Vec<_>>()
        {
            self.remove(&id);
        }
        if self.group.members.is_empty() {
            self.become_empty();
        } else if self.group.elect_leader() {
            self.begin_generation();
        } else {
            self.group.first_round = None;
            let timeout_ms = self.group.rebalance_timeout_ms();
            self.wait(Wait::Join, timeout_ms);
        }
    }

    fn become_empty(&mut self) {
        let now_ms = self.scene.now_ms;
        let group = &mut *self.group;
        group.generation += 1;
        group.protocol = None;
        group.topics = group.subscribed();
        group.unsynced.clear();
        group.turn(GroupState::Empty, now_ms);
        let record = records::group(self.group);
        self.effects.records.push(record);
    }

    fn begin_generation(&mut self) {
        let now_ms = self.scene.now_ms;
        let group = &mut *self.group;
        group.generation += 1;
        group.protocol = group.elect_protocol();
        group.topics = group.subscribed();
        group.turn(GroupState::CompletingRebalance, now_ms);
        group.unsynced = group.members.keys().cloned().collect();
        for id in group.members.keys().cloned().collect::<Vec<_>>() {
            let response = self.joined(&id);
            let Some(member) = self.group.members.get_mut(&id) else {
                continue;
            };
            member.is_new = false;
            if let Some(waiter) = member.joining.take() {
                self.reply(waiter, Reply::Join(response));
            }
            self.hear(&id);
        }
        let timeout_ms = self.group.rebalance_timeout_ms();
        self.wait(Wait::Sync, timeout_ms);
    }

    /// What a member is told of the generation that it is in: the leader also gets all
    /// members.
    pub(super) fn joined(&self, id: &str) -> JoinGroupResponse {
        let group = &self.group;
        let members = if group.is_leader(id) {
            self.members()
        } else {
            Vec::new()
        };
        JoinGroupResponse {
            generation_id: group.generation,
            protocol_type: group.protocol_type.clone(),
            protocol_name: group.protocol.clone(),
            leader: group.leader.as_deref().unwrap_or_default().to_owned(),
            member_id: id.to_owned(),
            members,
            ..Default::default()
        }
    }

    fn members(&self) -> Vec<JoinGroupResponseMember> {
        let protocol = self.group.protocol.as_deref().unwrap_or_default();
        let member = |member: &Member| JoinGroupResponseMember {
            member_id: member.id.to_string(),
            group_instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol).to_vec(),
            ..Default::default()
        };
        self.group.members.values().map(member).collect()
    }

    /// The time to ask for assignments is over.
    pub(super) fn end_of_sync(&mut self) {
        use GroupState::{CompletingRebalance, Stable};
        let in_round = matches!(self.group.state, CompletingRebalance | Stable);
        if !in_round || self.group.unsynced.is_empty() {
            return;
        }
        for id in std::mem::take(&mut self.group.unsynced) {
            self.remove(&id);
        }
        self.prepare_rebalance();
    }

    /// A member was not heard of in time.
    pub(super) fn end_of_session(&mut self, id: &str) {
        if self.group.pending.contains(id) {
            self.remove(id);
            if self.group.state == GroupState::PreparingRebalance && self.group.have_all_joined() {
                self.complete_join();
            }
            return;
        }
        let Some(member) = self.group.members.get(id) else {
            return;
        };
        if member.is_heard() {
            return;
        }
        self.remove(id);
        match self.group.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(),
            GroupState::PreparingRebalance if self.group.have_all_joined() => self.complete_join(),
            _ => {}
        }
    }
}

/// A refused `JoinGroup`.
pub(super) fn refused(member_id: &str, code: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: code.code(),
        member_id: member_id.to_owned(),
        protocol_name: None,
        ..Default::default()
    }
}

/// A refused `SyncGroup`.
pub(super) fn not_synced(code: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse {
        error_code: code.code(),
        ..Default::default()
    }
}

//! `JoinGroup`.

use super::group::{Group, GroupState};
use super::groups::ClassicGroups;
use super::member::{Member, protocols};
use super::records;
use super::round::{Act, refused};
use super::scene::{Effects, Reply, Scene, Wait, Waiter};
use crate::coordinator::consumer::Client;
use crate::format::Uuid;
use crate::protocol::ErrorCode;
use crate::protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse};
use std::sync::Arc;

/// From which version on a dynamic member has to come again with the id that it is given.
const ID_REQUIRED_SINCE: i16 = 4;
/// From which version on a leader that comes back can be told not to assign.
const SKIPS_ASSIGNMENT_SINCE: i16 = 9;

/// A `JoinGroup` on its way.
#[derive(Clone, Copy)]
pub(super) struct Join<'a> {
    request: &'a JoinGroupRequest,
    version: i16,
    client: Client<'a>,
    unique: Uuid,
    waiter: Waiter,
}

impl Join<'_> {
    fn instance_id(&self) -> Option<&str> {
        self.request.group_instance_id.as_deref()
    }

    /// An id for a member that has none, as Kafka makes them.
    fn made_id(&self) -> Arc<str> {
        let prefix = self.instance_id().unwrap_or(self.client.id);
        Arc::from(format!("{prefix}-{}", dashed(&self.unique)))
    }

    fn member(&self, id: Arc<str>) -> Member {
        Member {
            id,
            instance_id: self.request.group_instance_id.clone(),
            client_id: self.client.id.to_owned(),
            client_host: self.client.host.to_owned(),
            rebalance_timeout_ms: self.request.rebalance_timeout_ms,
            session_timeout_ms: self.request.session_timeout_ms,
            protocols: protocols(self.request),
            assignment: Vec::new(),
            joining: Some(self.waiter),
            syncing: None,
            is_new: true,
        }
    }
}

/// A unique number in the form of RFC 9562, as in `java.util.UUID`.
fn dashed(unique: &Uuid) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(36);
    for (at, byte) in unique.as_bytes().iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl ClassicGroups {
    /// Answers a `JoinGroup`, at once or later. `unique` goes into the id of a member that
    /// has none. In version 0 the rebalance timeout has to be the session timeout.
    pub fn join(
        &mut self,
        request: &JoinGroupRequest,
        version: i16,
        client: Client<'_>,
        unique: Uuid,
        waiter: Waiter,
        scene: Scene<'_>,
    ) -> Effects {
        let join = Join {
            request,
            version,
            client,
            unique,
            waiter,
        };
        let is_new_group = !self.contains(&request.group_id);
        if is_new_group && !request.member_id.is_empty() {
            let refused = refused(&request.member_id, ErrorCode::UnknownMemberId);
            return Effects {
                replies: vec![(waiter, Reply::Join(refused))],
                ..Effects::default()
            };
        }
        self.ensure(&request.group_id, scene.now_ms);
        let Some(group) = self.groups.get_mut(request.group_id.as_str()) else {
            return Effects::default();
        };
        let mut act = Act::new(group, &mut self.timers, scene);
        act.join(&join);
        let mut effects = act.effects;
        if is_new_group && effects.records.is_empty() {
            effects.records.push(records::new_group(group));
        }
        effects
    }
}

impl Act<'_> {
    fn join(&mut self, join: &Join<'_>) {
        let request = join.request;
        let names = request
            .protocols
            .iter()
            .map(|protocol| protocol.name.as_str());
        let id = request.member_id.as_str();
        if !has_room(self.group, id, self.scene.config.max_size) {
            self.remove(id);
            self.answer(join, refused("", ErrorCode::GroupMaxSizeReached));
        } else if !self.group.fits(&request.protocol_type, names) {
            self.answer(join, refused(id, ErrorCode::InconsistentGroupProtocol));
        } else if id.is_empty() {
            self.join_new(join);
        } else if self.group.pending.contains(id) {
            match join.instance_id() {
                // Static members are never given an id to come again with.
                Some(_) => self.answer(join, refused(id, ErrorCode::UnknownServerError)),
                None => self.add(join, Arc::from(id)),
            }
        } else if let Err(code) = self.group.check(id, join.instance_id()) {
            let response = JoinGroupResponse {
                protocol_name: None,
                ..refused(id, code)
            };
            self.answer(join, response);
        } else {
            self.join_again(join);
        }
    }

    fn answer(&mut self, join: &Join<'_>, response: JoinGroupResponse) {
        self.reply(join.waiter, Reply::Join(response));
    }

    fn join_new(&mut self, join: &Join<'_>) {
        let made_id = join.made_id();
        if let Some(instance_id) = join.instance_id() {
            match self.group.statics.get(instance_id).cloned() {
                Some(old_id) => self.replace(join, &old_id, made_id),
                None => self.add(join, made_id),
            }
        } else if join.version >= ID_REQUIRED_SINCE {
            self.group.pending.insert(Arc::clone(&made_id));
            let session_ms = join.request.session_timeout_ms;
            let response = refused(&made_id, ErrorCode::MemberIdRequired);
            self.wait(Wait::Session(made_id), session_ms);
            self.answer(join, response);
        } else {
            self.add(join, made_id);
        }
    }

    fn add(&mut self, join: &Join<'_>, id: Arc<str>) {
        if self.group.members.is_empty() {
            self.group.protocol_type = Some(join.request.protocol_type.clone());
        }
        if let Some(round) = &mut self.group.first_round {
            round.has_grown = true;
        }
        self.group.add(join.member(Arc::clone(&id)));
        let timeout_ms = self.scene.config.new_member_join_timeout_ms;
        self.wait(Wait::Session(id), timeout_ms);
        self.rebalance();
    }

    fn join_again(&mut self, join: &Join<'_>) {
        let id = join.request.member_id.as_str();
        let Some(member) = self.group.members.get(id) else {
            return;
        };
        let says_nothing_new = member.matches(join.request);
        let leads = self.group.is_leader(id);
        match self.group.state {
            GroupState::PreparingRebalance => self.update(join),
            // It may have missed the answer.
            GroupState::CompletingRebalance if says_nothing_new => {
                self.answer(join, self.joined(id));
            }
            GroupState::Stable if says_nothing_new && !leads => {
                self.answer(join, self.joined(id));
            }
            GroupState::CompletingRebalance | GroupState::Stable => self.update(join),
            GroupState::Empty => {
                self.answer(join, refused(id, ErrorCode::UnknownMemberId));
            }
        }
    }

    fn update(&mut self, join: &Join<'_>) {
        let id = join.request.member_id.as_str();
        if let Some(member) = self.group.members.get_mut(id) {
            let older = member.joining;
            member.update(join.request, Some(join.waiter));
            // Its connection is gone, most likely.
            if let Some(waiter) = older {
                let response = refused(id, ErrorCode::RebalanceInProgress);
                self.reply(waiter, Reply::Join(response));
            }
        }
        self.rebalance();
    }

    /// A static member is back under a new id.
    fn replace(&mut self, join: &Join<'_>, old_id: &str, new_id: Arc<str>) {
        let old_leader = self.group.leader.clone();
        let Some(old) = self.group.members.get(old_id).cloned() else {
            return;
        };
        self.swap(&old, Arc::clone(&new_id));
        self.hear(&new_id);
        if let Some(member) = self.group.members.get_mut(&new_id) {
            member.update(join.request, Some(join.waiter));
        }
        match self.group.state {
            GroupState::Stable if self.group.protocol == self.group.elect_protocol() => {
                let record = records::group(self.group);
                self.effects.records.push(record);
                if let Some(member) = self.group.members.get_mut(&new_id) {
                    member.joining = None;
                }
                let mut response = self.joined(&new_id);
                if join.version >= SKIPS_ASSIGNMENT_SINCE {
                    response.skip_assignment = self.group.is_leader(&new_id);
                } else {
                    // It would assign if it took itself for the leader.
                    response.leader = old_leader.as_deref().unwrap_or_default().to_owned();
                    response.members.clear();
                }
                self.answer(join, response);
            }
            GroupState::Stable => self.rebalance(),
            GroupState::CompletingRebalance => self.prepare_rebalance(),
            GroupState::PreparingRebalance | GroupState::Empty => self.complete_join_if_all(),
        }
    }

    /// Gives a static member another id. Whoever used the old one is told so.
    fn swap(&mut self, old: &Member, new_id: Arc<str>) {
        let leads = self.group.is_leader(&old.id);
        let was_unsynced = self.group.unsynced.contains(&old.id);
        self.group.remove(&old.id);
        let fenced = ErrorCode::FencedInstanceId;
        self.dismiss(old, fenced, fenced);
        if was_unsynced {
            self.group.unsynced.insert(Arc::clone(&new_id));
        }
        self.group.add(Member {
            id: Arc::clone(&new_id),
            joining: None,
            syncing: None,
            is_new: false,
            ..old.clone()
        });
        if leads {
            self.group.leader = Some(new_id);
        }
    }
}

/// Whether a member may come, or stay.
fn has_room(group: &Group, id: &str, max_size: usize) -> bool {
    let member = group.members.get(id);
    match group.state {
        GroupState::Empty => true,
        GroupState::PreparingRebalance => {
            member.is_some_and(|member| member.joining.is_some()) || group.joining() < max_size
        }
        GroupState::CompletingRebalance | GroupState::Stable => {
            member.is_some() || group.members.len() < max_size
        }
    }
}

//! All consumer groups of a coordinator, with their members' deadlines.
//!
//! A request's records are replayed at once, so the next request finds their state; the
//! caller writes them, in order, before it sends the answer. Where that fails, the caller
//! has to build the groups anew from the log.

use super::change::{Change, Context, Seen};
use super::classic_member;
use super::deadlines::{Deadline, DeadlineChange, Deadlines, Wait, Waiting};
use super::describe::describe;
use super::failure::Failure;
use super::group::{ConsumerGroup, Record};
use super::heartbeat::{Client, Outcome, heartbeat, validate};
use super::member::{Member, MemberState};
use super::migrate::ClassicGroup;
use super::records;
use crate::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use crate::protocol::ErrorCode;
use crate::protocol::messages::consumer_group_describe::DescribedGroup;
use crate::protocol::messages::consumer_group_heartbeat::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
};
use crate::protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse};
use crate::protocol::messages::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use crate::protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All consumer groups of a coordinator.
#[derive(Debug, Clone, Default)]
pub struct ConsumerGroups {
    groups: BTreeMap<Arc<str>, Slot>,
    deadlines: Deadlines,
}

/// What to answer once the records are written.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<R> {
    /// The answer.
    pub response: R,
    /// What to write. It is replayed already, but for the record of a classic group.
    pub records: Vec<Record>,
    /// The classic group that the group became. Its record is the last; its members are
    /// to be watched, and rebalanced where it says so.
    pub downgraded: Option<ClassicGroup>,
}

#[derive(Debug, Clone)]
struct Slot {
    group: ConsumerGroup,
    seen: Seen,
}

impl ConsumerGroups {
    /// A group.
    pub fn get(&self, group_id: &str) -> Option<&ConsumerGroup> {
        self.groups.get(group_id).map(|slot| &slot.group)
    }

    /// All groups, by id.
    pub fn iter(&self) -> impl Iterator<Item = &ConsumerGroup> {
        self.groups.values().map(|slot| &slot.group)
    }

    /// Answers a heartbeat. `made_id` is for a member that comes without an id, as some
    /// of version 0 do. Where there is a classic group of that id and the member joins,
    /// [`Self::upgrade`] answers instead.
    pub fn heartbeat(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
        version: i16,
        client: Client<'_>,
        made_id: &str,
        context: Context<'_>,
    ) -> Answer<ConsumerGroupHeartbeatResponse> {
        let answered = validate(request, version, &context).and_then(|()| {
            let fresh;
            let (group, seen) = match self.groups.get(request.group_id.as_str()) {
                Some(slot) => (&slot.group, slot.seen),
                None if request.member_epoch == 0 => {
                    fresh = ConsumerGroup::new(&request.group_id);
                    (&fresh, Seen::default())
                }
                None => return Err(no_group(&request.group_id)),
            };
            heartbeat(group, request, client, made_id, context, seen)
        });
        self.answer(request, answered, context)
    }

    /// Answers the heartbeat of a member that joins a classic group, which becomes a
    /// consumer group. An error changes nothing; without one, members that wait for
    /// answers of the classic group get `REBALANCE_IN_PROGRESS`.
    pub fn upgrade(
        &mut self,
        classic: &ClassicGroup,
        request: &ConsumerGroupHeartbeatRequest,
        version: i16,
        client: Client<'_>,
        made_id: &str,
        context: Context<'_>,
    ) -> Answer<ConsumerGroupHeartbeatResponse> {
        let answered = validate(request, version, &context).and_then(|()| {
            if request.member_epoch != 0 {
                return Err(no_group(&request.group_id));
            }
            let (group, mut records) = classic.upgrade(context)?;
            let seen = Seen::default();
            let mut outcome = heartbeat(&group, request, client, made_id, context, seen)?;
            records.append(&mut outcome.records);
            outcome.records = records;
            let sessions = group.members().filter(|member| member.is_classic());
            let mut deadlines: Vec<_> = sessions.map(|member| session(member, context)).collect();
            deadlines.append(&mut outcome.deadlines);
            outcome.deadlines = deadlines;
            Ok(outcome)
        });
        self.answer(request, answered, context)
    }

    fn answer(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
        answered: Result<Outcome<ConsumerGroupHeartbeatResponse>, Failure>,
        context: Context<'_>,
    ) -> Answer<ConsumerGroupHeartbeatResponse> {
        match answered {
            Ok(outcome) => self.apply(&request.group_id, outcome, context.now_ms),
            Err(failure) => Answer {
                response: ConsumerGroupHeartbeatResponse {
                    error_code: failure.code.code(),
                    error_message: Some(failure.message),
                    ..Default::default()
                },
                records: Vec::new(),
                downgraded: None,
            },
        }
    }

    /// Answers a `JoinGroup` to a consumer group; `None` if there is none of that id.
    ///
    /// # Errors
    /// `INCONSISTENT_GROUP_PROTOCOL`, `GROUP_MAX_SIZE_REACHED`, `UNKNOWN_MEMBER_ID`,
    /// `FENCED_INSTANCE_ID`; `UNKNOWN_SERVER_ERROR` for a subscription that cannot be read.
    pub fn join(
        &mut self,
        request: &JoinGroupRequest,
        version: i16,
        client: Client<'_>,
        made_id: &str,
        context: Context<'_>,
    ) -> Option<Result<Answer<JoinGroupResponse>, Failure>> {
        let slot = self.groups.get(request.group_id.as_str())?;
        let outcome = classic_member::join(
            &slot.group,
            request,
            version,
            client,
            made_id,
            context,
            slot.seen,
        );
        Some(outcome.map(|outcome| self.apply(&request.group_id, outcome, context.now_ms)))
    }

    /// Answers a `SyncGroup` to a consumer group; `None` if there is none of that id.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`,
    /// `INCONSISTENT_GROUP_PROTOCOL`.
    pub fn sync(
        &mut self,
        request: &SyncGroupRequest,
        context: Context<'_>,
    ) -> Option<Result<Answer<SyncGroupResponse>, Failure>> {
        let slot = self.groups.get(request.group_id.as_str())?;
        let outcome = classic_member::sync(&slot.group, request, context, slot.seen);
        Some(outcome.map(|outcome| self.apply(&request.group_id, outcome, context.now_ms)))
    }

    /// Answers a `Heartbeat` to a consumer group; `None` if there is none of that id.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`.
    pub fn classic_heartbeat(
        &mut self,
        request: &HeartbeatRequest,
        context: Context<'_>,
    ) -> Option<Result<Answer<HeartbeatResponse>, Failure>> {
        let slot = self.groups.get(request.group_id.as_str())?;
        let outcome = classic_member::classic_heartbeat(&slot.group, request, context, slot.seen);
        Some(outcome.map(|outcome| self.apply(&request.group_id, outcome, context.now_ms)))
    }

    /// Answers a `LeaveGroup` to a consumer group; `None` if there is none of that id. The
    /// member of a version before 3 is given in the list.
    pub fn leave(
        &mut self,
        request: &LeaveGroupRequest,
        context: Context<'_>,
    ) -> Option<Answer<LeaveGroupResponse>> {
        let slot = self.groups.get(request.group_id.as_str())?;
        let outcome = classic_member::leave(&slot.group, request, context, slot.seen);
        Some(self.apply(&request.group_id, outcome, context.now_ms))
    }

    fn apply<R>(&mut self, group_id: &str, outcome: Outcome<R>, now_ms: i64) -> Answer<R> {
        for (key, value) in &outcome.records {
            self.replay(key, value.as_ref());
        }
        let known = self.groups.get_key_value(group_id);
        let group_id = known.map_or_else(|| Arc::from(group_id), |(id, _)| Arc::clone(id));
        if let Some(slot) = self.groups.get_mut(&group_id) {
            slot.seen = outcome.seen;
        }
        for change in outcome.deadlines {
            self.deadlines.change(&group_id, change, now_ms);
        }
        Answer {
            response: outcome.response,
            records: outcome.records,
            downgraded: outcome.downgraded,
        }
    }

    /// Takes a record of the log in. Records of other kinds change nothing.
    pub fn replay(&mut self, key: &GroupRecordKey, value: Option<&GroupRecordValue>) {
        if !is_of_consumer_group(key) {
            return;
        }
        let Some(group_id) = key.group() else { return };
        if matches!((key, value), (GroupRecordKey::ConsumerGroup(_), None)) {
            self.groups.remove(group_id);
            return;
        }
        if let Some(slot) = self.groups.get_mut(group_id) {
            slot.group.replay(key, value);
        } else if value.is_some() {
            let mut group = ConsumerGroup::new(group_id);
            group.replay(key, value);
            let slot = Slot {
                group,
                seen: Seen::default(),
            };
            self.groups.insert(Arc::from(group_id), slot);
        }
    }

    /// Gives every member its whole time, after the log was replayed.
    pub fn loaded(&mut self, context: Context<'_>) {
        self.deadlines = Deadlines::default();
        for (group_id, slot) in &self.groups {
            for member in slot.group.members.values() {
                let wait = session(member, context);
                self.deadlines.change(group_id, wait, context.now_ms);
                if member.state == MemberState::UnrevokedPartitions && !member.is_classic() {
                    let change = DeadlineChange {
                        member_id: Arc::clone(&member.id),
                        wait: Wait::Rebalance,
                        to: Deadline::In(member.rebalance_timeout_ms),
                    };
                    self.deadlines.change(group_id, change, context.now_ms);
                }
            }
        }
    }

    /// When [`Self::give_up_one`] has something to do next, in milliseconds since 1970.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.deadlines.next_ms()
    }

    /// Takes a member out of its group that did not do in time what it had to, and says
    /// what that was. `None` if all are in time.
    pub fn give_up_one(&mut self, context: Context<'_>) -> Option<Answer<Waiting>> {
        let waiting = self.deadlines.pop_due(context.now_ms)?;
        let slot = self.groups.get(&waiting.group_id);
        let member = slot.and_then(|slot| slot.group.member(&waiting.member_id));
        let (Some(slot), Some(member)) = (slot, member) else {
            return Some(Answer {
                response: waiting,
                records: Vec::new(),
                downgraded: None,
            });
        };
        let mut change = Change::new(&slot.group, context, slot.seen);
        change.remove(&[member]);
        let group_id = Arc::clone(&waiting.group_id);
        let outcome = Outcome::new(waiting, change);
        Some(self.apply(&group_id, outcome, context.now_ms))
    }

    /// What deletes a group that has no members.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
    pub fn delete(&mut self, group_id: &str) -> Result<Vec<Record>, Failure> {
        let group = self.get(group_id).ok_or_else(|| no_group(group_id))?;
        if !group.is_empty() {
            let message = format!("group {group_id} has members");
            return Err(Failure::new(ErrorCode::NonEmptyGroup, message));
        }
        let records = records::no_group(group, &[]);
        for (key, value) in &records {
            self.replay(key, value.as_ref());
        }
        Ok(records)
    }

    /// What deletes a group without members once it is replayed; nothing if there is none
    /// of that id.
    pub fn tombstones(&self, group_id: &str) -> Vec<Record> {
        let group = self.get(group_id);
        group.map_or_else(Vec::new, |group| records::no_group(group, &[]))
    }

    /// A group for `ConsumerGroupDescribe`.
    pub fn describe(&self, group_id: &str, context: Context<'_>) -> DescribedGroup {
        match self.get(group_id) {
            Some(group) => describe(group, context),
            None => {
                let failure = no_group(group_id);
                DescribedGroup {
                    error_code: failure.code.code(),
                    error_message: Some(failure.message),
                    group_id: group_id.to_owned(),
                    ..Default::default()
                }
            }
        }
    }
}

/// A member of the classic protocol says itself how long it may be silent.
fn session(member: &Member, context: Context<'_>) -> DeadlineChange {
    let classic = member.classic.as_ref();
    let own_ms = classic.map(|classic| classic.session_timeout_ms);
    DeadlineChange {
        member_id: Arc::clone(&member.id),
        wait: Wait::Session,
        to: Deadline::In(own_ms.unwrap_or(context.config.session_timeout_ms)),
    }
}

fn no_group(group_id: &str) -> Failure {
    let message = format!("there is no consumer group {group_id}");
    Failure::new(ErrorCode::GroupIdNotFound, message)
}

fn is_of_consumer_group(key: &GroupRecordKey) -> bool {
    use GroupRecordKey as Key;
    matches!(
        key,
        Key::ConsumerGroup(_)
            | Key::ConsumerGroupPartitionMetadata(_)
            | Key::ConsumerGroupMember(_)
            | Key::ConsumerGroupTargetAssignment(_)
            | Key::ConsumerGroupTargetAssignmentMember(_)
            | Key::ConsumerGroupCurrentAssignment(_)
            | Key::ConsumerGroupRegularExpression(_)
    )
}

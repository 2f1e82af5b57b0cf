//! `ConsumerGroupHeartbeat`, versions 0 and 1: by it members join, say what they own, are
//! told what to own, and leave.
//!
//! | epoch sent | means |
//! |---|---|
//! | 0 | joins, or joins again without partitions |
//! | −1 | leaves |
//! | −2 | a static member that will be back |
//! | other | is there; the epoch has to be its own, or the one before it |
//!
//! Source: KIP-848; `GroupMetadataManager` of Apache Kafka 4.3.1.

use super::change::{Change, Context, Seen};
use super::deadlines::{Deadline, DeadlineChange, Wait};
use super::failure::Failure;
use super::group::{ConsumerGroup, Record};
use super::member::{LEFT, LEFT_FOR_NOW, Member};
use super::migrate::ClassicGroup;
use super::partitions::{EpochedPartitions, Partitions, holds};
use super::records;
use crate::format::Uuid;
use crate::format::types::PartitionId;
use crate::protocol::ErrorCode;
use crate::protocol::messages::consumer_group_heartbeat::{
    Assignment, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    RequestTopicPartitions, ResponseTopicPartitions,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// From which version on clients make their members' ids.
const CLIENT_MAKES_ID_SINCE: i16 = 1;

/// Who sends a request.
#[derive(Debug, Clone, Copy)]
pub struct Client<'a> {
    /// What it calls itself.
    pub id: &'a str,
    /// From where it connects, as Java shows an address: `/127.0.0.1`.
    pub host: &'a str,
}

/// What a request does: records to write and then to replay, deadlines, and what to
/// answer once the records are written.
#[derive(Debug)]
pub(super) struct Outcome<R> {
    /// What to answer.
    pub(super) response: R,
    /// What to write.
    pub(super) records: Vec<Record>,
    /// The members' deadlines.
    pub(super) deadlines: Vec<DeadlineChange>,
    /// What of the topics the group has seen now.
    pub(super) seen: Seen,
    /// The classic group that the group became; its record is the last.
    pub(super) downgraded: Option<ClassicGroup>,
}

impl<R> Outcome<R> {
    pub(super) fn new(response: R, change: Change<'_>) -> Self {
        Self {
            response,
            records: change.records,
            deadlines: change.deadlines,
            seen: change.seen,
            downgraded: change.downgraded,
        }
    }
}

/// Refuses what no group takes.
///
/// # Errors
/// `INVALID_REQUEST`, `UNSUPPORTED_ASSIGNOR`.
pub(super) fn validate(
    request: &ConsumerGroupHeartbeatRequest,
    version: i16,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let invalid = |message: &str| Err(Failure::new(ErrorCode::InvalidRequest, message));
    let epoch = request.member_epoch;
    let needs_id = version >= CLIENT_MAKES_ID_SINCE || epoch > 0 || epoch == LEFT;
    if needs_id && request.member_id.trim().is_empty() {
        return invalid("the member id is empty");
    }
    if request.group_id.trim().is_empty() {
        return invalid("the group id is empty");
    }
    if request
        .instance_id
        .as_ref()
        .is_some_and(|id| id.trim().is_empty())
    {
        return invalid("the instance id is empty");
    }
    if request
        .rack_id
        .as_ref()
        .is_some_and(|id| id.trim().is_empty())
    {
        return invalid("the rack id is empty");
    }
    if epoch == 0 {
        if request.rebalance_timeout_ms == -1 {
            return invalid("a member that joins has to give a rebalance timeout");
        }
        if request
            .topic_partitions
            .as_ref()
            .is_none_or(|owned| !owned.is_empty())
        {
            return invalid("a member that joins has to give an empty list of partitions");
        }
        if request.subscribed_topic_names.is_none() && request.subscribed_topic_regex.is_none() {
            return invalid("a member that joins has to give topic names or a regular expression");
        }
    } else if epoch == LEFT_FOR_NOW && request.instance_id.is_none() {
        return invalid("a member that leaves for now has to give an instance id");
    } else if epoch < LEFT_FOR_NOW {
        return invalid("there is no such member epoch");
    }
    let assignors = &context.config.assignors;
    if let Some(name) = &request.server_assignor
        && !assignors.iter().any(|assignor| assignor.name() == name)
    {
        let known: Vec<&str> = assignors.iter().map(|assignor| assignor.name()).collect();
        let message = format!("no assignor {name}: there are {}", known.join(", "));
        return Err(Failure::new(ErrorCode::UnsupportedAssignor, message));
    }
    Ok(())
}

/// Answers a heartbeat that is valid. A group that is not there yet is given as an empty
/// one if the member joins. `made_id` is for a member without an id.
///
/// # Errors
/// `GROUP_MAX_SIZE_REACHED`, `UNKNOWN_MEMBER_ID`, `FENCED_MEMBER_EPOCH`,
/// `UNRELEASED_INSTANCE_ID`, `FENCED_INSTANCE_ID`, `INVALID_REGULAR_EXPRESSION`.
pub(super) fn heartbeat(
    group: &ConsumerGroup,
    request: &ConsumerGroupHeartbeatRequest,
    client: Client<'_>,
    made_id: &str,
    context: Context<'_>,
    seen: Seen,
) -> Result<Outcome<ConsumerGroupHeartbeatResponse>, Failure> {
    let mut change = Change::new(group, context, seen);
    let response = match request.member_epoch {
        LEFT | LEFT_FOR_NOW => change.leave(request)?,
        _ => change.heartbeat(request, client, made_id)?,
    };
    Ok(Outcome::new(response, change))
}

impl Change<'_> {
    fn heartbeat(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
        client: Client<'_>,
        made_id: &str,
    ) -> Result<ConsumerGroupHeartbeatResponse, Failure> {
        self.check_room(&request.member_id)?;
        let member_id = match request.member_id.as_str() {
            "" => made_id,
            id => id,
        };
        let reported = request.topic_partitions.as_deref().map(reported);
        let member = self.member_of(request, member_id, reported.as_ref())?;
        let updated = updated(&member, request, client);

        let update = self.update(&member, &updated)?;
        let target = self.target(&member, &updated, update);
        let moved = self.reconcile(
            updated,
            &target,
            update.subscription_changed,
            reported.as_ref(),
        )?;

        let config = self.context.config;
        self.deadline(
            &moved.id,
            Wait::Session,
            Deadline::In(config.session_timeout_ms),
        );
        // A member that says all about itself, as one does after an error, is told all.
        let is_full = request.rebalance_timeout_ms != -1
            && (request.subscribed_topic_names.is_some()
                || request.subscribed_topic_regex.is_some())
            && request.topic_partitions.is_some();
        let tell = request.member_epoch == 0 || is_full || member.assigned != moved.assigned;
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some(moved.id.to_string()),
            member_epoch: moved.epoch,
            heartbeat_interval_ms: config.heartbeat_interval_ms,
            assignment: tell.then(|| assignment(&moved.assigned)),
            ..Default::default()
        })
    }

    pub(super) fn check_room(&self, member_id: &str) -> Result<(), Failure> {
        let most = self.context.config.max_size;
        if self.group.members.len() >= most && !self.group.members.contains_key(member_id) {
            let message = format!("the group has {most} members, the most that it may have");
            return Err(Failure::new(ErrorCode::GroupMaxSizeReached, message));
        }
        Ok(())
    }

    /// The member that the request comes from, or a new one.
    fn member_of(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
        member_id: &str,
        reported: Option<&Partitions>,
    ) -> Result<Member, Failure> {
        let joins = request.member_epoch == 0;
        let Some(instance_id) = &request.instance_id else {
            let member = self.dynamic_member(member_id, joins)?;
            check_epoch(&member, request.member_epoch, reported)?;
            return Ok(member);
        };
        if joins {
            return self.join_static(instance_id, member_id, false);
        }
        let member = self.known_static_member(instance_id, member_id)?;
        check_epoch(member, request.member_epoch, reported)?;
        Ok(member.clone())
    }

    /// A member by its id, or a new one of that id.
    pub(super) fn dynamic_member(&self, member_id: &str, joins: bool) -> Result<Member, Failure> {
        match self.group.members.get(member_id) {
            Some(member) => Ok(member.clone()),
            None if joins => Ok(Member::new(Arc::from(member_id))),
            None => Err(unknown(member_id)),
        }
    }

    /// A static member that joins, and takes over from one that is away, or that speaks
    /// the other protocol.
    pub(super) fn join_static(
        &mut self,
        instance_id: &str,
        member_id: &str,
        classic: bool,
    ) -> Result<Member, Failure> {
        let Some(old) = self.group.static_member(instance_id) else {
            return self.dynamic_member(member_id, true);
        };
        if !classic && !old.is_classic() && old.epoch != LEFT_FOR_NOW {
            let message = format!("instance {instance_id} is still that of member {}", old.id);
            return Err(Failure::new(ErrorCode::UnreleasedInstanceId, message));
        }
        let new = Member {
            id: Arc::from(member_id),
            epoch: 0,
            previous_epoch: 0,
            ..old.clone()
        };
        self.replace(old, &new);
        Ok(new)
    }

    /// The member of an instance id, which has to be of that member id.
    pub(super) fn known_static_member(
        &self,
        instance_id: &str,
        member_id: &str,
    ) -> Result<&Member, Failure> {
        let Some(member) = self.group.static_member(instance_id) else {
            let message = format!("no member is instance {instance_id}");
            return Err(Failure::new(ErrorCode::UnknownMemberId, message));
        };
        if &*member.id != member_id {
            let message = format!("instance {instance_id} is that of member {} now", member.id);
            return Err(Failure::new(ErrorCode::FencedInstanceId, message));
        }
        Ok(member)
    }

    fn leave(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<ConsumerGroupHeartbeatResponse, Failure> {
        let group = self.group;
        let member = match &request.instance_id {
            Some(instance_id) => self
                .known_static_member(instance_id, &request.member_id)?
                .clone(),
            None => self.dynamic_member(&request.member_id, false)?,
        };
        if request.instance_id.is_some() && request.member_epoch == LEFT_FOR_NOW {
            let away = away(&member);
            self.records.push(records::assignment(&group.id, &away));
        } else {
            self.remove(&[&member]);
        }
        Ok(ConsumerGroupHeartbeatResponse {
            member_id: Some(request.member_id.clone()),
            member_epoch: request.member_epoch,
            ..Default::default()
        })
    }
}

/// A static member that will be back: it keeps its partitions, and whoever comes as this
/// instance has them from epoch 0 on.
fn away(member: &Member) -> Member {
    let mut away = member.clone();
    away.epoch = LEFT_FOR_NOW;
    away.revoking.clear();
    away.assigned
        .values_mut()
        .flat_map(BTreeMap::values_mut)
        .for_each(|epoch| *epoch = 0);
    away
}

/// The member with what the request says about it.
fn updated(member: &Member, request: &ConsumerGroupHeartbeatRequest, client: Client<'_>) -> Member {
    let mut updated = member.clone();
    let told = |old: &mut Option<String>, new: &Option<String>| {
        if new.is_some() {
            old.clone_from(new);
        }
    };
    told(&mut updated.instance_id, &request.instance_id);
    told(&mut updated.rack_id, &request.rack_id);
    told(&mut updated.server_assignor, &request.server_assignor);
    told(&mut updated.topic_regex, &request.subscribed_topic_regex);
    if request.rebalance_timeout_ms != -1 {
        updated.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    if let Some(names) = &request.subscribed_topic_names {
        updated.topic_names = Arc::new(names.iter().cloned().collect());
    }
    client.id.clone_into(&mut updated.client_id);
    client.host.clone_into(&mut updated.client_host);
    updated.classic = None;
    updated
}

/// A member sends its epoch. It may send the one before it if it owns nothing else than
/// what it has: the answer with the new one may be lost.
fn check_epoch(member: &Member, sent: i32, reported: Option<&Partitions>) -> Result<(), Failure> {
    if sent == 0 || sent == member.epoch {
        return Ok(());
    }
    if sent < member.epoch && sent == member.previous_epoch {
        let has = |(topic, partitions): (&Uuid, &std::collections::BTreeSet<PartitionId>)| {
            partitions
                .iter()
                .all(|partition| holds(&member.assigned, topic, *partition))
        };
        if reported.is_some_and(|reported| reported.iter().all(has)) {
            return Ok(());
        }
    }
    let message = format!(
        "the member's epoch is {}, not {sent}: it has to give up all and rejoin",
        member.epoch
    );
    Err(Failure::new(ErrorCode::FencedMemberEpoch, message))
}

pub(super) fn unknown(member_id: &str) -> Failure {
    let message = format!("the group has no member {member_id}");
    Failure::new(ErrorCode::UnknownMemberId, message)
}

fn reported(topics: &[RequestTopicPartitions]) -> Partitions {
    let mut partitions = Partitions::new();
    for topic in topics {
        let numbers = topic.partitions.iter().copied().map(PartitionId::new);
        partitions
            .entry(topic.topic_id)
            .or_default()
            .extend(numbers);
    }
    partitions
}

fn assignment(partitions: &EpochedPartitions) -> Assignment {
    let topic =
        |(topic_id, epochs): (&Uuid, &BTreeMap<PartitionId, i32>)| ResponseTopicPartitions {
            topic_id: *topic_id,
            partitions: epochs.keys().map(|partition| partition.get()).collect(),
            ..Default::default()
        };
    Assignment {
        topic_partitions: partitions.iter().map(topic).collect(),
        ..Default::default()
    }
}

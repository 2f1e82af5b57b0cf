//! Members of the classic protocol in a consumer group: `JoinGroup`, `SyncGroup`,
//! `Heartbeat` and `LeaveGroup`.
//!
//! Joining is one step of the consumer protocol: the member says what it owns, and its
//! generation is its member epoch. None of them leads. A heartbeat tells it to join again
//! when there is another step to take.
//!
//! Source: `classicGroupJoinToConsumerGroup` and its like in `GroupMetadataManager` of
//! Apache Kafka 4.3.1.

use super::change::{Change, Context, Seen, Target};
use super::config::MigrationPolicy;
use super::deadlines::{Deadline, Wait};
use super::embedded::{self, CONSUMER};
use super::failure::Failure;
use super::group::ConsumerGroup;
use super::heartbeat::{Client, Outcome, unknown};
use super::member::{Member, MemberState};
use super::partitions::{holds, without_epochs};
use crate::format::consumer_offsets::{
    ClassicMemberMetadata, ClassicProtocol, ConsumerProtocolSubscription,
};
use crate::protocol::ErrorCode;
use crate::protocol::messages::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use crate::protocol::messages::join_group::{JoinGroupRequest, JoinGroupResponse};
use crate::protocol::messages::leave_group::{
    LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
};
use crate::protocol::messages::sync_group::{SyncGroupRequest, SyncGroupResponse};
use std::sync::Arc;

/// From which version on a member without an id has to join twice.
const ID_REQUIRED_SINCE: i16 = 4;

/// Answers a `JoinGroup` to a consumer group. `made_id` is for a member without an id.
///
/// # Errors
/// `INCONSISTENT_GROUP_PROTOCOL`, `GROUP_MAX_SIZE_REACHED`, `UNKNOWN_MEMBER_ID`,
/// `FENCED_INSTANCE_ID`, `UNKNOWN_SERVER_ERROR` for a subscription that cannot be read.
pub(super) fn join(
    group: &ConsumerGroup,
    request: &JoinGroupRequest,
    version: i16,
    client: Client<'_>,
    made_id: &str,
    context: Context<'_>,
    seen: Seen,
) -> Result<Outcome<JoinGroupResponse>, Failure> {
    let mut change = Change::new(group, context, seen);
    let response = change.classic_join(request, version, client, made_id)?;
    Ok(Outcome::new(response, change))
}

/// Answers a `SyncGroup` to a consumer group with what the member has.
///
/// # Errors
/// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`,
/// `INCONSISTENT_GROUP_PROTOCOL`. That a rebalance began is told in the answer.
pub(super) fn sync(
    group: &ConsumerGroup,
    request: &SyncGroupRequest,
    context: Context<'_>,
    seen: Seen,
) -> Result<Outcome<SyncGroupResponse>, Failure> {
    let mut change = Change::new(group, context, seen);
    let response = change.classic_sync(request)?;
    Ok(Outcome::new(response, change))
}

/// Answers a `Heartbeat` to a consumer group.
///
/// # Errors
/// `UNKNOWN_MEMBER_ID`, `FENCED_INSTANCE_ID`, `ILLEGAL_GENERATION`. That the member has
/// to join again is told in the answer.
pub(super) fn classic_heartbeat(
    group: &ConsumerGroup,
    request: &HeartbeatRequest,
    context: Context<'_>,
    seen: Seen,
) -> Result<Outcome<HeartbeatResponse>, Failure> {
    let mut change = Change::new(group, context, seen);
    let instance_id = request.group_instance_id.as_deref();
    let (member, classic) = change.classic_member(&request.member_id, instance_id)?;
    check_generation(&member, request.generation_id)?;
    let session = Deadline::In(classic.session_timeout_ms);
    change.deadline(&member.id, Wait::Session, session);
    let must_join = member.epoch < group.assignment_epoch
        || member.state == MemberState::UnrevokedPartitions
        || (member.state == MemberState::UnreleasedPartitions && !waits(group, &member));
    let code = if must_join {
        change.rejoin(&member)
    } else {
        ErrorCode::None
    };
    let response = HeartbeatResponse {
        error_code: code.code(),
        ..Default::default()
    };
    Ok(Outcome::new(response, change))
}

/// Answers a `LeaveGroup` to a consumer group, of version 3 or later; one of before is
/// given with its member in the list. Members that are not there are told in the answer.
pub(super) fn leave(
    group: &ConsumerGroup,
    request: &LeaveGroupRequest,
    context: Context<'_>,
    seen: Seen,
) -> Outcome<LeaveGroupResponse> {
    let mut change = Change::new(group, context, seen);
    let mut leaving: Vec<&Member> = Vec::new();
    let mut members = Vec::with_capacity(request.members.len());
    for identity in &request.members {
        let code = match leaver(group, identity) {
            Ok(member) => {
                if !leaving.iter().any(|known| known.id == member.id) {
                    leaving.push(member);
                }
                ErrorCode::None
            }
            Err(failure) => failure.code,
        };
        members.push(MemberResponse {
            member_id: identity.member_id.clone(),
            group_instance_id: identity.group_instance_id.clone(),
            error_code: code.code(),
            ..Default::default()
        });
    }
    change.remove(&leaving);
    let response = LeaveGroupResponse {
        members,
        ..Default::default()
    };
    Outcome::new(response, change)
}

fn leaver<'g>(group: &'g ConsumerGroup, identity: &MemberIdentity) -> Result<&'g Member, Failure> {
    let member_id = &identity.member_id;
    match &identity.group_instance_id {
        None => group.member(member_id).ok_or_else(|| unknown(member_id)),
        // An administrator removes by the instance alone.
        Some(instance_id) => match group.static_member(instance_id) {
            None => Err(unknown(member_id)),
            Some(member) if member_id.is_empty() || *member.id == **member_id => Ok(member),
            Some(member) => {
                let message = format!("instance {instance_id} is that of {} now", member.id);
                Err(Failure::new(ErrorCode::FencedInstanceId, message))
            }
        },
    }
}

/// Whether some of the member's target still belongs to others.
fn waits(group: &ConsumerGroup, member: &Member) -> bool {
    let target = group.target(&member.id).cloned().unwrap_or_default();
    target.iter().any(|(topic, partitions)| {
        partitions.iter().any(|partition| {
            !holds(&member.assigned, topic, *partition) && group.owner(topic, *partition).is_some()
        })
    })
}

fn check_generation(member: &Member, generation: i32) -> Result<(), Failure> {
    if generation == member.epoch {
        return Ok(());
    }
    let message = format!(
        "the member's generation is {}, not {generation}",
        member.epoch
    );
    Err(Failure::new(ErrorCode::IllegalGeneration, message))
}

impl Change<'_> {
    fn classic_join(
        &mut self,
        request: &JoinGroupRequest,
        version: i16,
        client: Client<'_>,
        made_id: &str,
    ) -> Result<JoinGroupResponse, Failure> {
        let is_new = request.member_id.is_empty();
        let member_id = if is_new { made_id } else { &request.member_id };
        self.check_room(member_id)?;
        self.check_protocols(request)?;
        if is_new && request.group_instance_id.is_none() && version >= ID_REQUIRED_SINCE {
            return Ok(JoinGroupResponse {
                error_code: ErrorCode::MemberIdRequired.code(),
                member_id: member_id.to_owned(),
                ..Default::default()
            });
        }
        let replaced = request.group_instance_id.as_deref();
        let replaced = replaced
            .and_then(|id| self.group.static_member(id))
            .cloned();
        let member = match &request.group_instance_id {
            None => self.dynamic_member(member_id, true)?,
            Some(instance_id) if is_new => self.join_static(instance_id, member_id, true)?,
            Some(instance_id) => self.known_static_member(instance_id, member_id)?.clone(),
        };
        let protocols: Vec<ClassicProtocol> = request.protocols.iter().map(protocol).collect();
        let subscription = embedded::subscription(&protocols).ok_or_else(|| {
            let message = "the member's subscription cannot be read";
            Failure::new(ErrorCode::UnknownServerError, message)
        })?;
        let owned = embedded::by_id(self.context.topics, &subscription.owned_partitions);
        let mut updated = updated(&member, request, client, protocols, subscription);

        let update = self.update(&member, &updated)?;
        let downgrades = replaced
            .as_ref()
            .is_some_and(|old| !old.is_classic() && self.may_downgrade(&[old], 1));
        let target = if downgrades {
            let partitions = self.last_target(&updated);
            Target {
                epoch: self.group.assignment_epoch,
                partitions,
            }
        } else {
            self.target(&member, &updated, update)
        };
        let rebalances = downgrades && self.group.assignment_epoch < update.epoch;
        if !rebalances {
            let changed = update.subscription_changed;
            updated = self.reconcile(updated, &target, changed, Some(&owned))?;
        }
        if downgrades {
            let leaving: Vec<&Member> = replaced.iter().collect();
            self.downgrade(&leaving, Some(&updated), rebalances)?;
        } else {
            self.joined(&updated, request);
        }
        Ok(joined(&updated))
    }

    fn check_protocols(&self, request: &JoinGroupRequest) -> Result<(), Failure> {
        let group = self.group;
        let common = |name: &str| {
            let supporters = group.classic_protocols.get(name).copied().unwrap_or(0);
            group.is_empty() || supporters == group.classic_members
        };
        let fits = self.context.config.migration != MigrationPolicy::Disabled
            && request.protocol_type == CONSUMER
            && request
                .protocols
                .iter()
                .any(|protocol| common(&protocol.name));
        if fits {
            return Ok(());
        }
        let message = "the member's protocols are not those of the group";
        Err(Failure::new(ErrorCode::InconsistentGroupProtocol, message))
    }

    /// The member has to ask for its assignment in time now.
    fn joined(&mut self, member: &Member, request: &JoinGroupRequest) {
        self.deadline(&member.id, Wait::Join, Deadline::None);
        let session = Deadline::In(request.session_timeout_ms);
        self.deadline(&member.id, Wait::Session, session);
        // In version 0 a rebalance waits as long as a session.
        let sync_ms = match request.rebalance_timeout_ms {
            -1 => request.session_timeout_ms,
            given => given,
        };
        self.deadline(&member.id, Wait::Sync, Deadline::In(sync_ms));
    }

    fn classic_sync(&mut self, request: &SyncGroupRequest) -> Result<SyncGroupResponse, Failure> {
        let instance_id = request.group_instance_id.as_deref();
        let (member, classic) = self.classic_member(&request.member_id, instance_id)?;
        check_generation(&member, request.generation_id)?;
        let Some(chosen) = classic.supported_protocols.first() else {
            return Err(unknown(&request.member_id));
        };
        let other_type = request
            .protocol_type
            .as_ref()
            .is_some_and(|kind| kind != CONSUMER);
        let other_name = request
            .protocol_name
            .as_ref()
            .is_some_and(|name| *name != chosen.name);
        if other_type || other_name {
            let message = "the protocol is not the one that the member joined with";
            return Err(Failure::new(ErrorCode::InconsistentGroupProtocol, message));
        }
        // A member that gives partitions up joined already for the new epoch.
        let behind = self.group.assignment_epoch > member.epoch;
        if behind && member.state != MemberState::UnrevokedPartitions {
            let code = self.rejoin(&member);
            return Ok(SyncGroupResponse {
                error_code: code.code(),
                ..Default::default()
            });
        }
        self.deadline(&member.id, Wait::Sync, Deadline::None);
        let session = Deadline::In(classic.session_timeout_ms);
        self.deadline(&member.id, Wait::Session, session);
        let assigned = without_epochs(&member.assigned);
        let assignment = embedded::assignment(self.context.topics, &assigned, &chosen.metadata);
        Ok(SyncGroupResponse {
            protocol_type: request.protocol_type.clone(),
            protocol_name: request.protocol_name.clone(),
            assignment: assignment.unwrap_or_default(),
            ..Default::default()
        })
    }

    /// The member has to join again in time.
    fn rejoin(&mut self, member: &Member) -> ErrorCode {
        let deadline = Deadline::InUnlessSet(member.rebalance_timeout_ms);
        self.deadline(&member.id, Wait::Join, deadline);
        ErrorCode::RebalanceInProgress
    }

    fn classic_member(
        &self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<(Member, ClassicMemberMetadata), Failure> {
        let member = match instance_id {
            None => self.dynamic_member(member_id, false)?,
            Some(instance_id) => self.known_static_member(instance_id, member_id)?.clone(),
        };
        let classic = member.classic.clone().ok_or_else(|| {
            let message = format!("member {member_id} does not speak the classic protocol");
            Failure::new(ErrorCode::UnknownMemberId, message)
        })?;
        Ok((member, classic))
    }
}

/// The member with what the request says about it.
fn updated(
    member: &Member,
    request: &JoinGroupRequest,
    client: Client<'_>,
    protocols: Vec<ClassicProtocol>,
    subscription: ConsumerProtocolSubscription,
) -> Member {
    let mut updated = member.clone();
    if request.group_instance_id.is_some() {
        updated.instance_id.clone_from(&request.group_instance_id);
    }
    if let Some(rack) = subscription.rack_id.filter(|rack| !rack.is_empty()) {
        updated.rack_id = Some(rack);
    }
    if request.rebalance_timeout_ms != -1 {
        updated.rebalance_timeout_ms = request.rebalance_timeout_ms;
    }
    updated.topic_names = Arc::new(subscription.topics.into_iter().collect());
    updated.topic_regex = Some(String::new());
    client.id.clone_into(&mut updated.client_id);
    client.host.clone_into(&mut updated.client_host);
    updated.classic = Some(ClassicMemberMetadata {
        session_timeout_ms: request.session_timeout_ms,
        supported_protocols: protocols,
        ..Default::default()
    });
    updated
}

fn protocol(
    protocol: &crate::protocol::messages::join_group::JoinGroupRequestProtocol,
) -> ClassicProtocol {
    ClassicProtocol {
        name: protocol.name.clone(),
        metadata: protocol.metadata.clone(),
        ..Default::default()
    }
}

fn joined(member: &Member) -> JoinGroupResponse {
    let classic = member.classic.as_ref();
    let chosen = classic.and_then(|classic| classic.supported_protocols.first());
    JoinGroupResponse {
        generation_id: member.epoch,
        protocol_type: Some(CONSUMER.to_owned()),
        protocol_name: chosen.map(|protocol| protocol.name.clone()),
        member_id: member.id.to_string(),
        ..Default::default()
    }
}

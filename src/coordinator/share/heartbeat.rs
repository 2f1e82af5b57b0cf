//! `ShareGroupHeartbeat`: by it members join (epoch 0), are told what to read, and leave
//! (epoch −1).
//!
//! Source: KIP-932; `GroupMetadataManager.shareGroupHeartbeat` of Apache Kafka 4.3.1.

use super::ShareConfig;
use super::assignor::{Wants, assign};
use super::group::{Named, NamedPartitions, ShareGroup, ShareMember, StatePartitions};
use super::records;
use crate::coordinator::consumer::partitions::Partitions;
use crate::coordinator::consumer::topics::{Topics, hash};
use crate::coordinator::consumer::{Client, Failure, Record};
use crate::format::Uuid;
use crate::format::types::PartitionId;
use crate::protocol::ErrorCode;
use crate::protocol::messages::share_group_heartbeat::{
    Assignment, ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse, TopicPartitions,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The epoch of a member that leaves.
pub(super) const LEFT: i32 = -1;
/// After how long a state that is not set up yet is asked for again.
const RETRY_MS: i64 = 30_000;

/// What requests happen in.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) now_ms: i64,
    pub(super) topics: &'a dyn Topics,
    pub(super) config: &'a ShareConfig,
}

/// What a group has seen that no record says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// The version of the topics.
    pub(super) topics: Option<i64>,
    /// When states were asked for.
    pub(super) asked_ms: i64,
}

/// What came of a heartbeat.
pub(super) struct Outcome {
    pub(super) response: ShareGroupHeartbeatResponse,
    pub(super) records: Vec<Record>,
    pub(super) seen: Seen,
    /// The group's epoch, and the partitions whose state is to be set up.
    pub(super) initialize: Option<(i32, Partitions)>,
}

/// Refuses what no group takes.
pub(super) fn validate(request: &ShareGroupHeartbeatRequest) -> Result<(), Failure> {
    let invalid = |why: &str| Err(Failure::new(ErrorCode::InvalidRequest, why));
    if request.member_id.trim().is_empty() {
        return invalid("the member id is empty");
    }
    if request.group_id.trim().is_empty() {
        return invalid("the group id is empty");
    }
    if request
        .rack_id
        .as_ref()
        .is_some_and(|id| id.trim().is_empty())
    {
        return invalid("the rack id is empty");
    }
    let names = request.subscribed_topic_names.as_ref();
    if request.member_epoch == 0 && names.is_none_or(Vec::is_empty) {
        return invalid("a member that joins has to give topic names");
    }
    if request.member_epoch < LEFT {
        return invalid("there is no such member epoch");
    }
    Ok(())
}

/// Answers a heartbeat of a member that is there or joins.
pub(super) fn heartbeat(
    group: &ShareGroup,
    request: &ShareGroupHeartbeatRequest,
    client: Client<'_>,
    scene: Scene<'_>,
    mut seen: Seen,
) -> Result<Outcome, Failure> {
    let known = group.members.get(request.member_id.as_str());
    if known.is_none() && group.members.len() >= scene.config.max_size {
        let message = format!(
            "the group has {} members, the most that it may have",
            scene.config.max_size
        );
        return Err(Failure::new(ErrorCode::GroupMaxSizeReached, message));
    }
    let old = match known {
        Some(member) => member.clone(),
        None if request.member_epoch == 0 => ShareMember::new(&request.member_id),
        None => return Err(unknown(&request.member_id)),
    };
    check_epoch(&old, request.member_epoch)?;
    let mut new = updated(&old, request, client);
    let mut out = Vec::new();
    let is_changed = known.is_none() || old != new;
    if is_changed {
        out.push(records::member(&group.id, &new));
    }
    let topics = group.topics_with(Some(&new), "");
    let mut must_raise = old.topics != new.topics;
    must_raise |= group.assignment_epoch >= group.epoch && is_target_old(group, &topics);
    let mut epoch = group.epoch;
    let version = scene.topics.version();
    if must_raise || seen.topics != Some(version) {
        let hash = hash(scene.topics, topics.iter().map(String::as_str));
        if must_raise || hash != group.metadata_hash {
            epoch += 1;
            must_raise = true;
            out.push(records::epoch(&group.id, epoch, hash));
        }
        seen.topics = Some(version);
    }
    let (target_epoch, target) = update_target(group, epoch, &new, scene, &mut out);
    reconcile(&mut new, target_epoch, &target, must_raise, scene);
    if known.is_none() || (new.epoch, &new.assigned) != (old.epoch, &old.assigned) {
        out.push(records::assignment(&group.id, &new));
    }
    let tell = request.member_epoch == 0
        || request.subscribed_topic_names.is_some()
        || old.assigned != new.assigned;
    let response = ShareGroupHeartbeatResponse {
        member_id: Some(new.id.to_string()),
        member_epoch: new.epoch,
        heartbeat_interval_ms: scene.config.heartbeat_interval_ms,
        assignment: tell.then(|| assignment(&new.assigned)),
        ..ShareGroupHeartbeatResponse::default()
    };
    let missing = missing(group, &topics, scene, seen);
    let initialize = (!missing.is_empty()).then(|| {
        seen.asked_ms = scene.now_ms;
        let places = missing.iter();
        let places = places.map(|(id, topic)| (*id, topic.partitions.clone()));
        let places = places.collect();
        out.push(records::state(&group.id, &begun(group, missing.clone())));
        (epoch, places)
    });
    Ok(Outcome {
        response,
        records: out,
        seen,
        initialize,
    })
}

/// The records that take a member out of its group.
pub(super) fn leave(group: &ShareGroup, member_id: &str, scene: Scene<'_>) -> Vec<Record> {
    let topics = group.topics_with(None, member_id);
    let hash = hash(scene.topics, topics.iter().map(String::as_str));
    let mut out = Vec::from(records::no_member(&group.id, member_id));
    out.push(records::epoch(&group.id, group.epoch + 1, hash));
    out
}

pub(super) fn unknown(member_id: &str) -> Failure {
    let message = format!("the group has no member {member_id}");
    Failure::new(ErrorCode::UnknownMemberId, message)
}

/// A member sends its epoch, or the one before it: the answer with the new one may be
/// lost.
fn check_epoch(member: &ShareMember, sent: i32) -> Result<(), Failure> {
    let is_known =
        sent == 0 || sent == member.epoch || sent < member.epoch && sent == member.previous_epoch;
    if is_known {
        return Ok(());
    }
    let message = format!(
        "the member's epoch is {}, not {sent}: it has to give up all and rejoin",
        member.epoch
    );
    Err(Failure::new(ErrorCode::FencedMemberEpoch, message))
}

fn updated(
    member: &ShareMember,
    request: &ShareGroupHeartbeatRequest,
    client: Client<'_>,
) -> ShareMember {
    let mut new = member.clone();
    if request.rack_id.is_some() {
        new.rack_id.clone_from(&request.rack_id);
    }
    if let Some(names) = &request.subscribed_topic_names {
        new.topics = names.iter().cloned().collect();
    }
    client.id.clone_into(&mut new.client_id);
    client.host.clone_into(&mut new.client_host);
    new
}

/// Whether partitions are set up that nobody is to get.
fn is_target_old(group: &ShareGroup, asked: &BTreeSet<String>) -> bool {
    let Some(state) = group.state.as_ref().filter(|_| !group.is_empty()) else {
        return false;
    };
    let mut assigned = Partitions::new();
    for (topic, partitions) in group.target.values().flatten() {
        assigned.entry(*topic).or_default().extend(partitions);
    }
    let is_old = |(id, topic): (&Uuid, &Named)| {
        asked.contains(&topic.name) && assigned.get(id) != Some(&topic.partitions)
    };
    state.initialized.iter().any(is_old)
}

/// Makes a new target if the group's epoch is past that of the last one, and the last one
/// is old enough: the epoch and what the member is to get.
fn update_target(
    group: &ShareGroup,
    epoch: i32,
    new: &ShareMember,
    scene: Scene<'_>,
    out: &mut Vec<Record>,
) -> (i32, Partitions) {
    let last = || group.target.get(&new.id).cloned().unwrap_or_default();
    let interval_ms = i64::from(scene.config.assignment_interval_ms);
    let is_early = group.assigned_at_ms != 0
        && interval_ms != 0
        && scene.now_ms < group.assigned_at_ms.saturating_add(interval_ms);
    if group.assignment_epoch >= epoch || is_early {
        return (group.assignment_epoch, last());
    }
    let wants = |member: &ShareMember| Wants {
        topics: ids(&member.topics, scene.topics),
        had: group.target.get(&member.id),
    };
    let others = group.members.values().filter(|member| member.id != new.id);
    let members: BTreeMap<Arc<str>, Wants<'_>> = others
        .chain([new])
        .map(|member| (Arc::clone(&member.id), wants(member)))
        .collect();
    let mut available = group.initialized();
    available.retain(|id, _| scene.topics.by_id(id).is_some());
    let mut target = assign(&members, &available);
    for (member_id, partitions) in &target {
        if group.target.get(member_id) != Some(partitions) {
            out.push(records::target(&group.id, member_id, partitions));
        }
    }
    out.push(records::target_epoch(&group.id, epoch, scene.now_ms));
    (epoch, target.remove(&new.id).unwrap_or_default())
}

fn ids(names: &BTreeSet<String>, topics: &dyn Topics) -> BTreeSet<Uuid> {
    let known = names.iter().filter_map(|name| topics.by_name(name));
    known.map(|topic| topic.id).collect()
}

/// Gives a member its target.
fn reconcile(
    member: &mut ShareMember,
    target_epoch: i32,
    target: &Partitions,
    subscription_changed: bool,
    scene: Scene<'_>,
) {
    if member.epoch == target_epoch && !subscription_changed {
        return;
    }
    let asked = ids(&member.topics, scene.topics);
    member.assigned = target.clone();
    member.assigned.retain(|id, _| asked.contains(id));
    if member.epoch != target_epoch {
        member.previous_epoch = member.epoch;
        member.epoch = target_epoch;
    }
}

fn assignment(partitions: &Partitions) -> Assignment {
    let topics = partitions
        .iter()
        .map(|(topic_id, numbers)| TopicPartitions {
            topic_id: *topic_id,
            partitions: numbers.iter().map(|number| number.get()).collect(),
            ..TopicPartitions::default()
        });
    Assignment {
        topic_partitions: topics.collect(),
        ..Assignment::default()
    }
}

/// Partitions of topics that somebody asks for and whose state is to be set up.
fn missing(
    group: &ShareGroup,
    asked: &BTreeSet<String>,
    scene: Scene<'_>,
    seen: Seen,
) -> NamedPartitions {
    let mut missing = NamedPartitions::new();
    for topic in asked.iter().filter_map(|name| scene.topics.by_name(name)) {
        let mut partitions: BTreeSet<PartitionId> =
            (0..topic.partitions).map(PartitionId::new).collect();
        if let Some(state) = &group.state {
            let done = state.initialized.get(&topic.id);
            let begun = state.initializing.get(&topic.id);
            let begun = begun.filter(|_| scene.now_ms - seen.asked_ms < RETRY_MS);
            for known in done.into_iter().chain(begun) {
                partitions.retain(|number| !known.partitions.contains(number));
            }
        }
        if !partitions.is_empty() {
            let named = Named {
                name: topic.name.to_owned(),
                partitions,
            };
            missing.insert(topic.id, named);
        }
    }
    missing
}

/// What there is state of, with partitions whose state is being set up.
pub(super) fn begun(group: &ShareGroup, initializing: NamedPartitions) -> StatePartitions {
    let mut state = group.state.clone().unwrap_or_default();
    for (id, topic) in initializing {
        state.deleting.remove(&id);
        let known = state.initializing.entry(id).or_default();
        known.name = topic.name;
        known.partitions.extend(topic.partitions);
    }
    state
}

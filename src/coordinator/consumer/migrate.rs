//! Groups that change their protocol while members are in them.
//!
//! A classic group of consumers becomes a consumer group when the first member of that
//! protocol joins; a consumer group becomes a classic one when the last such member goes.
//! Members keep their ids and partitions, and the epoch goes on from the generation.
//!
//! Source: KIP-848; `ConsumerGroup.fromClassicGroup` and `ClassicGroup.fromConsumerGroup`
//! of Apache Kafka 4.3.1.

use super::change::{Change, Context};
use super::embedded::{self, CONSUMER};
use super::failure::Failure;
use super::group::{ConsumerGroup, Record};
use super::member::{Member, MemberState};
use super::partitions::{Partitions, with_epoch};
use super::records;
use crate::format::consumer_offsets::{
    ClassicGroupKey, ClassicGroupMember, ClassicGroupValue, ClassicMemberMetadata, ClassicProtocol,
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, GroupRecordKey, GroupRecordValue,
};
use crate::format::types::Timestamp;
use crate::protocol::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A classic group that becomes a consumer group, or that a consumer group became. It is
/// in the state `Stable` then, or to be rebalanced.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassicGroup {
    /// Its id.
    pub id: String,
    /// What kind of members it has; empty for none.
    pub protocol_type: String,
    /// The protocol that its members agreed on.
    pub protocol: String,
    /// Its generation.
    pub generation: i32,
    /// Its members.
    pub members: Vec<ClassicMember>,
    /// Whether it has to be rebalanced at once.
    pub rebalance: bool,
}

/// A member of a classic group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassicMember {
    /// Its id.
    pub id: String,
    /// The id that it keeps over restarts.
    pub instance_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// From where it connected.
    pub client_host: String,
    /// How long a rebalance waits for it, in milliseconds.
    pub rebalance_timeout_ms: i32,
    /// How long it may be silent, in milliseconds.
    pub session_timeout_ms: i32,
    /// The protocols that it supports, the one that it likes best first.
    pub protocols: Vec<ClassicProtocol>,
    /// Its assignment; empty if it never had one.
    pub assignment: Vec<u8>,
}

impl ClassicMember {
    fn metadata(&self, protocol: &str) -> &[u8] {
        let found = self.protocols.iter().find(|known| known.name == protocol);
        found.map_or(&[], |known| &known.metadata)
    }
}

impl ClassicGroup {
    /// The record that deletes it.
    fn tombstone(&self) -> Record {
        let key = ClassicGroupKey {
            group: self.id.clone(),
            ..Default::default()
        };
        (GroupRecordKey::ClassicGroup(key), None)
    }

    /// The record that makes it.
    fn record(&self, now_ms: i64) -> Record {
        let member = |member: &ClassicMember| ClassicGroupMember {
            member_id: member.id.clone(),
            group_instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout: member.rebalance_timeout_ms,
            session_timeout: member.session_timeout_ms,
            subscription: member.metadata(&self.protocol).to_vec(),
            assignment: member.assignment.clone(),
            ..Default::default()
        };
        let value = ClassicGroupValue {
            protocol_type: self.protocol_type.clone(),
            generation: self.generation,
            protocol: Some(self.protocol.clone()),
            leader: None,
            current_state_timestamp: Some(Timestamp::new(now_ms)),
            members: self.members.iter().map(member).collect(),
            ..Default::default()
        };
        let key = ClassicGroupKey {
            group: self.id.clone(),
            ..Default::default()
        };
        (
            GroupRecordKey::ClassicGroup(key),
            Some(GroupRecordValue::ClassicGroup(value)),
        )
    }

    /// The consumer group that it becomes, and the records that make it so.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND` where it may not, or its members are no consumers, or they
    /// have an assignor of their own that would lose what it noted.
    pub(super) fn upgrade(
        &self,
        context: Context<'_>,
    ) -> Result<(ConsumerGroup, Vec<Record>), Failure> {
        let mut written = vec![self.tombstone()];
        let mut group = ConsumerGroup::new(&self.id);
        if self.members.is_empty() {
            return Ok((group, written));
        }
        self.check_upgrade(context)?;
        let mut members = Vec::with_capacity(self.members.len());
        for member in &self.members {
            members.push(self.upgrade_member(member, context)?);
        }
        let mut made: Vec<Record> = members
            .iter()
            .map(|(member, _)| records::member(&self.id, member))
            .collect();
        for (key, value) in &made {
            group.replay(key, value.as_ref());
        }
        let hash = super::group::hash_of(&group.topics, context.topics);
        let mut rest = vec![records::epoch(&self.id, self.generation, hash)];
        let targets = members.iter();
        rest.extend(targets.map(|(member, had)| records::target(&self.id, &member.id, had)));
        rest.push(records::target_epoch(&self.id, self.generation, 0));
        rest.extend(
            members
                .iter()
                .map(|(member, _)| records::assignment(&self.id, member)),
        );
        for (key, value) in &rest {
            group.replay(key, value.as_ref());
        }
        made.append(&mut rest);
        written.append(&mut made);
        Ok((group, written))
    }

    fn check_upgrade(&self, context: Context<'_>) -> Result<(), Failure> {
        let config = context.config;
        if !config.migration.upgrades() {
            Err(self.stays("migration is disabled"))
        } else if self.protocol_type != CONSUMER {
            Err(self.stays("its members are no consumers"))
        } else if self.members.len() > config.max_size {
            Err(self.stays("it has more members than a consumer group may have"))
        } else {
            Ok(())
        }
    }

    fn stays(&self, why: &str) -> Failure {
        let message = format!(
            "classic group {} cannot become a consumer group: {why}",
            self.id
        );
        Failure::new(ErrorCode::GroupIdNotFound, message)
    }

    fn upgrade_member(
        &self,
        member: &ClassicMember,
        context: Context<'_>,
    ) -> Result<(Member, Partitions), Failure> {
        let malformed = |_| self.stays("what its members say cannot be read");
        let mut had = Partitions::new();
        if !member.assignment.is_empty() {
            let (assignment, _) =
                ConsumerProtocolAssignment::from_bytes(&member.assignment).map_err(malformed)?;
            if assignment.user_data.is_some_and(|data| !data.is_empty()) {
                return Err(self.stays("its assignor is one of its own"));
            }
            had = embedded::by_id(context.topics, &assignment.assigned_partitions);
        }
        let metadata = member.metadata(&self.protocol);
        let (subscription, _) =
            ConsumerProtocolSubscription::from_bytes(metadata).map_err(malformed)?;
        let classic = ClassicMemberMetadata {
            session_timeout_ms: member.session_timeout_ms,
            supported_protocols: member.protocols.clone(),
            ..Default::default()
        };
        let upgraded = Member {
            epoch: self.generation,
            previous_epoch: self.generation,
            state: MemberState::Stable,
            instance_id: member.instance_id.clone(),
            rack_id: subscription.rack_id.filter(|rack| !rack.is_empty()),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            topic_names: Arc::new(subscription.topics.into_iter().collect()),
            assigned: with_epoch(&had, self.generation),
            classic: Some(classic),
            ..Member::new(Arc::from(member.id.as_str()))
        };
        Ok((upgraded, had))
    }
}

impl Change<'_> {
    /// Whether the group becomes a classic one once so many members are left, and all of
    /// those of `others` that are not `leaving` speak the classic protocol.
    pub(super) fn may_downgrade(&self, leaving: &[&Member], joining: usize) -> bool {
        let group = self.group;
        let config = self.context.config;
        let classic_leaving = leaving.iter().filter(|member| member.is_classic()).count();
        let left = group.members.len() - leaving.len();
        let all_classic = group.classic_members - classic_leaving == left;
        all_classic
            && left + joining > 0
            && config.migration.downgrades()
            && left + joining <= config.classic_max_size
    }

    /// Makes a classic group of the members that stay, and of one that takes the place of
    /// one that leaves.
    pub(super) fn downgrade(
        &mut self,
        leaving: &[&Member],
        joining: Option<&Member>,
        rebalance: bool,
    ) -> Result<(), Failure> {
        let group = self.group;
        let replaced = joining.and_then(|new| group.static_member(new.instance_id.as_deref()?));
        let ids: Vec<&str> = group
            .members
            .values()
            .map(|member| match (replaced, joining) {
                (Some(old), Some(new)) if old.id == member.id => &*new.id,
                _ => &*member.id,
            })
            .collect();
        self.records.extend(records::no_group(group, &ids));

        let stays = |member: &&Member| {
            !leaving.iter().any(|left| left.id == member.id)
                && replaced.is_none_or(|old| old.id != member.id)
        };
        let staying: Vec<&Member> = group
            .members
            .values()
            .filter(stays)
            .chain(joining)
            .collect();
        let mut classic = ClassicGroup {
            id: group.id.clone(),
            protocol_type: CONSUMER.to_owned(),
            protocol: common_protocol(&staying),
            generation: group.epoch,
            members: Vec::new(),
            rebalance,
        };
        for member in staying {
            let target = self.last_target(member);
            let mut seed = classic_member(member);
            let metadata = seed.metadata(&classic.protocol);
            let assignment = embedded::assignment(self.context.topics, &target, metadata);
            seed.assignment = assignment.ok_or_else(|| {
                let message = format!("what member {} says cannot be read", member.id);
                Failure::new(ErrorCode::GroupIdNotFound, message)
            })?;
            classic.members.push(seed);
        }
        self.records.push(classic.record(self.context.now_ms));
        self.deadlines.clear();
        for member in group.members.values() {
            self.no_deadlines(&member.id);
        }
        self.downgraded = Some(classic);
        Ok(())
    }
}

fn classic_member(member: &Member) -> ClassicMember {
    let classic = member.classic.clone().unwrap_or_default();
    ClassicMember {
        id: member.id.to_string(),
        instance_id: member.instance_id.clone(),
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        session_timeout_ms: classic.session_timeout_ms,
        protocols: classic.supported_protocols,
        assignment: Vec::new(),
    }
}

/// The protocol that all support and most like best.
fn common_protocol(members: &[&Member]) -> String {
    let protocols = |member: &Member| {
        let classic = member.classic.clone().unwrap_or_default();
        classic
            .supported_protocols
            .into_iter()
            .map(|protocol| protocol.name)
    };
    let mut supporters: BTreeMap<String, usize> = BTreeMap::new();
    for name in members.iter().flat_map(|member| protocols(member)) {
        *supporters.entry(name).or_default() += 1;
    }
    let mut votes: BTreeMap<String, usize> = BTreeMap::new();
    for member in members {
        let mut names = protocols(member);
        if let Some(best) = names.find(|name| supporters.get(name) == Some(&members.len())) {
            *votes.entry(best).or_default() += 1;
        }
    }
    let most = votes.into_iter().max_by_key(|(_, votes)| *votes);
    most.map(|(name, _)| name).unwrap_or_default()
}

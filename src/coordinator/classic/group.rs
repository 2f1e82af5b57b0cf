//! The state of one classic group.

use super::member::Member;
use crate::format::consumer_offsets::{ClassicGroupValue, ConsumerProtocolSubscription};
use crate::format::types::Timestamp;
use crate::protocol::ErrorCode;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

/// The protocol type of consumers, whose subscriptions can be read.
pub(super) const CONSUMER: &str = "consumer";

/// What a group is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// It has no members; it may have offsets.
    Empty,
    /// Members are joining.
    PreparingRebalance,
    /// All have joined; the leader assigns.
    CompletingRebalance,
    /// Every member has its assignment.
    Stable,
}

impl GroupState {
    /// Kafka's name of it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

impl fmt::Display for GroupState {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// What is left of the time in which the first members of a group find each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FirstRound {
    pub(super) delay_ms: i32,
    pub(super) left_ms: i32,
    /// A member came since the last look.
    pub(super) has_grown: bool,
}

/// A group.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    pub(super) id: Arc<str>,
    pub(super) state: GroupState,
    /// Since when, where that is known.
    pub(super) since_ms: Option<i64>,
    /// The round under way is the first since the group was empty.
    pub(super) first_round: Option<FirstRound>,
    pub(super) protocol_type: Option<String>,
    pub(super) protocol: Option<String>,
    pub(super) generation: i32,
    pub(super) leader: Option<Arc<str>>,
    pub(super) members: BTreeMap<Arc<str>, Member>,
    /// The member of each instance id.
    pub(super) statics: HashMap<String, Arc<str>>,
    /// Ids that were given out to members that are to join with them.
    pub(super) pending: BTreeSet<Arc<str>>,
    /// Members that have not asked for their assignment in this generation.
    pub(super) unsynced: BTreeSet<Arc<str>>,
    /// The topics that members ask for, where they can be read.
    pub(super) topics: Option<BTreeSet<String>>,
}

impl Group {
    pub(super) fn new(id: Arc<str>, now_ms: Option<i64>) -> Self {
        Self {
            id,
            state: GroupState::Empty,
            since_ms: now_ms,
            first_round: None,
            protocol_type: None,
            protocol: None,
            generation: 0,
            leader: None,
            members: BTreeMap::new(),
            statics: HashMap::new(),
            pending: BTreeSet::new(),
            unsynced: BTreeSet::new(),
            topics: None,
        }
    }

    /// As the log has it.
    pub(super) fn from_record(id: Arc<str>, value: &ClassicGroupValue) -> Self {
        let mut group = Self::new(id, None);
        group.since_ms = value.current_state_timestamp.map(Timestamp::get);
        group.generation = value.generation;
        group.protocol_type = Some(value.protocol_type.clone()).filter(|kind| !kind.is_empty());
        group.protocol.clone_from(&value.protocol);
        group.leader = value.leader.as_deref().map(Arc::from);
        for member in &value.members {
            group.add(Member::from_record(member, value.protocol.as_deref()));
        }
        if !group.members.is_empty() {
            group.state = GroupState::Stable;
        }
        group.topics = group.subscribed();
        group
    }

    pub(super) fn turn(&mut self, state: GroupState, now_ms: i64) {
        self.state = state;
        self.since_ms = Some(now_ms);
        if state != GroupState::PreparingRebalance {
            self.first_round = None;
        }
    }

    pub(super) fn add(&mut self, member: Member) {
        if let Some(instance_id) = &member.instance_id {
            let id = Arc::clone(&member.id);
            self.statics.insert(instance_id.clone(), id);
        }
        if self.leader.is_none() {
            self.leader = Some(Arc::clone(&member.id));
        }
        self.pending.remove(&member.id);
        self.members.insert(Arc::clone(&member.id), member);
    }

    /// Takes a member out, or an id that was given out. Who waits for an answer to it is
    /// in what comes back.
    pub(super) fn remove(&mut self, id: &str) -> Option<Member> {
        let removed = self.members.remove(id);
        if let Some(instance_id) = removed.as_ref().and_then(|old| old.instance_id.as_ref())
            && self
                .statics
                .get(instance_id)
                .is_some_and(|known| **known == *id)
        {
            self.statics.remove(instance_id);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending.remove(id);
        self.unsynced.remove(id);
        removed
    }

    pub(super) fn is_leader(&self, id: &str) -> bool {
        self.leader.as_deref() == Some(id)
    }

    pub(super) fn joining(&self) -> usize {
        let members = self.members.values();
        members.filter(|member| member.joining.is_some()).count()
    }

    pub(super) fn have_all_joined(&self) -> bool {
        let mut members = self.members.values();
        self.pending.is_empty() && members.all(|member| member.joining.is_some())
    }

    /// The longest that a member may take to join again.
    pub(super) fn rebalance_timeout_ms(&self) -> i32 {
        let timeouts = self
            .members
            .values()
            .map(|member| member.rebalance_timeout_ms);
        timeouts.max().unwrap_or(0).max(0)
    }

    /// Refuses who is not a member, or is not the one of its instance any more.
    pub(super) fn check(&self, id: &str, instance_id: Option<&str>) -> Result<(), ErrorCode> {
        if let Some(instance_id) = instance_id {
            match self.statics.get(instance_id) {
                None => return Err(ErrorCode::UnknownMemberId),
                Some(known) if **known != *id => return Err(ErrorCode::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(id) {
            Ok(())
        } else {
            Err(ErrorCode::UnknownMemberId)
        }
    }

    /// Whether one that speaks these protocols fits in.
    pub(super) fn fits<'p>(
        &self,
        protocol_type: &str,
        mut protocols: impl Iterator<Item = &'p str>,
    ) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && protocols.next().is_some();
        }
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols.any(|protocol| self.all_support(protocol))
    }

    fn all_support(&self, protocol: &str) -> bool {
        self.members
            .values()
            .all(|member| member.supports(protocol))
    }

    /// The protocol that all support and most like best; of several the first by name.
    pub(super) fn elect_protocol(&self) -> Option<String> {
        let first = self.members.values().next()?;
        let names = first
            .protocols
            .iter()
            .map(|protocol| protocol.name.as_str());
        let common: Vec<&str> = names.filter(|name| self.all_support(name)).collect();
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let mut names = member
                .protocols
                .iter()
                .map(|protocol| protocol.name.as_str());
            if let Some(best) = names.find(|name| common.contains(name)) {
                *votes.entry(best).or_default() += 1;
            }
        }
        let best = votes.into_iter().rev().max_by_key(|(_, votes)| *votes)?;
        Some(best.0.to_owned())
    }

    /// Lets a member lead that has joined; whether there is one.
    pub(super) fn elect_leader(&mut self) -> bool {
        let has_joined = |member: &Member| member.joining.is_some();
        let Some(leader) = &self.leader else {
            return false;
        };
        if self.members.get(leader).is_some_and(has_joined) {
            return true;
        }
        let joined = self.members.values().find(|member| has_joined(member));
        match joined {
            Some(member) => {
                self.leader = Some(Arc::clone(&member.id));
                true
            }
            None => false,
        }
    }

    /// The topics that members ask for; `None` where that cannot be read.
    pub(super) fn subscribed(&self) -> Option<BTreeSet<String>> {
        if self.protocol_type.as_deref() != Some(CONSUMER) {
            return None;
        }
        if self.members.is_empty() {
            return Some(BTreeSet::new());
        }
        let protocol = self.protocol.as_deref()?;
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(protocol);
            let (subscription, _) = ConsumerProtocolSubscription::from_bytes(metadata).ok()?;
            topics.extend(subscription.topics);
        }
        Some(topics)
    }

    pub(super) fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }
}

//! All classic groups of a coordinator, with their deadlines.

use super::group::{Group, GroupState};
use super::member::Member;
use super::records;
use super::round::Act;
use super::scene::{ClassicConfig, Effects, Scene, Timer, Wait};
use crate::coordinator::consumer::{ClassicGroup, Record};
use crate::coordinator::offsets::KeptSince;
use crate::coordinator::timers::Timers;
use crate::format::consumer_offsets::{GroupRecordKey, GroupRecordValue};
use crate::format::types::Timestamp;
use crate::protocol::ErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All classic groups of a coordinator.
#[derive(Debug, Clone, Default)]
pub struct ClassicGroups {
    pub(super) groups: BTreeMap<Arc<str>, Group>,
    pub(super) timers: Timers<Timer>,
}

impl ClassicGroups {
    /// Whether there is a group of that id.
    pub fn contains(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
    }

    /// The ids of all groups, in order.
    pub fn ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.groups.keys()
    }

    /// What a group is doing.
    pub fn state(&self, group_id: &str) -> Option<GroupState> {
        self.groups.get(group_id).map(|group| group.state)
    }

    /// Makes a group without members, if there is none of that id: one that only commits
    /// offsets. Nothing is written about it.
    pub fn ensure(&mut self, group_id: &str, now_ms: i64) {
        if !self.contains(group_id) {
            let id: Arc<str> = Arc::from(group_id);
            self.groups
                .insert(Arc::clone(&id), Group::new(id, Some(now_ms)));
        }
    }

    /// Forgets a group that only has offsets.
    pub fn forget_simple(&mut self, group_id: &str) {
        let group = self.groups.get(group_id);
        if group
            .is_some_and(|group| group.protocol_type.is_none() && group.state == GroupState::Empty)
        {
            self.groups.remove(group_id);
        }
    }

    /// Takes a record of the log in. Records of other kinds change nothing.
    pub fn replay(&mut self, key: &GroupRecordKey, value: Option<&GroupRecordValue>) {
        let GroupRecordKey::ClassicGroup(key) = key else {
            return;
        };
        match value {
            None => {
                self.groups.remove(key.group.as_str());
            }
            Some(GroupRecordValue::ClassicGroup(value)) => {
                let id: Arc<str> = Arc::from(key.group.as_str());
                let group = Group::from_record(Arc::clone(&id), value);
                self.groups.insert(id, group);
            }
            Some(_) => {}
        }
    }

    /// Gives every member its whole time, after the log was replayed.
    pub fn loaded(&mut self, scene: Scene<'_>) -> Effects {
        self.timers = Timers::default();
        let mut effects = Effects::default();
        for group in self.groups.values_mut() {
            let mut act = Act::new(group, &mut self.timers, scene);
            let ids: Vec<Arc<str>> = act.group.members.keys().cloned().collect();
            for id in &ids {
                act.hear(id);
            }
            if ids.len() > scene.config.max_size {
                act.prepare_rebalance();
            }
            effects.extend(act.effects);
        }
        effects
    }

    /// When [`Self::expire_one`] has something to do next, in milliseconds since 1970.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        self.timers.next_ms()
    }

    /// Does what is due; `None` if nothing is.
    pub fn expire_one(&mut self, scene: Scene<'_>) -> Option<Effects> {
        let timer = self.timers.pop_due(scene.now_ms)?;
        let Some(group) = self.groups.get_mut(&timer.group) else {
            return Some(Effects::default());
        };
        let mut act = Act::new(group, &mut self.timers, scene);
        match timer.wait {
            Wait::Join => act.end_of_join(),
            Wait::Sync => act.end_of_sync(),
            Wait::Session(member) => act.end_of_session(&member),
        }
        Some(act.effects)
    }

    /// A group as a consumer group takes it over.
    pub fn to_migrate(&self, group_id: &str) -> Option<ClassicGroup> {
        let group = self.groups.get(group_id)?;
        Some(ClassicGroup {
            id: group.id.to_string(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            protocol: group.protocol.clone().unwrap_or_default(),
            generation: group.generation,
            members: group.members.values().map(Member::to_migrated).collect(),
            rebalance: false,
        })
    }

    /// Takes a group in that was a consumer group; its record is written by then.
    pub fn take(&mut self, migrated: ClassicGroup, scene: Scene<'_>) -> Effects {
        let id: Arc<str> = Arc::from(migrated.id.as_str());
        let mut group = Group::new(Arc::clone(&id), Some(scene.now_ms));
        group.state = GroupState::Stable;
        group.generation = migrated.generation;
        group.protocol_type = Some(migrated.protocol_type);
        group.protocol = Some(migrated.protocol);
        for member in migrated.members {
            group.add(Member::from_migrated(member));
        }
        group.topics = group.subscribed();
        let group = self.groups.entry(id).insert_entry(group).into_mut();
        let mut act = Act::new(group, &mut self.timers, scene);
        for id in act.group.members.keys().cloned().collect::<Vec<_>>() {
            act.hear(&id);
        }
        if migrated.rebalance {
            act.prepare_rebalance();
        }
        act.effects
    }

    /// Forgets a group that a consumer group took over, or that is deleted: who waits in it
    /// is told to join again. Nothing is written.
    pub fn drop_group(&mut self, group_id: &str, now_ms: i64) -> Effects {
        let Some(mut group) = self.groups.remove(group_id) else {
            return Effects::default();
        };
        let config = ClassicConfig::default();
        let scene = Scene {
            now_ms,
            config: &config,
        };
        let mut act = Act::new(&mut group, &mut self.timers, scene);
        act.dissolve(ErrorCode::RebalanceInProgress);
        act.effects
    }

    /// Whether a group may be deleted.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
    pub fn check_delete(&self, group_id: &str) -> Result<(), ErrorCode> {
        match self.state(group_id) {
            None => Err(ErrorCode::GroupIdNotFound),
            Some(GroupState::Empty) => Ok(()),
            Some(_) => Err(ErrorCode::NonEmptyGroup),
        }
    }

    /// The record that deletes a group.
    pub fn tombstone(group_id: &str) -> Record {
        records::no_group(group_id)
    }

    /// Whether offsets of a group may be deleted, of topics that it does not ask for.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
    pub fn check_offset_delete(&self, group_id: &str) -> Result<(), ErrorCode> {
        match self.groups.get(group_id) {
            None => Err(ErrorCode::GroupIdNotFound),
            Some(group) if group.state == GroupState::Empty || group.is_of_consumers() => Ok(()),
            Some(_) => Err(ErrorCode::NonEmptyGroup),
        }
    }

    /// Whether a group asks for a topic, as far as that can be read.
    pub fn subscribes_to(&self, group_id: &str, topic: &str) -> bool {
        self.groups.get(group_id).is_some_and(|group| {
            let topics = group.topics.as_ref();
            topics.map_or(group.is_of_consumers(), |topics| topics.contains(topic))
        })
    }

    /// From when on a group's offsets are kept; `None` while they stay.
    pub fn kept_since(&self, group_id: &str) -> Option<KeptSince> {
        let group = self.groups.get(group_id)?;
        if group.protocol_type.is_none() {
            return Some(KeptSince::Commit);
        }
        match group.state {
            GroupState::Empty => Some(match group.since_ms {
                Some(since_ms) => KeptSince::Empty(Timestamp::new(since_ms)),
                None => KeptSince::Commit,
            }),
            GroupState::Stable if group.topics.is_some() => Some(KeptSince::Commit),
            _ => None,
        }
    }
}

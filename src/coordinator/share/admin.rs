//! What becomes of a group's states: set up, altered, deleted. The caller does with the
//! share coordinators what is said here, in between.

use super::group::{Named, NamedPartitions, StatePartitions};
use super::groups::{Answer, Initialize, ShareGroups, no_group};
use super::heartbeat::begun;
use super::records;
use crate::coordinator::consumer::partitions::Partitions;
use crate::coordinator::consumer::topics::Topics;
use crate::coordinator::consumer::{Failure, Record};
use crate::format::Uuid;
use crate::format::types::PartitionId;
use crate::protocol::ErrorCode;
use std::collections::BTreeMap;

impl ShareGroups {
    /// The states of these partitions are set up.
    pub fn initialized(
        &mut self,
        group_id: &str,
        partitions: &Partitions,
        topics: &dyn Topics,
    ) -> Vec<Record> {
        self.settle(group_id, partitions, |state, id, numbers| {
            let known = state.initialized.entry(id).or_default();
            known.name = topics
                .by_id(&id)
                .map_or_else(|| "<UNKNOWN>".to_owned(), |topic| topic.name.to_owned());
            known.partitions.extend(numbers);
        })
    }

    /// The states of these partitions could not be set up.
    pub fn uninitialized(&mut self, group_id: &str, partitions: &Partitions) -> Vec<Record> {
        self.settle(group_id, partitions, |_, _, _| {})
    }

    fn settle(
        &mut self,
        group_id: &str,
        partitions: &Partitions,
        mut put: impl FnMut(&mut StatePartitions, Uuid, &std::collections::BTreeSet<PartitionId>),
    ) -> Vec<Record> {
        let Some(group) = self.get(group_id) else {
            return Vec::new();
        };
        let mut state = group.state.clone().unwrap_or_default();
        for (id, numbers) in partitions {
            if let Some(begun) = state.initializing.get_mut(id) {
                begun.partitions.retain(|number| !numbers.contains(number));
            }
            put(&mut state, *id, numbers);
        }
        state
            .initializing
            .retain(|_, topic| !topic.partitions.is_empty());
        self.write_state(group_id, &state)
    }

    fn write_state(&mut self, group_id: &str, state: &StatePartitions) -> Vec<Record> {
        let records = vec![records::state(group_id, state)];
        self.apply(&records);
        records
    }

    /// Begins to set states up anew where an administrator wants them to begin. A group
    /// that is not there is made.
    ///
    /// # Errors
    /// `NON_EMPTY_GROUP`.
    pub fn alter(
        &mut self,
        group_id: &str,
        partitions: &Partitions,
        topics: &dyn Topics,
    ) -> Result<Answer<Initialize>, Failure> {
        let fresh = super::ShareGroup::new(group_id);
        let group = self.get(group_id).unwrap_or(&fresh);
        if !group.is_empty() {
            return Err(not_empty(group_id));
        }
        let named = partitions.iter().filter_map(|(id, numbers)| {
            let name = topics.by_id(id)?.name.to_owned();
            let partitions = numbers.clone();
            Some((*id, Named { name, partitions }))
        });
        let state = begun(group, named.collect::<NamedPartitions>());
        let epoch = group.epoch;
        Ok(Answer {
            response: Initialize {
                epoch,
                partitions: partitions.clone(),
            },
            records: self.write_state(group_id, &state),
        })
    }

    /// Begins to delete the states of a group: of some topics, or of all. What to delete.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
    pub fn begin_delete(
        &mut self,
        group_id: &str,
        only: Option<&[Uuid]>,
        topics: &dyn Topics,
    ) -> Result<Answer<Partitions>, Failure> {
        let group = self.get(group_id).ok_or_else(|| no_group(group_id))?;
        if !group.is_empty() {
            return Err(not_empty(group_id));
        }
        let mut deleted = Partitions::new();
        let Some(mut state) = group.state.clone() else {
            return Ok(Answer {
                response: deleted,
                records: Vec::new(),
            });
        };
        let wanted = |id: &Uuid| only.is_none_or(|only| only.contains(id));
        let begun = only.is_none().then_some(&state.initializing);
        let mut names = BTreeMap::new();
        for (id, topic) in state.initialized.iter().chain(begun.into_iter().flatten()) {
            if wanted(id) {
                deleted.entry(*id).or_default().extend(&topic.partitions);
                names.insert(*id, topic.name.clone());
            }
        }
        // What was to be deleted before may not be yet.
        for id in state.deleting.keys().filter(|id| wanted(id)) {
            if let Some(topic) = topics.by_id(id) {
                let all = (0..topic.partitions).map(PartitionId::new);
                deleted.entry(*id).or_default().extend(all);
            }
        }
        state.initialized.retain(|id, _| !wanted(id));
        if only.is_none() {
            state.initializing.clear();
        }
        state.deleting.extend(names);
        Ok(Answer {
            response: deleted,
            records: self.write_state(group_id, &state),
        })
    }

    /// The states of these topics are deleted.
    pub fn deleted(&mut self, group_id: &str, gone: &[Uuid]) -> Vec<Record> {
        let Some(mut state) = self.get(group_id).and_then(|group| group.state.clone()) else {
            return Vec::new();
        };
        state.deleting.retain(|id, _| !gone.contains(id));
        self.write_state(group_id, &state)
    }

    /// A topic is gone, and its states with it.
    pub fn topic_deleted(&mut self, id: &Uuid) -> Vec<Record> {
        let mut records = Vec::new();
        for slot in self.groups.values() {
            let Some(state) = &slot.group.state else {
                continue;
            };
            let mut after = state.clone();
            after.initializing.remove(id);
            after.initialized.remove(id);
            after.deleting.remove(id);
            if after != *state {
                records.push(records::state(slot.group.id(), &after));
            }
        }
        self.apply(&records);
        records
    }

    /// What deletes a group without members once it is replayed.
    pub fn tombstones(&self, group_id: &str) -> Vec<Record> {
        self.get(group_id).map_or_else(Vec::new, records::no_group)
    }
}

fn not_empty(group_id: &str) -> Failure {
    let message = format!("group {group_id} has members");
    Failure::new(ErrorCode::NonEmptyGroup, message)
}

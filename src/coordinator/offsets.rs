//! The committed offsets of all groups, and those of transactions that are not decided.
//!
//! Nothing but [`Offsets::replay`] and [`Offsets::replay_marker`] changes them, so what the
//! log says and what a running coordinator holds are the same. Everything else reads, or
//! makes records that the caller writes and replays.
//!
//! - An offset of a transaction counts from its commit marker on, unless a later record of
//!   the same partition was committed meanwhile: the order of records decides, as after a
//!   compaction it is all that is left.
//! - A tombstone takes the offsets of undecided transactions along.
//!
//! Source: `OffsetMetadataManager` of Apache Kafka 4.3.1.

use crate::format::consumer_offsets::{GroupRecordKey, OffsetCommitKey, OffsetCommitValue};
use crate::format::types::{PartitionId, ProducerId, Timestamp, Uuid};
use std::collections::{BTreeMap, BTreeSet};

#[cfg(test)]
mod tests;

/// All offsets of a coordinator.
#[derive(Debug, Clone, Default)]
pub struct Offsets {
    groups: BTreeMap<String, Topics>,
    /// The partitions with offsets of each undecided transaction.
    undecided: BTreeMap<ProducerId, BTreeSet<Place>>,
    /// How many commits were replayed.
    replayed: u64,
}

type Topics = BTreeMap<String, BTreeMap<PartitionId, Slot>>;

/// A group, a topic and a partition.
type Place = (String, String, PartitionId);

/// What there is of one partition in one group; never nothing.
#[derive(Debug, Clone, Default)]
struct Slot {
    committed: Option<Numbered>,
    pending: BTreeMap<ProducerId, Numbered>,
}

/// A commit, and the how many-th it was.
#[derive(Debug, Clone)]
struct Numbered {
    number: u64,
    value: OffsetCommitValue,
}

/// From when on the offsets of a group are kept for `offsets.retention.minutes`. An offset
/// that came with a time of its own expires then, in any group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptSince {
    /// From its commit: groups without members that never had a protocol, and stable ones
    /// whose subscriptions are known.
    Commit,
    /// From this moment: when the last member left.
    Empty(Timestamp),
}

impl KeptSince {
    fn is_over(self, offset: &OffsetCommitValue, now_ms: i64, retention_ms: i64) -> bool {
        if let Some(expires) = offset.expire_timestamp {
            return now_ms >= expires.get();
        }
        let since = match self {
            Self::Commit => Timestamp::to_wire(offset.commit_timestamp),
            Self::Empty(since) => since.get(),
        };
        now_ms.saturating_sub(since) >= retention_ms
    }
}

impl Offsets {
    /// Takes a record in. `producer` is that of a batch that is part of a transaction.
    pub fn replay(
        &mut self,
        key: &OffsetCommitKey,
        value: Option<&OffsetCommitValue>,
        producer: Option<ProducerId>,
    ) {
        let Some(value) = value else {
            self.remove(key);
            return;
        };
        self.replayed += 1;
        let commit = Numbered {
            number: self.replayed,
            value: value.clone(),
        };
        let slot = self
            .groups
            .entry(key.group.clone())
            .or_default()
            .entry(key.topic.clone())
            .or_default()
            .entry(key.partition)
            .or_default();
        if let Some(producer) = producer {
            slot.pending.insert(producer, commit);
            let place = (key.group.clone(), key.topic.clone(), key.partition);
            self.undecided.entry(producer).or_default().insert(place);
        } else {
            slot.committed = Some(commit);
        }
    }

    /// Takes the end of a producer's transaction in.
    pub fn replay_marker(&mut self, producer: ProducerId, committed: bool) {
        for (group, topic, partition) in self.undecided.remove(&producer).unwrap_or_default() {
            self.change(&group, &topic, partition, |slot| {
                let Some(commit) = slot.pending.remove(&producer) else {
                    return;
                };
                let last = slot.committed.as_ref().map(|last| last.number);
                if committed && last.is_none_or(|last| commit.number > last) {
                    slot.committed = Some(commit);
                }
            });
        }
    }

    fn remove(&mut self, key: &OffsetCommitKey) {
        let mut producers = Vec::new();
        self.change(&key.group, &key.topic, key.partition, |slot| {
            producers.extend(std::mem::take(slot).pending.into_keys());
        });
        let place = (key.group.clone(), key.topic.clone(), key.partition);
        for producer in producers {
            if let Some(places) = self.undecided.get_mut(&producer) {
                places.remove(&place);
                if places.is_empty() {
                    self.undecided.remove(&producer);
                }
            }
        }
    }

    /// Changes a slot that is there, and takes it out if nothing is left in it.
    fn change(
        &mut self,
        group: &str,
        topic: &str,
        partition: PartitionId,
        change: impl FnOnce(&mut Slot),
    ) {
        let Some(topics) = self.groups.get_mut(group) else {
            return;
        };
        let Some(partitions) = topics.get_mut(topic) else {
            return;
        };
        let Some(slot) = partitions.get_mut(&partition) else {
            return;
        };
        change(slot);
        if slot.committed.is_some() || !slot.pending.is_empty() {
            return;
        }
        partitions.remove(&partition);
        if partitions.is_empty() {
            topics.remove(topic);
        }
        if topics.is_empty() {
            self.groups.remove(group);
        }
    }

    fn slot(&self, group: &str, topic: &str, partition: PartitionId) -> Option<&Slot> {
        self.groups.get(group)?.get(topic)?.get(&partition)
    }

    /// A group's committed offset.
    pub fn get(
        &self,
        group: &str,
        topic: &str,
        partition: PartitionId,
    ) -> Option<&OffsetCommitValue> {
        let committed = self.slot(group, topic, partition)?.committed.as_ref()?;
        Some(&committed.value)
    }

    /// Whether an undecided transaction may change the offset: who asks for stable ones
    /// has to come again.
    pub fn is_unstable(&self, group: &str, topic: &str, partition: PartitionId) -> bool {
        let slot = self.slot(group, topic, partition);
        slot.is_some_and(|slot| !slot.pending.is_empty())
    }

    /// Whether there is an offset, committed or of an undecided transaction.
    pub fn contains(&self, group: &str, topic: &str, partition: PartitionId) -> bool {
        self.slot(group, topic, partition).is_some()
    }

    /// A group's committed offsets, by topic and partition.
    pub fn committed(
        &self,
        group: &str,
    ) -> impl Iterator<Item = (&str, PartitionId, &OffsetCommitValue)> {
        let topics = self.groups.get(group).into_iter().flatten();
        topics.flat_map(|(topic, partitions)| {
            partitions.iter().filter_map(move |(partition, slot)| {
                let committed = slot.committed.as_ref()?;
                Some((topic.as_str(), *partition, &committed.value))
            })
        })
    }

    /// The keys of the tombstones that take a group's offsets away.
    pub fn of_group(&self, group: &str) -> Vec<GroupRecordKey> {
        self.keys_where(group, |_, _| true)
    }

    /// The keys of the tombstones that take a group's expired offsets away. Those of topics
    /// that it `subscribes` to stay, and those that an undecided transaction may change.
    pub fn expired(
        &self,
        group: &str,
        kept: KeptSince,
        subscribes: impl Fn(&str) -> bool,
        now_ms: i64,
        retention_ms: i64,
    ) -> Vec<GroupRecordKey> {
        self.keys_where(group, |topic, slot| {
            slot.pending.is_empty()
                && !subscribes(topic)
                && slot
                    .committed
                    .as_ref()
                    .is_some_and(|offset| kept.is_over(&offset.value, now_ms, retention_ms))
        })
    }

    /// Whether a group has as many offsets as `tombstones` take away, so that nothing keeps
    /// it.
    pub fn are_all(&self, group: &str, tombstones: &[GroupRecordKey]) -> bool {
        let topics = self.groups.get(group).into_iter().flatten();
        let count: usize = topics.map(|(_, partitions)| partitions.len()).sum();
        count == tombstones.len()
    }

    /// The keys of the tombstones that take the offsets of a deleted topic away. Offsets
    /// that were committed by name alone are taken for its own.
    pub fn of_topic(&self, topic: &str, id: &Uuid) -> Vec<GroupRecordKey> {
        let is_of_it =
            |commit: &Numbered| commit.value.topic_id == Uuid::ZERO || commit.value.topic_id == *id;
        let groups = self.groups.keys();
        groups
            .flat_map(|group| {
                self.keys_where(group, |name, slot| {
                    let mut commits = slot.committed.iter().chain(slot.pending.values());
                    name == topic && commits.any(is_of_it)
                })
            })
            .collect()
    }

    fn keys_where(
        &self,
        group: &str,
        matches: impl Fn(&str, &Slot) -> bool,
    ) -> Vec<GroupRecordKey> {
        let mut keys = Vec::new();
        for (topic, partitions) in self.groups.get(group).into_iter().flatten() {
            for (partition, slot) in partitions {
                if matches(topic, slot) {
                    keys.push(GroupRecordKey::OffsetCommit(OffsetCommitKey {
                        group: group.to_owned(),
                        topic: topic.clone(),
                        partition: *partition,
                        ..Default::default()
                    }));
                }
            }
        }
        keys
    }
}

//! What share groups have done with partitions: the share coordinator of one partition of
//! `__share_group_state`.
//!
//! A request gives the record that it comes to; the caller writes it, and then has it
//! [`ShareStates::replay`]ed. After a whole state come up to
//! `share.coordinator.snapshot.update.records.per.snapshot` changes, then a whole state
//! again.
//!
//! Source: `ShareCoordinatorShard`, `PersisterStateBatchCombiner` of Apache Kafka 4.3.1.

use crate::format::Uuid;
use crate::format::share_group_state::{
    ShareSnapshotValue, ShareStateKey, ShareStateRecordKey, ShareStateRecordValue,
    ShareUpdateValue, StateBatch,
};
use crate::format::types::PartitionId;
use crate::protocol::ErrorCode;
use std::collections::BTreeMap;

/// A partition of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareKey {
    /// The group.
    pub group_id: String,
    /// The topic.
    pub topic_id: Uuid,
    /// The partition.
    pub partition: i32,
}

impl ShareKey {
    /// The name by which its coordinator is found.
    pub fn coordinator_key(&self) -> String {
        format!("{}:{}:{}", self.group_id, self.topic_id, self.partition)
    }

    fn record_key(&self) -> ShareStateKey {
        ShareStateKey {
            group_id: self.group_id.clone(),
            topic_id: self.topic_id,
            partition: PartitionId::new(self.partition),
            ..ShareStateKey::default()
        }
    }
}

/// A record of `__share_group_state`.
pub type ShareRecord = (ShareStateRecordKey, Option<ShareStateRecordValue>);

/// What a group has done with a partition.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// As the last whole state would be if it was written now.
    pub value: ShareSnapshotValue,
    /// How many changes were written since the last whole state.
    updates: u32,
    /// Where the last whole state is in the log.
    snapshot_at: i64,
}

/// What a leader writes.
#[derive(Debug, Clone, Default)]
pub struct Write {
    /// The epoch of the state that it knows; −1 for any.
    pub state_epoch: i32,
    /// Its own epoch; −1 for any.
    pub leader_epoch: i32,
    /// The start; −1 for no change.
    pub start_offset: i64,
    /// How many offsets from there on are done with; −1 for not known.
    pub complete: i32,
    /// What changed.
    pub batches: Vec<StateBatch>,
}

/// The states of one partition of `__share_group_state`.
#[derive(Debug, Clone, Default)]
pub struct ShareStates {
    states: BTreeMap<ShareKey, Stored>,
}

impl ShareStates {
    /// Takes a record of the log in; `at` is its offset.
    pub fn replay(
        &mut self,
        key: &ShareStateRecordKey,
        value: Option<&ShareStateRecordValue>,
        at: i64,
        updates_per_snapshot: u32,
    ) {
        let (ShareStateRecordKey::Snapshot(key) | ShareStateRecordKey::Update(key)) = key else {
            return;
        };
        let key = ShareKey {
            group_id: key.group_id.clone(),
            topic_id: key.topic_id,
            partition: key.partition.get(),
        };
        match value {
            None => _ = self.states.remove(&key),
            Some(ShareStateRecordValue::Snapshot(value)) => {
                let known = self.states.get(&key).map_or(0, |stored| stored.updates);
                let updates = if known >= updates_per_snapshot {
                    0
                } else {
                    known
                };
                let stored = Stored {
                    value: value.clone(),
                    updates,
                    snapshot_at: at,
                };
                self.states.insert(key, stored);
            }
            Some(ShareStateRecordValue::Update(value)) => {
                if let Some(stored) = self.states.get_mut(&key) {
                    stored.update(value);
                }
            }
            Some(_) => {}
        }
    }

    /// What is known of a partition.
    pub fn get(&self, key: &ShareKey) -> Option<&Stored> {
        self.states.get(key)
    }

    /// The first offset of the log that is still needed; `None` without any state.
    pub fn needed_from(&self) -> Option<i64> {
        self.states.values().map(|stored| stored.snapshot_at).min()
    }

    /// Sets a state up anew.
    ///
    /// # Errors
    /// `FENCED_STATE_EPOCH`.
    pub fn initialize(
        &self,
        key: &ShareKey,
        state_epoch: i32,
        start_offset: i64,
        now_ms: i64,
    ) -> Result<ShareRecord, ErrorCode> {
        let known = self.states.get(key);
        if known.is_some_and(|known| state_epoch != -1 && known.value.state_epoch > state_epoch) {
            return Err(ErrorCode::FencedStateEpoch);
        }
        let value = ShareSnapshotValue {
            snapshot_epoch: known.map_or(0, |known| known.value.snapshot_epoch + 1),
            state_epoch,
            leader_epoch: 0,
            start_offset,
            // Nothing of it is done with; where it begins is not known yet at −1.
            delivery_complete_count: if start_offset == -1 { -1 } else { 0 },
            create_timestamp: now_ms,
            write_timestamp: now_ms,
            ..ShareSnapshotValue::default()
        };
        Ok(snapshot(key, value))
    }

    /// What a leader is to know; and a record, where it is not the one that was known.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where nothing was set up, `FENCED_LEADER_EPOCH`.
    pub fn read(
        &self,
        key: &ShareKey,
        leader_epoch: i32,
        limit: u32,
        now_ms: i64,
    ) -> Result<(&Stored, Option<ShareRecord>), ErrorCode> {
        let stored = self.states.get(key).ok_or(ErrorCode::InvalidRequest)?;
        let value = &stored.value;
        if leader_epoch != -1 && value.leader_epoch > leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if leader_epoch == -1 || value.leader_epoch == leader_epoch {
            return Ok((stored, None));
        }
        let write = Write {
            state_epoch: value.state_epoch,
            leader_epoch,
            start_offset: value.start_offset,
            complete: value.delivery_complete_count,
            batches: Vec::new(),
        };
        let record = stored.record(key, &write, leader_epoch, limit, now_ms);
        Ok((stored, Some(record)))
    }

    /// Takes down what a leader did.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where nothing was set up, `FENCED_LEADER_EPOCH`,
    /// `FENCED_STATE_EPOCH`.
    pub fn write(
        &self,
        key: &ShareKey,
        write: &Write,
        limit: u32,
        now_ms: i64,
    ) -> Result<ShareRecord, ErrorCode> {
        let stored = self.states.get(key).ok_or(ErrorCode::InvalidRequest)?;
        let value = &stored.value;
        if write.leader_epoch != -1 && value.leader_epoch > write.leader_epoch {
            return Err(ErrorCode::FencedLeaderEpoch);
        }
        if write.state_epoch != -1 && value.state_epoch > write.state_epoch {
            return Err(ErrorCode::FencedStateEpoch);
        }
        Ok(stored.record(key, write, value.leader_epoch, limit, now_ms))
    }

    /// Forgets a partition; `None` where nothing is known.
    pub fn delete(&self, key: &ShareKey) -> Option<ShareRecord> {
        self.states.contains_key(key).then(|| tombstone(key))
    }

    /// Forgets a topic, for all groups.
    pub fn delete_topic(&self, topic_id: &Uuid) -> Vec<ShareRecord> {
        let keys = self.states.keys().filter(|key| key.topic_id == *topic_id);
        keys.map(tombstone).collect()
    }

    /// Whole states of partitions that have none in the log since a time, so that the log
    /// before can go.
    pub fn old_snapshots(&self, before_ms: i64, now_ms: i64) -> Vec<ShareRecord> {
        let old = self
            .states
            .iter()
            .filter(|(_, stored)| stored.value.write_timestamp <= before_ms);
        let renewed = |(key, stored): (&ShareKey, &Stored)| {
            let value = ShareSnapshotValue {
                snapshot_epoch: stored.value.snapshot_epoch + 1,
                write_timestamp: now_ms,
                ..stored.value.clone()
            };
            snapshot(key, value)
        };
        old.map(renewed).collect()
    }
}

impl Stored {
    fn update(&mut self, update: &ShareUpdateValue) {
        self.updates += 1;
        let value = &mut self.value;
        if update.leader_epoch != -1 {
            value.leader_epoch = update.leader_epoch;
        }
        if update.start_offset != -1 {
            value.start_offset = update.start_offset;
        }
        value.delivery_complete_count = update.delivery_complete_count;
        value.state_batches = combined(
            &value.state_batches,
            &update.state_batches,
            value.start_offset,
        );
    }

    fn record(
        &self,
        key: &ShareKey,
        write: &Write,
        leader_epoch: i32,
        limit: u32,
        now_ms: i64,
    ) -> ShareRecord {
        let value = &self.value;
        if self.updates < limit {
            let value = ShareUpdateValue {
                snapshot_epoch: value.snapshot_epoch,
                leader_epoch,
                start_offset: write.start_offset,
                delivery_complete_count: write.complete,
                state_batches: combined(&[], &write.batches, write.start_offset),
                ..ShareUpdateValue::default()
            };
            let key = ShareStateRecordKey::Update(key.record_key());
            return (key, Some(ShareStateRecordValue::Update(value)));
        }
        let start_offset = match write.start_offset {
            -1 => value.start_offset,
            start => start,
        };
        let value = ShareSnapshotValue {
            snapshot_epoch: value.snapshot_epoch + 1,
            state_epoch: value.state_epoch,
            leader_epoch,
            start_offset,
            delivery_complete_count: write.complete,
            create_timestamp: now_ms,
            write_timestamp: now_ms,
            state_batches: combined(&value.state_batches, &write.batches, start_offset),
            ..ShareSnapshotValue::default()
        };
        snapshot(key, value)
    }
}

fn snapshot(key: &ShareKey, value: ShareSnapshotValue) -> ShareRecord {
    let key = ShareStateRecordKey::Snapshot(key.record_key());
    (key, Some(ShareStateRecordValue::Snapshot(value)))
}

fn tombstone(key: &ShareKey) -> ShareRecord {
    (ShareStateRecordKey::Snapshot(key.record_key()), None)
}

/// Old and new states of offsets as one list without overlaps, from `start` on. Of two
/// states of an offset the one counts that comes later in its life: it was delivered more
/// often, or it went further.
pub fn combined(old: &[StateBatch], new: &[StateBatch], start: i64) -> Vec<StateBatch> {
    let rank = |batch: &StateBatch| (batch.delivery_count, batch.delivery_state);
    let mut parts: BTreeMap<i64, StateBatch> = BTreeMap::new();
    for batch in old.iter().chain(new) {
        let mut batch = batch.clone();
        if start != -1 {
            batch.first_offset = batch.first_offset.max(start);
        }
        if batch.first_offset > batch.last_offset {
            continue;
        }
        split(&mut parts, batch.first_offset);
        split(&mut parts, batch.last_offset + 1);
        let mut from = batch.first_offset;
        let mut put = Vec::new();
        for (first, known) in parts.range_mut(batch.first_offset..=batch.last_offset) {
            if from < *first {
                put.push((from, *first - 1));
            }
            from = known.last_offset + 1;
            if rank(&batch) > rank(known) {
                known.delivery_state = batch.delivery_state;
                known.delivery_count = batch.delivery_count;
            }
        }
        if from <= batch.last_offset {
            put.push((from, batch.last_offset));
        }
        for (first_offset, last_offset) in put {
            let part = StateBatch {
                first_offset,
                last_offset,
                ..batch.clone()
            };
            parts.insert(first_offset, part);
        }
    }
    let mut combined: Vec<StateBatch> = Vec::with_capacity(parts.len());
    for part in parts.into_values() {
        match combined.last_mut() {
            Some(last)
                if last.last_offset + 1 == part.first_offset && rank(last) == rank(&part) =>
            {
                last.last_offset = part.last_offset;
            }
            _ => combined.push(part),
        }
    }
    combined
}

fn split(parts: &mut BTreeMap<i64, StateBatch>, at: i64) {
    if let Some((_, part)) = parts.range_mut(..at).next_back()
        && part.last_offset >= at
    {
        let mut behind = part.clone();
        part.last_offset = at - 1;
        behind.first_offset = at;
        parts.insert(at, behind);
    }
}

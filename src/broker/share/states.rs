//! The share coordinators: one for each partition of `__share_group_state`, read from it
//! when it is first asked, written to it before anyone is answered.

use super::{Broker, lock};
use crate::broker::replica::{Replica, named};
use crate::broker::{state_log, topics};
use crate::coordinator::consumer::partitions::Partitions;
use crate::coordinator::groups::{Groups, World};
use crate::coordinator::share::Initialize;
use crate::coordinator::share::state::{ShareKey, ShareRecord, ShareStates};
use crate::format::Uuid;
use crate::format::consumer_offsets::group_partition;
use crate::format::types::PartitionId;
use crate::log::Result;
use crate::log::groups::replay_shares;
use crate::log::layout::SHARE_GROUPS_TOPIC;
use crate::protocol::ErrorCode;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

/// The start of a state that nothing was fetched of yet.
const UNKNOWN: i64 = -1;

/// One partition's coordinator.
#[derive(Default)]
pub(crate) struct Shard {
    state: Mutex<Option<State>>,
}

struct State {
    states: ShareStates,
    replica: Arc<Replica>,
}

impl Broker {
    /// How many changes are written before a whole state.
    pub(crate) fn updates_per_snapshot(&self) -> u32 {
        let set = self
            .config
            .number("share.coordinator.snapshot.update.records.per.snapshot");
        u32::try_from(set).unwrap_or(u32::MAX)
    }

    /// Has a partition's share coordinator do something, and writes what came of it.
    ///
    /// # Errors
    /// `COORDINATOR_NOT_AVAILABLE` where it cannot be read or written; that of `work`.
    pub(crate) fn share_state<R>(
        &self,
        key: &ShareKey,
        work: impl FnOnce(&ShareStates) -> Result<(R, Option<ShareRecord>), ErrorCode>,
    ) -> Result<R, ErrorCode> {
        if self.share_partitions().is_none()
            && let Err(error) = topics::create_default(self, SHARE_GROUPS_TOPIC)
        {
            tracing::error!(%error, "cannot create {SHARE_GROUPS_TOPIC}");
        }
        let count = self.share_partitions();
        let count = count.ok_or(ErrorCode::CoordinatorNotAvailable)?;
        let partition = group_partition(&key.coordinator_key(), count).get();
        self.share_state_at(partition, |states| {
            let (answer, record) = work(states)?;
            Ok((answer, record.into_iter().collect()))
        })
    }

    fn share_partitions(&self) -> Option<NonZeroU32> {
        let image = self.image();
        let count = image.topic(SHARE_GROUPS_TOPIC)?.partitions.len();
        NonZeroU32::new(u32::try_from(count).ok()?)
    }

    fn share_state_at<R>(
        &self,
        partition: i32,
        work: impl FnOnce(&ShareStates) -> Result<(R, Vec<ShareRecord>), ErrorCode>,
    ) -> Result<R, ErrorCode> {
        let shard = Arc::clone(lock(&self.shares.states).entry(partition).or_default());
        let mut held = lock(&shard.state);
        let state = match held.as_mut() {
            Some(state) => state,
            None => held.insert(self.load_shares(partition).map_err(|error| {
                tracing::error!(partition, %error, "cannot read {SHARE_GROUPS_TOPIC}");
                ErrorCode::CoordinatorNotAvailable
            })?),
        };
        let (answer, records) = work(&state.states)?;
        if let Err(error) = self.write_shares(state, &records) {
            tracing::error!(partition, %error, "cannot write {SHARE_GROUPS_TOPIC}");
            // Only the log knows what counts now.
            *held = None;
            return Err(ErrorCode::CoordinatorNotAvailable);
        }
        Ok(answer)
    }

    fn load_shares(&self, partition: i32) -> Result<State> {
        let replica = self.replica(&named(SHARE_GROUPS_TOPIC, partition))?;
        let mut states = ShareStates::default();
        let limit = self.updates_per_snapshot();
        let view = replica.view();
        let skipped = replay_shares(&self.host, view.directory(), &mut |key, value, at| {
            states.replay(key, value, at.get(), limit);
        })?;
        for skipped in skipped {
            tracing::warn!(path = %skipped.path.display(), "{}", skipped.damage);
        }
        Ok(State { states, replica })
    }

    fn write_shares(&self, state: &mut State, records: &[ShareRecord]) -> Result<()> {
        let replica = &state.replica;
        let cannot = |error: crate::format::FormatError| state_log::invalid(replica, error);
        let mut entries = Vec::with_capacity(records.len());
        for (key, value) in records {
            let value = value.clone().map(|value| value.latest().to_bytes());
            let value = value.transpose().map_err(cannot)?;
            entries.push((key.to_bytes().map_err(cannot)?, value));
        }
        // Nobody else writes there.
        let first = replica.ends().end.get();
        let durable = self.config.flush_before_acknowledge;
        state_log::write(replica, &entries, None, Some(self.now()), durable)?;
        for ((key, value), at) in records.iter().zip(first..) {
            let limit = self.updates_per_snapshot();
            state.states.replay(key, value.as_ref(), at, limit);
        }
        Ok(())
    }

    /// Sets the state of a partition up anew.
    pub(crate) fn initialize_share_state(
        &self,
        key: &ShareKey,
        state_epoch: i32,
        start: i64,
    ) -> Result<(), ErrorCode> {
        self.share_state(key, |states| {
            let now_ms = self.host.now_ms();
            let record = states.initialize(key, state_epoch, start, now_ms)?;
            Ok(((), Some(record)))
        })?;
        self.shares.forget(key);
        Ok(())
    }

    /// Forgets the state of a partition; that there is none is no error.
    pub(crate) fn delete_share_state(&self, key: &ShareKey) -> Result<(), ErrorCode> {
        self.share_state(key, |states| Ok(((), states.delete(key))))?;
        self.shares.forget(key);
        Ok(())
    }

    /// Sets the states of a group up that it asked for, and tells it: what became of each.
    /// Without a start, that is decided with the first fetch.
    pub(crate) fn initialize_shares(
        &self,
        group_id: &str,
        wanted: &Initialize,
        starts: &BTreeMap<(Uuid, i32), i64>,
    ) -> Result<BTreeMap<(Uuid, i32), ErrorCode>, ErrorCode> {
        let mut outcomes = BTreeMap::new();
        let (mut done, mut failed) = (Partitions::new(), Partitions::new());
        for (key, number) in keys_of(group_id, &wanted.partitions) {
            let place = (key.topic_id, key.partition);
            let start = starts.get(&place).copied().unwrap_or(UNKNOWN);
            let outcome = self.initialize_share_state(&key, wanted.epoch, start);
            let side = match outcome {
                Ok(()) => &mut done,
                Err(_) => &mut failed,
            };
            side.entry(key.topic_id).or_default().insert(number);
            outcomes.insert(place, outcome.err().unwrap_or(ErrorCode::None));
        }
        self.coordinate(group_id, None, |groups, world| {
            Ok(groups.share_initialized(group_id, &done, &failed, world))
        })?;
        Ok(outcomes)
    }

    /// Deletes the states of a share group of some topics, or of all: those of which there
    /// were some, and what became of them.
    pub(crate) fn delete_shares(
        &self,
        group_id: &str,
        only: Option<&[Uuid]>,
    ) -> Result<BTreeMap<Uuid, ErrorCode>, ErrorCode> {
        let deleted = self.coordinate(group_id, None, |groups, world| {
            groups.begin_delete_share(group_id, only, world)
        })?;
        let mut outcomes: BTreeMap<Uuid, ErrorCode> = BTreeMap::new();
        for (key, _) in keys_of(group_id, &deleted) {
            let code = self.delete_share_state(&key).err();
            let known = outcomes.entry(key.topic_id).or_insert(ErrorCode::None);
            if let Some(code) = code {
                *known = code;
            }
        }
        let gone: Vec<Uuid> = outcomes
            .iter()
            .filter(|(_, code)| code.is_none())
            .map(|(id, _)| *id)
            .collect();
        if !gone.is_empty() {
            self.coordinate(group_id, None, |groups, _| {
                Ok(groups.share_deleted(group_id, &gone))
            })?;
        }
        Ok(outcomes)
    }

    /// Deletes all states of a group that is to be deleted; nothing for other groups.
    pub(crate) fn delete_share_states(&self, group_id: &str) -> Result<(), ErrorCode> {
        let is_share = |groups: &mut Groups, _: World<'_>| Ok(groups.is_share(group_id));
        if !self.coordinate(group_id, None, is_share)? {
            return Ok(());
        }
        let outcomes = self.delete_shares(group_id, None)?;
        let failed = outcomes.into_values().find(|code| !code.is_none());
        failed.map_or(Ok(()), Err)
    }

    /// Forgets the states of a topic that is gone.
    pub(crate) fn forget_shares_of(&self, topic: &str, id: Uuid) {
        if topic == SHARE_GROUPS_TOPIC {
            lock(&self.shares.states).clear();
            lock(&self.shares.in_hand).clear();
            return;
        }
        lock(&self.shares.in_hand).retain(|key, _| key.topic_id != id);
        self.shares.let_go.notify_waiters();
        for partition in 0..self.share_partitions().map_or(0, NonZeroU32::get) {
            let delete = |states: &ShareStates| Ok(((), states.delete_topic(&id)));
            if let Err(code) = self.share_state_at(partition.cast_signed(), delete) {
                tracing::warn!(topic, %code, "states of a deleted topic are still there");
            }
        }
    }
}

fn keys_of<'a>(
    group_id: &'a str,
    partitions: &'a Partitions,
) -> impl Iterator<Item = (ShareKey, PartitionId)> + 'a {
    let of_topic = move |(id, numbers): (&'a Uuid, &'a std::collections::BTreeSet<PartitionId>)| {
        numbers.iter().map(move |number| {
            let key = ShareKey {
                group_id: group_id.to_owned(),
                topic_id: *id,
                partition: number.get(),
            };
            (key, *number)
        })
    };
    partitions.iter().flat_map(of_topic)
}

//! The group coordinators: one for each partition of `__consumer_offsets`, read from it
//! when it is first asked, written to it before anyone is answered.
//!
//! A coordinator is locked from the change of its state to the end of the write, so that
//! records are in the log in the order in which they count. Whoever waits for others to
//! join or to assign waits outside.

mod settings;
mod topics;

pub(crate) use settings::GroupSettings;

use self::topics::ClusterTopics;
use super::replica::{Marker, Replica, named};
use super::state_log::{self, Entry};
use super::{Broker, error_code};
use crate::coordinator::classic::{Reply, Waiter};
use crate::coordinator::consumer::Record;
use crate::coordinator::groups::{Groups, Outcome, World};
use crate::format::consumer_offsets::{GroupRecordValue, group_partition};
use crate::format::{Offset, Timestamp, Uuid};
use crate::log::groups::{GroupEvent, replay};
use crate::log::layout::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};
use crate::log::{LogError, Result};
use crate::protocol::ErrorCode;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot, watch};

/// The version of a classic group's record that Kafka 4.3.1 writes.
const CLASSIC_GROUP_VERSION: i16 = 3;
/// The version of an offset that expires at a time of its own.
const EXPIRING_OFFSET_VERSION: i16 = 1;

/// All group coordinators.
#[derive(Default)]
pub(crate) struct Coordinators {
    shards: Mutex<HashMap<i32, Arc<Shard>>>,
    topics: Mutex<Option<Arc<ClusterTopics>>>,
    last_waiter: AtomicU64,
    /// When the next deadline is, as far as the timer knows.
    next_ms: AtomicI64,
    earlier: Notify,
}

/// One partition's coordinator.
struct Shard {
    partition: i32,
    state: Mutex<Option<State>>,
}

struct State {
    groups: Groups,
    replica: Arc<Replica>,
    waiting: HashMap<Waiter, oneshot::Sender<Reply>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number for a request, and where its answer comes.
pub(crate) struct Ticket {
    pub(crate) waiter: Waiter,
    sender: oneshot::Sender<Reply>,
}

impl Coordinators {
    /// A ticket, and where its answer comes.
    pub(crate) fn ticket(&self) -> (Ticket, oneshot::Receiver<Reply>) {
        let (sender, receiver) = oneshot::channel();
        let waiter = self.last_waiter.fetch_add(1, Ordering::Relaxed);
        (Ticket { waiter, sender }, receiver)
    }

    fn shard(&self, partition: i32) -> Arc<Shard> {
        let mut shards = lock(&self.shards);
        Arc::clone(shards.entry(partition).or_insert_with(|| {
            Arc::new(Shard {
                partition,
                state: Mutex::new(None),
            })
        }))
    }

    /// Forgets everything: `__consumer_offsets` is gone.
    pub(crate) fn forget(&self) {
        lock(&self.shards).clear();
    }
}

impl Broker {
    /// The partition of `__consumer_offsets` that a group's records are in, where there is
    /// such a topic.
    pub(crate) fn group_partition(&self, group_id: &str) -> Option<i32> {
        Some(group_partition(group_id, self.offsets_partitions()?).get())
    }

    /// How many partitions `__consumer_offsets` has; `None` if there is none.
    fn offsets_partitions(&self) -> Option<NonZeroU32> {
        let image = self.image();
        let count = image.topic(OFFSETS_TOPIC)?.partitions.len();
        NonZeroU32::new(u32::try_from(count).ok()?)
    }

    /// Has a group's coordinator do something, and writes what came of it. With a ticket,
    /// its answer comes by itself.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` without a `__consumer_offsets`; `COORDINATOR_NOT_AVAILABLE` where
    /// it cannot be read or written; that of `work`.
    pub(crate) fn coordinate<R>(
        &self,
        group_id: &str,
        ticket: Option<Ticket>,
        work: impl FnOnce(&mut Groups, World<'_>) -> std::result::Result<Outcome<R>, ErrorCode>,
    ) -> std::result::Result<R, ErrorCode> {
        let partition = self
            .group_partition(group_id)
            .ok_or(ErrorCode::NotCoordinator)?;
        self.coordinate_at(partition, ticket, work)
    }

    /// Has every coordinator do something, one after the other.
    ///
    /// # Errors
    /// As [`Broker::coordinate`]; the others have done it.
    pub(crate) fn coordinate_all<R>(
        &self,
        mut work: impl FnMut(&mut Groups, World<'_>) -> Outcome<R>,
    ) -> std::result::Result<Vec<R>, ErrorCode> {
        let count = self.offsets_partitions().map_or(0, NonZeroU32::get);
        let answers: Vec<_> = (0..count.cast_signed())
            .map(|partition| {
                self.coordinate_at(partition, None, |groups, world| Ok(work(groups, world)))
            })
            .collect();
        answers.into_iter().collect()
    }

    fn coordinate_at<R>(
        &self,
        partition: i32,
        ticket: Option<Ticket>,
        work: impl FnOnce(&mut Groups, World<'_>) -> std::result::Result<Outcome<R>, ErrorCode>,
    ) -> std::result::Result<R, ErrorCode> {
        self.with_state(partition, |held, world| {
            let state = held.as_mut().ok_or(ErrorCode::CoordinatorNotAvailable)?;
            if let Some(ticket) = ticket {
                state.waiting.insert(ticket.waiter, ticket.sender);
            }
            let outcome = work(&mut state.groups, world)?;
            let applied = outcome.applied;
            let durable = self.config.flush_before_acknowledge;
            let done = state.carry_out(outcome, world.now_ms, durable);
            self.groups.note_deadline(state.groups.next_deadline_ms());
            done.map_err(|error| {
                if let LogError::Producer { .. } = error {
                    // A transaction of a producer that is over.
                    return error_code(&error);
                }
                tracing::error!(partition, %error, "cannot write __consumer_offsets");
                if applied {
                    // Only the log knows what counts now.
                    *held = None;
                }
                ErrorCode::CoordinatorNotAvailable
            })
        })
    }

    /// Ends a producer's transaction in a partition of `__consumer_offsets`: its offsets
    /// count from now on, or never.
    ///
    /// # Errors
    /// As [`Replica::append_marker`]; `Damaged`, `Io` where the partition cannot be read.
    pub(crate) fn end_group_transaction(&self, partition: i32, marker: &Marker) -> Result<Offset> {
        let mut outcome = None;
        let done = self.with_state(partition, |held, _| {
            let Some(state) = held else { return Ok(()) };
            let done = state.replica.append_marker(marker, self.now());
            if done.is_ok() {
                let (producer, _) = marker.producer;
                state.groups.replay_marker(producer, marker.commit);
            }
            outcome = Some(done);
            Ok(())
        });
        match (done, outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (done, _) => Err(LogError::Invalid(format!(
                "the coordinator of {OFFSETS_TOPIC}-{partition} is not there: {done:?}"
            ))),
        }
    }

    /// Works on a coordinator's state, which is read first where it was not yet.
    fn with_state<R>(
        &self,
        partition: i32,
        work: impl FnOnce(&mut Option<State>, World<'_>) -> std::result::Result<R, ErrorCode>,
    ) -> std::result::Result<R, ErrorCode> {
        let shard = self.groups.shard(partition);
        self.with_world(|world| {
            let mut held = lock(&shard.state);
            if held.is_none() {
                *held = Some(self.load(partition, world).map_err(|error| {
                    tracing::error!(partition, %error, "cannot read __consumer_offsets");
                    ErrorCode::CoordinatorNotAvailable
                })?);
            }
            work(&mut held, world)
        })
    }

    fn with_world<T>(&self, work: impl FnOnce(World<'_>) -> T) -> T {
        let image = self.image();
        let topics = self.groups.topics(&image, self.metadata_end());
        let settings = &self.config.groups;
        work(World {
            now_ms: self.host.now_ms(),
            topics: &*topics,
            classic: &settings.classic,
            consumer: &|group_id| settings.of_group(&image, group_id),
            share: &|group_id| settings.of_share_group(&image, group_id),
            offsets: settings.offsets,
        })
    }

    fn load(&self, partition: i32, world: World<'_>) -> Result<State> {
        let replica = self.replica(&named(OFFSETS_TOPIC, partition))?;
        let view = replica.view();
        let mut groups = Groups::default();
        let skipped = replay(&self.host, view.directory(), &mut |event| match event {
            GroupEvent::Record(key, value, producer) => {
                groups.replay(key, value, producer);
            }
            GroupEvent::Marker(producer, committed) => groups.replay_marker(producer, committed),
        })?;
        for skipped in skipped {
            tracing::warn!(path = %skipped.path.display(), "{}", skipped.damage);
        }
        let mut state = State {
            groups,
            replica,
            waiting: HashMap::new(),
        };
        let outcome = state.groups.loaded(world);
        state.carry_out(outcome, world.now_ms, self.config.flush_before_acknowledge)?;
        Ok(state)
    }

    /// Does what is due in all coordinators, until the server stops.
    pub(crate) async fn keep_group_time(&self, mut stop: watch::Receiver<bool>) {
        let mut next_expiry_ms = self.host.now_ms() + self.config.groups.retention_check_ms;
        loop {
            let due_ms = self.groups.next_deadline_ms().min(next_expiry_ms);
            let now_ms = self.host.now_ms();
            let left = Duration::from_millis(u64::try_from(due_ms - now_ms).unwrap_or(0));
            tokio::select! {
                biased;
                _ = stop.changed() => return,
                () = self.groups.earlier.notified() => continue,
                () = tokio::time::sleep(left) => {}
            }
            tokio::task::block_in_place(|| {
                self.expire_groups();
                if self.host.now_ms() >= next_expiry_ms {
                    next_expiry_ms = self.host.now_ms() + self.config.groups.retention_check_ms;
                    self.expire_offsets();
                }
            });
        }
    }

    fn expire_groups(&self) {
        let shards: Vec<_> = lock(&self.groups.shards).values().cloned().collect();
        self.groups.next_ms.store(i64::MAX, Ordering::Release);
        for shard in shards {
            if lock(&shard.state).is_none() {
                continue;
            }
            loop {
                let done = self.coordinate_at(shard.partition, None, |groups, world| {
                    groups.expire(world).ok_or(ErrorCode::None)
                });
                // A write that fails has forgotten the state, which ends the loop as well.
                if done.is_err() {
                    break;
                }
            }
            let next_ms = lock(&shard.state)
                .as_ref()
                .and_then(|state| state.groups.next_deadline_ms());
            self.groups.note_deadline(next_ms);
        }
    }

    fn expire_offsets(&self) {
        let done = self.coordinate_all(|groups, world| groups.expire_offsets(world));
        if let Err(code) = done {
            tracing::warn!(%code, "expired offsets are still there");
        }
    }

    /// Deletes what groups have committed of a topic that is gone.
    pub(crate) fn forget_offsets_of(&self, topic: &str, id: Uuid) {
        if topic == OFFSETS_TOPIC {
            self.groups.forget();
            return;
        }
        if topic == TRANSACTIONS_TOPIC {
            self.transactions.forget();
            return;
        }
        self.forget_shares_of(topic, id);
        let done = self.coordinate_all(|groups, _| groups.share_topic_deleted(&id));
        if let Err(code) = done {
            tracing::warn!(topic, %code, "states of a deleted topic are still there");
        }
        let done = self.coordinate_all(|groups, _| groups.topic_deleted(topic, &id));
        if let Err(code) = done {
            tracing::warn!(topic, %code, "offsets of a deleted topic are still there");
        }
    }
}

impl Coordinators {
    fn next_deadline_ms(&self) -> i64 {
        match self.next_ms.load(Ordering::Acquire) {
            // Nothing was noted yet.
            0 => i64::MAX,
            next_ms => next_ms,
        }
    }

    /// Wakes the timer if there is something to do earlier than it knows.
    fn note_deadline(&self, next_ms: Option<i64>) {
        let Some(next_ms) = next_ms else { return };
        let earlier = |known: i64| (known == 0 || next_ms < known).then_some(next_ms);
        let order = Ordering::AcqRel;
        if self
            .next_ms
            .fetch_update(order, Ordering::Acquire, earlier)
            .is_ok()
        {
            self.earlier.notify_one();
        }
    }
}

impl State {
    /// Writes the records, and then sends the answers.
    fn carry_out<R>(&mut self, outcome: Outcome<R>, now_ms: i64, durable: bool) -> Result<R> {
        let entries = outcome.records.iter();
        let entries: Result<Vec<_>> = entries.map(|record| entry(&self.replica, record)).collect();
        let now = Timestamp::from_wire(now_ms);
        state_log::write(&self.replica, &entries?, outcome.producer, now, durable)?;
        if !outcome.applied {
            let producer = outcome.producer.map(|(id, _)| id);
            for (key, value) in &outcome.records {
                self.groups.replay(key, value.as_ref(), producer);
            }
        }
        for (waiter, reply) in outcome.replies {
            if let Some(sender) = self.waiting.remove(&waiter) {
                // Whoever asked may be gone.
                let _ = sender.send(reply);
            }
        }
        Ok(outcome.response)
    }
}

/// A record as it is written.
fn entry(replica: &Replica, (key, value): &Record) -> Result<Entry> {
    let cannot = |error: crate::format::FormatError| state_log::invalid(replica, error);
    let value = value.as_ref().map(bytes).transpose().map_err(cannot)?;
    Ok((key.to_bytes().map_err(cannot)?, value))
}

/// A value in the version that Kafka writes.
fn bytes(value: &GroupRecordValue) -> crate::format::Result<Vec<u8>> {
    let value = value.clone();
    match &value {
        GroupRecordValue::ClassicGroup(_) => value.at(CLASSIC_GROUP_VERSION),
        GroupRecordValue::OffsetCommit(offset) if offset.expire_timestamp.is_some() => {
            value.at(EXPIRING_OFFSET_VERSION)
        }
        _ => value.latest(),
    }
    .to_bytes()
}

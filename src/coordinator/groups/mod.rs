//! The group coordinator of one partition of `__consumer_offsets`: classic, consumer and
//! share groups, and the offsets of the first two.
//!
//! A group is of one kind at a time, or has offsets only, which makes it an empty classic
//! group. Every request gives an [`Outcome`]: the caller writes its records in one batch,
//! and then sends its answers. Where they cannot be written, the caller builds the groups
//! anew from the log, unless nothing was [`Outcome::applied`] yet.

mod admin;
mod members;
mod offsets;
mod share;

use super::classic::{ClassicConfig, ClassicGroups, Effects, Reply, Scene, Waiter};
use super::consumer::config::ConsumerConfig;
use super::consumer::topics::Topics;
use super::consumer::{Answer, ConsumerGroups, Context, Record};
use super::offsets::Offsets;
use super::share::{ShareConfig, ShareGroups};
use crate::format::consumer_offsets::{GroupRecordKey, GroupRecordValue, OffsetCommitValue};
use crate::format::{ProducerEpoch, ProducerId};

pub use members::Caller;
pub use offsets::{CommitPart, FetchPart};

/// The settings of offsets, under Kafka's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetsConfig {
    /// `offset.metadata.max.bytes`: how long what clients put beside an offset may be, in
    /// UTF-16 units as Java counts them.
    pub metadata_max: usize,
    /// `offsets.retention.minutes`, in milliseconds.
    pub retention_ms: i64,
}

impl Default for OffsetsConfig {
    fn default() -> Self {
        Self {
            metadata_max: 4096,
            retention_ms: 7 * 24 * 3_600_000,
        }
    }
}

/// What requests happen in.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// The topics.
    pub topics: &'a dyn Topics,
    /// The settings of classic groups.
    pub classic: &'a ClassicConfig,
    /// The settings of a consumer group: its own, and the broker's for the rest.
    pub consumer: &'a dyn Fn(&str) -> ConsumerConfig,
    /// The settings of a share group: its own, and the broker's for the rest.
    pub share: &'a dyn Fn(&str) -> ShareConfig,
    /// The settings of offsets.
    pub offsets: OffsetsConfig,
}

impl<'a> World<'a> {
    fn scene(&self) -> Scene<'a> {
        Scene {
            now_ms: self.now_ms,
            config: self.classic,
        }
    }

    fn context(&self, config: &'a ConsumerConfig) -> Context<'a> {
        Context {
            now_ms: self.now_ms,
            topics: self.topics,
            config,
        }
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Outcome<R> {
    /// What to answer once the records are written.
    pub response: R,
    /// What to write.
    pub records: Vec<Record>,
    /// What to answer to those who waited, once the records are written.
    pub replies: Vec<(Waiter, Reply)>,
    /// Whose transaction the records are part of.
    pub producer: Option<(ProducerId, ProducerEpoch)>,
    /// Whether the groups are as the records say. If not, [`Groups::replay`] makes them so
    /// once the records are written.
    pub applied: bool,
}

impl<R> Outcome<R> {
    /// An answer that changes nothing.
    pub fn read(response: R) -> Self {
        Self::new(response)
    }

    fn new(response: R) -> Self {
        Self {
            response,
            records: Vec::new(),
            replies: Vec::new(),
            producer: None,
            applied: true,
        }
    }

    fn with_records(mut self, records: Vec<Record>) -> Self {
        self.records.extend(records);
        self
    }

    fn with(mut self, effects: Effects) -> Self {
        self.records.extend(effects.records);
        self.replies.extend(effects.replies);
        self
    }
}

/// The groups of one partition of `__consumer_offsets`.
#[derive(Debug, Clone, Default)]
pub struct Groups {
    classic: ClassicGroups,
    consumer: ConsumerGroups,
    share: ShareGroups,
    offsets: Offsets,
}

impl Groups {
    /// Takes a record of the log in. `producer` is that of a batch that is part of a
    /// transaction.
    pub fn replay(
        &mut self,
        key: &GroupRecordKey,
        value: Option<&GroupRecordValue>,
        producer: Option<ProducerId>,
    ) {
        match key {
            GroupRecordKey::OffsetCommit(key) | GroupRecordKey::LegacyOffsetCommit(key) => {
                let value = match value {
                    None => None,
                    Some(value) => match offset_of(value) {
                        Some(value) => Some(value),
                        None => return,
                    },
                };
                self.offsets.replay(key, value.as_ref(), producer);
                if let Some(value) = &value
                    && self.consumer.get(&key.group).is_none()
                {
                    let committed_ms = value.commit_timestamp.map_or(0, |time| time.get());
                    self.classic.ensure(&key.group, committed_ms);
                }
            }
            GroupRecordKey::ClassicGroup(_) => self.classic.replay(key, value),
            _ => {
                self.consumer.replay(key, value);
                self.share.replay(key, value);
                // Offsets of before it was a consumer group are its own, too.
                if let Some(id) = key.group()
                    && self.consumer.get(id).is_some()
                {
                    self.classic.forget_simple(id);
                }
            }
        }
    }

    /// Takes the end of a producer's transaction in.
    pub fn replay_marker(&mut self, producer: ProducerId, committed: bool) {
        self.offsets.replay_marker(producer, committed);
    }

    /// Gives every member its whole time, after the log was replayed.
    pub fn loaded(&mut self, world: World<'_>) -> Outcome<()> {
        let effects = self.classic.loaded(world.scene());
        let config = (world.consumer)("");
        self.consumer.loaded(world.context(&config));
        self.share.loaded(world.now_ms, &(world.share)(""));
        Outcome::new(()).with(effects)
    }

    /// When [`Self::expire`] has something to do next, in milliseconds since 1970.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let deadlines = [
            self.classic.next_deadline_ms(),
            self.consumer.next_deadline_ms(),
            self.share.next_deadline_ms(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Does one thing that is due; `None` if nothing is.
    pub fn expire(&mut self, world: World<'_>) -> Option<Outcome<()>> {
        if let Some(effects) = self.classic.expire_one(world.scene()) {
            return Some(Outcome::new(()).with(effects));
        }
        if let Some(records) = self.share.give_up_one(world.now_ms, world.topics) {
            return Some(Outcome::new(()).with_records(records));
        }
        let config = (world.consumer)("");
        let answer = self.consumer.give_up_one(world.context(&config))?;
        Some(self.finish(answer, world, |_| ()))
    }

    /// Takes the consumer group in that became a classic group.
    fn finish<T, R>(
        &mut self,
        answer: Answer<T>,
        world: World<'_>,
        response: impl FnOnce(T) -> R,
    ) -> Outcome<R> {
        let effects = answer
            .downgraded
            .map(|classic| self.classic.take(classic, world.scene()));
        Outcome {
            records: answer.records,
            ..Outcome::new(response(answer.response))
        }
        .with(effects.unwrap_or_default())
    }
}

/// An offset of any age.
fn offset_of(value: &GroupRecordValue) -> Option<OffsetCommitValue> {
    match value {
        GroupRecordValue::OffsetCommit(value) => Some(value.clone()),
        GroupRecordValue::LegacyOffsetCommit(old) => Some(OffsetCommitValue {
            offset: old.offset,
            metadata: old.metadata.clone(),
            commit_timestamp: old.commit_timestamp,
            ..Default::default()
        }),
        _ => None,
    }
}

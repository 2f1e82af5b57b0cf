//! Committing, fetching, deleting and expiring offsets.

use super::{Groups, Outcome, World};
use crate::coordinator::classic::{ClassicGroups, GroupState};
use crate::coordinator::consumer::{Committer, Record};
use crate::coordinator::offsets::KeptSince;
use crate::format::consumer_offsets::{
    GroupRecordKey, GroupRecordValue, OffsetCommitKey, OffsetCommitValue,
};
use crate::format::types::{LeaderEpoch, PartitionId, Timestamp, Uuid};
use crate::protocol::ErrorCode;

/// From which version on `OffsetCommit` knows that a group may be missing.
const MISSING_GROUP_SINCE: i16 = 9;

/// An offset to commit, of a partition that there is.
#[derive(Debug, Clone, PartialEq)]
pub struct CommitPart<'a> {
    /// The topic.
    pub topic: &'a str,
    /// Its id.
    pub topic_id: Uuid,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The epoch of the last record that was consumed; −1 where it is not known.
    pub leader_epoch: i32,
    /// What the client puts beside it.
    pub metadata: &'a str,
}

/// An offset that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchPart {
    /// The offset; −1 if there is none.
    pub offset: i64,
    /// The epoch that came with it, or −1.
    pub leader_epoch: i32,
    /// What came with it.
    pub metadata: String,
    /// `UNSTABLE_OFFSET_COMMIT`, or none.
    pub error: ErrorCode,
}

impl FetchPart {
    fn of(value: &OffsetCommitValue) -> Self {
        Self {
            offset: value.offset,
            leader_epoch: LeaderEpoch::to_wire(value.leader_epoch),
            metadata: value.metadata.clone(),
            error: ErrorCode::None,
        }
    }

    fn none(error: ErrorCode) -> Self {
        Self {
            offset: -1,
            leader_epoch: -1,
            metadata: String::new(),
            error,
        }
    }
}

impl Groups {
    /// Commits offsets: an answer for each of the `parts`, in their order.
    /// `retention_ms` is −1 where the broker decides how long they are kept.
    ///
    /// # Errors
    /// What all parts are answered with: the member's rights.
    pub fn commit(
        &mut self,
        group_id: &str,
        committer: Committer<'_>,
        retention_ms: i64,
        parts: &[CommitPart<'_>],
        world: World<'_>,
    ) -> Result<Outcome<Vec<ErrorCode>>, ErrorCode> {
        if self.share.get(group_id).is_some() {
            return Err(ErrorCode::GroupIdNotFound);
        }
        if !self.exists(group_id) {
            if committer.epoch < 0 {
                self.classic.ensure(group_id, world.now_ms);
            } else if committer.version >= MISSING_GROUP_SINCE && !committer.transactional {
                return Err(ErrorCode::GroupIdNotFound);
            } else {
                return Err(ErrorCode::IllegalGeneration);
            }
        }
        let fits = |part: &CommitPart<'_>| {
            part.metadata.len() <= world.offsets.metadata_max
                || part.metadata.encode_utf16().count() <= world.offsets.metadata_max
        };
        if let Some(group) = self.consumer.get(group_id) {
            let rights = group.check_commit(committer)?;
            for part in parts.iter().filter(|part| fits(part)) {
                rights.check(&part.topic_id, PartitionId::new(part.partition))?;
            }
        } else {
            self.classic
                .check_commit(group_id, committer, world.scene())?;
        }
        let expires_ms = (retention_ms != -1).then(|| world.now_ms.saturating_add(retention_ms));
        let mut outcome = Outcome {
            applied: false,
            ..Outcome::new(Vec::with_capacity(parts.len()))
        };
        for part in parts {
            if fits(part) {
                outcome.response.push(ErrorCode::None);
                let mut part = part.clone();
                if committer.transactional {
                    // As in Kafka, these come without.
                    part.topic_id = Uuid::ZERO;
                }
                let record = record(group_id, &part, world.now_ms, expires_ms);
                outcome.records.push(record);
            } else {
                outcome.response.push(ErrorCode::OffsetMetadataTooLarge);
            }
        }
        Ok(outcome)
    }

    fn exists(&self, group_id: &str) -> bool {
        self.classic.contains(group_id) || self.consumer.get(group_id).is_some()
    }

    /// Whether a member, if it says that it is one, may be told offsets.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID`, `STALE_MEMBER_EPOCH`, `ILLEGAL_GENERATION`.
    pub fn check_fetch(
        &self,
        group_id: &str,
        member_id: Option<&str>,
        epoch: i32,
    ) -> Result<(), ErrorCode> {
        if self.share.get(group_id).is_some() {
            return Err(ErrorCode::GroupIdNotFound);
        }
        match self.consumer.get(group_id) {
            Some(group) => Ok(group.check_fetch(member_id, epoch)?),
            None => Ok(()),
        }
    }

    /// A committed offset. With `stable`, not while a transaction may change it. One that
    /// was committed to another topic of that name does not count.
    pub fn fetch(
        &self,
        group_id: &str,
        topic: &str,
        topic_id: Uuid,
        partition: i32,
        stable: bool,
    ) -> FetchPart {
        let partition = PartitionId::new(partition);
        if stable && self.offsets.is_unstable(group_id, topic, partition) {
            return FetchPart::none(ErrorCode::UnstableOffsetCommit);
        }
        match self.offsets.get(group_id, topic, partition) {
            Some(value) if is_of(value, topic_id) => FetchPart::of(value),
            _ => FetchPart::none(ErrorCode::None),
        }
    }

    /// All committed offsets of a group, by topic and partition.
    pub fn fetch_all(&self, group_id: &str, stable: bool) -> Vec<(String, i32, FetchPart)> {
        let all = self.offsets.committed(group_id);
        let part = |(topic, partition, value): (&str, PartitionId, &OffsetCommitValue)| {
            let unstable = stable && self.offsets.is_unstable(group_id, topic, partition);
            let part = if unstable {
                FetchPart::none(ErrorCode::UnstableOffsetCommit)
            } else {
                FetchPart::of(value)
            };
            (topic.to_owned(), partition.get(), part)
        };
        all.map(part).collect()
    }

    /// Deletes offsets of partitions that there are: an answer for each, in their order.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
    pub fn delete_offsets(
        &self,
        group_id: &str,
        parts: &[(&str, i32)],
    ) -> Result<Outcome<Vec<ErrorCode>>, ErrorCode> {
        if self.consumer.get(group_id).is_none() {
            self.classic.check_offset_delete(group_id)?;
        }
        let mut outcome = Outcome {
            applied: false,
            ..Outcome::new(Vec::with_capacity(parts.len()))
        };
        for (topic, partition) in parts {
            if self.subscribes_to(group_id, topic) {
                outcome.response.push(ErrorCode::GroupSubscribedToTopic);
                continue;
            }
            outcome.response.push(ErrorCode::None);
            let partition = PartitionId::new(*partition);
            if self.offsets.contains(group_id, topic, partition) {
                let key = OffsetCommitKey {
                    group: group_id.to_owned(),
                    topic: (*topic).to_owned(),
                    partition,
                    ..Default::default()
                };
                outcome
                    .records
                    .push((GroupRecordKey::OffsetCommit(key), None));
            }
        }
        Ok(outcome)
    }

    fn subscribes_to(&self, group_id: &str, topic: &str) -> bool {
        match self.consumer.get(group_id) {
            Some(group) => group.subscribes_to(topic),
            None => self.classic.subscribes_to(group_id, topic),
        }
    }

    /// What takes the offsets of a deleted topic away.
    pub fn topic_deleted(&self, topic: &str, id: &Uuid) -> Outcome<()> {
        let keys = self.offsets.of_topic(topic, id);
        Outcome {
            records: keys.into_iter().map(|key| (key, None)).collect(),
            applied: false,
            ..Outcome::new(())
        }
    }

    /// What takes expired offsets away, and groups without members that have none left.
    pub fn expire_offsets(&self, world: World<'_>) -> Outcome<()> {
        let mut outcome = Outcome {
            applied: false,
            ..Outcome::new(())
        };
        for group in self.consumer.iter() {
            let id = group.id();
            let is_over = self.expire_group(id, Some(KeptSince::Commit), world, &mut outcome);
            if is_over && group.is_empty() {
                outcome.records.extend(self.consumer.tombstones(id));
            }
        }
        for id in self.classic.ids() {
            let kept = self.classic.kept_since(id);
            let is_over = self.expire_group(id, kept, world, &mut outcome);
            if is_over && self.classic.state(id) == Some(GroupState::Empty) {
                outcome.records.push(ClassicGroups::tombstone(id));
            }
        }
        outcome
    }

    /// Notes the tombstones of a group's expired offsets; whether nothing is left.
    fn expire_group(
        &self,
        group_id: &str,
        kept: Option<KeptSince>,
        world: World<'_>,
        outcome: &mut Outcome<()>,
    ) -> bool {
        let keys = kept.map_or_else(Vec::new, |kept| {
            self.offsets.expired(
                group_id,
                kept,
                |topic| self.subscribes_to(group_id, topic),
                world.now_ms,
                world.offsets.retention_ms,
            )
        });
        let all = self.offsets.are_all(group_id, &keys);
        outcome
            .records
            .extend(keys.into_iter().map(|key| (key, None)));
        all
    }
}

/// Whether an offset is that of a topic of this id, as far as both are known.
fn is_of(value: &OffsetCommitValue, topic_id: Uuid) -> bool {
    value.topic_id == Uuid::ZERO || topic_id == Uuid::ZERO || value.topic_id == topic_id
}

fn record(group_id: &str, part: &CommitPart<'_>, now_ms: i64, expires_ms: Option<i64>) -> Record {
    let key = OffsetCommitKey {
        group: group_id.to_owned(),
        topic: part.topic.to_owned(),
        partition: PartitionId::new(part.partition),
        ..Default::default()
    };
    let value = OffsetCommitValue {
        offset: part.offset,
        leader_epoch: LeaderEpoch::from_wire(part.leader_epoch),
        metadata: part.metadata.to_owned(),
        commit_timestamp: Timestamp::from_wire(now_ms),
        expire_timestamp: expires_ms.and_then(Timestamp::from_wire),
        // The version with a time of its own has no room for an id.
        topic_id: if expires_ms.is_some() {
            Uuid::ZERO
        } else {
            part.topic_id
        },
        ..Default::default()
    };
    let value = GroupRecordValue::OffsetCommit(value);
    (GroupRecordKey::OffsetCommit(key), Some(value))
}

//! Committed offsets, and those that wait for a transaction's end.

use super::Group;
use crate::format::consumer_offsets::{GroupRecordValue, OffsetCommitKey};
use crate::format::{LeaderEpoch, Offset, ProducerId, Timestamp, Uuid};
use crate::log::layout::TopicPartition;
use std::collections::BTreeMap;

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The next offset to consume, as the client gave it.
    pub offset: i64,
    /// The epoch of the last record that was consumed.
    pub leader_epoch: Option<LeaderEpoch>,
    /// What the client put beside it.
    pub metadata: String,
    /// When it was committed.
    pub commit_timestamp: Option<Timestamp>,
    /// When it expires, where the client said so.
    pub expire_timestamp: Option<Timestamp>,
    /// The topic's id, where the client named it.
    pub topic_id: Option<Uuid>,
    /// Where in `__consumer_offsets` it was written.
    pub written_at: Offset,
}

/// An offset in a transaction that is open.
pub type Pending = Committed;

impl Committed {
    fn of(value: GroupRecordValue, written_at: Offset) -> Option<Self> {
        Some(match value {
            GroupRecordValue::OffsetCommit(value) => Self {
                offset: value.offset,
                leader_epoch: value.leader_epoch,
                metadata: value.metadata,
                commit_timestamp: value.commit_timestamp,
                expire_timestamp: value.expire_timestamp,
                topic_id: (value.topic_id != Uuid::ZERO).then_some(value.topic_id),
                written_at,
            },
            GroupRecordValue::LegacyOffsetCommit(value) => Self {
                offset: value.offset,
                leader_epoch: None,
                metadata: value.metadata,
                commit_timestamp: value.commit_timestamp,
                expire_timestamp: None,
                topic_id: None,
                written_at,
            },
            _ => return None,
        })
    }
}

/// Takes a commit: at once, or at the end of its producer's transaction. A null
/// takes away both.
pub(super) fn commit(
    group: &mut Group,
    key: OffsetCommitKey,
    value: Option<GroupRecordValue>,
    written_at: Offset,
    producer: Option<ProducerId>,
) {
    let name = TopicPartition::new(key.topic, key.partition.get());
    let Some(value) = value else {
        group.offsets.remove(&name);
        group.pending.retain(|(other, _), _| *other != name);
        return;
    };
    let Some(committed) = Committed::of(value, written_at) else {
        return;
    };
    match producer {
        None => group.offsets.insert(name, committed),
        Some(producer) => group.pending.insert((name, producer), committed),
    };
}

/// A producer's transaction ends in this partition of `__consumer_offsets`. Of two
/// commits the one that was written later stays.
pub(super) fn end_transaction(
    groups: &mut BTreeMap<String, Group>,
    producer: ProducerId,
    commit: bool,
) {
    for group in groups.values_mut() {
        let mut ended = Vec::new();
        group.pending.retain(|(name, other), committed| {
            let ends = *other == producer;
            if ends {
                ended.push((name.clone(), committed.clone()));
            }
            !ends
        });
        for (name, committed) in ended.into_iter().filter(|_| commit) {
            let later = group
                .offsets
                .get(&name)
                .is_some_and(|there| there.written_at > committed.written_at);
            if !later {
                group.offsets.insert(name, committed);
            }
        }
    }
}

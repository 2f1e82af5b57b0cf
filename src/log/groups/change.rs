//! Offsets and groups changed in a directory that no server holds: records appended
//! to the group's partition of `__consumer_offsets`, as its coordinator would.

use super::{Group, Kind};
use crate::format::batch_builder::{BatchBuilder, Seal};
use crate::format::consumer_offsets::{
    ClassicGroupKey, GroupRecordKey, GroupRecordValue, OffsetCommitKey, OffsetCommitValue,
};
use crate::format::record::Headers;
use crate::format::{LeaderEpoch, PartitionId, Timestamp};
use crate::log::error::{LogError, Result};
use crate::log::layout::{OFFSETS_TOPIC, TopicPartition};
use crate::log::partition::Placement;
use crate::log::session::Session;

/// The version of offsets that every broker since 2.1 reads.
const OFFSET_VERSION: i16 = 3;

/// A change of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The group is to read on from this offset.
    Reset(TopicPartition, i64),
    /// What it committed for the partition goes.
    Forget(TopicPartition),
    /// The group itself goes; its offsets are to be forgotten too.
    Remove,
}

/// Appends the changes as one batch, durable when this returns. The group must be one
/// without members.
///
/// # Errors
/// `Invalid` where the group has members, or is no group of consumers; `Damaged`, `Io`.
pub fn apply(session: &mut Session, name: &str, group: &Group, changes: &[Change]) -> Result<()> {
    if !group.members.is_empty() {
        return Err(LogError::Invalid(format!(
            "group {name:?} has members: expected an empty one"
        )));
    }
    if !matches!(group.kind, Kind::Classic | Kind::Simple) {
        return Err(LogError::Invalid(format!(
            "group {name:?} is of the type {}: expected a classic one",
            group.kind.name()
        )));
    }
    let now = Timestamp::new(session.host().now_ms());
    let mut builder = BatchBuilder::default();
    for change in changes {
        for (key, value) in records(name, group, change, now)? {
            builder
                .append(Some(now), Some(&key), value.as_deref(), Headers::default())
                .map_err(|error| LogError::Invalid(error.to_string()))?;
        }
    }
    if builder.is_empty() {
        return Ok(());
    }
    let place = TopicPartition::new(OFFSETS_TOPIC, group.partition);
    let mut partition = session.partition(&place)?;
    partition.append(builder.seal(&Seal::default()), Placement::Next)?;
    session.sync(std::iter::once(&mut partition))
}

type Pair = (Vec<u8>, Option<Vec<u8>>);

fn records(name: &str, group: &Group, change: &Change, now: Timestamp) -> Result<Vec<Pair>> {
    let unwritable = |error: crate::format::FormatError| LogError::Invalid(error.to_string());
    let key_of = |place: &TopicPartition| {
        GroupRecordKey::OffsetCommit(OffsetCommitKey {
            group: name.to_owned(),
            topic: place.topic.clone(),
            partition: PartitionId::new(place.partition),
            ..Default::default()
        })
    };
    Ok(match change {
        Change::Reset(place, offset) => {
            let value = GroupRecordValue::OffsetCommit(OffsetCommitValue {
                offset: *offset,
                leader_epoch: None::<LeaderEpoch>,
                commit_timestamp: Some(now),
                ..Default::default()
            });
            let value = value.at(OFFSET_VERSION).to_bytes().map_err(unwritable)?;
            vec![(key_of(place).to_bytes().map_err(unwritable)?, Some(value))]
        }
        Change::Forget(place) => vec![(key_of(place).to_bytes().map_err(unwritable)?, None)],
        Change::Remove if group.classic.is_some() => {
            let key = GroupRecordKey::ClassicGroup(ClassicGroupKey {
                group: name.to_owned(),
                ..Default::default()
            });
            vec![(key.to_bytes().map_err(unwritable)?, None)]
        }
        Change::Remove => Vec::new(),
    })
}

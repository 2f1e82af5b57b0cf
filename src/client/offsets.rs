//! `ListOffsets`: where partitions begin and end, and which offset has a time.

use super::cluster::{Cluster, Topic};
use super::error::{ClientError, Result};
use crate::format::Offset;
use crate::protocol::ApiKey;
use crate::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use std::collections::BTreeMap;

/// What offset is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The log start offset.
    Start,
    /// The high watermark.
    End,
    /// The last stable offset: before the first record of an open transaction.
    Stable,
    /// The first record at or after a time, milliseconds since 1970.
    Time(i64),
}

/// The offsets of partitions; `None` where no record is at or after the time.
pub fn list(
    cluster: &mut Cluster,
    name: &str,
    partitions: &[i32],
    at: At,
) -> Result<BTreeMap<i32, Option<Offset>>> {
    let mut found = BTreeMap::new();
    cluster.retry(|cluster| {
        let topic = cluster.must_have(name)?;
        let mut by_leader: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for partition in partitions.iter().filter(|p| !found.contains_key(*p)) {
            by_leader
                .entry(leader(name, &topic, *partition)?)
                .or_default()
                .push(*partition);
        }
        for (node, partitions) in by_leader {
            ask(cluster, node, (name, &topic), &partitions, at, &mut found)?;
        }
        Ok(())
    })?;
    Ok(found)
}

/// The leader of a partition.
pub fn leader(name: &str, topic: &Topic, partition: i32) -> Result<i32> {
    let known = topic.partitions.get(&partition);
    let known = known.ok_or_else(|| ClientError::UnknownPartition {
        topic: name.to_owned(),
        partition,
        count: topic.partitions.len(),
    })?;
    known.leader.ok_or_else(|| ClientError::NoLeader {
        partition: format!("{name}-{partition}"),
    })
}

fn ask(
    cluster: &mut Cluster,
    node: i32,
    (name, topic): (&str, &Topic),
    partitions: &[i32],
    at: At,
    found: &mut BTreeMap<i32, Option<Offset>>,
) -> Result<()> {
    let connection = cluster.node(node)?;
    let stable = at == At::Stable;
    let version = connection.version_within(ApiKey::ListOffsets, if stable { 2 } else { 1 }, 10)?;
    let timestamp = match at {
        At::Start => -2,
        At::End | At::Stable => -1,
        At::Time(time) => time,
    };
    let one = |partition: &i32| ListOffsetsPartition {
        partition_index: *partition,
        current_leader_epoch: topic.partitions[partition].epoch,
        timestamp,
        ..Default::default()
    };
    let request = ListOffsetsRequest {
        replica_id: -1,
        isolation_level: i8::from(stable),
        topics: vec![ListOffsetsTopic {
            name: name.to_owned(),
            partitions: partitions.iter().map(one).collect(),
            ..Default::default()
        }],
        timeout_ms: 30_000,
        ..Default::default()
    };
    let response = connection.call(&request, version)?;
    for partition in response
        .topics
        .into_iter()
        .flat_map(|topic| topic.partitions)
    {
        let number = partition.partition_index;
        let about = format!("{name}-{number}");
        connection.check(ApiKey::ListOffsets, partition.error_code, &about, None)?;
        found.insert(number, Offset::from_wire(partition.offset));
    }
    Ok(())
}

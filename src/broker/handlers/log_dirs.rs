//! `DescribeLogDirs`, `AlterReplicaLogDirs`: there is one log directory, and nothing to
//! move to.
//!
//! Source: `kafka.server.ReplicaManager` of Apache Kafka 4.3.1.

use super::Call;
use crate::log::layout::TopicPartition;
use crate::protocol::ErrorCode;
use crate::protocol::messages::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
};
use crate::protocol::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeLogDirsResult, DescribeLogDirsTopic,
};
use std::collections::{BTreeMap, BTreeSet};

/// The longest name of a directory, and what Kafka puts behind that of a partition
/// while it moves.
const LONGEST_NAME: usize = 255;
const FUTURE_SUFFIX: usize = ".00112233445566778899aabbccddeeff-future".len();

pub(super) fn describe(
    call: &Call<'_>,
    request: DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let wanted = request.topics.map(|topics| {
        let names = topics.into_iter().flat_map(|topic| {
            let numbers = topic.partitions.into_iter();
            numbers.map(move |number| TopicPartition::new(topic.topic.clone(), number))
        });
        names.collect::<BTreeSet<_>>()
    });
    DescribeLogDirsResponse {
        results: vec![directory(call, wanted.as_ref())],
        ..DescribeLogDirsResponse::default()
    }
}

fn directory(call: &Call<'_>, wanted: Option<&BTreeSet<TopicPartition>>) -> DescribeLogDirsResult {
    let broker = call.broker;
    let image = broker.image();
    let mut topics: BTreeMap<&str, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
    for (topic, state) in image.topics() {
        for (number, partition) in &state.partitions {
            let name = TopicPartition::new(topic, *number);
            let is_wanted = wanted.is_none_or(|wanted| wanted.contains(&name));
            if !is_wanted || !partition.replicas.contains(&broker.node) {
                continue;
            }
            // A partition that is deleted meanwhile has no size.
            let size = broker.partition_size(&name).unwrap_or(0);
            topics
                .entry(topic)
                .or_default()
                .push(DescribeLogDirsPartition {
                    partition_index: *number,
                    partition_size: i64::try_from(size).unwrap_or(i64::MAX),
                    offset_lag: 0,
                    ..DescribeLogDirsPartition::default()
                });
        }
    }
    let (total, usable) = broker.disk_space().unwrap_or((-1, -1));
    DescribeLogDirsResult {
        log_dir: broker.directory.display().to_string(),
        topics: topics
            .into_iter()
            .map(|(name, partitions)| DescribeLogDirsTopic {
                name: name.to_owned(),
                partitions,
                ..DescribeLogDirsTopic::default()
            })
            .collect(),
        total_bytes: total,
        usable_bytes: usable,
        ..DescribeLogDirsResult::default()
    }
}

pub(super) fn alter(
    call: &Call<'_>,
    request: AlterReplicaLogDirsRequest,
) -> AlterReplicaLogDirsResponse {
    let mut results: BTreeMap<String, Vec<AlterReplicaLogDirPartitionResult>> = BTreeMap::new();
    for dir in request.dirs {
        for topic in dir.topics {
            for number in topic.partitions {
                let code = move_to(call, &dir.path, &topic.name, number);
                results.entry(topic.name.clone()).or_default().push(
                    AlterReplicaLogDirPartitionResult {
                        partition_index: number,
                        error_code: code.code(),
                        ..AlterReplicaLogDirPartitionResult::default()
                    },
                );
            }
        }
    }
    AlterReplicaLogDirsResponse {
        results: results
            .into_iter()
            .map(|(topic_name, partitions)| AlterReplicaLogDirTopicResult {
                topic_name,
                partitions,
                ..AlterReplicaLogDirTopicResult::default()
            })
            .collect(),
        ..AlterReplicaLogDirsResponse::default()
    }
}

/// Every partition is in the only directory already.
fn move_to(call: &Call<'_>, path: &str, topic: &str, number: i32) -> ErrorCode {
    let name = TopicPartition::new(topic, number);
    if name.to_string().len() + FUTURE_SUFFIX > LONGEST_NAME {
        return ErrorCode::InvalidTopicException;
    }
    if *call.broker.directory.display().to_string() != *path {
        return ErrorCode::LogDirNotFound;
    }
    let image = call.broker.image();
    let is_here = (image
        .topic(topic)
        .and_then(|topic| topic.partitions.get(&number)))
    .is_some_and(|partition| partition.replicas.contains(&call.broker.node));
    if is_here {
        ErrorCode::None
    } else {
        ErrorCode::ReplicaNotAvailable
    }
}

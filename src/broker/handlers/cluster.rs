//! `DescribeCluster`, `DescribeTopicPartitions`.

use super::Call;
use super::metadata::{ALL_OF_A_CLUSTER, ALL_OF_A_TOPIC, Show};
use crate::format::topic_name;
use crate::log::image::PartitionState;
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use crate::protocol::messages::describe_topic_partitions::{
    DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic, ResponseCursor,
};

/// The most partitions of one answer: `max.request.partition.size.limit`.
const MOST_PARTITIONS: usize = 2000;
/// The kind of endpoint that brokers are.
const BROKERS: i8 = 1;

pub(super) fn describe(
    call: &Call<'_>,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    if request.endpoint_type != BROKERS {
        return DescribeClusterResponse {
            error_code: ErrorCode::MismatchedEndpointType.code(),
            error_message: Some("this endpoint is a broker's".to_owned()),
            ..DescribeClusterResponse::default()
        };
    }
    let endpoint = call.broker.config.advertised(call.listener);
    DescribeClusterResponse {
        cluster_id: call.broker.cluster_id.clone(),
        controller_id: call.broker.node.get(),
        brokers: vec![DescribeClusterBroker {
            broker_id: call.broker.node.get(),
            host: endpoint.host,
            port: i32::from(endpoint.port),
            ..DescribeClusterBroker::default()
        }],
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            ALL_OF_A_CLUSTER
        } else {
            i32::MIN
        },
        ..DescribeClusterResponse::default()
    }
}

pub(super) fn describe_partitions(
    call: &Call<'_>,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let image = call.broker.image();
    let mut names: Vec<String> = if request.topics.is_empty() {
        image.topics().keys().cloned().collect()
    } else {
        request.topics.into_iter().map(|topic| topic.name).collect()
    };
    names.sort();
    names.dedup();
    let mut left = usize::try_from(request.response_partition_limit)
        .unwrap_or(0)
        .clamp(1, MOST_PARTITIONS);
    let (from, mut first) = match request.cursor {
        Some(cursor) => (cursor.topic_name, cursor.partition_index),
        None => (String::new(), 0),
    };
    let mut response = DescribeTopicPartitionsResponse::default();
    for name in names.into_iter().filter(|name| *name >= from) {
        if name != from {
            first = 0;
        }
        if left == 0 {
            response.next_cursor = Some(ResponseCursor {
                topic_name: name,
                ..ResponseCursor::default()
            });
            break;
        }
        let mut shown = DescribeTopicPartitionsResponseTopic {
            is_internal: topic_name::is_internal(&name),
            topic_authorized_operations: ALL_OF_A_TOPIC,
            name: Some(name.clone()),
            ..DescribeTopicPartitionsResponseTopic::default()
        };
        match image.topic(&name) {
            None if topic_name::check(&name).is_err() => {
                shown.error_code = ErrorCode::InvalidTopicException.code();
            }
            None => shown.error_code = ErrorCode::UnknownTopicOrPartition.code(),
            Some(topic) => {
                shown.topic_id = topic.id;
                let partitions = topic.partitions.range(first.max(0)..);
                for (number, state) in partitions.clone().take(left) {
                    shown.partitions.push(partition(call, *number, state));
                }
                if let Some((next, _)) = partitions.clone().nth(left) {
                    response.next_cursor = Some(ResponseCursor {
                        topic_name: name,
                        partition_index: *next,
                        ..ResponseCursor::default()
                    });
                }
                left -= shown.partitions.len();
            }
        }
        response.topics.push(shown);
        if response.next_cursor.is_some() {
            break;
        }
    }
    response
}

fn partition(
    call: &Call<'_>,
    number: i32,
    state: &PartitionState,
) -> DescribeTopicPartitionsResponsePartition {
    let plain = Show::of(call).partition(number, state);
    DescribeTopicPartitionsResponsePartition {
        error_code: plain.error_code,
        partition_index: number,
        leader_id: plain.leader_id,
        leader_epoch: plain.leader_epoch,
        replica_nodes: plain.replica_nodes,
        isr_nodes: plain.isr_nodes,
        // This node leads: it is in sync, and nobody else is eligible.
        eligible_leader_replicas: Some(Vec::new()),
        last_known_elr: Some(if plain.leader_id >= 0 {
            Vec::new()
        } else {
            state.last_known_elr.iter().map(|node| node.get()).collect()
        }),
        offline_replicas: plain.offline_replicas,
        ..DescribeTopicPartitionsResponsePartition::default()
    }
}

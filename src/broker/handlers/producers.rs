//! `DescribeProducers`: what partitions know of their producers.
//!
//! Source: KIP-664; `kafka.cluster.Partition` of Apache Kafka 4.3.1.

use super::Call;
use crate::broker::error_code;
use crate::broker::replica::named;
use crate::format::{Offset, Timestamp, topic_name};
use crate::protocol::ErrorCode;
use crate::protocol::messages::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicResponse,
};

pub(super) fn describe(
    call: &Call<'_>,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partition_indexes.iter();
        TopicResponse {
            partitions: partitions
                .map(|number| describe_one(call, &topic.name, *number))
                .collect(),
            name: topic.name,
            ..TopicResponse::default()
        }
    });
    DescribeProducersResponse {
        topics: topics.collect(),
        ..DescribeProducersResponse::default()
    }
}

fn describe_one(call: &Call<'_>, topic: &str, number: i32) -> PartitionResponse {
    let answer = |code: ErrorCode, active_producers| PartitionResponse {
        partition_index: number,
        error_code: code.code(),
        active_producers,
        error_message: None,
        ..PartitionResponse::default()
    };
    if topic_name::check(topic).is_err() {
        return answer(ErrorCode::InvalidTopicException, Vec::new());
    }
    let replica = match call.broker.replica(&named(topic, number)) {
        Ok(replica) => replica,
        Err(error) => return answer(error_code(&error), Vec::new()),
    };
    let producers = replica.producers().into_iter().map(|known| ProducerState {
        producer_id: known.producer_id.get(),
        producer_epoch: known.epoch.map_or(-1, |epoch| i32::from(epoch.get())),
        last_sequence: known.last_sequence.unwrap_or(-1),
        last_timestamp: Timestamp::to_wire(known.timestamp),
        coordinator_epoch: known.coordinator_epoch.unwrap_or(-1),
        current_txn_start_offset: known.current_txn_first_offset.map_or(-1, Offset::get),
        ..ProducerState::default()
    });
    answer(ErrorCode::None, producers.collect())
}

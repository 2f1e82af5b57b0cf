//! The share coordinator as leaders of partitions ask it; on this broker they ask it
//! without a request.
//!
//! Source: `ShareCoordinatorService`, `ShareCoordinatorShard` of Apache Kafka 4.3.1;
//! KIP-932.

use super::Call;
use crate::coordinator::share::state::{ShareKey, Write};
use crate::format::Uuid;
use crate::format::share_group_state::StateBatch;
use crate::protocol::ErrorCode;
use crate::protocol::messages::{
    delete_share_group_state as deleting, initialize_share_group_state as initializing,
    read_share_group_state as reading, read_share_group_state_summary as summing,
    write_share_group_state as writing,
};

fn key(group_id: &str, topic_id: Uuid, partition: i32) -> ShareKey {
    ShareKey {
        group_id: group_id.to_owned(),
        topic_id,
        partition,
    }
}

/// The message of an error; `None` without one.
fn message(code: ErrorCode) -> Option<String> {
    (!code.is_none()).then(|| code.name().to_owned())
}

pub(super) fn initialize(
    call: &Call<'_>,
    request: initializing::InitializeShareGroupStateRequest,
) -> initializing::InitializeShareGroupStateResponse {
    let results = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|part| {
            let key = key(&request.group_id, topic.topic_id, part.partition);
            let done =
                call.broker
                    .initialize_share_state(&key, part.state_epoch, part.start_offset);
            let code = done.err().unwrap_or(ErrorCode::None);
            initializing::PartitionResult {
                partition: part.partition,
                error_code: code.code(),
                error_message: message(code),
                ..Default::default()
            }
        });
        initializing::InitializeStateResult {
            topic_id: topic.topic_id,
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    initializing::InitializeShareGroupStateResponse {
        results: results.collect(),
        ..Default::default()
    }
}

pub(super) fn read(
    call: &Call<'_>,
    request: reading::ReadShareGroupStateRequest,
) -> reading::ReadShareGroupStateResponse {
    let read = |key: &ShareKey, leader_epoch| {
        let limit = call.broker.updates_per_snapshot();
        let read = call.broker.share_state(key, |states| {
            let now_ms = call.broker.host.now_ms();
            let (stored, record) = states.read(key, leader_epoch, limit, now_ms)?;
            Ok((stored.value.clone(), record))
        });
        match read {
            Ok(value) => reading::PartitionResult {
                partition: key.partition,
                state_epoch: value.state_epoch,
                start_offset: value.start_offset,
                state_batches: value
                    .state_batches
                    .iter()
                    .map(|batch| reading::StateBatch {
                        first_offset: batch.first_offset,
                        last_offset: batch.last_offset,
                        delivery_state: batch.delivery_state,
                        delivery_count: batch.delivery_count,
                        ..Default::default()
                    })
                    .collect(),
                ..Default::default()
            },
            Err(code) => reading::PartitionResult {
                partition: key.partition,
                error_code: code.code(),
                error_message: message(code),
                ..Default::default()
            },
        }
    };
    let results = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|part| {
            let key = key(&request.group_id, topic.topic_id, part.partition);
            read(&key, part.leader_epoch)
        });
        reading::ReadStateResult {
            topic_id: topic.topic_id,
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    reading::ReadShareGroupStateResponse {
        results: results.collect(),
        ..Default::default()
    }
}

pub(super) fn write(
    call: &Call<'_>,
    request: writing::WriteShareGroupStateRequest,
) -> writing::WriteShareGroupStateResponse {
    let write = |key: &ShareKey, part: writing::PartitionData| {
        let batches = part.state_batches.into_iter().map(|batch| StateBatch {
            first_offset: batch.first_offset,
            last_offset: batch.last_offset,
            delivery_state: batch.delivery_state,
            delivery_count: batch.delivery_count,
            ..Default::default()
        });
        let write = Write {
            state_epoch: part.state_epoch,
            leader_epoch: part.leader_epoch,
            start_offset: part.start_offset,
            complete: part.delivery_complete_count,
            batches: batches.collect(),
        };
        let limit = call.broker.updates_per_snapshot();
        call.broker.share_state(key, |states| {
            let record = states.write(key, &write, limit, call.broker.host.now_ms())?;
            Ok(((), Some(record)))
        })
    };
    let results = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|part| {
            let key = key(&request.group_id, topic.topic_id, part.partition);
            let code = write(&key, part).err().unwrap_or(ErrorCode::None);
            writing::PartitionResult {
                partition: key.partition,
                error_code: code.code(),
                error_message: message(code),
                ..Default::default()
            }
        });
        writing::WriteStateResult {
            topic_id: topic.topic_id,
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    writing::WriteShareGroupStateResponse {
        results: results.collect(),
        ..Default::default()
    }
}

pub(super) fn delete(
    call: &Call<'_>,
    request: deleting::DeleteShareGroupStateRequest,
) -> deleting::DeleteShareGroupStateResponse {
    let results = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|part| {
            let key = key(&request.group_id, topic.topic_id, part.partition);
            let done = call.broker.delete_share_state(&key);
            let code = done.err().unwrap_or(ErrorCode::None);
            deleting::PartitionResult {
                partition: part.partition,
                error_code: code.code(),
                error_message: message(code),
                ..Default::default()
            }
        });
        deleting::DeleteStateResult {
            topic_id: topic.topic_id,
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    deleting::DeleteShareGroupStateResponse {
        results: results.collect(),
        ..Default::default()
    }
}

pub(super) fn summarize(
    call: &Call<'_>,
    request: summing::ReadShareGroupStateSummaryRequest,
) -> summing::ReadShareGroupStateSummaryResponse {
    let summarize = |key: &ShareKey| {
        let known = call.broker.share_state(key, |states| {
            Ok((states.get(key).map(|stored| stored.value.clone()), None))
        });
        let unknown = summing::PartitionResult {
            partition: key.partition,
            start_offset: -1,
            delivery_complete_count: -1,
            ..Default::default()
        };
        match known {
            Ok(Some(value)) => summing::PartitionResult {
                state_epoch: value.state_epoch,
                leader_epoch: value.leader_epoch,
                start_offset: value.start_offset,
                delivery_complete_count: value.delivery_complete_count,
                ..unknown
            },
            Ok(None) => unknown,
            Err(code) => summing::PartitionResult {
                error_code: code.code(),
                error_message: message(code),
                ..unknown
            },
        }
    };
    let results = request.topics.into_iter().map(|topic| {
        let partitions = topic
            .partitions
            .into_iter()
            .map(|part| summarize(&key(&request.group_id, topic.topic_id, part.partition)));
        summing::ReadStateSummaryResult {
            topic_id: topic.topic_id,
            partitions: partitions.collect(),
            ..Default::default()
        }
    });
    summing::ReadShareGroupStateSummaryResponse {
        results: results.collect(),
        ..Default::default()
    }
}

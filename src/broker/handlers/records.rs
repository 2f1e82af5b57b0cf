//! `DeleteRecords`: moves the first offset of partitions.
//!
//! Source: `kafka.server.ReplicaManager`, `kafka.cluster.Partition` of Apache Kafka
//! 4.3.1; KIP-107.

use super::Call;
use crate::broker::error_code;
use crate::broker::replica::named;
use crate::format::{Offset, topic_name};
use crate::protocol::ErrorCode;
use crate::protocol::messages::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteRecordsTopicResult,
};

/// What stands for the high watermark.
const HIGH_WATERMARK: i64 = -1;
/// No offset.
const NONE: i64 = -1;

pub(super) fn delete(call: &Call<'_>, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let outcome = delete_one(call, &topic.name, asked.partition_index, asked.offset);
            DeleteRecordsPartitionResult {
                partition_index: asked.partition_index,
                low_watermark: outcome.map_or(NONE, Offset::get),
                error_code: outcome.err().unwrap_or_default().code(),
                ..DeleteRecordsPartitionResult::default()
            }
        });
        DeleteRecordsTopicResult {
            partitions: partitions.collect(),
            name: topic.name,
            ..DeleteRecordsTopicResult::default()
        }
    });
    DeleteRecordsResponse {
        topics: topics.collect(),
        ..DeleteRecordsResponse::default()
    }
}

/// The first offset of the partition once what lies before `offset` is gone.
fn delete_one(
    call: &Call<'_>,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<Offset, ErrorCode> {
    if topic_name::is_internal(topic) && call.broker.image().topic(topic).is_some() {
        return Err(ErrorCode::InvalidTopicException);
    }
    let name = named(topic, partition);
    let failed = |error| {
        tracing::debug!(topic, partition, %error, "cannot delete records");
        error_code(&error)
    };
    let replica = call.broker.replica(&name).map_err(failed)?;
    let until = match offset {
        HIGH_WATERMARK => replica.ends().high_watermark,
        offset => Offset::new(offset),
    };
    if replica.only_compacts() {
        return Err(ErrorCode::PolicyViolation);
    }
    if until.get() < 0 || until > replica.ends().high_watermark {
        return Err(ErrorCode::OffsetOutOfRange);
    }
    call.broker.advance_start(&replica, until).map_err(failed)
}

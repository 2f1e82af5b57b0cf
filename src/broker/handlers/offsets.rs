//! `ListOffsets` and `OffsetForLeaderEpoch`: where in a partition.

use super::Call;
use crate::broker::error_code;
use crate::broker::fetch::fenced;
use crate::broker::replica::{Ends, Replica, named};
use crate::format::{LeaderEpoch, Offset, Timestamp};
use crate::log::Result;
use crate::protocol::ErrorCode;
use crate::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use crate::protocol::messages::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

/// What stands for a time in `ListOffsets`.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

pub(super) fn list(call: &Call<'_>, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let committed = request.isolation_level != 0;
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter();
        let partitions = partitions
            .map(|asked| list_one(call, &topic.name, asked, committed))
            .collect();
        ListOffsetsTopicResponse {
            name: topic.name,
            partitions,
            ..ListOffsetsTopicResponse::default()
        }
    });
    ListOffsetsResponse {
        topics: topics.collect(),
        ..ListOffsetsResponse::default()
    }
}

fn list_one(
    call: &Call<'_>,
    topic: &str,
    asked: &ListOffsetsPartition,
    committed: bool,
) -> ListOffsetsPartitionResponse {
    let failed = |code: ErrorCode| ListOffsetsPartitionResponse {
        partition_index: asked.partition_index,
        error_code: code.code(),
        ..ListOffsetsPartitionResponse::default()
    };
    let replica = match call.broker.replica(&named(topic, asked.partition_index)) {
        Ok(replica) => replica,
        Err(error) => return failed(error_code(&error)),
    };
    let ends = replica.ends();
    let claimed = LeaderEpoch::from_wire(asked.current_leader_epoch);
    if let Some(code) = fenced(claimed, ends.epoch) {
        return failed(code);
    }
    match at(
        &replica,
        &ends,
        asked.timestamp,
        committed,
        call.header.version,
    ) {
        Ok(Some((timestamp, offset, epoch))) => ListOffsetsPartitionResponse {
            partition_index: asked.partition_index,
            timestamp: Timestamp::to_wire(timestamp),
            offset: offset.get(),
            // Clients before version 4 are not told.
            leader_epoch: LeaderEpoch::to_wire(epoch.filter(|_| call.header.version >= 4)),
            ..ListOffsetsPartitionResponse::default()
        },
        Ok(None) => failed(ErrorCode::None),
        Err(Refused::Code(code)) => failed(code),
        Err(Refused::Log(error)) => {
            tracing::error!(topic, partition = asked.partition_index, %error, "cannot look up");
            failed(error_code(&error))
        }
    }
}

enum Refused {
    Code(ErrorCode),
    Log(crate::log::LogError),
}

type Place = (Option<Timestamp>, Offset, Option<LeaderEpoch>);

fn at(
    replica: &Replica,
    ends: &Ends,
    time: i64,
    committed: bool,
    version: i16,
) -> Result<Option<Place>, Refused> {
    let end = if committed {
        ends.last_stable
    } else {
        ends.high_watermark
    };
    let epoch_of = |offset: Offset| replica.epoch_of(offset).or(Some(ends.epoch));
    match time {
        LATEST => Ok(Some((None, end, Some(ends.epoch)))),
        EARLIEST => Ok(Some((None, ends.start, epoch_of(ends.start)))),
        EARLIEST_LOCAL if version >= 8 => Ok(Some((None, ends.start, epoch_of(ends.start)))),
        // Nothing is ever moved to another tier.
        LATEST_TIERED if version >= 9 => Ok(None),
        EARLIEST_PENDING_UPLOAD if version >= 11 => Ok(None),
        MAX_TIMESTAMP if version >= 7 => {
            let latest = replica
                .look_up(|view| view.latest_time_of(end))
                .map_err(Refused::Log)?;
            Ok(latest.map(|(time, offset)| (Some(time), offset, epoch_of(offset))))
        }
        0.. => {
            let found = replica
                .look_up(|view| view.record_at(Timestamp::new(time)))
                .map_err(Refused::Log)?;
            Ok(found
                .filter(|(_, offset)| *offset < end)
                .map(|(time, offset)| (Some(time), offset, epoch_of(offset))))
        }
        _ => Err(Refused::Code(ErrorCode::UnsupportedVersion)),
    }
}

pub(super) fn for_leader_epoch(
    call: &Call<'_>,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter();
        OffsetForLeaderTopicResult {
            partitions: partitions
                .map(|asked| end_of_epoch(call, &topic.topic, asked))
                .collect(),
            topic: topic.topic,
            ..OffsetForLeaderTopicResult::default()
        }
    });
    OffsetForLeaderEpochResponse {
        topics: topics.collect(),
        ..OffsetForLeaderEpochResponse::default()
    }
}

fn end_of_epoch(call: &Call<'_>, topic: &str, asked: &OffsetForLeaderPartition) -> EpochEndOffset {
    let answer = |code: ErrorCode| EpochEndOffset {
        error_code: code.code(),
        partition: asked.partition,
        ..EpochEndOffset::default()
    };
    let replica = match call.broker.replica(&named(topic, asked.partition)) {
        Ok(replica) => replica,
        Err(error) => return answer(error_code(&error)),
    };
    let claimed = LeaderEpoch::from_wire(asked.current_leader_epoch);
    let ends = replica.ends();
    if let Some(code) = fenced(claimed, ends.epoch) {
        return answer(code);
    }
    let found = LeaderEpoch::from_wire(asked.leader_epoch)
        .filter(|epoch| *epoch != ends.epoch)
        .map_or(Some((ends.epoch, ends.end)), |epoch| {
            replica.end_of_epoch(epoch)
        });
    match found {
        Some((epoch, end)) if asked.leader_epoch >= 0 => EpochEndOffset {
            leader_epoch: epoch.get(),
            end_offset: end.get(),
            ..answer(ErrorCode::None)
        },
        _ => answer(ErrorCode::None),
    }
}

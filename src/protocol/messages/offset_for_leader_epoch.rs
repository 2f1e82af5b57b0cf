//! `OffsetForLeaderEpoch`, API key 23.

use crate::format::schema::schema;

schema! {
    messages {
        OffsetForLeaderEpochRequest, 2..=4, flexible 4, {
            replica_id: i32, 3.., default -2, or ignored;
            topics: Vec<OffsetForLeaderTopic>, 0..;
        }

        OffsetForLeaderEpochResponse, 2..=4, flexible 4, {
            throttle_time_ms: i32, 2.., or ignored;
            topics: Vec<OffsetForLeaderTopicResult>, 0..;
        }
    }
    structs {
        OffsetForLeaderTopic, {
            topic: String, 0..;
            partitions: Vec<OffsetForLeaderPartition>, 0..;
        }

        OffsetForLeaderPartition, {
            partition: i32, 0..;
            current_leader_epoch: i32, 2.., default -1, or ignored;
            leader_epoch: i32, 0..;
        }

        OffsetForLeaderTopicResult, {
            topic: String, 0..;
            partitions: Vec<EpochEndOffset>, 0..;
        }

        EpochEndOffset, {
            error_code: i16, 0..;
            partition: i32, 0..;
            leader_epoch: i32, 1.., default -1, or ignored;
            end_offset: i64, 0.., default -1;
        }
    }
}

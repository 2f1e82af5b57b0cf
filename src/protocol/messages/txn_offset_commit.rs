//! `TxnOffsetCommit`, API key 28.

use crate::format::schema::schema;

schema! {
    messages {
        TxnOffsetCommitRequest, 0..=5, flexible 3, {
            transactional_id: String, 0..;
            group_id: String, 0..;
            producer_id: i64, 0..;
            producer_epoch: i16, 0..;
            generation_id: i32, 3.., default -1;
            member_id: String, 3..;
            group_instance_id: Option<String>, 3..;
            topics: Vec<TxnOffsetCommitRequestTopic>, 0..;
        }

        TxnOffsetCommitResponse, 0..=5, flexible 3, {
            throttle_time_ms: i32, 0..;
            topics: Vec<TxnOffsetCommitResponseTopic>, 0..;
        }
    }
    structs {
        TxnOffsetCommitRequestTopic, {
            name: String, 0..;
            partitions: Vec<TxnOffsetCommitRequestPartition>, 0..;
        }

        TxnOffsetCommitRequestPartition, {
            partition_index: i32, 0..;
            committed_offset: i64, 0..;
            committed_leader_epoch: i32, 2.., default -1, or ignored;
            committed_metadata: Option<String>, 0.., default Some(Default::default());
        }

        TxnOffsetCommitResponseTopic, {
            name: String, 0..;
            partitions: Vec<TxnOffsetCommitResponsePartition>, 0..;
        }

        TxnOffsetCommitResponsePartition, {
            partition_index: i32, 0..;
            error_code: i16, 0..;
        }
    }
}

//! `OffsetCommit`, API key 8.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        OffsetCommitRequest, 2..=10, flexible 8, {
            group_id: String, 0..;
            generation_id_or_member_epoch: i32, 1.., default -1, or ignored;
            member_id: String, 1.., or ignored;
            group_instance_id: Option<String>, 7..;
            retention_time_ms: i64, 2..=4, default -1, or ignored;
            topics: Vec<OffsetCommitRequestTopic>, 0..;
        }

        OffsetCommitResponse, 2..=10, flexible 8, {
            throttle_time_ms: i32, 3.., or ignored;
            topics: Vec<OffsetCommitResponseTopic>, 0..;
        }
    }
    structs {
        OffsetCommitRequestTopic, {
            name: String, 0..=9, or ignored;
            topic_id: Uuid, 10.., or ignored;
            partitions: Vec<OffsetCommitRequestPartition>, 0..;
        }

        OffsetCommitRequestPartition, {
            partition_index: i32, 0..;
            committed_offset: i64, 0..;
            committed_leader_epoch: i32, 6.., default -1, or ignored;
            committed_metadata: Option<String>, 0.., default Some(Default::default());
        }

        OffsetCommitResponseTopic, {
            name: String, 0..=9, or ignored;
            topic_id: Uuid, 10.., or ignored;
            partitions: Vec<OffsetCommitResponsePartition>, 0..;
        }

        OffsetCommitResponsePartition, {
            partition_index: i32, 0..;
            error_code: i16, 0..;
        }
    }
}

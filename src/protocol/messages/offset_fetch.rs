//! `OffsetFetch`, API key 9.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        OffsetFetchRequest, 1..=10, flexible 6, {
            group_id: String, 0..=7;
            topics: Option<Vec<OffsetFetchRequestTopic>>, 0..=7, default Some(Default::default());
            groups: Vec<OffsetFetchRequestGroup>, 8..;
            require_stable: bool, 7..;
        }

        OffsetFetchResponse, 1..=10, flexible 6, {
            throttle_time_ms: i32, 3.., or ignored;
            topics: Vec<OffsetFetchResponseTopic>, 0..=7;
            error_code: i16, 2..=7, or ignored;
            groups: Vec<OffsetFetchResponseGroup>, 8..;
        }
    }
    structs {
        OffsetFetchRequestTopic, {
            name: String, 0..=7;
            partition_indexes: Vec<i32>, 0..=7;
        }

        OffsetFetchRequestGroup, {
            group_id: String, 8..;
            member_id: Option<String>, 9.., or ignored;
            member_epoch: i32, 9.., default -1, or ignored;
            topics: Option<Vec<OffsetFetchRequestTopics>>, 8.., default Some(Default::default());
        }

        OffsetFetchRequestTopics, {
            name: String, 8..=9, or ignored;
            topic_id: Uuid, 10.., or ignored;
            partition_indexes: Vec<i32>, 8..;
        }

        OffsetFetchResponseTopic, {
            name: String, 0..=7;
            partitions: Vec<OffsetFetchResponsePartition>, 0..=7;
        }

        OffsetFetchResponsePartition, {
            partition_index: i32, 0..=7;
            committed_offset: i64, 0..=7;
            committed_leader_epoch: i32, 5..=7, default -1, or ignored;
            metadata: Option<String>, 0..=7, default Some(Default::default());
            error_code: i16, 0..=7;
        }

        OffsetFetchResponseGroup, {
            group_id: String, 8..;
            topics: Vec<OffsetFetchResponseTopics>, 8..;
            error_code: i16, 8..;
        }

        OffsetFetchResponseTopics, {
            name: String, 8..=9, or ignored;
            topic_id: Uuid, 10.., or ignored;
            partitions: Vec<OffsetFetchResponsePartitions>, 8..;
        }

        OffsetFetchResponsePartitions, {
            partition_index: i32, 8..;
            committed_offset: i64, 8..;
            committed_leader_epoch: i32, 8.., default -1, or ignored;
            metadata: Option<String>, 8.., default Some(Default::default());
            error_code: i16, 8..;
        }
    }
}

//! `Fetch`, API key 1.

use super::Records;
use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        FetchRequest, 4..=18, flexible 12, {
            cluster_id: Option<String>, 12.., tag 0, or ignored;
            replica_id: i32, 0..=14, default -1;
            replica_state: ReplicaState, 15.., tag 1;
            max_wait_ms: i32, 0..;
            min_bytes: i32, 0..;
            max_bytes: i32, 3.., default i32::MAX, or ignored;
            isolation_level: i8, 4.., or ignored;
            session_id: i32, 7.., or ignored;
            session_epoch: i32, 7.., default -1, or ignored;
            topics: Vec<FetchTopic>, 0..;
            forgotten_topics_data: Vec<ForgottenTopic>, 7..;
            rack_id: String, 11.., or ignored;
        }

        FetchResponse, 4..=18, flexible 12, {
            throttle_time_ms: i32, 1.., or ignored;
            error_code: i16, 7.., or ignored;
            session_id: i32, 7..;
            responses: Vec<FetchableTopicResponse>, 0..;
            node_endpoints: Vec<NodeEndpoint>, 16.., tag 0;
        }
    }
    structs {
        ReplicaState, {
            replica_id: i32, 15.., default -1;
            replica_epoch: i64, 15.., default -1;
        }

        FetchTopic, {
            topic: String, 0..=12, or ignored;
            topic_id: Uuid, 13.., or ignored;
            partitions: Vec<FetchPartition>, 0..;
        }

        FetchPartition, {
            partition: i32, 0..;
            current_leader_epoch: i32, 9.., default -1, or ignored;
            fetch_offset: i64, 0..;
            last_fetched_epoch: i32, 12.., default -1;
            log_start_offset: i64, 5.., default -1, or ignored;
            partition_max_bytes: i32, 0..;
            replica_directory_id: Uuid, 17.., tag 0, or ignored;
            high_watermark: i64, 18.., tag 1, default i64::MAX, or ignored;
        }

        ForgottenTopic, {
            topic: String, 7..=12, or ignored;
            topic_id: Uuid, 13.., or ignored;
            partitions: Vec<i32>, 7..;
        }

        FetchableTopicResponse, {
            topic: String, 0..=12, or ignored;
            topic_id: Uuid, 13.., or ignored;
            partitions: Vec<PartitionData>, 0..;
        }

        PartitionData, {
            partition_index: i32, 0..;
            error_code: i16, 0..;
            high_watermark: i64, 0..;
            last_stable_offset: i64, 4.., default -1, or ignored;
            log_start_offset: i64, 5.., default -1, or ignored;
            diverging_epoch: EpochEndOffset, 12.., tag 0;
            current_leader: LeaderIdAndEpoch, 12.., tag 1;
            snapshot_id: SnapshotId, 12.., tag 2;
            aborted_transactions: Option<Vec<AbortedTransaction>>, 4.., default Some(Default::default()), or ignored;
            preferred_read_replica: i32, 11.., default -1;
            records: Option<Records>, 0.., default Some(Default::default());
        }

        EpochEndOffset, {
            epoch: i32, 12.., default -1;
            end_offset: i64, 12.., default -1;
        }

        LeaderIdAndEpoch, {
            leader_id: i32, 12.., default -1;
            leader_epoch: i32, 12.., default -1;
        }

        SnapshotId, {
            end_offset: i64, 0.., default -1;
            epoch: i32, 0.., default -1;
        }

        AbortedTransaction, {
            producer_id: i64, 4..;
            first_offset: i64, 4..;
        }

        NodeEndpoint, {
            node_id: i32, 16..;
            host: String, 16..;
            port: i32, 16..;
            rack: Option<String>, 16..;
        }
    }
}

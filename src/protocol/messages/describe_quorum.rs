//! `DescribeQuorum`, API key 55.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        DescribeQuorumRequest, 0..=2, flexible 0, {
            topics: Vec<RequestTopicData>, 0..;
        }

        DescribeQuorumResponse, 0..=2, flexible 0, {
            error_code: i16, 0..;
            error_message: Option<String>, 2.., default Some(Default::default()), or ignored;
            topics: Vec<ResponseTopicData>, 0..;
            nodes: Vec<Node>, 2..;
        }
    }
    structs {
        RequestTopicData, {
            topic_name: String, 0..;
            partitions: Vec<RequestPartitionData>, 0..;
        }

        RequestPartitionData, {
            partition_index: i32, 0..;
        }

        ReplicaState, {
            replica_id: i32, 0..;
            replica_directory_id: Uuid, 2..;
            log_end_offset: i64, 0..;
            last_fetch_timestamp: i64, 1.., default -1, or ignored;
            last_caught_up_timestamp: i64, 1.., default -1, or ignored;
        }

        ResponseTopicData, {
            topic_name: String, 0..;
            partitions: Vec<ResponsePartitionData>, 0..;
        }

        ResponsePartitionData, {
            partition_index: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 2.., default Some(Default::default()), or ignored;
            leader_id: i32, 0..;
            leader_epoch: i32, 0..;
            high_watermark: i64, 0..;
            current_voters: Vec<ReplicaState>, 0..;
            observers: Vec<ReplicaState>, 0..;
        }

        Node, {
            node_id: i32, 2..;
            listeners: Vec<Listener>, 2..;
        }

        Listener, {
            name: String, 2..;
            host: String, 2..;
            port: u16, 2..;
        }
    }
}

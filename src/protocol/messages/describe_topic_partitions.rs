//! `DescribeTopicPartitions`, API key 75.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        DescribeTopicPartitionsRequest, 0..=0, flexible 0, {
            topics: Vec<TopicRequest>, 0..;
            response_partition_limit: i32, 0.., default 2000;
            cursor: Option<RequestCursor>, 0..;
        }

        DescribeTopicPartitionsResponse, 0..=0, flexible 0, {
            throttle_time_ms: i32, 0.., or ignored;
            topics: Vec<DescribeTopicPartitionsResponseTopic>, 0..;
            next_cursor: Option<ResponseCursor>, 0..;
        }
    }
    structs {
        TopicRequest, {
            name: String, 0..;
        }

        RequestCursor, {
            topic_name: String, 0..;
            partition_index: i32, 0..;
        }

        DescribeTopicPartitionsResponseTopic, {
            error_code: i16, 0..;
            name: Option<String>, 0.., default Some(Default::default());
            topic_id: Uuid, 0.., or ignored;
            is_internal: bool, 0.., or ignored;
            partitions: Vec<DescribeTopicPartitionsResponsePartition>, 0..;
            topic_authorized_operations: i32, 0.., default i32::MIN;
        }

        DescribeTopicPartitionsResponsePartition, {
            error_code: i16, 0..;
            partition_index: i32, 0..;
            leader_id: i32, 0..;
            leader_epoch: i32, 0.., default -1, or ignored;
            replica_nodes: Vec<i32>, 0..;
            isr_nodes: Vec<i32>, 0..;
            eligible_leader_replicas: Option<Vec<i32>>, 0..;
            last_known_elr: Option<Vec<i32>>, 0..;
            offline_replicas: Vec<i32>, 0.., or ignored;
        }

        ResponseCursor, {
            topic_name: String, 0..;
            partition_index: i32, 0..;
        }
    }
}

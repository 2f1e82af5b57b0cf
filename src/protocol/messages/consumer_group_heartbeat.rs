//! `ConsumerGroupHeartbeat`, API key 68.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        ConsumerGroupHeartbeatRequest, 0..=1, flexible 0, {
            group_id: String, 0..;
            member_id: String, 0..;
            member_epoch: i32, 0..;
            instance_id: Option<String>, 0..;
            rack_id: Option<String>, 0..;
            rebalance_timeout_ms: i32, 0.., default -1;
            subscribed_topic_names: Option<Vec<String>>, 0..;
            subscribed_topic_regex: Option<String>, 1..;
            server_assignor: Option<String>, 0..;
            topic_partitions: Option<Vec<RequestTopicPartitions>>, 0..;
        }

        ConsumerGroupHeartbeatResponse, 0..=1, flexible 0, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0..;
            member_id: Option<String>, 0..;
            member_epoch: i32, 0..;
            heartbeat_interval_ms: i32, 0..;
            assignment: Option<Assignment>, 0..;
        }
    }
    structs {
        RequestTopicPartitions, {
            topic_id: Uuid, 0..;
            partitions: Vec<i32>, 0..;
        }

        ResponseTopicPartitions, {
            topic_id: Uuid, 0..;
            partitions: Vec<i32>, 0..;
        }

        Assignment, {
            topic_partitions: Vec<ResponseTopicPartitions>, 0..;
        }
    }
}

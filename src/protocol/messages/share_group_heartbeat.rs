//! `ShareGroupHeartbeat`, API key 76.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        ShareGroupHeartbeatRequest, 1..=1, flexible 0, {
            group_id: String, 0..;
            member_id: String, 0..;
            member_epoch: i32, 0..;
            rack_id: Option<String>, 0..;
            subscribed_topic_names: Option<Vec<String>>, 0..;
        }

        ShareGroupHeartbeatResponse, 1..=1, flexible 0, {
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
        TopicPartitions, {
            topic_id: Uuid, 0..;
            partitions: Vec<i32>, 0..;
        }

        Assignment, {
            topic_partitions: Vec<TopicPartitions>, 0..;
        }
    }
}

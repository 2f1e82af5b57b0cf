//! `ShareGroupDescribe`, API key 77.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        ShareGroupDescribeRequest, 1..=1, flexible 0, {
            group_ids: Vec<String>, 0..;
            include_authorized_operations: bool, 0..;
        }

        ShareGroupDescribeResponse, 1..=1, flexible 0, {
            throttle_time_ms: i32, 0..;
            groups: Vec<DescribedGroup>, 0..;
        }
    }
    structs {
        TopicPartitions, {
            topic_id: Uuid, 0..;
            topic_name: String, 0..;
            partitions: Vec<i32>, 0..;
        }

        Assignment, {
            topic_partitions: Vec<TopicPartitions>, 0..;
        }

        DescribedGroup, {
            error_code: i16, 0..;
            error_message: Option<String>, 0..;
            group_id: String, 0..;
            group_state: String, 0..;
            group_epoch: i32, 0..;
            assignment_epoch: i32, 0..;
            assignor_name: String, 0..;
            members: Vec<Member>, 0..;
            authorized_operations: i32, 0.., default i32::MIN;
        }

        Member, {
            member_id: String, 0..;
            rack_id: Option<String>, 0..;
            member_epoch: i32, 0..;
            client_id: String, 0..;
            client_host: String, 0..;
            subscribed_topic_names: Vec<String>, 0..;
            assignment: Assignment, 0..;
        }
    }
}

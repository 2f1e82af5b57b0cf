//! `AlterPartitionReassignments`, API key 45.

use crate::format::schema::schema;

schema! {
    messages {
        AlterPartitionReassignmentsRequest, 0..=1, flexible 0, {
            timeout_ms: i32, 0.., default 60000;
            allow_replication_factor_change: bool, 1.., default true;
            topics: Vec<ReassignableTopic>, 0..;
        }

        AlterPartitionReassignmentsResponse, 0..=1, flexible 0, {
            throttle_time_ms: i32, 0..;
            allow_replication_factor_change: bool, 1.., default true, or ignored;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
            responses: Vec<ReassignableTopicResponse>, 0..;
        }
    }
    structs {
        ReassignableTopic, {
            name: String, 0..;
            partitions: Vec<ReassignablePartition>, 0..;
        }

        ReassignablePartition, {
            partition_index: i32, 0..;
            replicas: Option<Vec<i32>>, 0..;
        }

        ReassignableTopicResponse, {
            name: String, 0..;
            partitions: Vec<ReassignablePartitionResponse>, 0..;
        }

        ReassignablePartitionResponse, {
            partition_index: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
        }
    }
}

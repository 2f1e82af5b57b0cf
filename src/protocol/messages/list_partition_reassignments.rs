//! `ListPartitionReassignments`, API key 46.

use crate::format::schema::schema;

schema! {
    messages {
        ListPartitionReassignmentsRequest, 0..=0, flexible 0, {
            timeout_ms: i32, 0.., default 60000;
            topics: Option<Vec<ListPartitionReassignmentsTopics>>, 0..;
        }

        ListPartitionReassignmentsResponse, 0..=0, flexible 0, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
            topics: Vec<OngoingTopicReassignment>, 0..;
        }
    }
    structs {
        ListPartitionReassignmentsTopics, {
            name: String, 0..;
            partition_indexes: Vec<i32>, 0..;
        }

        OngoingTopicReassignment, {
            name: String, 0..;
            partitions: Vec<OngoingPartitionReassignment>, 0..;
        }

        OngoingPartitionReassignment, {
            partition_index: i32, 0..;
            replicas: Vec<i32>, 0..;
            adding_replicas: Vec<i32>, 0..;
            removing_replicas: Vec<i32>, 0..;
        }
    }
}

//! `ElectLeaders`, API key 43.

use crate::format::schema::schema;

schema! {
    messages {
        ElectLeadersRequest, 0..=2, flexible 2, {
            election_type: i8, 1..;
            topic_partitions: Option<Vec<TopicPartitions>>, 0.., default Some(Default::default());
            timeout_ms: i32, 0.., default 60000;
        }

        ElectLeadersResponse, 0..=2, flexible 2, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 1..;
            replica_election_results: Vec<ReplicaElectionResult>, 0..;
        }
    }
    structs {
        TopicPartitions, {
            topic: String, 0..;
            partitions: Vec<i32>, 0..;
        }

        ReplicaElectionResult, {
            topic: String, 0..;
            partition_result: Vec<PartitionResult>, 0..;
        }

        PartitionResult, {
            partition_id: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0.., default Some(Default::default());
        }
    }
}

//! `CreatePartitions`, API key 37.

use crate::format::schema::schema;

schema! {
    messages {
        CreatePartitionsRequest, 0..=3, flexible 2, {
            topics: Vec<CreatePartitionsTopic>, 0..;
            timeout_ms: i32, 0..;
            validate_only: bool, 0..;
        }

        CreatePartitionsResponse, 0..=3, flexible 2, {
            throttle_time_ms: i32, 0..;
            results: Vec<CreatePartitionsTopicResult>, 0..;
        }
    }
    structs {
        CreatePartitionsTopic, {
            name: String, 0..;
            count: i32, 0..;
            assignments: Option<Vec<CreatePartitionsAssignment>>, 0.., default Some(Default::default());
        }

        CreatePartitionsAssignment, {
            broker_ids: Vec<i32>, 0..;
        }

        CreatePartitionsTopicResult, {
            name: String, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0..;
        }
    }
}

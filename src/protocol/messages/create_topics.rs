//! `CreateTopics`, API key 19.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        CreateTopicsRequest, 2..=7, flexible 5, {
            topics: Vec<CreatableTopic>, 0..;
            timeout_ms: i32, 0.., default 60000;
            validate_only: bool, 1..;
        }

        CreateTopicsResponse, 2..=7, flexible 5, {
            throttle_time_ms: i32, 2.., or ignored;
            topics: Vec<CreatableTopicResult>, 0..;
        }
    }
    structs {
        CreatableTopic, {
            name: String, 0..;
            num_partitions: i32, 0..;
            replication_factor: i16, 0..;
            assignments: Vec<CreatableReplicaAssignment>, 0..;
            configs: Vec<CreatableTopicConfig>, 0..;
        }

        CreatableReplicaAssignment, {
            partition_index: i32, 0..;
            broker_ids: Vec<i32>, 0..;
        }

        CreatableTopicConfig, {
            name: String, 0..;
            value: Option<String>, 0.., default Some(Default::default());
        }

        CreatableTopicResult, {
            name: String, 0..;
            topic_id: Uuid, 7.., or ignored;
            error_code: i16, 0..;
            error_message: Option<String>, 1.., default Some(Default::default()), or ignored;
            topic_config_error_code: i16, 5.., tag 0, or ignored;
            num_partitions: i32, 5.., default -1, or ignored;
            replication_factor: i16, 5.., default -1, or ignored;
            configs: Option<Vec<CreatableTopicConfigs>>, 5.., default Some(Default::default()), or ignored;
        }

        CreatableTopicConfigs, {
            name: String, 5..;
            value: Option<String>, 5.., default Some(Default::default());
            read_only: bool, 5..;
            config_source: i8, 5.., default -1, or ignored;
            is_sensitive: bool, 5..;
        }
    }
}

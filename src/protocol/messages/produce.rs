//! `Produce`, API key 0.

use super::Records;
use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        ProduceRequest, 3..=13, flexible 9, {
            transactional_id: Option<String>, 3..;
            acks: i16, 0..;
            timeout_ms: i32, 0..;
            topic_data: Vec<TopicProduceData>, 0..;
        }

        ProduceResponse, 3..=13, flexible 9, {
            responses: Vec<TopicProduceResponse>, 0..;
            throttle_time_ms: i32, 1.., or ignored;
            node_endpoints: Vec<NodeEndpoint>, 10.., tag 0;
        }
    }
    structs {
        TopicProduceData, {
            name: String, 0..=12, or ignored;
            topic_id: Uuid, 13.., or ignored;
            partition_data: Vec<PartitionProduceData>, 0..;
        }

        PartitionProduceData, {
            index: i32, 0..;
            records: Option<Records>, 0.., default Some(Default::default());
        }

        TopicProduceResponse, {
            name: String, 0..=12, or ignored;
            topic_id: Uuid, 13.., or ignored;
            partition_responses: Vec<PartitionProduceResponse>, 0..;
        }

        PartitionProduceResponse, {
            index: i32, 0..;
            error_code: i16, 0..;
            base_offset: i64, 0..;
            log_append_time_ms: i64, 2.., default -1, or ignored;
            log_start_offset: i64, 5.., default -1, or ignored;
            record_errors: Vec<BatchIndexAndErrorMessage>, 8.., or ignored;
            error_message: Option<String>, 8.., or ignored;
            current_leader: LeaderIdAndEpoch, 10.., tag 0;
        }

        BatchIndexAndErrorMessage, {
            batch_index: i32, 8..;
            batch_index_error_message: Option<String>, 8..;
        }

        LeaderIdAndEpoch, {
            leader_id: i32, 10.., default -1;
            leader_epoch: i32, 10.., default -1;
        }

        NodeEndpoint, {
            node_id: i32, 10..;
            host: String, 10..;
            port: i32, 10..;
            rack: Option<String>, 10..;
        }
    }
}

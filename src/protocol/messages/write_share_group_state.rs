//! `WriteShareGroupState`, API key 85.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        WriteShareGroupStateRequest, 0..=1, flexible 0, {
            group_id: String, 0..;
            topics: Vec<WriteStateData>, 0..;
        }

        WriteShareGroupStateResponse, 0..=1, flexible 0, {
            results: Vec<WriteStateResult>, 0..;
        }
    }
    structs {
        WriteStateData, {
            topic_id: Uuid, 0..;
            partitions: Vec<PartitionData>, 0..;
        }

        PartitionData, {
            partition: i32, 0..;
            state_epoch: i32, 0..;
            leader_epoch: i32, 0..;
            start_offset: i64, 0..;
            delivery_complete_count: i32, 1.., default -1, or ignored;
            state_batches: Vec<StateBatch>, 0..;
        }

        StateBatch, {
            first_offset: i64, 0..;
            last_offset: i64, 0..;
            delivery_state: i8, 0..;
            delivery_count: i16, 0..;
        }

        WriteStateResult, {
            topic_id: Uuid, 0..;
            partitions: Vec<PartitionResult>, 0..;
        }

        PartitionResult, {
            partition: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0..;
        }
    }
}

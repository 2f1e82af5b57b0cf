//! `InitializeShareGroupState`, API key 83.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        InitializeShareGroupStateRequest, 0..=0, flexible 0, {
            group_id: String, 0..;
            topics: Vec<InitializeStateData>, 0..;
        }

        InitializeShareGroupStateResponse, 0..=0, flexible 0, {
            results: Vec<InitializeStateResult>, 0..;
        }
    }
    structs {
        InitializeStateData, {
            topic_id: Uuid, 0..;
            partitions: Vec<PartitionData>, 0..;
        }

        PartitionData, {
            partition: i32, 0..;
            state_epoch: i32, 0..;
            start_offset: i64, 0..;
        }

        InitializeStateResult, {
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

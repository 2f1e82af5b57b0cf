//! `DeleteShareGroupState`, API key 86.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        DeleteShareGroupStateRequest, 0..=0, flexible 0, {
            group_id: String, 0..;
            topics: Vec<DeleteStateData>, 0..;
        }

        DeleteShareGroupStateResponse, 0..=0, flexible 0, {
            results: Vec<DeleteStateResult>, 0..;
        }
    }
    structs {
        DeleteStateData, {
            topic_id: Uuid, 0..;
            partitions: Vec<PartitionData>, 0..;
        }

        PartitionData, {
            partition: i32, 0..;
        }

        DeleteStateResult, {
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

//! `DeleteShareGroupOffsets`, API key 92.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        DeleteShareGroupOffsetsRequest, 0..=0, flexible 0, {
            group_id: String, 0..;
            topics: Vec<DeleteShareGroupOffsetsRequestTopic>, 0..;
        }

        DeleteShareGroupOffsetsResponse, 0..=0, flexible 0, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0..;
            responses: Vec<DeleteShareGroupOffsetsResponseTopic>, 0..;
        }
    }
    structs {
        DeleteShareGroupOffsetsRequestTopic, {
            topic_name: String, 0..;
        }

        DeleteShareGroupOffsetsResponseTopic, {
            topic_name: String, 0..;
            topic_id: Uuid, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0..;
        }
    }
}

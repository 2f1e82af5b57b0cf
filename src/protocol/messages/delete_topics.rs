//! `DeleteTopics`, API key 20.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        DeleteTopicsRequest, 1..=6, flexible 4, {
            topics: Vec<DeleteTopicState>, 6..;
            topic_names: Vec<String>, 0..=5, or ignored;
            timeout_ms: i32, 0..;
        }

        DeleteTopicsResponse, 1..=6, flexible 4, {
            throttle_time_ms: i32, 1.., or ignored;
            responses: Vec<DeletableTopicResult>, 0..;
        }
    }
    structs {
        DeleteTopicState, {
            name: Option<String>, 6..;
            topic_id: Uuid, 6..;
        }

        DeletableTopicResult, {
            name: Option<String>, 0.., default Some(Default::default());
            topic_id: Uuid, 6.., or ignored;
            error_code: i16, 0..;
            error_message: Option<String>, 5.., or ignored;
        }
    }
}

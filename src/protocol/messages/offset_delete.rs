//! `OffsetDelete`, API key 47.

use super::NEVER_FLEXIBLE;
use crate::format::schema::schema;

schema! {
    messages {
        OffsetDeleteRequest, 0..=0, flexible NEVER_FLEXIBLE, {
            group_id: String, 0..;
            topics: Vec<OffsetDeleteRequestTopic>, 0..;
        }

        OffsetDeleteResponse, 0..=0, flexible NEVER_FLEXIBLE, {
            error_code: i16, 0..;
            throttle_time_ms: i32, 0.., or ignored;
            topics: Vec<OffsetDeleteResponseTopic>, 0..;
        }
    }
    structs {
        OffsetDeleteRequestTopic, {
            name: String, 0..;
            partitions: Vec<OffsetDeleteRequestPartition>, 0..;
        }

        OffsetDeleteRequestPartition, {
            partition_index: i32, 0..;
        }

        OffsetDeleteResponseTopic, {
            name: String, 0..;
            partitions: Vec<OffsetDeleteResponsePartition>, 0..;
        }

        OffsetDeleteResponsePartition, {
            partition_index: i32, 0..;
            error_code: i16, 0..;
        }
    }
}

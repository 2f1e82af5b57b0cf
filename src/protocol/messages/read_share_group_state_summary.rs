//! `ReadShareGroupStateSummary`, API key 87.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        ReadShareGroupStateSummaryRequest, 0..=1, flexible 0, {
            group_id: String, 0..;
            topics: Vec<ReadStateSummaryData>, 0..;
        }

        ReadShareGroupStateSummaryResponse, 0..=1, flexible 0, {
            results: Vec<ReadStateSummaryResult>, 0..;
        }
    }
    structs {
        ReadStateSummaryData, {
            topic_id: Uuid, 0..;
            partitions: Vec<PartitionData>, 0..;
        }

        PartitionData, {
            partition: i32, 0..;
            leader_epoch: i32, 0..;
        }

        ReadStateSummaryResult, {
            topic_id: Uuid, 0..;
            partitions: Vec<PartitionResult>, 0..;
        }

        PartitionResult, {
            partition: i32, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0..;
            state_epoch: i32, 0..;
            leader_epoch: i32, 0..;
            start_offset: i64, 0..;
            delivery_complete_count: i32, 1.., default -1, or ignored;
        }
    }
}

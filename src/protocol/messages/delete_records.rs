//! `DeleteRecords`, API key 21.

use crate::format::schema::schema;

schema! {
    messages {
        DeleteRecordsRequest, 0..=2, flexible 2, {
            topics: Vec<DeleteRecordsTopic>, 0..;
            timeout_ms: i32, 0..;
        }

        DeleteRecordsResponse, 0..=2, flexible 2, {
            throttle_time_ms: i32, 0..;
            topics: Vec<DeleteRecordsTopicResult>, 0..;
        }
    }
    structs {
        DeleteRecordsTopic, {
            name: String, 0..;
            partitions: Vec<DeleteRecordsPartition>, 0..;
        }

        DeleteRecordsPartition, {
            partition_index: i32, 0..;
            offset: i64, 0..;
        }

        DeleteRecordsTopicResult, {
            name: String, 0..;
            partitions: Vec<DeleteRecordsPartitionResult>, 0..;
        }

        DeleteRecordsPartitionResult, {
            partition_index: i32, 0..;
            low_watermark: i64, 0..;
            error_code: i16, 0..;
        }
    }
}

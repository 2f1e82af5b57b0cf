//! `DescribeLogDirs`, API key 35.

use crate::format::schema::schema;

schema! {
    messages {
        DescribeLogDirsRequest, 1..=5, flexible 2, {
            topics: Option<Vec<DescribableLogDirTopic>>, 0.., default Some(Default::default());
        }

        DescribeLogDirsResponse, 1..=5, flexible 2, {
            throttle_time_ms: i32, 0..;
            error_code: i16, 3.., or ignored;
            results: Vec<DescribeLogDirsResult>, 0..;
        }
    }
    structs {
        DescribableLogDirTopic, {
            topic: String, 0..;
            partitions: Vec<i32>, 0..;
        }

        DescribeLogDirsResult, {
            error_code: i16, 0..;
            log_dir: String, 0..;
            topics: Vec<DescribeLogDirsTopic>, 0..;
            total_bytes: i64, 4.., default -1, or ignored;
            usable_bytes: i64, 4.., default -1, or ignored;
            is_cordoned: bool, 5.., or ignored;
        }

        DescribeLogDirsTopic, {
            name: String, 0..;
            partitions: Vec<DescribeLogDirsPartition>, 0..;
        }

        DescribeLogDirsPartition, {
            partition_index: i32, 0..;
            partition_size: i64, 0..;
            offset_lag: i64, 0..;
            is_future_key: bool, 0..;
        }
    }
}

//! `DescribeShareGroupOffsets`, API key 90.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        DescribeShareGroupOffsetsRequest, 0..=1, flexible 0, {
            groups: Vec<DescribeShareGroupOffsetsRequestGroup>, 0..;
        }

        DescribeShareGroupOffsetsResponse, 0..=1, flexible 0, {
            throttle_time_ms: i32, 0..;
            groups: Vec<DescribeShareGroupOffsetsResponseGroup>, 0..;
        }
    }
    structs {
        DescribeShareGroupOffsetsRequestGroup, {
            group_id: String, 0..;
            topics: Option<Vec<DescribeShareGroupOffsetsRequestTopic>>, 0.., default Some(Default::default());
        }

        DescribeShareGroupOffsetsRequestTopic, {
            topic_name: String, 0..;
            partitions: Vec<i32>, 0..;
        }

        DescribeShareGroupOffsetsResponseGroup, {
            group_id: String, 0..;
            topics: Vec<DescribeShareGroupOffsetsResponseTopic>, 0..;
            error_code: i16, 0..;
            error_message: Option<String>, 0..;
        }

        DescribeShareGroupOffsetsResponseTopic, {
            topic_name: String, 0..;
            topic_id: Uuid, 0..;
            partitions: Vec<DescribeShareGroupOffsetsResponsePartition>, 0..;
        }

        DescribeShareGroupOffsetsResponsePartition, {
            partition_index: i32, 0..;
            start_offset: i64, 0..;
            leader_epoch: i32, 0..;
            lag: i64, 1.., default -1, or ignored;
            error_code: i16, 0..;
            error_message: Option<String>, 0..;
        }
    }
}

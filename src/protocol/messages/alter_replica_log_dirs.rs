//! `AlterReplicaLogDirs`, API key 34.

use crate::format::schema::schema;

schema! {
    messages {
        AlterReplicaLogDirsRequest, 1..=2, flexible 2, {
            dirs: Vec<AlterReplicaLogDir>, 0..;
        }

        AlterReplicaLogDirsResponse, 1..=2, flexible 2, {
            throttle_time_ms: i32, 0..;
            results: Vec<AlterReplicaLogDirTopicResult>, 0..;
        }
    }
    structs {
        AlterReplicaLogDir, {
            path: String, 0..;
            topics: Vec<AlterReplicaLogDirTopic>, 0..;
        }

        AlterReplicaLogDirTopic, {
            name: String, 0..;
            partitions: Vec<i32>, 0..;
        }

        AlterReplicaLogDirTopicResult, {
            topic_name: String, 0..;
            partitions: Vec<AlterReplicaLogDirPartitionResult>, 0..;
        }

        AlterReplicaLogDirPartitionResult, {
            partition_index: i32, 0..;
            error_code: i16, 0..;
        }
    }
}

//! Committed offsets.

use crate::format::coordinator::NEVER;
use crate::format::schema::schema;
use crate::format::types::{LeaderEpoch, PartitionId, Timestamp, Uuid};

schema! {
    messages {
        /// Whose offset in which partition.
        OffsetCommitKey, 0..=0, flexible NEVER, {
            /// The group.
            group: String, 0..;
            /// The topic.
            topic: String, 0..;
            /// The partition.
            partition: PartitionId, 0..;
        }

        /// A committed offset, as written before Kafka 0.8.2.
        LegacyOffsetCommitValue, 0..=0, flexible NEVER, {
            /// The next offset to consume, as the client gave it.
            offset: i64, 0..;
            /// What the client put beside it.
            metadata: String, 0..;
            /// When it was committed.
            commit_timestamp: Option<Timestamp>, 0..;
        }

        /// A committed offset. Kafka writes version 1 where it expires by itself,
        /// else 3, or 4 since 4.1.
        OffsetCommitValue, 0..=4, flexible 4, {
            /// The next offset to consume, as the client gave it: brokers do not
            /// check it.
            offset: i64, 0..;
            /// The epoch of the last record that was consumed.
            leader_epoch: Option<LeaderEpoch>, 3.., or ignored;
            /// What the client put beside it.
            metadata: String, 0..;
            /// When it was committed.
            commit_timestamp: Option<Timestamp>, 0..;
            /// When it expires, where the client said so.
            expire_timestamp: Option<Timestamp>, 1..=1, or ignored;
            /// The topic's id; zero where the client named the topic.
            topic_id: Uuid, 4.., tag 0, or ignored;
        }
    }
    structs {}
}

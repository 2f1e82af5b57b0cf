//! Consumer groups (KIP-848).

use crate::format::coordinator::NEVER;
use crate::format::schema::schema;
use crate::format::types::{PartitionId, Uuid};

schema! {
    messages {
        /// Which group.
        GroupKey, 0..=0, flexible NEVER, {
            /// The group.
            group_id: String, 0..;
        }

        /// Which member of which group.
        MemberKey, 0..=0, flexible NEVER, {
            /// The group.
            group_id: String, 0..;
            /// The member.
            member_id: String, 0..;
        }

        /// A consumer group.
        ConsumerGroupValue, 0..=0, flexible 0, {
            /// Raised by 1 when members or topics change.
            epoch: i32, 0..;
            /// A hash of the topics' ids, partitions and racks (since 4.1).
            metadata_hash: i64, 0.., tag 0;
        }

        /// The topics of a consumer group (before 4.1).
        ConsumerGroupPartitionMetadataValue, 0..=0, flexible 0, {
            /// The topics.
            topics: Vec<TopicMetadata>, 0..;
        }

        /// A member of a consumer group.
        ConsumerGroupMemberValue, 0..=0, flexible 0, {
            /// The id that it keeps over restarts.
            instance_id: Option<String>, 0..;
            /// Its rack.
            rack_id: Option<String>, 0..;
            /// What the client calls itself.
            client_id: String, 0..;
            /// From where it connected.
            client_host: String, 0..;
            /// The topics that it subscribes to by name.
            subscribed_topic_names: Vec<String>, 0..;
            /// The regular expression that it subscribes to.
            subscribed_topic_regex: Option<String>, 0..;
            /// How long a rebalance waits for it, in milliseconds.
            rebalance_timeout_ms: i32, 0.., default -1;
            /// The assignor that it asks for.
            server_assignor: Option<String>, 0..;
            /// What a member that speaks the classic protocol said; `None` for
            /// others. Kafka's default is an empty struct, so `None` is written.
            classic_member_metadata: Option<ClassicMemberMetadata>, 0.., tag 0,
                default Some(ClassicMemberMetadata::default());
        }

        /// The assignment that a consumer group moves to.
        ConsumerGroupTargetAssignmentValue, 0..=0, flexible 0, {
            /// The group's epoch that it was made for.
            assignment_epoch: i32, 0..;
            /// When it was made, in milliseconds since 1970 (since 4.3).
            assignment_timestamp: i64, 0.., tag 0, or ignored;
        }

        /// What a member of a consumer group is to get.
        ConsumerGroupTargetAssignmentMemberValue, 0..=0, flexible 0, {
            /// The partitions.
            topic_partitions: Vec<TopicPartitions>, 0..;
        }

        /// What a member of a consumer group has.
        ConsumerGroupCurrentAssignmentValue, 0..=0, flexible 0, {
            /// The epoch that the member is to send.
            member_epoch: i32, 0..;
            /// The one before it, which it may still send.
            previous_member_epoch: i32, 0..;
            /// 0 stable, 1 has to revoke, 2 waits for others, 127 unknown.
            state: i8, 0..;
            /// What it has.
            assigned_partitions: Vec<AssignedPartitions>, 0..;
            /// What it has to give up.
            partitions_pending_revocation: Vec<AssignedPartitions>, 0..;
        }

        /// Which regular expression of which group.
        ConsumerGroupRegularExpressionKey, 0..=0, flexible NEVER, {
            /// The group.
            group_id: String, 0..;
            /// The regular expression.
            regular_expression: String, 0..;
        }

        /// The topics that a regular expression stands for.
        ConsumerGroupRegularExpressionValue, 0..=0, flexible 0, {
            /// The topics.
            topics: Vec<String>, 0..;
            /// The metadata offset at which that was so.
            version: i64, 0..;
            /// When it was found out, in milliseconds since 1970.
            timestamp: i64, 0..;
        }
    }
    structs {
        /// A topic as a consumer group saw it.
        TopicMetadata, {
            /// Its id.
            topic_id: Uuid, 0..;
            /// Its name.
            topic_name: String, 0..;
            /// How many partitions it had.
            num_partitions: i32, 0..;
            /// Their racks (not used since 4.0).
            partition_metadata: Vec<PartitionRacks>, 0..;
        }

        /// The racks of a partition.
        PartitionRacks, {
            /// The partition.
            partition: PartitionId, 0..;
            /// The racks.
            racks: Vec<String>, 0..;
        }

        /// What a member that speaks the classic protocol said.
        ClassicMemberMetadata, {
            /// How long it may be silent, in milliseconds.
            session_timeout_ms: i32, 0..;
            /// The assignors that it supports.
            supported_protocols: Vec<ClassicProtocol>, 0..;
        }

        /// An assignor of the classic protocol.
        ClassicProtocol, {
            /// Its name.
            name: String, 0..;
            /// The member's subscription.
            metadata: Vec<u8>, 0..;
        }

        /// Partitions of a topic.
        TopicPartitions, {
            /// The topic.
            topic_id: Uuid, 0..;
            /// The partitions.
            partitions: Vec<PartitionId>, 0..;
        }

        /// Partitions of a topic, and when they were assigned.
        AssignedPartitions, {
            /// The topic.
            topic_id: Uuid, 0..;
            /// The partitions.
            partitions: Vec<PartitionId>, 0..;
            /// The member's epoch at which each was assigned. Kafka's default is
            /// an empty list, so `None` is written.
            assignment_epochs: Option<Vec<i32>>, 0.., tag 0, default Some(Vec::new());
        }
    }
}

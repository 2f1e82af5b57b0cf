//! Share groups (KIP-932).

use super::consumer::TopicPartitions;
use crate::format::schema::schema;
use crate::format::types::{PartitionId, Uuid};

schema! {
    messages {
        /// A member of a share group.
        ShareGroupMemberValue, 0..=0, flexible 0, {
            /// Its rack.
            rack_id: Option<String>, 0..;
            /// What the client calls itself.
            client_id: String, 0..;
            /// From where it connected.
            client_host: String, 0..;
            /// The topics that it subscribes to.
            subscribed_topic_names: Vec<String>, 0..;
        }

        /// A share group.
        ShareGroupValue, 0..=0, flexible 0, {
            /// Raised by 1 when members or topics change.
            epoch: i32, 0..;
            /// A hash of the topics' ids, partitions and racks.
            metadata_hash: i64, 0..;
        }

        /// The assignment that a share group moves to.
        ShareGroupTargetAssignmentValue, 0..=0, flexible 0, {
            /// The group's epoch that it was made for.
            assignment_epoch: i32, 0..;
            /// When it was made, in milliseconds since 1970 (since 4.3).
            assignment_timestamp: i64, 0.., tag 0, or ignored;
        }

        /// What a member of a share group is to get.
        ShareGroupTargetAssignmentMemberValue, 0..=0, flexible 0, {
            /// The partitions.
            topic_partitions: Vec<TopicPartitions>, 0..;
        }

        /// What a member of a share group has.
        ShareGroupCurrentAssignmentValue, 0..=0, flexible 0, {
            /// The epoch that the member is to send.
            member_epoch: i32, 0..;
            /// The one before it, which it may still send.
            previous_member_epoch: i32, 0..;
            /// The member's state.
            state: i8, 0..;
            /// What it has.
            assigned_partitions: Vec<TopicPartitions>, 0..;
        }

        /// Which partitions a share group keeps state for.
        ShareGroupStatePartitionsValue, 0..=0, flexible 0, {
            /// Those whose state is being set up.
            initializing_topics: Vec<SharedTopicPartitions>, 0..;
            /// Those whose state is there.
            initialized_topics: Vec<SharedTopicPartitions>, 0..;
            /// The topics whose state is being deleted.
            deleting_topics: Vec<SharedTopic>, 0..;
        }
    }
    structs {
        /// Partitions of a topic.
        SharedTopicPartitions, {
            /// The topic's id.
            topic_id: Uuid, 0..;
            /// The topic.
            topic_name: String, 0..;
            /// The partitions.
            partitions: Vec<PartitionId>, 0..;
        }

        /// A topic.
        SharedTopic, {
            /// Its id.
            topic_id: Uuid, 0..;
            /// Its name.
            topic_name: String, 0..;
        }
    }
}

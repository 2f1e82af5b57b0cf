//! Streams groups (KIP-1071).

use crate::format::schema::schema;
use crate::format::types::PartitionId;

schema! {
    messages {
        /// A streams group.
        StreamsGroupValue, 0..=0, flexible 0, {
            /// Raised by 1 when members or topics change.
            epoch: i32, 0..;
            /// A hash of the topics' ids, partitions and racks.
            metadata_hash: i64, 0..;
            /// The topology whose topics were found in order, or −1.
            validated_topology_epoch: i32, 0.., tag 0, default -1;
            /// The configs of the last assignment. Kafka's default is an empty
            /// list, so `None` is written.
            last_assignment_configs: Option<Vec<KeyValue>>, 0.., tag 1,
                default Some(Vec::new());
        }

        /// A member of a streams group.
        StreamsGroupMemberValue, 0..=0, flexible 0, {
            /// The id that it keeps over restarts.
            instance_id: Option<String>, 0..;
            /// Its rack.
            rack_id: Option<String>, 0..;
            /// What the client calls itself.
            client_id: String, 0..;
            /// From where it connected.
            client_host: String, 0..;
            /// How long a rebalance waits for it, in milliseconds.
            rebalance_timeout_ms: i32, 0.., default -1;
            /// The topology that it runs.
            topology_epoch: i32, 0..;
            /// Its process, which may hold several members.
            process_id: String, 0..;
            /// Where interactive queries reach it.
            user_endpoint: Option<StreamsEndpoint>, 0..;
            /// Tags for the assignor.
            client_tags: Vec<KeyValue>, 0..;
        }

        /// The assignment that a streams group moves to.
        StreamsGroupTargetAssignmentValue, 0..=0, flexible 0, {
            /// The group's epoch that it was made for.
            assignment_epoch: i32, 0..;
            /// When it was made, in milliseconds since 1970 (since 4.3).
            assignment_timestamp: i64, 0.., tag 0, or ignored;
        }

        /// What a member of a streams group is to get.
        StreamsGroupTargetAssignmentMemberValue, 0..=0, flexible 0, {
            /// Tasks to run.
            active_tasks: Vec<TaskIds>, 0..;
            /// Tasks to keep a copy of.
            standby_tasks: Vec<TaskIds>, 0..;
            /// Tasks to build a copy of.
            warmup_tasks: Vec<TaskIds>, 0..;
        }

        /// What a member of a streams group has.
        StreamsGroupCurrentAssignmentValue, 0..=0, flexible 0, {
            /// The epoch that the member is to send.
            member_epoch: i32, 0..;
            /// The one before it, which it may still send.
            previous_member_epoch: i32, 0..;
            /// The member's state.
            state: i8, 0..;
            /// Tasks that it runs.
            active_tasks: Vec<TaskIdsWithEpochs>, 0..;
            /// Tasks that it keeps a copy of.
            standby_tasks: Vec<TaskIdsWithEpochs>, 0..;
            /// Tasks that it builds a copy of.
            warmup_tasks: Vec<TaskIdsWithEpochs>, 0..;
            /// Tasks that it has to stop.
            active_tasks_pending_revocation: Vec<TaskIdsWithEpochs>, 0..;
            /// Copies that it has to give up.
            standby_tasks_pending_revocation: Vec<TaskIdsWithEpochs>, 0..;
            /// Copies that it has to stop building.
            warmup_tasks_pending_revocation: Vec<TaskIdsWithEpochs>, 0..;
        }

        /// The topology that a streams group runs.
        StreamsGroupTopologyValue, 0..=0, flexible 0, {
            /// Its epoch.
            epoch: i32, 0..;
            /// Its parts.
            subtopologies: Vec<Subtopology>, 0..;
        }
    }
    structs {
        /// A name and a value.
        KeyValue, {
            /// The name.
            key: String, 0..;
            /// The value.
            value: String, 0..;
        }

        /// A host and a port.
        StreamsEndpoint, {
            /// The host.
            host: String, 0..;
            /// The port.
            port: u16, 0..;
        }

        /// Tasks of a subtopology.
        TaskIds, {
            /// The subtopology.
            subtopology_id: String, 0..;
            /// The partitions.
            partitions: Vec<PartitionId>, 0..;
        }

        /// Tasks of a subtopology, and when they were assigned.
        TaskIdsWithEpochs, {
            /// The subtopology.
            subtopology_id: String, 0..;
            /// The partitions.
            partitions: Vec<PartitionId>, 0..;
            /// The member's epoch at which each was assigned. Kafka's default is
            /// an empty list, so `None` is written.
            assignment_epochs: Option<Vec<i32>>, 0.., tag 0, default Some(Vec::new());
        }

        /// A part of a topology.
        Subtopology, {
            /// Its id.
            subtopology_id: String, 0..;
            /// The topics that it reads.
            source_topics: Vec<String>, 0..;
            /// Regular expressions of topics that it reads.
            source_topic_regex: Vec<String>, 0..;
            /// The changelogs of its stores.
            state_changelog_topics: Vec<TopologyTopic>, 0..;
            /// The repartition topics that it writes.
            repartition_sink_topics: Vec<String>, 0..;
            /// The repartition topics that it reads.
            repartition_source_topics: Vec<TopologyTopic>, 0..;
            /// The topics that need the same partitions.
            copartition_groups: Vec<CopartitionGroup>, 0..;
        }

        /// Topics that need the same partitions, by their place in the subtopology.
        CopartitionGroup, {
            /// Among the topics that it reads.
            source_topics: Vec<i16>, 0..;
            /// Among the regular expressions.
            source_topic_regex: Vec<i16>, 0..;
            /// Among the repartition topics that it reads.
            repartition_source_topics: Vec<i16>, 0..;
        }

        /// A topic that a topology needs.
        TopologyTopic, {
            /// Its name.
            name: String, 0..;
            /// How many partitions, 0 for any.
            partitions: i32, 0..;
            /// How many replicas, 0 for the default.
            replication_factor: i16, 0..;
            /// Its configs.
            topic_configs: Vec<TopologyTopicConfig>, 0..;
        }

        /// A config of a topic that a topology needs.
        TopologyTopicConfig, {
            /// The config.
            key: String, 0..;
            /// Its value.
            value: String, 0..;
        }
    }
}

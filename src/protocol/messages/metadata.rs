//! `Metadata`, API key 3.

use crate::format::Uuid;
use crate::format::schema::schema;

schema! {
    messages {
        MetadataRequest, 0..=13, flexible 9, {
            topics: Option<Vec<MetadataRequestTopic>>, 0.., default Some(Default::default());
            allow_auto_topic_creation: bool, 4.., default true;
            include_cluster_authorized_operations: bool, 8..=10;
            include_topic_authorized_operations: bool, 8..;
        }

        MetadataResponse, 0..=13, flexible 9, {
            throttle_time_ms: i32, 3.., or ignored;
            brokers: Vec<MetadataResponseBroker>, 0..;
            cluster_id: Option<String>, 2.., or ignored;
            controller_id: i32, 1.., default -1, or ignored;
            topics: Vec<MetadataResponseTopic>, 0..;
            cluster_authorized_operations: i32, 8..=10, default i32::MIN;
            error_code: i16, 13.., or ignored;
        }
    }
    structs {
        MetadataRequestTopic, {
            topic_id: Uuid, 10.., or ignored;
            name: Option<String>, 0.., default Some(Default::default());
        }

        MetadataResponseBroker, {
            node_id: i32, 0..;
            host: String, 0..;
            port: i32, 0..;
            rack: Option<String>, 1.., or ignored;
        }

        MetadataResponseTopic, {
            error_code: i16, 0..;
            name: Option<String>, 0.., default Some(Default::default());
            topic_id: Uuid, 10.., or ignored;
            is_internal: bool, 1.., or ignored;
            partitions: Vec<MetadataResponsePartition>, 0..;
            topic_authorized_operations: i32, 8.., default i32::MIN;
        }

        MetadataResponsePartition, {
            error_code: i16, 0..;
            partition_index: i32, 0..;
            leader_id: i32, 0..;
            leader_epoch: i32, 7.., default -1, or ignored;
            replica_nodes: Vec<i32>, 0..;
            isr_nodes: Vec<i32>, 0..;
            offline_replicas: Vec<i32>, 5.., or ignored;
        }
    }
}

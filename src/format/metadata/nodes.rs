//! Metadata records of brokers and controllers.

use crate::format::schema::schema;
use crate::format::types::{NodeId, ProducerId, Uuid};

schema! {
    messages {
        /// A broker starts. Version 1 adds controlled shutdown, 2 the migration
        /// from ZooKeeper, 3 log directories (KIP-858), 4 cordoned ones (KIP-1066).
        RegisterBrokerRecord, 0..=4, flexible 0, {
            /// The broker.
            broker_id: NodeId, 0..;
            /// Whether it is migrating from ZooKeeper.
            is_migrating_zk_broker: bool, 2..;
            /// A random id of its process.
            incarnation_id: Uuid, 0..;
            /// Its epoch: the offset of this record.
            broker_epoch: i64, 0..;
            /// Where clients reach it.
            end_points: Vec<Endpoint>, 0..;
            /// The feature levels that it supports.
            features: Vec<FeatureRange>, 0..;
            /// Its rack.
            rack: Option<String>, 0..;
            /// Whether it may not lead yet.
            fenced: bool, 0.., default true;
            /// Whether it is stopping.
            in_controlled_shutdown: bool, 1..;
            /// Its log directories.
            log_dirs: Vec<Uuid>, 3.., tag 0;
            /// Those that get no new partitions; `None` if it has not said.
            cordoned_log_dirs: Option<Vec<Uuid>>, 4.., tag 1;
        }

        /// A broker is gone for good.
        UnregisterBrokerRecord, 0..=0, flexible 0, {
            /// The broker.
            broker_id: NodeId, 0..;
            /// Its epoch.
            broker_epoch: i64, 0..;
        }

        /// A broker is fenced (before `metadata.version` 3.3).
        FenceBrokerRecord, 0..=0, flexible 0, {
            /// The broker.
            id: NodeId, 0..;
            /// Its epoch.
            epoch: i64, 0..;
        }

        /// A broker is unfenced (before `metadata.version` 3.3).
        UnfenceBrokerRecord, 0..=0, flexible 0, {
            /// The broker.
            id: NodeId, 0..;
            /// Its epoch.
            epoch: i64, 0..;
        }

        /// What changed about a registered broker.
        BrokerRegistrationChangeRecord, 0..=3, flexible 0, {
            /// The broker.
            broker_id: NodeId, 0..;
            /// Its epoch.
            broker_epoch: i64, 0..;
            /// −1 unfenced, 0 no change, 1 fenced.
            fenced: i8, 0.., tag 0;
            /// 0 no change, 1 stopping.
            in_controlled_shutdown: i8, 1.., tag 1;
            /// The log directories that are there, or empty for no change.
            log_dirs: Vec<Uuid>, 2.., tag 2;
            /// Those that get no new partitions, or `None` for no change.
            cordoned_log_dirs: Option<Vec<Uuid>>, 3.., tag 3;
        }

        /// A controller starts.
        RegisterControllerRecord, 0..=0, flexible 0, {
            /// The controller.
            controller_id: NodeId, 0..;
            /// A random id of its process.
            incarnation_id: Uuid, 0..;
            /// Whether it is configured to migrate from ZooKeeper.
            zk_migration_ready: bool, 0..;
            /// Where others reach it.
            end_points: Vec<Endpoint>, 0..;
            /// The feature levels that it supports.
            features: Vec<FeatureRange>, 0..;
        }

        /// A block of producer ids is handed to a broker.
        ProducerIdsRecord, 0..=0, flexible 0, {
            /// The broker; −1 in a snapshot.
            broker_id: Option<NodeId>, 0..;
            /// Its epoch.
            broker_epoch: i64, 0.., default -1;
            /// The first id of the next block.
            next_producer_id: ProducerId, 0..;
        }
    }
    structs {
        /// A listener.
        Endpoint, {
            /// Its name.
            name: String, 0..;
            /// The host to connect to.
            host: String, 0..;
            /// The port.
            port: u16, 0..;
            /// 0 plaintext, 1 TLS, 2 SASL, 3 SASL over TLS.
            security_protocol: i16, 0..;
        }

        /// A feature and the levels of it that a node supports.
        FeatureRange, {
            /// Its name.
            name: String, 0..;
            /// The lowest level.
            min_supported_version: i16, 0..;
            /// The highest level.
            max_supported_version: i16, 0..;
        }
    }
}

//! Metadata records of configs, features, quotas and the log itself.

use crate::format::schema::schema;

schema! {
    messages {
        /// A config is set or removed.
        ConfigRecord, 0..=0, flexible 0, {
            /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
            resource_type: i8, 0..;
            /// The topic, broker or group; empty for all brokers.
            resource_name: String, 0..;
            /// The config.
            name: String, 0..;
            /// Its value, or `None` where it is removed.
            value: Option<String>, 0..;
        }

        /// A feature is finalised at a level.
        FeatureLevelRecord, 0..=0, flexible 0, {
            /// The feature.
            name: String, 0..;
            /// The level; 0 turns it off.
            feature_level: i16, 0..;
        }

        /// A client quota is set or removed.
        ClientQuotaRecord, 0..=0, flexible 0, {
            /// Whose.
            entity: Vec<QuotaEntity>, 0..;
            /// Which, such as `producer_byte_rate`.
            key: String, 0..;
            /// Its value; means nothing where it is removed.
            value: f64, 0..;
            /// Whether it is removed.
            remove: bool, 0..;
        }

        /// Nothing: shows that the controller lives.
        NoOpRecord, 0..=0, flexible 0, {}

        /// The records up to the next end or abort count together.
        BeginTransactionRecord, 0..=0, flexible 0, {
            /// What it is about.
            name: Option<String>, 0.., tag 0;
        }

        /// The records since the last begin count.
        EndTransactionRecord, 0..=0, flexible 0, {}

        /// The records since the last begin do not count.
        AbortTransactionRecord, 0..=0, flexible 0, {
            /// Why.
            reason: Option<String>, 0.., tag 0;
        }

        /// Where a migration from ZooKeeper stands.
        ZkMigrationStateRecord, 0..=0, flexible 0, {
            /// 0 none, 1 migrating, 2 about to, 3 done.
            zk_migration_state: i8, 0..;
        }
    }
    structs {
        /// One part of what a quota applies to.
        QuotaEntity, {
            /// `user`, `client-id` or `ip`.
            entity_type: String, 0..;
            /// Its name, or `None` for the default.
            entity_name: Option<String>, 0..;
        }
    }
}
